package brake

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// Outlook is what the safety brake of a namespace would make of rules that are not in force yet.
// It knows what has come about, but not what is under way. The zero value holds nothing.
type Outlook struct {
	safety Safety
	count  *personCount
	// all is on how many Persons the rules would bring an effect about, and new on how many of
	// them they do not without the change.
	all, new map[effect]int
}

// NewOutlook reads what counts now: all Persons of the namespace, and its ScimEndpoints.
func NewOutlook(ctx context.Context, reader client.Reader, namespace string, now time.Time) (*Outlook, error) {
	s, err := SafetyIn(ctx, reader, namespace)
	if err != nil {
		return nil, err
	}
	persons := &v1alpha1.PersonList{}
	if err := reader.List(ctx, persons, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list Persons: %w", err)
	}
	o := &Outlook{safety: s, count: newPersonCount(), all: map[effect]int{}, new: map[effect]int{}}
	for i := range persons.Items {
		o.count.add(&persons.Items[i], now)
	}
	o.count.advance(now, s)
	return o, nil
}

// Look takes in what becomes of the Person of a user with a change of the rules, and without it.
func (o *Outlook) Look(user *v1alpha1.ScimUser, current, with, without *v1alpha1.Person) {
	if user == nil || current == nil || !user.DeletionTimestamp.IsZero() {
		return
	}
	otherwise := effectsBetween(current, without)
	for _, e := range effectsBetween(current, with) {
		if isClients(e, user, rules.MatchKey(with)) || o.count.counts(e, current.Name) {
			continue
		}
		o.all[e]++
		if !slices.Contains(otherwise, e) {
			o.new[e]++
		}
	}
}

// Holds reports whether the brake would hold something that the change of the rules brings about.
func (o *Outlook) Holds() bool { return len(o.held()) > 0 }

func (o *Outlook) held() []effect {
	if o == nil || o.safety.off {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(Effects), func(e effect) bool {
		return o.new[e] == 0 || o.all[e] <= o.count.left(e, o.safety)
	})
}

// whatIsToBe says in words what is to happen to Persons.
var whatIsToBe = map[effect]string{
	v1alpha1.HeldDisable: "to disable", v1alpha1.HeldEnable: "to enable", v1alpha1.HeldChangePrimaryEmail: "to get another primaryEmail",
}

// Lines say what the brake holds of the change and how it is let go, a line for each effect;
// none where it holds nothing. Verb is "would" or "will".
func (o *Outlook) Lines(verb string) []string {
	var lines []string
	for _, e := range o.held() {
		window := o.count.narrower(e, o.safety)
		line := fmt.Sprintf("the safety brake %s hold that: persons %s: %d, allowed now: %d (%s). ", verb, whatIsToBe[e],
			o.all[e], max(0, o.count.left(e, o.safety)), o.safety.nameLimit(window, o.count.spans[window].base()))
		if o.safety.endpoint == "" {
			line += "To release it, create a ScimEndpoint"
		} else {
			line += fmt.Sprintf("Condition Held of ScimEndpoint %s then says how to release it", o.safety.endpoint)
		}
		lines = append(lines, line)
	}
	return lines
}
