package demo

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/oktasim/internal/okta"
	"rservice.dev/scim-operator/hack/oktasim/internal/report"
	"rservice.dev/scim-operator/hack/oktasim/internal/sim"
)

func ready(status metav1.ConditionStatus, reason string) []metav1.Condition {
	return []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: status, Reason: reason, Message: "Said so."}}
}

// simulated is a run with an active member of Engineering, an inactive user, and a group of no organization.
func simulated() (*sim.Sim, sim.FailingResources) {
	cfg := sim.Config{Users: 2, Groups: 2, Modes: []sim.Mode{sim.ModePut}, Workers: 1, Organizations: []string{"Engineering"}}
	s := sim.New(cfg, okta.New("http://scim.example", "t", nil, 0), &report.Report{}, &report.Progress{})
	app := s.Apps[0]
	app.Users[0].ID, app.Users[1].ID, app.Users[1].Active = "u0", "u1", false
	app.Groups[0].ID, app.Groups[1].ID = "g0", "g1"
	app.Groups[0].Members = app.Users[:1]
	return s, sim.FailingResources{UserID: "badge", GroupID: "orphan"}
}

// settled is the cluster that the run should lead to.
func settled(s *sim.Sim) *cluster {
	orphan := func() *v1alpha1.ScimGroup {
		return &v1alpha1.ScimGroup{Status: v1alpha1.ScimGroupStatus{Conditions: ready("False", v1alpha1.ReasonOrganizationNotFound)}}
	}
	c := &cluster{
		users: map[string]*v1alpha1.ScimUser{
			"badge": {Status: v1alpha1.ScimUserStatus{Conditions: ready("False", v1alpha1.ReasonPersonMissing)}},
		},
		groups: map[string]*v1alpha1.ScimGroup{"g1": orphan(), "orphan": orphan(), "g0": {Status: v1alpha1.ScimGroupStatus{
			Conditions: ready("True", "Ready"), Organization: &v1alpha1.RecordReference{Name: "engineering"},
		}}},
		organizations: map[string]*v1alpha1.Organization{"engineering": {Spec: v1alpha1.OrganizationSpec{Name: "Engineering", SourceID: "g0"}}},
		persons:       map[string][]*v1alpha1.Person{},
	}
	for _, u := range s.AllUsers() {
		c.users[u.ID] = &v1alpha1.ScimUser{Status: v1alpha1.ScimUserStatus{
			Conditions: ready("True", "Ready"), Person: &v1alpha1.RecordReference{Name: "person-" + u.ID},
		}}
		c.persons[u.ID] = []*v1alpha1.Person{{
			ObjectMeta: metav1.ObjectMeta{Name: "person-" + u.ID},
			Spec: v1alpha1.PersonSpec{
				Name: u.GivenName + " " + u.FamilyName, PrimaryEmail: strings.ToUpper(u.Email), Disabled: !u.Active, SourceID: u.ID,
				Organization: &v1alpha1.RecordReference{Name: "engineering"},
			},
		}}
	}
	return c
}

func TestJudge(t *testing.T) {
	tests := map[string]struct {
		spoil func(*cluster)
		want  string // the problem, empty when every expectation is met
	}{
		"a settled cluster meets every expectation":   {func(*cluster) {}, ""},
		"a user that is not stored":                   {func(c *cluster) { delete(c.users, "u0") }, "no ScimUser u0"},
		"a user that nobody has processed":            {func(c *cluster) { c.users["u0"].Status.Conditions = ready("Unknown", "Pending") }, "Ready is Unknown Pending"},
		"a user without conditions":                   {func(c *cluster) { c.users["u0"].Status.Conditions = nil }, "no Ready condition"},
		"a user without a Person":                     {func(c *cluster) { delete(c.persons, "u0") }, "0 Persons with sourceID u0"},
		"a user with two Persons":                     {func(c *cluster) { c.persons["u0"] = append(c.persons["u0"], c.persons["u1"]...) }, "2 Persons with sourceID u0"},
		"a status that names another Person":          {func(c *cluster) { c.users["u0"].Status.Person.Name = "x" }, "status.person"},
		"an active user's Person that is disabled":    {func(c *cluster) { c.persons["u0"][0].Spec.Disabled = true }, "disabled is true"},
		"an inactive user's Person that is enabled":   {func(c *cluster) { c.persons["u1"][0].Spec.Disabled = false }, "disabled is false"},
		"a Person with another e-mail address":        {func(c *cluster) { c.persons["u0"][0].Spec.PrimaryEmail = "x@example" }, "primaryEmail is x@example"},
		"a Person with another name":                  {func(c *cluster) { c.persons["u0"][0].Spec.Name = "X" }, "name is X"},
		"an inactive user's Person with another name": {func(c *cluster) { c.persons["u1"][0].Spec.Name = "X" }, "name is X"},
		"a Person outside the organization":           {func(c *cluster) { c.persons["u0"][0].Spec.Organization = nil }, "organization is"},
		"a group that is not stored":                  {func(c *cluster) { delete(c.groups, "g0") }, "no ScimGroup g0"},
		"an organization's group that is not ready":   {func(c *cluster) { c.groups["g0"].Status.Conditions = ready("False", "X") }, "config/samples"},
		"an organization's group without a link":      {func(c *cluster) { c.groups["g0"].Status.Organization = nil }, "no status.organization"},
		"an Organization of another group":            {func(c *cluster) { c.organizations["engineering"].Spec.SourceID = "x" }, "is not linked to group g0"},
		"an orphan group that is ready":               {func(c *cluster) { c.groups["g1"].Status.Conditions = ready("True", "Ready") }, "OrganizationNotFound"},
		"a failing user that is ready":                {func(c *cluster) { c.users["badge"].Status.Conditions = ready("True", "Ready") }, "PersonMissing"},
		"a failing user that was not accepted":        {func(c *cluster) { delete(c.users, "badge") }, `no ScimUser "badge"`},
		"a failure without a message":                 {func(c *cluster) { c.users["badge"].Status.Conditions[0].Message = "" }, "without a message"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s, failing := simulated()
			c := settled(s)
			tc.spoil(c)
			outcomes := judge(c, s, failing)
			var problems []string
			for _, o := range outcomes {
				if o.problem != "" {
					problems = append(problems, o.problem)
				}
			}
			all := strings.Join(problems, "\n")
			if (countMet(outcomes) == len(outcomes)) != (tc.want == "") || (tc.want == "" && all != "") || !strings.Contains(all, tc.want) {
				t.Errorf("problems %q, want %q", problems, tc.want)
			}
		})
	}
}

func TestCut(t *testing.T) {
	lines := []string{"HEADER", "1", "2", "3", "4"}
	tests := map[string]struct {
		rows int
		want []string
	}{
		"few lines stay":                {4, lines},
		"the first rows and the header": {2, []string{"HEADER", "1", "2", "… 2 more"}},
		"the last rows and the header":  {-2, []string{"HEADER", "… 2 more", "3", "4"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, cut(lines, tc.rows)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCommandsCanBePastedIntoAShell(t *testing.T) {
	got := quote([]string{"get", "scimuser", "x", "-o", conditions})
	want := `get scimuser x -o 'jsonpath={range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{"\n"}{end}'`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
