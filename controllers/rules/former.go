package rules

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// A user who is hired again is, for some clients, a new user, who gets the Person of the
// old one. The old one stays, inactive, under another name, and must neither make a
// Person of that nor find one. That it had a Person is on the Person, written together
// with the new link: so neither a crash nor the loss of all statuses can lose it. That the
// Person is deleted can: therefore the user's status says so, too.

// maxFormerSources is how many former subjects a record remembers.
const maxFormerSources = 20

// FormerSources are the subjects that a record was linked to before, newest first.
func FormerSources(record Record) []string {
	return strings.FieldsFunc(record.GetAnnotations()[v1alpha1.AnnotationFormerSources], func(r rune) bool { return r == ',' })
}

// keepFormerSource notes on a Person that it is linked to another user than before: which user
// that was, or that somebody had made the Person by hand.
func (k *recordKind) keepFormerSource(before, after Record) {
	person, ok := before.(*v1alpha1.Person)
	current := k.text(after, "sourceID")
	if !ok || person.Name == "" || current == "" {
		return
	}
	old := person.Spec.SourceID
	switch {
	case IsMadeByHand(person):
		setAnnotation(after, v1alpha1.AnnotationAdopted, current)
	case person.Spec.Source == v1alpha1.SourceSCIM && old != "" && old != current:
		others := slices.DeleteFunc(FormerSources(before), func(id string) bool { return id == old || id == current })
		former := append([]string{old}, others...)
		setAnnotation(after, v1alpha1.AnnotationFormerSources, strings.Join(former[:min(len(former), maxFormerSources)], ","))
	}
}

// findFormer finds out whether the subject is an inactive user whose Person is another
// one's by now. A Person whose link somebody has taken off by hand, and nobody has got
// since, is still the user's: what the client calls a leaver need not lead to it.
func (p *planner) findFormer(ctx context.Context, dir Directory) error {
	if p.in.User == nil || p.active || p.linked[personKind].record != nil {
		return nil
	}
	person, err := dir.PersonByFormerSource(ctx, p.id)
	status := p.in.User.Status
	switch {
	case err != nil:
		return err
	case person != nil:
		p.former = person.Name
	case status.PersonDeletedAt != nil:
		p.expired = true
	case status.FormerPerson != nil:
		// The Person may have been deleted since, and with it what it told.
		p.former = status.FormerPerson.Name
	case status.Person != nil:
		return p.findLast(ctx, dir, status.Person.Name)
	}
	return nil
}

// findLast looks at the Person that an inactive user without one had last.
func (p *planner) findLast(ctx context.Context, dir Directory, name string) error {
	last, err := dir.PersonByName(ctx, name)
	switch {
	case err != nil:
		return err
	case last == nil:
	case last.Spec.SourceID == "":
		p.linked[personKind] = recordState{record: last}
	default:
		p.former = name
	}
	return nil
}

// leftAlone is the outcome of a rule for a user whose Person is another one's, or was deleted.
func (p *planner) leftAlone(rule *Rule) Outcome {
	if p.expired {
		return Outcome{
			Rule: rule.name, Generation: rule.generation, Kind: rule.record.kind, Reason: v1alpha1.ReasonPersonDeleted,
			Message: fmt.Sprintf("rule %s does nothing, because the user is inactive and its Person was deleted by spec.retention of the ScimEndpoint", rule.name),
		}
	}
	return Outcome{
		Rule: rule.name, Generation: rule.generation, Kind: rule.record.kind, Reason: v1alpha1.ReasonPersonTakenOver,
		Message: fmt.Sprintf("rule %s does nothing, because the user is inactive and its Person, %s, went over to another user",
			rule.name, p.former),
	}
}
