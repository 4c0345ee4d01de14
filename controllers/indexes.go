package controllers

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// Names of the cache's indexes. Names and e-mail addresses are folded, ids are not.
const (
	personByEmail        = "controllers.person.primaryEmail"
	personBySource       = "controllers.person.sourceID"
	personByFormerSource = "controllers.person.formerSources"
	personByManager      = "controllers.person.manager"
	personByOrganization = "controllers.person.organization"
	personBySite         = "controllers.person.site"

	organizationByName    = "controllers.organization.name"
	organizationBySource  = "controllers.organization.sourceID"
	organizationByParent  = "controllers.organization.parent"
	organizationByManager = "controllers.organization.manager"

	siteByName   = "controllers.site.name"
	siteBySource = "controllers.site.sourceID"

	userByGroup        = "controllers.user.group"
	userByUserName     = "controllers.user.userName"
	userByExternalID   = "controllers.user.externalId"
	userByManager      = "controllers.user.manager"
	userByOrganization = "controllers.user.organization"
	userBySite         = "controllers.user.site"
	// userByEmail holds every address that a mapping can make the primary one.
	userByEmail = "controllers.user.email"

	// userByHeld and personByHeld find under heldKey what the safety brake holds.
	userByHeld   = "controllers.user.held"
	personByHeld = "controllers.person.held"
	heldKey      = "held"

	groupByDisplayName  = "controllers.group.displayName"
	groupByOrganization = "controllers.group.organization"
	groupBySite         = "controllers.group.site"

	executionBySubject = "controllers.execution.subject"
	executionByRule    = "controllers.execution.rule"
)

// index is one index of the cache.
type index struct {
	object client.Object
	name   string
	keys   client.IndexerFunc
}

// indexOf makes an index over one kind; empty keys are left out.
func indexOf[T client.Object](object T, name string, keys func(T) []string) index {
	return index{object: object, name: name, keys: func(o client.Object) []string {
		typed, ok := o.(T)
		if !ok {
			return nil
		}
		return slices.DeleteFunc(keys(typed), func(key string) bool { return key == "" })
	}}
}

func indexes() []index {
	person, organization, site := &v1alpha1.Person{}, &v1alpha1.Organization{}, &v1alpha1.Site{}
	user, group := &v1alpha1.ScimUser{}, &v1alpha1.ScimGroup{}
	execution := &v1alpha1.AutomationRuleExecution{}
	return []index{
		indexOf(person, personByEmail, func(p *v1alpha1.Person) []string { return []string{rules.MatchKey(p)} }),
		indexOf(person, personBySource, func(p *v1alpha1.Person) []string { return []string{p.Spec.SourceID} }),
		indexOf(person, personByFormerSource, func(p *v1alpha1.Person) []string { return rules.FormerSources(p) }),
		indexOf(person, personByManager, func(p *v1alpha1.Person) []string { return []string{nameOf(p.Spec.Manager)} }),
		indexOf(person, personByOrganization, func(p *v1alpha1.Person) []string { return []string{nameOf(p.Spec.Organization)} }),
		indexOf(person, personBySite, func(p *v1alpha1.Person) []string { return []string{nameOf(p.Spec.Site)} }),

		indexOf(organization, organizationByName, func(o *v1alpha1.Organization) []string { return []string{rules.MatchKey(o)} }),
		indexOf(organization, organizationBySource, func(o *v1alpha1.Organization) []string { return []string{o.Spec.SourceID} }),
		indexOf(organization, organizationByParent, func(o *v1alpha1.Organization) []string { return []string{nameOf(o.Spec.Parent)} }),
		indexOf(organization, organizationByManager, func(o *v1alpha1.Organization) []string { return []string{nameOf(o.Spec.Manager)} }),

		indexOf(site, siteByName, func(s *v1alpha1.Site) []string { return []string{rules.MatchKey(s)} }),
		indexOf(site, siteBySource, func(s *v1alpha1.Site) []string { return []string{s.Spec.SourceID} }),

		indexOf(user, userByGroup, func(u *v1alpha1.ScimUser) []string { return slices.Clone(u.Spec.Groups) }),
		indexOf(user, userByUserName, func(u *v1alpha1.ScimUser) []string { return []string{fold.String(u.Spec.UserName)} }),
		indexOf(user, userByExternalID, func(u *v1alpha1.ScimUser) []string { return []string{u.Spec.ExternalID} }),
		indexOf(user, userByManager, func(u *v1alpha1.ScimUser) []string { return []string{fold.String(managerValue(u))} }),
		indexOf(user, userByOrganization, func(u *v1alpha1.ScimUser) []string { return []string{fold.String(organizationValue(u))} }),
		indexOf(user, userBySite, func(u *v1alpha1.ScimUser) []string { return []string{fold.String(siteValue(u))} }),
		indexOf(user, userByEmail, emailCandidates),
		indexOf(user, userByHeld, func(u *v1alpha1.ScimUser) []string { return held(u.Status.HeldGeneration) }),
		indexOf(person, personByHeld, func(p *v1alpha1.Person) []string { return held(p.Status.HeldGeneration) }),

		indexOf(group, groupByDisplayName, func(g *v1alpha1.ScimGroup) []string { return []string{fold.String(g.Spec.DisplayName)} }),
		indexOf(group, groupByOrganization, func(g *v1alpha1.ScimGroup) []string { return []string{nameOf(g.Status.Organization)} }),
		indexOf(group, groupBySite, func(g *v1alpha1.ScimGroup) []string { return []string{nameOf(g.Status.Site)} }),

		indexOf(execution, executionBySubject, func(e *v1alpha1.AutomationRuleExecution) []string { return []string{e.Spec.Subject.Name} }),
		indexOf(execution, executionByRule, func(e *v1alpha1.AutomationRuleExecution) []string { return []string{e.Spec.Rule} }),
	}
}

// registerIndexes adds the indexes to the cache, and with them the informers of
// their kinds.
func registerIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for _, i := range indexes() {
		if err := indexer.IndexField(ctx, i.object, i.name, i.keys); err != nil {
			return fmt.Errorf("register index %s: %w", i.name, err)
		}
	}
	return nil
}

func nameOf(reference *v1alpha1.RecordReference) string {
	if reference == nil {
		return ""
	}
	return reference.Name
}

func held(generation int64) []string {
	if generation == 0 {
		return nil
	}
	return []string{heldKey}
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

// emailCandidates are the folded values of a user that a mapping can make the
// primary e-mail address of a Person: rules read what an inactive user was called last.
func emailCandidates(user *v1alpha1.ScimUser) []string {
	user = user.AsLastActive()
	candidates := []string{fold.Email(user.Spec.UserName)}
	for _, email := range user.Spec.Emails {
		if folded := fold.Email(email.Value); !slices.Contains(candidates, folded) {
			candidates = append(candidates, folded)
		}
	}
	return candidates
}

// managerNames are the folded values by which other users can name this one as
// their manager.
func managerNames(user *v1alpha1.ScimUser) []string {
	return []string{fold.String(user.Name), fold.String(user.Spec.ExternalID), fold.String(user.Spec.UserName)}
}
