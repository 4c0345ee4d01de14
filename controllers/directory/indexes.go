package directory

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/buckets"
	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/userindex"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// Names of the cache's indexes. Names and e-mail addresses are folded, ids are not.
const (
	PersonByEmail        = "controllers.person.primaryEmail"
	PersonBySource       = "controllers.person.sourceID"
	personByFormerSource = "controllers.person.formerSources"
	PersonByManager      = "controllers.person.manager"
	PersonByOrganization = "controllers.person.organization"
	PersonBySite         = "controllers.person.site"

	OrganizationByName    = "controllers.organization.name"
	OrganizationBySource  = "controllers.organization.sourceID"
	OrganizationByParent  = "controllers.organization.parent"
	OrganizationByManager = "controllers.organization.manager"

	SiteByName   = "controllers.site.name"
	SiteBySource = "controllers.site.sourceID"

	// Those of package userindex, under names of our own.
	userByUserName   = "controllers.user.userName"
	userByExternalID = "controllers.user.externalId"
	// UserByEmail holds every address that a mapping can make the primary one.
	UserByEmail = "controllers.user.email"

	UserByManager      = "controllers.user.manager"
	UserByOrganization = "controllers.user.organization"
	UserBySite         = "controllers.user.site"

	// UserByHeld and PersonByHeld find under Held what the safety brake holds.
	UserByHeld   = "controllers.user.held"
	PersonByHeld = "controllers.person.held"
	Held         = "held"

	GroupByDisplayName  = "controllers.group.displayName"
	GroupByOrganization = "controllers.group.organization"
	GroupBySite         = "controllers.group.site"

	ExecutionBySubject = "controllers.execution.subject"
	ExecutionByRule    = "controllers.execution.rule"
)

// indexOf makes an index over one kind; empty keys are left out.
func indexOf[T client.Object](object T, name string, keys func(T) []string) membership.Index {
	return membership.Index{Object: object, Name: name, Keys: func(o client.Object) []string {
		typed, ok := o.(T)
		if !ok {
			return nil
		}
		return slices.DeleteFunc(keys(typed), func(key string) bool { return key == "" })
	}}
}

// unique are the indexes over values that hardly two objects share, with these values.
func unique() []membership.Index {
	person, execution := &v1alpha1.Person{}, &v1alpha1.AutomationRuleExecution{}
	return []membership.Index{
		indexOf(person, PersonByEmail, func(p *v1alpha1.Person) []string { return []string{rules.MatchKey(p)} }),
		indexOf(person, PersonBySource, func(p *v1alpha1.Person) []string { return []string{p.Spec.SourceID} }),
		indexOf(execution, ExecutionBySubject, func(e *v1alpha1.AutomationRuleExecution) []string { return []string{e.Spec.Subject.Name} }),
	}
}

// uniqueValues are the values of unique, by the name of the index.
var uniqueValues = func() map[string]client.IndexerFunc {
	values := map[string]client.IndexerFunc{}
	for _, i := range unique() {
		values[i.Name] = i.Keys
	}
	return values
}()

// userBy is how package userindex finds users under our names.
var userBy = map[string]userindex.By{userByUserName: userindex.UserName, userByExternalID: userindex.ExternalID, UserByEmail: userindex.EmailCandidates}

// List reads what is under one key of an index. Nothing else reads the indexes of this package: those over unique values
// are kept in buckets.
func List(ctx context.Context, reader client.Reader, into client.ObjectList, namespace, index, key string, options ...client.ListOption) error {
	if users, ok := into.(*v1alpha1.ScimUserList); ok && userBy[index] != nil {
		return userindex.Users(ctx, reader, users, namespace, userBy[index], key, options...)
	}
	if values := uniqueValues[index]; values != nil {
		return buckets.Few.List(ctx, reader, into, namespace, index, key, values, options...)
	}
	options = append(slices.Clone(options), client.InNamespace(namespace), client.MatchingFields{index: key})
	if err := reader.List(ctx, into, options...); err != nil {
		return fmt.Errorf("read index %s: %w", index, err)
	}
	return nil
}

// indexes are those of the controllers. Who is a member of what is found by those of membership.
func indexes() []membership.Index {
	person, organization, site := &v1alpha1.Person{}, &v1alpha1.Organization{}, &v1alpha1.Site{}
	user, group := &v1alpha1.ScimUser{}, &v1alpha1.ScimGroup{}
	execution := &v1alpha1.AutomationRuleExecution{}
	all := []membership.Index{
		indexOf(person, personByFormerSource, func(p *v1alpha1.Person) []string { return rules.FormerSources(p) }),
		indexOf(person, PersonByManager, func(p *v1alpha1.Person) []string { return []string{ReferredName(p.Spec.Manager)} }),
		indexOf(person, PersonByOrganization, func(p *v1alpha1.Person) []string { return []string{ReferredName(p.Spec.Organization)} }),
		indexOf(person, PersonBySite, func(p *v1alpha1.Person) []string { return []string{ReferredName(p.Spec.Site)} }),

		indexOf(organization, OrganizationByName, func(o *v1alpha1.Organization) []string { return []string{rules.MatchKey(o)} }),
		indexOf(organization, OrganizationBySource, func(o *v1alpha1.Organization) []string { return []string{o.Spec.SourceID} }),
		indexOf(organization, OrganizationByParent, func(o *v1alpha1.Organization) []string { return []string{ReferredName(o.Spec.Parent)} }),
		indexOf(organization, OrganizationByManager, func(o *v1alpha1.Organization) []string { return []string{ReferredName(o.Spec.Manager)} }),

		indexOf(site, SiteByName, func(s *v1alpha1.Site) []string { return []string{rules.MatchKey(s)} }),
		indexOf(site, SiteBySource, func(s *v1alpha1.Site) []string { return []string{s.Spec.SourceID} }),

		indexOf(user, UserByManager, func(u *v1alpha1.ScimUser) []string { return []string{fold.String(managerValue(u))} }),
		indexOf(user, UserByOrganization, func(u *v1alpha1.ScimUser) []string { return []string{fold.String(organizationValue(u))} }),
		indexOf(user, UserBySite, func(u *v1alpha1.ScimUser) []string { return []string{fold.String(siteValue(u))} }),
		indexOf(user, UserByHeld, func(u *v1alpha1.ScimUser) []string { return held(u.Status.HeldGeneration) }),
		indexOf(person, PersonByHeld, func(p *v1alpha1.Person) []string { return held(p.Status.HeldGeneration) }),

		indexOf(group, GroupByDisplayName, func(g *v1alpha1.ScimGroup) []string { return []string{fold.String(g.Spec.DisplayName)} }),
		indexOf(group, GroupByOrganization, func(g *v1alpha1.ScimGroup) []string { return []string{ReferredName(g.Status.Organization)} }),
		indexOf(group, GroupBySite, func(g *v1alpha1.ScimGroup) []string { return []string{ReferredName(g.Status.Site)} }),

		indexOf(execution, ExecutionByRule, func(e *v1alpha1.AutomationRuleExecution) []string { return []string{e.Spec.Rule} }),
	}
	for _, i := range unique() {
		all = append(all, membership.Index{Object: i.Object, Name: i.Name, Keys: buckets.Few.Of(i.Keys)})
	}
	return all
}

// Register adds the indexes to the cache, and with them the informers of
// their kinds. membership.Register and userindex.Register are called beside it.
func Register(ctx context.Context, indexer client.FieldIndexer) error {
	return membership.Add(ctx, indexer, indexes())
}

// ReferredName is the name of the record that a reference leads to, "" for none.
func ReferredName(reference *v1alpha1.RecordReference) string {
	if reference == nil {
		return ""
	}
	return reference.Name
}

func held(generation int64) []string {
	if generation == 0 {
		return nil
	}
	return []string{Held}
}

func managerValue(user *v1alpha1.ScimUser) string {
	if user.Spec.Enterprise == nil || user.Spec.Enterprise.Manager == nil {
		return ""
	}
	return user.Spec.Enterprise.Manager.Value
}

func organizationValue(user *v1alpha1.ScimUser) string {
	if user.Spec.Enterprise == nil {
		return ""
	}
	return user.Spec.Enterprise.Organization
}

func siteValue(user *v1alpha1.ScimUser) string {
	if user.Spec.Enterprise == nil {
		return ""
	}
	return user.Spec.Enterprise.Site
}

// ManagerNames are the folded values by which other users can name this one as
// their manager.
func ManagerNames(user *v1alpha1.ScimUser) []string {
	return []string{fold.String(user.Name), fold.String(user.Spec.ExternalID), fold.String(user.Spec.UserName)}
}
