package controllers

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/userindex"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/brake"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/execution"
	"rservice.dev/scim-operator/controllers/rules"
)

// usersBy adds the users under any of the keys of an index, and those whose rules have
// computed such a key.
func (f dependents) usersBy(ctx context.Context, namespace, index string, keys []string, into requestSet) error {
	return f.subjectsBy(ctx, v1alpha1.SubjectScimUser, namespace, index, keys, into)
}

// groupsBy is usersBy for groups.
func (f dependents) groupsBy(ctx context.Context, namespace, index string, keys []string, into requestSet) error {
	return f.subjectsBy(ctx, v1alpha1.SubjectScimGroup, namespace, index, keys, into)
}

func (f dependents) subjectsBy(ctx context.Context, kind v1alpha1.SubjectKind, namespace, index string, keys []string, into requestSet) error {
	f.remembered(kind, namespace, index, keys, into)
	for _, key := range keys {
		if key == "" {
			continue
		}
		if err := f.addUnder(ctx, subjectList(kind), namespace, index, key, into); err != nil {
			return err
		}
	}
	return nil
}

// remembered adds the subjects whose rules have looked up any of the keys of an index.
func (f dependents) remembered(kind v1alpha1.SubjectKind, namespace, index string, keys []string, into requestSet) {
	for _, subject := range f.memories[kind].Subjects(namespace, index, keys) {
		into.add(namespace, subject)
	}
}

func subjectList(kind v1alpha1.SubjectKind) client.ObjectList {
	if kind == v1alpha1.SubjectScimGroup {
		return &v1alpha1.ScimGroupList{}
	}
	return &v1alpha1.ScimUserList{}
}

// subjectsOfRule finds all subjects of a rule that was made, edited or deleted.
func (f dependents) subjectsOfRule(kind v1alpha1.SubjectKind) func(context.Context, *v1alpha1.AutomationRule, *v1alpha1.AutomationRule, requestSet) error {
	return func(ctx context.Context, old, current *v1alpha1.AutomationRule, into requestSet) error {
		if old != nil && current != nil && !changedSpec(old, current) && !execution.RerunNoted(old, current) {
			return nil
		}
		rule := versions(old, current)[0]
		if rule.Spec.Subject != kind {
			return nil
		}
		return f.allSubjects(ctx, rule.Namespace, kind, into)
	}
}

// subjectOfExecution finds the subject of an execution that is gone although its rule runs, as when somebody has deleted it, or
// the garbage collector has with an earlier object of the subject's name.
func (f dependents) subjectOfExecution(kind v1alpha1.SubjectKind) finder[*v1alpha1.AutomationRuleExecution] {
	return func(ctx context.Context, old, current *v1alpha1.AutomationRuleExecution, into requestSet) error {
		if current != nil {
			return nil
		}
		rule := &v1alpha1.AutomationRule{}
		err := f.reader.Get(ctx, client.ObjectKey{Namespace: old.Namespace, Name: old.Spec.Rule}, rule, client.UnsafeDisableDeepCopy)
		if err == nil && rule.Spec.Subject == kind && !rule.Spec.Disabled && rule.DeletionTimestamp.IsZero() {
			into.add(old.Namespace, old.Spec.Subject.Name)
		}
		return client.IgnoreNotFound(err)
	}
}

// allSubjects adds all subjects of a kind.
func (f dependents) allSubjects(ctx context.Context, namespace string, kind v1alpha1.SubjectKind, into requestSet) error {
	return f.addAll(ctx, subjectList(kind), namespace, into)
}

func groupViewChanged(old, current *v1alpha1.ScimGroup) bool {
	return old.Spec.DisplayName != current.Spec.DisplayName || old.Spec.ExternalID != current.Spec.ExternalID ||
		old.Spec.GroupType != current.Spec.GroupType || old.Status.Classification != current.Status.Classification ||
		directory.ReferredName(old.Status.Organization) != directory.ReferredName(current.Status.Organization) ||
		directory.ReferredName(old.Status.Site) != directory.ReferredName(current.Status.Site) ||
		old.DeletionTimestamp.IsZero() != current.DeletionTimestamp.IsZero()
}

// groupsOfGroup finds the groups that can now have the Organization or Site that a
// deleted group was linked to.
func (f dependents) groupsOfGroup(ctx context.Context, old, current *v1alpha1.ScimGroup, into requestSet) error {
	if old == nil || (current != nil && old.DeletionTimestamp.IsZero() == current.DeletionTimestamp.IsZero()) {
		return nil
	}
	organizations := &v1alpha1.OrganizationList{}
	if err := f.under(ctx, organizations, old.Namespace, directory.OrganizationBySource, old.Name); err != nil {
		return err
	}
	names := []string{fold.String(old.Spec.DisplayName)}
	for i := range organizations.Items {
		names = append(names, rules.MatchKey(&organizations.Items[i]))
	}
	sites := &v1alpha1.SiteList{}
	if err := f.under(ctx, sites, old.Namespace, directory.SiteBySource, old.Name); err != nil {
		return err
	}
	for i := range sites.Items {
		names = append(names, rules.MatchKey(&sites.Items[i]))
	}
	return f.groupsBy(ctx, old.Namespace, directory.GroupByDisplayName, names, into)
}

// usersOfPerson finds the users that are linked to a Person, those that wait for its
// primary e-mail address, and those whose manager it is.
func (f dependents) usersOfPerson(ctx context.Context, old, current *v1alpha1.Person, into requestSet) error {
	both := old != nil && current != nil
	turned := both && old.IsProtected() != current.IsProtected()
	if both && !turned && !changedSpec(old, current) {
		return nil
	}
	existing := versions(old, current)
	person := existing[0]
	var emails []string
	for _, version := range existing {
		into.add(version.Namespace, version.Spec.SourceID)
		emails = append(emails, rules.MatchKey(version))
	}
	if both && old.Spec.SourceID == current.Spec.SourceID && old.Spec.Disabled == current.Spec.Disabled {
		if !turned && slices.Equal(emails[:1], emails[1:]) {
			return nil
		}
		return f.usersBy(ctx, person.Namespace, directory.UserByEmail, emails, into)
	}
	if err := f.usersBy(ctx, person.Namespace, directory.UserByEmail, emails, into); err != nil {
		return err
	}
	for _, version := range existing {
		for _, former := range rules.FormerSources(version) {
			into.add(version.Namespace, former)
		}
		if err := f.usersOfManager(ctx, version.Namespace, version.Spec.SourceID, into); err != nil {
			return err
		}
	}
	return nil
}

// usersOfManager finds the users whose manager is the user with this id.
func (f dependents) usersOfManager(ctx context.Context, namespace, id string, into requestSet) error {
	names, err := f.namesOfUser(ctx, namespace, id)
	if err != nil {
		return err
	}
	return f.usersBy(ctx, namespace, directory.UserByManager, names, into)
}

// namesOfUser are the folded values by which the user with this id can be named. Of one
// that is gone only the id is known.
func (f dependents) namesOfUser(ctx context.Context, namespace, id string) ([]string, error) {
	if id == "" {
		return nil, nil
	}
	user := &v1alpha1.ScimUser{}
	err := f.reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: id}, user, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		return []string{fold.String(id)}, nil
	}
	return directory.ManagerNames(user), err
}

// emailsOf are the folded addresses that a user has or can have.
func (f dependents) emailsOf(ctx context.Context, user *v1alpha1.ScimUser) ([]string, error) {
	persons := &v1alpha1.PersonList{}
	if err := f.under(ctx, persons, user.Namespace, directory.PersonBySource, user.Name); err != nil {
		return nil, err
	}
	emails := userindex.EmailCandidates(user)
	for i := range persons.Items {
		emails = append(emails, rules.MatchKey(&persons.Items[i]))
	}
	return emails, nil
}

// groupsOfPerson finds the groups whose rules looked for the Person of a user.
func (f dependents) groupsOfPerson(ctx context.Context, old, current *v1alpha1.Person, into requestSet) error {
	if old != nil && current != nil && old.Spec.SourceID == current.Spec.SourceID && old.Spec.Disabled == current.Spec.Disabled {
		return nil
	}
	for _, version := range versions(old, current) {
		names, err := f.namesOfUser(ctx, version.Namespace, version.Spec.SourceID)
		if err != nil {
			return err
		}
		f.remembered(v1alpha1.SubjectScimGroup, version.Namespace, directory.UserByManager, names, into)
	}
	return nil
}

// subjectsOfEndpoint finds all subjects when the Organization of last resort becomes another
// one, because any rule can read which it is, when the client may do more or less, and when
// executions are to hold no values from now on.
func (f dependents) subjectsOfEndpoint(kind v1alpha1.SubjectKind) func(context.Context, *v1alpha1.ScimEndpoint, *v1alpha1.ScimEndpoint, requestSet) error {
	return func(ctx context.Context, old, current *v1alpha1.ScimEndpoint, into requestSet) error {
		// An endpoint that is deleted is no reason to give users more than they have.
		if defaultOf(old) == defaultOf(current) && (current == nil || directory.SameTrust(old, current)) && (execution.OmitsValues(old) || !execution.OmitsValues(current)) {
			return nil
		}
		return f.allSubjects(ctx, versions(old, current)[0].Namespace, kind, into)
	}
}

func defaultOf(endpoint *v1alpha1.ScimEndpoint) string {
	if endpoint == nil {
		return ""
	}
	return directory.ReferredName(endpoint.Spec.DefaultOrganization)
}

// subjectsOfDefault finds all subjects when the Organization of last resort can be used from
// now on, or no longer.
func (f dependents) subjectsOfDefault(kind v1alpha1.SubjectKind) func(context.Context, *v1alpha1.Organization, *v1alpha1.Organization, requestSet) error {
	return func(ctx context.Context, old, current *v1alpha1.Organization, into requestSet) error {
		change := organizationChange(old, current)
		if change == nil || !change.usable {
			return nil
		}
		endpoints, err := directory.Of(f.reader, change.namespace).Endpoints(ctx)
		if err != nil || !slices.ContainsFunc(endpoints, func(e *v1alpha1.ScimEndpoint) bool { return defaultOf(e) == change.name }) {
			return err
		}
		return f.allSubjects(ctx, change.namespace, kind, into)
	}
}

// usersOfUser finds the other users for whom it matters that a user was renamed,
// deactivated, activated or deleted: those that wait for its e-mail address, and
// those whose manager it is.
func (f dependents) usersOfUser(ctx context.Context, old, current *v1alpha1.ScimUser, into requestSet) error {
	if old == nil || (current != nil && !identityChanged(old, current)) {
		return nil
	}
	for _, version := range versions(old, current) {
		emails, err := f.emailsOf(ctx, version)
		if err != nil {
			return err
		}
		if err := f.usersBy(ctx, version.Namespace, directory.UserByEmail, emails, into); err != nil {
			return err
		}
		if err := f.usersBy(ctx, version.Namespace, directory.UserByManager, directory.ManagerNames(version), into); err != nil {
			return err
		}
	}
	delete(into, requestFor(old.Namespace, old.Name))
	return nil
}

func identityChanged(old, current *v1alpha1.ScimUser) bool {
	return old.IsActive() != current.IsActive() || old.Spec.ExternalID != current.Spec.ExternalID ||
		old.DeletionTimestamp.IsZero() != current.DeletionTimestamp.IsZero() ||
		!slices.Equal(userindex.EmailCandidates(old), userindex.EmailCandidates(current))
}

// usersOfEndpoint finds the held users when an endpoint may let go of them.
func (f dependents) usersOfEndpoint(ctx context.Context, old, current *v1alpha1.ScimEndpoint, into requestSet) error {
	if !brake.ReleaseChanged(old, current) {
		return nil
	}
	return f.usersBy(ctx, versions(old, current)[0].Namespace, directory.UserByHeld, []string{directory.Held}, into)
}
