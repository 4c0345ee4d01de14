package controllers

import (
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// trigger is a change of an object that has others reconciled.
type trigger struct {
	changed client.Object
	handler handler.EventHandler
	// how says which changes count, and whom what is reconciled, in the words of README.md.
	how, whom string
}

// triggers are who is reconciled by each controller when something else changes than its own objects.
// README.md tells of all of them, which a test sees to.
func (s *setup) triggers(controller string) []trigger {
	switch controller {
	case "scimuser":
		return s.userTriggers()
	case "scimgroup":
		return s.groupTriggers()
	case "automationrule":
		return []trigger{
			{&v1alpha1.AutomationRule{}, onChange(s.find.rulesOfRule), "made, edited, deleted", "the other rules for the same kind of subject"},
			{&v1alpha1.AutomationRuleExecution{}, onExecutionChange(s.options.CountInterval), "made, deleted, failed, recovered", "its rule: failures after 2 s, the mere count after a minute"},
		}
	case "person":
		return []trigger{
			{&v1alpha1.Person{}, onChange(s.find.personsOfPerson), "made, deleted, another `primaryEmail`, protected or no longer", "those with the same address, whose manager it is, itself"},
			{&v1alpha1.ScimUser{}, onChange(s.find.personsOfUser), "made, gone", "its Persons"},
			{&v1alpha1.Organization{}, onChange(s.find.personsOfOrganization), "made, deleted", "those that refer to it"},
			{&v1alpha1.Site{}, onChange(s.find.personsOfSite), "made, deleted", "those that refer to it"},
			{&v1alpha1.ScimEndpoint{}, onChange(s.find.personsOfEndpoint), "made, deleted, releases, switches the brake off or on", "what is held and has no user"},
		}
	case "organization":
		return []trigger{
			{&v1alpha1.Organization{}, onChange(s.find.organizationsOfOrganization), "made, renamed, deleted", "those of the same name, whose parent it is"},
			{&v1alpha1.Person{}, onChange(s.find.organizationsOfPerson), "made, deleted", "those whose manager it is"},
		}
	case "site":
		return []trigger{
			{&v1alpha1.Site{}, onChange(s.find.sitesOfSite), "made, renamed, deleted", "those of the same name"},
		}
	case "scimendpoint":
		return s.endpointTriggers()
	case "retention":
		return []trigger{
			{&v1alpha1.ScimEndpoint{}, onChange(s.find.endpointsOfSiblings), "made, deleted, another `linkExisting`, `emailDomains` or `safety`", "the others of the namespace"},
		}
	}
	return nil
}

func (s *setup) userTriggers() []trigger {
	const kind = v1alpha1.SubjectScimUser
	own := []trigger{
		{&v1alpha1.AutomationRule{}, onChange(s.reprocessing.watched(s.find, kind)), "made, edited, disabled, deleted, asked to run again", "all its subjects"},
		{&v1alpha1.ScimEndpoint{}, onChange(s.find.subjectsOfEndpoint(kind)), "another `defaultOrganization`, `linkExisting` or `emailDomains`; `executionValues` omitted", "all of the namespace"},
		{&v1alpha1.ScimEndpoint{}, onChange(s.find.usersOfEndpoint), "made, deleted, releases, switches the brake off or on", "what is held"},
		{&v1alpha1.Organization{}, onChange(s.find.subjectsOfDefault(kind)), "the `defaultOrganization` is made, enabled, disabled, deleted", "all of the namespace"},
		{&v1alpha1.Organization{}, onChange(s.find.usersOfOrganization), "made, renamed, enabled, disabled, deleted", "who name it, members of its groups"},
		{&v1alpha1.Site{}, onChange(s.find.usersOfSite), "made, renamed, enabled, disabled, deleted", "who name it, members of its groups"},
		{&v1alpha1.ScimGroup{}, onPush(s.find.membersOfGroup), "made, deleted, other members or pages", "who has joined or left, as soon as what clients push"},
		{&v1alpha1.ScimGroupPage{}, onPush(s.find.membersOfPage), "made, other members, deleted", "who has joined or left, as soon as what clients push"},
		{&v1alpha1.ScimGroup{}, onChange(s.find.usersOfGroup), "renamed, linked, unlinked, being deleted", "its members"},
		{&v1alpha1.ScimUser{}, onChange(s.find.usersOfUser), "renamed, deactivated, activated, deleted", "who wait for its e-mail address, whose manager it is"},
		{&v1alpha1.Person{}, onChange(s.find.usersOfPerson), "made, changed, deleted, protected or no longer", "its user, users with its e-mail address; if it was linked, disabled or enabled, the users it manages"},
		{&v1alpha1.AutomationRuleExecution{}, onChange(s.find.subjectOfExecution(kind)), "deleted though its rule runs", "its subject, so that it is made anew"},
	}
	if s.options.Exclusive {
		return own
	}
	return append(own, trigger{&v1alpha1.ScimUser{}, onChange(sameSubject[*v1alpha1.ScimUser]), "status or metadata changed, where several managers are at work", "itself"})
}

func (s *setup) groupTriggers() []trigger {
	const kind = v1alpha1.SubjectScimGroup
	counted := min(membersDelay, s.options.CountInterval)
	own := []trigger{
		{&v1alpha1.AutomationRule{}, onChange(s.reprocessing.watched(s.find, kind)), "made, edited, disabled, deleted, asked to run again", "all its subjects"},
		{&v1alpha1.ScimEndpoint{}, onChange(s.find.subjectsOfEndpoint(kind)), "another `defaultOrganization`, `linkExisting` or `emailDomains`; `executionValues` omitted", "all of the namespace"},
		{&v1alpha1.Organization{}, onChange(s.find.subjectsOfDefault(kind)), "the `defaultOrganization` is made, enabled, disabled, deleted", "all of the namespace"},
		{&v1alpha1.Organization{}, onChange(s.find.groupsOfOrganization), "made, renamed, enabled, disabled, deleted", "those of its name or linked to it"},
		{&v1alpha1.Site{}, onChange(s.find.groupsOfSite), "made, renamed, enabled, disabled, deleted", "those of its name or linked to it"},
		{&v1alpha1.ScimGroup{}, onChange(s.find.groupsOfGroup), "deleted", "those that wait for its Organization or Site"},
		{&v1alpha1.ScimGroup{}, onChangeAfter(counted, s.find.groupOfMembers), "other members or pages, and nothing else", "itself after 2 s, to count them"},
		{&v1alpha1.ScimGroupPage{}, onChangeAfter(counted, s.find.groupOfPage), "made, other members, deleted", "its group after 2 s, to count them"},
		{&v1alpha1.Person{}, onChange(s.find.groupsOfPerson), "made, deleted, linked, enabled, disabled", "those whose rules looked for it"},
		{&v1alpha1.AutomationRuleExecution{}, onChange(s.find.subjectOfExecution(kind)), "deleted though its rule runs", "its subject, so that it is made anew"},
	}
	if s.options.Exclusive {
		return own
	}
	return append(own, trigger{&v1alpha1.ScimGroup{}, onChange(sameSubject[*v1alpha1.ScimGroup]), "status or metadata changed, where several managers are at work", "itself"})
}

func (s *setup) endpointTriggers() []trigger {
	const counted = "all of the namespace, after a minute; what is held after 2 s"
	interval := s.options.CountInterval
	return []trigger{
		{&v1alpha1.ScimEndpoint{}, onChange(s.find.endpointsOfEndpoint), "edited, deleted", "those that wait for its Secret"},
		{&v1alpha1.ScimEndpoint{}, onChange(s.find.endpointsOfSiblings), "made, deleted, another `linkExisting`, `emailDomains` or `safety`", "the others of the namespace"},
		{&v1alpha1.AutomationRule{}, onChange(s.find.endpointsOfRule), "made, deleted, switched on or off", "all of the namespace"},
		{&v1alpha1.ScimUser{}, onSubjectChange(s.find, interval, stateOfUser), "made, deleted, Ready or no longer, held or no longer", counted},
		{&v1alpha1.ScimGroup{}, onSubjectChange(s.find, interval, stateOfGroup), "made, deleted, Ready or no longer", counted},
		{&v1alpha1.Person{}, onSubjectChange(s.find, interval, stateOfPerson), "made, deleted, held or no longer", counted},
		{&corev1.Secret{}, onChange(s.find.endpointOfSecret), "made, changed, deleted", "the one it belongs to, those that wait for it"},
		{&corev1.Secret{}, onChange(s.find.endpointsOfToken), "made, changed, deleted", "those of any namespace that have its token"},
		{&v1alpha1.ScimEndpoint{}, onChange(s.find.endpointsOfHolder), "made, deleted, another Secret, first with a token", "those of any namespace that have its token"},
		{&v1alpha1.Organization{}, onChange(s.find.endpointsOfOrganization), "made, deleted", "those whose `defaultOrganization` it is"},
	}
}
