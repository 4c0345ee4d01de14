package brake

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

func TestOneHoldOfTwo(t *testing.T) {
	disable := Hold{Generation: 5, effects: []effect{v1alpha1.HeldDisable}, cause: v1alpha1.HeldByClient, endpoint: "okta"}
	address := Hold{Generation: 7, effects: []effect{v1alpha1.HeldChangePrimaryEmail}, cause: v1alpha1.HeldByRules, endpoint: "okta"}
	both := Hold{
		Generation: 7, effects: []effect{v1alpha1.HeldChangePrimaryEmail, v1alpha1.HeldDisable}, cause: v1alpha1.HeldByClient, endpoint: "okta",
	}
	for name, test := range map[string]struct{ got, want Hold }{
		"nothing and one":                     {Hold{}.With(address), address},
		"one and nothing":                     {address.With(Hold{}), address},
		"the cause is of who is in use":       {disable.With(address), both},
		"whichever comes first":               {address.With(disable), both},
		"the same again, under a newer count": {address.With(Hold{Generation: 9, effects: address.effects, cause: v1alpha1.HeldByRules}), Hold{9, address.effects, v1alpha1.HeldByRules, "okta"}},
	} {
		if diff := cmp.Diff(test.want, test.got, cmp.AllowUnexported(Hold{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAHoldThatNamesNoEffectIsOnDisabling(t *testing.T) {
	user := &v1alpha1.ScimUser{Status: v1alpha1.ScimUserStatus{HeldGeneration: 3, HeldCause: v1alpha1.HeldByRules}}
	if h := HoldOf(user); !h.covers(v1alpha1.HeldDisable) || h.covers(v1alpha1.HeldEnable) || h.covers(v1alpha1.HeldChangePrimaryEmail) {
		t.Errorf("%+v", h)
	}
	if h := HoldOf(&v1alpha1.ScimUser{}); h.On() || h.covers(v1alpha1.HeldDisable) {
		t.Errorf("%+v without a hold", h)
	}
}

func TestWhoseDoingAnEffectIs(t *testing.T) {
	user := func(active, fresh bool) *v1alpha1.ScimUser {
		u := &v1alpha1.ScimUser{Spec: v1alpha1.ScimUserSpec{
			UserName: "Jane@Example.com", Active: &active, Emails: []v1alpha1.ScimValue{{Value: "jane@home.example"}},
		}}
		u.Generation, u.Status.ObservedGeneration = 2, 2
		if fresh {
			u.Status.ObservedGeneration = 1
		}
		return u
	}
	for name, test := range map[string]struct {
		effect  effect
		user    *v1alpha1.ScimUser
		address string
		want    bool
	}{
		"an inactive user is disabled, now":                     {v1alpha1.HeldDisable, user(false, true), "", true},
		"an inactive user is disabled, later":                   {v1alpha1.HeldDisable, user(false, false), "", true},
		"an active user is disabled":                            {v1alpha1.HeldDisable, user(true, true), "", false},
		"an inactive user is enabled":                           {v1alpha1.HeldEnable, user(false, true), "", false},
		"an active user is enabled, now":                        {v1alpha1.HeldEnable, user(true, true), "", true},
		"an active user is enabled, later":                      {v1alpha1.HeldEnable, user(true, false), "", false},
		"an address that was sent, now":                         {v1alpha1.HeldChangePrimaryEmail, user(true, true), "jane@example.com", true},
		"another one that was sent":                             {v1alpha1.HeldChangePrimaryEmail, user(true, true), "jane@home.example", true},
		"an address that was sent, later":                       {v1alpha1.HeldChangePrimaryEmail, user(true, false), "jane@example.com", false},
		"an address that nobody sent, though the client is new": {v1alpha1.HeldChangePrimaryEmail, user(true, true), "jane@evil.example", false},
	} {
		if got := isClients(test.effect, test.user, test.address); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A plan that changes what it was to leave out would otherwise be made again without end.
func TestRulesThatBringBackWhatIsHeldAreAnError(t *testing.T) {
	person := personAs("jane", false, windowTime)
	after := person.DeepCopy()
	after.Spec.Disabled = true
	plan := rules.Result{
		Records:  map[v1alpha1.RecordKind]rules.Record{v1alpha1.RecordPerson: after},
		Outcomes: []rules.Outcome{{Before: person, After: after}},
	}
	subject := Subject{User: &v1alpha1.ScimUser{}, Held: Hold{Generation: 1, effects: []effect{v1alpha1.HeldDisable}}}
	held, err := (&Brake{}).Restrain(t.Context(), subject, plan)
	if held.On() || err == nil || !strings.Contains(err.Error(), "field disabled of Person jane") {
		t.Errorf("held %+v, %v", held, err)
	}
}
