package invariants

import (
	"slices"
	"strings"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name, Generation: 2} }

func claim(name, kind, holder string) coordinationv1.Lease {
	return coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.LabelClaim: kind}},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: new(holder)},
	}
}

// healthy is a tenant of one user, one group and everything that belongs to them.
func healthy() *Tenant {
	return &Tenant{
		Users: []v1alpha1.ScimUser{{
			ObjectMeta: named("u1"), Spec: v1alpha1.ScimUserSpec{UserName: "babs@example.com"},
			Status: v1alpha1.ScimUserStatus{
				ObservedGeneration: 2, Person: &v1alpha1.RecordReference{Name: "p1"},
				Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue}},
			},
		}},
		Groups: []v1alpha1.ScimGroup{{
			ObjectMeta: named("g1"),
			Spec:       v1alpha1.ScimGroupSpec{DisplayName: "Staff", Members: []v1alpha1.GroupMember{{ID: "u1"}}, Pages: []int32{1}},
			Status:     v1alpha1.ScimGroupStatus{ObservedGeneration: 2, Members: new(int32(2))},
		}},
		Pages: []v1alpha1.ScimGroupPage{
			{ObjectMeta: named("g1-1"), Spec: v1alpha1.ScimGroupPageSpec{Group: "g1", Members: []v1alpha1.GroupMember{{ID: "u1"}, {ID: "g9"}}}},
			{ObjectMeta: named("g1-2"), Spec: v1alpha1.ScimGroupPageSpec{Group: "g1", Members: []v1alpha1.GroupMember{{ID: "u9"}}}},
		},
		Persons: []v1alpha1.Person{{ObjectMeta: named("p1"), Spec: v1alpha1.PersonSpec{PrimaryEmail: "babs@example.com", SourceID: "u1"}}},
		Rules:   []v1alpha1.AutomationRule{{ObjectMeta: named("r1")}},
		Executions: []v1alpha1.AutomationRuleExecution{{
			ObjectMeta: named("r1-u1"),
			Spec:       v1alpha1.AutomationRuleExecutionSpec{Rule: "r1", Subject: v1alpha1.SubjectReference{Kind: v1alpha1.SubjectScimUser, Name: "u1"}},
		}},
		Claims: []coordinationv1.Lease{claim("c1", "username", "u1"), claim("c2", "displayname", "g1")},
	}
}

func TestEveryProblemIsFound(t *testing.T) {
	tests := map[string]struct {
		damage func(*Tenant)
		want   string
	}{
		"nothing is wrong": {func(*Tenant) {}, ""},
		"a userName in another spelling": {func(t *Tenant) {
			t.Users = append(t.Users, v1alpha1.ScimUser{ObjectMeta: named("u2"), Spec: v1alpha1.ScimUserSpec{UserName: "BABS@example.com"}})
		}, "u1 and u2 have the same userName"},
		"a group's name twice": {func(t *Tenant) {
			t.Groups = append(t.Groups, v1alpha1.ScimGroup{ObjectMeta: named("g2"), Spec: v1alpha1.ScimGroupSpec{DisplayName: "staff"}})
		}, "g1 and g2 have the same displayName"},
		"an e-mail address twice": {func(t *Tenant) {
			t.Persons = append(t.Persons, v1alpha1.Person{ObjectMeta: named("p2"), Spec: v1alpha1.PersonSpec{PrimaryEmail: "Babs@example.com"}})
		}, "p1 and p2 have the same primaryEmail"},
		"a change that was not processed": {func(t *Tenant) { t.Users[0].Generation = 3 }, "generation 3 is not processed"},
		"no Person of a leaver whose Person went over": {func(t *Tenant) {
			u := t.Users[0].DeepCopy()
			u.Name, u.Spec.UserName, u.Spec.Active, u.Status.Person = "u0", "zz_babs", new(false), nil
			u.Status.Conditions[0].Reason = v1alpha1.ReasonPersonTakenOver
			t.Users = append(t.Users, *u)
			t.Claims = append(t.Claims, claim("c3", "username", "u0"))
		}, ""},
		"a user that is not ready":         {func(t *Tenant) { t.Users[0].Status.Conditions[0].Status = metav1.ConditionFalse }, "u1 is not ready"},
		"a user whose Person is another's": {func(t *Tenant) { t.Persons[0].Spec.SourceID = "u9" }, "[] are linked"},
		"a user with two Persons": {func(t *Tenant) {
			t.Persons = append(t.Persons, v1alpha1.Person{ObjectMeta: named("p2"), Spec: v1alpha1.PersonSpec{SourceID: "u1"}})
		}, "[p1 p2] are linked"},
		"a group that was not processed": {func(t *Tenant) { t.Groups[0].Generation = 3 }, "g1: generation 3 is not processed"},
		"a group whose members were not counted": {func(t *Tenant) { t.Groups[0].Status.Members = nil },
			"g1: status tells of 0 members, and there are 2"},
		"a page that was not counted":       {func(t *Tenant) { t.Groups[0].Spec.Pages = []int32{1, 2} }, "tells of 2 members, and there are 3"},
		"an execution without its subject":  {func(t *Tenant) { t.Executions[0].Spec.Subject.Name = "u9" }, "r1-u1 has lost"},
		"an execution without its rule":     {func(t *Tenant) { t.Rules = nil }, "r1-u1 has lost"},
		"a user without a claim":            {func(t *Tenant) { t.Claims = t.Claims[1:] }, "username/u1 holds no claim"},
		"a group whose claim is a userName": {func(t *Tenant) { t.Claims[1] = claim("c2", "username", "g1") }, "displayname/g1 holds no claim"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tenant := healthy()
			tc.damage(tenant)
			problems := tenant.Problems(nil)
			if tc.want == "" && len(problems) > 0 {
				t.Errorf("found %q", problems)
			}
			if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, tc.want) }) && tc.want != "" {
				t.Errorf("found %q, want %q", problems, tc.want)
			}
		})
	}
}

func TestAUserThatIsMeantToFailNeedsNoPerson(t *testing.T) {
	tenant := healthy()
	tenant.Persons, tenant.Users[0].Status.Conditions[0].Status = nil, metav1.ConditionFalse
	if problems := tenant.Problems(func(u *v1alpha1.ScimUser) bool { return u.Name == "u1" }); len(problems) > 0 {
		t.Errorf("found %q", problems)
	}
}

func TestStuckClaims(t *testing.T) {
	tests := map[string]struct {
		claims []coordinationv1.Lease
		want   int
	}{
		"none":                             {healthy().Claims, 0},
		"one whose holder does not exist":  {append(healthy().Claims, claim("c3", "username", "u9")), 1},
		"a second one of a holder":         {append(healthy().Claims, claim("c3", "username", "u1")), 1},
		"one whose holder is of elsewhere": {append(healthy().Claims, claim("c3", "displayname", "u1")), 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tenant := healthy()
			tenant.Claims = tc.claims
			if stuck := tenant.StuckClaims(); len(stuck) != tc.want {
				t.Errorf("found %q, want %d", stuck, tc.want)
			}
		})
	}
}
