package whatif

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/story"
	"rservice.dev/scim-operator/controllers/brake"
	"rservice.dev/scim-operator/controllers/preview"
	"rservice.dev/scim-operator/controllers/rulecache"
	"rservice.dev/scim-operator/controllers/rules"
	"rservice.dev/scim-operator/scimserver/scim"
)

// Effect is what the rules would make of one user or group.
type Effect struct {
	// Subject is a ScimUser or ScimGroup, without a name if it would be created.
	Subject story.Subject `json:"subject"`
	Title   string        `json:"title"`
	// Rules are what each rule would say, in their order.
	Rules []Outcome `json:"rules,omitempty"`
	// Records are those that would be created or changed.
	Records []preview.RecordDifference `json:"records,omitempty"`
	// Held is what the safety brake would keep from happening; unset where it would keep nothing.
	Held *Held `json:"held,omitempty"`
}

// Outcome is what a rule would say.
type Outcome struct {
	Rule    string `json:"rule"`
	Failed  bool   `json:"failed,omitempty"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Held is what the safety brake would hold.
type Held struct {
	Effects []v1alpha1.HeldEffect `json:"effects,omitempty"`
	// Open are effects that are the rules' doing: whether these are held depends on what the rules would do to all others, too.
	Open []v1alpha1.HeldEffect `json:"open,omitempty"`
}

// matters reports whether there is something to show.
func (e *Effect) matters() bool {
	return len(e.Records) > 0 || e.Held != nil || slices.ContainsFunc(e.Rules, func(o Outcome) bool { return o.Failed })
}

// followUsers tells what the rules make of users.
func (a *asked) followUsers(ctx context.Context, ids []string) error {
	set, err := rulecache.Running(ctx, v1alpha1.SubjectScimUser, a.rules)
	if err != nil {
		return err
	}
	outlook, err := brake.NewOutlook(ctx, a.objects, a.namespace, a.Now)
	if err != nil {
		return err
	}
	for _, id := range ids {
		user := &v1alpha1.ScimUser{}
		exists, err := a.view.Get(ctx, id, user)
		if err != nil {
			return err
		}
		if !exists {
			continue // a nested group, or a member that is not there
		}
		effect, err := a.userEffect(ctx, user, set, outlook)
		if err != nil {
			return err
		}
		a.answer.Looked++
		switch {
		case a.rt == scim.Group && !effect.matters():
		case a.Limit > 0 && len(a.answer.Effects) >= a.Limit:
			a.answer.NotShown++
		default:
			a.answer.Effects = append(a.answer.Effects, *effect)
		}
	}
	return nil
}

// subjectOf names a subject: one that is only thought of has no name.
func (a *asked) subjectOf(kind, id string) story.Subject {
	if id == a.id && a.answer.Created {
		id = ""
	}
	return story.Subject{Kind: kind, Namespace: a.namespace, Name: id}
}

// userEffect plans the rules of a user, as the controllers do: what the brake holds the plan leaves out.
func (a *asked) userEffect(ctx context.Context, user *v1alpha1.ScimUser, set []*rules.Rule, outlook *brake.Outlook) (*Effect, error) {
	told := &Effect{Subject: a.subjectOf(story.KindUser, user.Name), Title: user.Spec.UserName}
	planned, err := a.planUser(ctx, user, set, nil)
	if err != nil {
		return nil, err
	}
	foreseen := a.foresee(outlook, user, planned)
	if foreseen.Held.On() {
		if planned, err = a.planUser(ctx, user, set, foreseen.Held.Fields()); err != nil {
			return nil, err
		}
	}
	if foreseen.Held.On() || len(foreseen.ByRules) > 0 {
		told.Held = &Held{Effects: foreseen.Held.Effects(), Open: foreseen.ByRules}
	}
	a.take(told, planned)
	return told, nil
}

// planUser is what becomes of a user's records, but for the fields that are held. Of one that the client has deleted no rule is asked.
func (a *asked) planUser(ctx context.Context, user *v1alpha1.ScimUser, set []*rules.Rule, held []string) (preview.Effect, error) {
	if user.DeletionTimestamp.IsZero() {
		input, err := a.view.UserInput(ctx, user)
		if err != nil {
			return preview.Effect{}, err
		}
		input.Held = held
		planned, err := preview.Of(ctx, set, input, a.view)
		if err != nil {
			return preview.Effect{}, fmt.Errorf("plan the rules: %w", err)
		}
		return planned, nil
	}
	person, err := a.view.PersonBySource(ctx, user.Name)
	if err != nil || person == nil {
		return preview.Effect{}, err
	}
	final := person.DeepCopy()
	if !person.IsProtected() && !slices.Contains(held, rules.FieldDisabled) {
		final.Spec.Disabled = true
	}
	return preview.Effect{Records: []preview.RecordEffect{{Kind: v1alpha1.RecordPerson, Current: person, Final: final}}}, nil
}

// foresee says what the safety brake makes of a plan.
func (a *asked) foresee(outlook *brake.Outlook, user *v1alpha1.ScimUser, planned preview.Effect) brake.Foreseen {
	record := planned.Record(v1alpha1.RecordPerson)
	current, isPerson := record.Current.(*v1alpha1.Person)
	final, becomes := record.Final.(*v1alpha1.Person)
	if !isPerson || !becomes {
		return brake.Foreseen{}
	}
	return outlook.Foresee(user, current, final, a.Now)
}

// newID stands for the id of a subject that would be created, which nobody knows before.
const newID = "(the new id)"

// take fills in what a plan says.
func (a *asked) take(e *Effect, planned preview.Effect) {
	for _, outcome := range planned.Outcomes {
		e.Rules = append(e.Rules, Outcome{Rule: outcome.Rule, Failed: outcome.Failed(), Reason: outcome.Reason, Message: outcome.Message})
	}
	for _, record := range planned.Records {
		changes := record.Changes()
		for i := range changes {
			if a.answer.Created && changes[i].To == a.id {
				changes[i].To = newID
			}
		}
		if len(changes) > 0 {
			e.Records = append(e.Records, preview.RecordDifference{
				Kind: record.Kind, Name: record.Final.GetName(), Created: record.Current == nil, Changes: changes,
			})
		}
	}
}

// followGroup tells what the rules make of a group, and of the users that its change touches: those who join or leave and, if the
// group itself becomes another one for rules, all of its members.
func (a *asked) followGroup(ctx context.Context, after client.Object, members []v1alpha1.GroupMember, changed []string) error {
	before, _ := a.before.(*v1alpha1.ScimGroup)
	group, _ := after.(*v1alpha1.ScimGroup)
	if group != nil {
		if err := a.groupEffect(ctx, group); err != nil {
			return err
		}
	}
	touched := slices.Clone(changed)
	if !sameSpec(before, group) {
		for _, member := range slices.Concat(a.members, members) {
			touched = append(touched, member.ID)
		}
	}
	slices.Sort(touched)
	return a.followUsers(ctx, slices.Compact(touched))
}

// groupEffect plans the rules of a group and puts into memory what comes of them, for the rules of its members.
func (a *asked) groupEffect(ctx context.Context, group *v1alpha1.ScimGroup) error {
	set, err := rulecache.Running(ctx, v1alpha1.SubjectScimGroup, a.rules)
	if err != nil {
		return err
	}
	input, err := a.view.GroupInput(ctx, group)
	if err != nil {
		return err
	}
	planned, err := preview.Of(ctx, set, input, a.view)
	if err != nil {
		return fmt.Errorf("plan the rules: %w", err)
	}
	told := &Effect{Subject: a.subjectOf(story.KindGroup, group.Name), Title: group.Spec.DisplayName}
	a.take(told, planned)
	a.answer.Effects = append(a.answer.Effects, *told)
	group.Status.Organization, group.Status.Site = a.link(planned, v1alpha1.RecordOrganization, group.Name), a.link(planned, v1alpha1.RecordSite, group.Name)
	switch {
	case group.Status.Organization != nil:
		group.Status.Classification = v1alpha1.ClassificationOrganization
	case group.Status.Site != nil:
		group.Status.Classification = v1alpha1.ClassificationSite
	default:
		group.Status.Classification = v1alpha1.ClassificationUnclassified
	}
	a.objects.Put(group)
	return nil
}

// plannedName begins the name that a record has in memory which would be created.
const plannedName = "to-be-created-for-"

// link puts the record of a group into memory as it would be, and refers to it; nil if the group is linked to none.
func (a *asked) link(planned preview.Effect, kind v1alpha1.RecordKind, group string) *v1alpha1.RecordReference {
	record := planned.Record(kind)
	if record.Final == nil {
		return nil
	}
	final, ok := record.Final.DeepCopyObject().(client.Object)
	if !ok || story.SourceOf(final) != group {
		return nil
	}
	if record.Current == nil {
		final.SetName(plannedName + group)
		final.SetNamespace(a.namespace)
	}
	a.objects.Put(final)
	return &v1alpha1.RecordReference{Name: final.GetName()}
}
