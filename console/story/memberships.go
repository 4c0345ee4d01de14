package story

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
)

// tellMemberships tells which groups the user or group is in.
func (t *teller) tellMemberships(ctx context.Context) error {
	source := t.source()
	if source == nil {
		return nil
	}
	reader := t.cached
	if reader == nil {
		var err error
		if reader, err = t.readGroups(ctx, source); err != nil {
			return t.allowed(err)
		}
	}
	joined, err := membership.GroupsOf(ctx, reader, source)
	if err := t.allowed(err); err != nil {
		return err
	}
	for _, m := range joined {
		t.groups = append(t.groups, m.Group)
		told := Membership{Group: Subject{KindGroup, t.namespace, m.Group.Name}, Title: m.Group.Spec.DisplayName, Classification: m.Group.Status.Classification}
		if m.Joined > 0 {
			told.Since = time.Unix(m.Joined, 0).UTC()
		}
		if ready := meta.FindStatusCondition(m.Group.Status.Conditions, v1alpha1.ConditionReady); ready != nil && ready.Status != metav1.ConditionTrue {
			told.Reason, told.Message = ready.Reason, ready.Message
		}
		if told.Places, err = t.placesOf(ctx, m.Group); err != nil {
			return err
		}
		t.story.Memberships = append(t.story.Memberships, told)
	}
	return nil
}

// placesOf are the Organization and Site that a group is linked to.
func (t *teller) placesOf(ctx context.Context, group *v1alpha1.ScimGroup) ([]Place, error) {
	var places []Place
	for _, of := range []struct {
		object    client.Object
		reference *v1alpha1.RecordReference
	}{{&v1alpha1.Organization{}, group.Status.Organization}, {&v1alpha1.Site{}, group.Status.Site}} {
		if of.reference == nil {
			continue
		}
		place := Place{Subject: Subject{kindOf(of.object), t.namespace, of.reference.Name}}
		exists, err := t.get(ctx, t.namespace, of.reference.Name, of.object)
		if err := t.allowed(err); err != nil {
			return nil, err
		}
		if exists {
			place.Title, place.Disabled = TitleOf(of.object), isDisabled(of.object)
			t.titles[place.Subject] = place.Title
		}
		places = append(places, place)
	}
	return places, nil
}

// readGroups reads all groups and pages of the namespace, and keeps those that say something of a member. The result has the
// indexes of membership.
func (t *teller) readGroups(ctx context.Context, member client.Object) (client.Reader, error) {
	id, kept := member.GetName(), []client.Object{member}
	keep := func(object client.Object) {
		if copied, ok := object.DeepCopyObject().(client.Object); ok && copied.GetName() != id {
			kept = append(kept, copied)
		}
	}
	holds := func(members []v1alpha1.GroupMember) bool {
		return slices.ContainsFunc(members, func(m v1alpha1.GroupMember) bool { return m.ID == id })
	}
	legacy := legacyGroupsOf(member)
	var inPages []string
	never := func() bool { return false }
	err := t.scan(ctx, t.namespace, &v1alpha1.ScimGroupPageList{}, groupPageSize, func(object client.Object) {
		page, ok := object.(*v1alpha1.ScimGroupPage)
		if ok && (holds(page.Spec.Members) || slices.Contains(legacy, page.Spec.Group)) {
			keep(page)
			inPages = append(inPages, page.Spec.Group)
		}
	}, never)
	if err != nil {
		return nil, err
	}
	err = t.scan(ctx, t.namespace, &v1alpha1.ScimGroupList{}, groupPageSize, func(object client.Object) {
		group, ok := object.(*v1alpha1.ScimGroup)
		if ok && (holds(group.Spec.Members) || slices.Contains(inPages, group.Name) || slices.Contains(legacy, group.Name)) {
			keep(group)
		}
	}, never)
	return directory.NewObjects(kept...), err
}

func legacyGroupsOf(member client.Object) []string {
	switch member := member.(type) {
	case *v1alpha1.ScimUser:
		return member.Spec.Groups
	case *v1alpha1.ScimGroup:
		return member.Spec.Groups
	}
	return nil
}

// tellGiven notes at each group which fields of the user's Person have their value by it: what the group stands for, where no
// attribute of the user names it and no group before does.
func (t *teller) tellGiven(ctx context.Context) error {
	if t.user == nil {
		return nil
	}
	sent := v1alpha1.ScimEnterprise{}
	if t.user.Spec.Enterprise != nil {
		sent = *t.user.Spec.Enterprise
	}
	for _, record := range t.records {
		person, ok := record.(*v1alpha1.Person)
		if !ok {
			continue
		}
		for _, of := range []struct {
			field, kind, sent string
			reference         *v1alpha1.RecordReference
		}{{"organization", KindOrganization, sent.Organization, person.Spec.Organization}, {"site", KindSite, sent.Site, person.Spec.Site}} {
			if err := t.giveField(ctx, of.field, of.kind, of.sent, of.reference); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *teller) giveField(ctx context.Context, field, kind, sent string, reference *v1alpha1.RecordReference) error {
	if reference == nil {
		return nil
	}
	title, err := t.title(ctx, kind, reference.Name)
	if err != nil || sent != "" && sameName(title, sent) || !t.setByRule(field) {
		return err
	}
	for i := range t.story.Memberships {
		m := &t.story.Memberships[i]
		if slices.ContainsFunc(m.Places, func(p Place) bool { return p.Subject.Kind == kind && p.Subject.Name == reference.Name && !p.Disabled }) {
			m.Gave = append(m.Gave, field)
			return nil
		}
	}
	return nil
}

// setByRule reports whether a rule set a field of the subject's record.
func (t *teller) setByRule(name string) bool {
	for _, record := range t.story.Records {
		for _, field := range record.Fields {
			if field.Name == name {
				return len(field.SetBy) > 0 && field.SetBy[0].Kind == SetByRule
			}
		}
	}
	return false
}
