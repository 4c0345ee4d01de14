package demo

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/oktasim/internal/sim"
)

// outcome is one expectation of the cluster; problem is empty when it is met.
type outcome struct{ step, problem string }

func countMet(outcomes []outcome) int {
	met := 0
	for _, o := range outcomes {
		if o.problem == "" {
			met++
		}
	}
	return met
}

// judge compares the cluster with what the simulation should have led to.
func judge(c *cluster, s *sim.Sim, failing sim.FailingResources) []outcome {
	var out []outcome
	groups := s.AllGroups()
	for _, u := range s.AllUsers() {
		out = append(out, outcome{"cluster: persons", personProblem(c, u)})
		if name, ok := organizationOf(c, u, groups); ok {
			out = append(out, outcome{"cluster: organizations of persons", organizationProblem(c, u, name)})
		}
	}
	for _, g := range groups {
		out = append(out, outcome{"cluster: groups", groupProblem(c, g)})
	}
	out = append(out,
		outcome{"cluster: failing mappings", userFailure(c, failing.UserID)},
		outcome{"cluster: failing mappings", groupFailure(c, failing.GroupID)})
	return out
}

// personProblem says what is wrong with the Person of a user.
func personProblem(c *cluster, u *sim.User) string {
	user, ok := c.users[u.ID]
	if !ok {
		return fmt.Sprintf("no ScimUser %s for %s", u.ID, u.UserName)
	}
	if p := conditionProblem(user.Status.Conditions, metav1.ConditionTrue, ""); p != "" {
		return fmt.Sprintf("ScimUser %s (%s): %s", u.ID, u.UserName, p)
	}
	persons := c.persons[u.ID]
	if len(persons) != 1 {
		return fmt.Sprintf("%d Persons with sourceID %s (%s), want 1", len(persons), u.ID, u.UserName)
	}
	p, known := persons[0], u.LastActive()
	switch {
	case user.Status.Person == nil || user.Status.Person.Name != p.Name:
		return fmt.Sprintf("ScimUser %s: status.person does not name Person %s", u.ID, p.Name)
	case p.Spec.Disabled == u.Active:
		return fmt.Sprintf("Person %s: disabled is %t, the user's active is %t", p.Name, p.Spec.Disabled, u.Active)
	// The Person of whoever has left stays known by what the user was called until then.
	case !strings.EqualFold(p.Spec.PrimaryEmail, known.Email):
		return fmt.Sprintf("Person %s: primaryEmail is %s, want %s", p.Name, p.Spec.PrimaryEmail, known.Email)
	case p.Spec.Name != known.DisplayName():
		return fmt.Sprintf("Person %s: name is %s, want %s", p.Name, p.Spec.Name, known.DisplayName())
	}
	return ""
}

// organizationOf is the record that an active user's only organization group is linked to.
// With several such groups the order of joining decides, which the model does not follow.
func organizationOf(c *cluster, u *sim.User, groups []*sim.Group) (string, bool) {
	var names []string
	for _, g := range groups {
		group := c.groups[g.ID]
		if !g.Organization || !g.Has(u) || group == nil || group.Status.Organization == nil {
			continue
		}
		names = append(names, group.Status.Organization.Name)
	}
	if !u.Active || len(names) != 1 {
		return "", false
	}
	return names[0], true
}

func organizationProblem(c *cluster, u *sim.User, want string) string {
	for _, p := range c.persons[u.ID] {
		if p.Spec.Organization == nil || p.Spec.Organization.Name != want {
			return fmt.Sprintf("Person %s: organization is %v, want %s", p.Name, p.Spec.Organization, want)
		}
	}
	return ""
}

// groupProblem says what is wrong with a group: one of an Organization has to be linked, any other has to say why it is not.
func groupProblem(c *cluster, g *sim.Group) string {
	if !g.Organization {
		return groupFailure(c, g.ID)
	}
	group, ok := c.groups[g.ID]
	if !ok {
		return fmt.Sprintf("no ScimGroup %s for %s", g.ID, g.DisplayName)
	}
	if p := conditionProblem(group.Status.Conditions, metav1.ConditionTrue, ""); p != "" {
		return fmt.Sprintf("ScimGroup %s (%s): %s; is there an Organization of this name, as in config/samples?", g.ID, g.DisplayName, p)
	}
	if group.Status.Organization == nil {
		return fmt.Sprintf("ScimGroup %s (%s): no status.organization", g.ID, g.DisplayName)
	}
	organization, ok := c.organizations[group.Status.Organization.Name]
	if !ok || organization.Spec.SourceID != g.ID || organization.Spec.Name != g.DisplayName {
		return fmt.Sprintf("Organization %s is not linked to group %s (%s)", group.Status.Organization.Name, g.ID, g.DisplayName)
	}
	return ""
}

func userFailure(c *cluster, id string) string {
	user, ok := c.users[id]
	if !ok {
		return fmt.Sprintf("no ScimUser %q", id)
	}
	if p := conditionProblem(user.Status.Conditions, metav1.ConditionFalse, v1alpha1.ReasonPersonMissing); p != "" {
		return fmt.Sprintf("ScimUser %s: %s", id, p)
	}
	return ""
}

func groupFailure(c *cluster, id string) string {
	group, ok := c.groups[id]
	if !ok {
		return fmt.Sprintf("no ScimGroup %q", id)
	}
	if p := conditionProblem(group.Status.Conditions, metav1.ConditionFalse, v1alpha1.ReasonOrganizationNotFound); p != "" {
		return fmt.Sprintf("ScimGroup %s (%s): %s", id, group.Spec.DisplayName, p)
	}
	return ""
}

// conditionProblem compares Ready with a status and, unless empty, a reason. A failure has to come with a message.
func conditionProblem(conditions []metav1.Condition, status metav1.ConditionStatus, reason string) string {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		return "no Ready condition"
	case ready.Status != status || (reason != "" && ready.Reason != reason):
		return fmt.Sprintf("Ready is %s %s (%s), want %s %s", ready.Status, ready.Reason, ready.Message, status, reason)
	case status == metav1.ConditionFalse && ready.Message == "":
		return "Ready=False without a message"
	}
	return ""
}
