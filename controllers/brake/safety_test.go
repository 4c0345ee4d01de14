package brake

import (
	"testing"
	"time"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func endpointWith(name string, safety v1alpha1.ScimEndpointSafety) *v1alpha1.ScimEndpoint {
	endpoint := &v1alpha1.ScimEndpoint{Spec: v1alpha1.ScimEndpointSpec{Safety: safety}}
	endpoint.Name = name
	return endpoint
}

func TestWhatWeakensTheBrake(t *testing.T) {
	n := func(value int32) *int32 { return &value }
	for name, test := range map[string]struct {
		safety  v1alpha1.ScimEndpointSafety
		persons int
		want    string
	}{
		"the defaults":                              {persons: 200},
		"the defaults of a small tenant":            {persons: 5},
		"nobody yet":                                {safety: v1alpha1.ScimEndpointSafety{MaxDisablePercent: n(100), MinDisableCount: n(1000000)}},
		"off":                                       {safety: v1alpha1.ScimEndpointSafety{Disabled: true}, want: v1alpha1.ReasonSwitchedOff},
		"stricter ones":                             {safety: v1alpha1.ScimEndpointSafety{MaxDisablePercent: n(1), MinDisableCount: n(1), WindowSeconds: n(86400)}, persons: 200},
		"half of all":                               {safety: v1alpha1.ScimEndpointSafety{MaxDisablePercent: n(50), MaxPercentPerDay: n(50)}, persons: 200},
		"more than half in an hour":                 {safety: v1alpha1.ScimEndpointSafety{MaxDisablePercent: n(51)}, persons: 200, want: v1alpha1.ReasonLimitsRaised},
		"more than half in a day":                   {safety: v1alpha1.ScimEndpointSafety{MaxPercentPerDay: n(51)}, persons: 200, want: v1alpha1.ReasonLimitsRaised},
		"a count of more than half":                 {safety: v1alpha1.ScimEndpointSafety{MinDisableCount: n(101)}, persons: 200, want: v1alpha1.ReasonLimitsRaised},
		"the same count of a large tenant":          {safety: v1alpha1.ScimEndpointSafety{MinDisableCount: n(101)}, persons: 2000},
		"a count of more than half in a day":        {safety: v1alpha1.ScimEndpointSafety{MinCountPerDay: n(1000000)}, persons: 200, want: v1alpha1.ReasonLimitsRaised},
		"a short window":                            {safety: v1alpha1.ScimEndpointSafety{WindowSeconds: n(1200)}, persons: 200, want: v1alpha1.ReasonLimitsRaised},
		"one that is not so short":                  {safety: v1alpha1.ScimEndpointSafety{WindowSeconds: n(1800)}, persons: 200},
		"what lets no more through than defaults":   {safety: v1alpha1.ScimEndpointSafety{MaxDisablePercent: n(100)}, persons: 10},
		"what lets a little more through than they": {safety: v1alpha1.ScimEndpointSafety{MaxDisablePercent: n(100)}, persons: 11, want: v1alpha1.ReasonLimitsRaised},
	} {
		t.Run(name, func(t *testing.T) {
			reason, message := safetyOf(endpointWith("okta", test.safety)).weakness(test.persons)
			if reason != test.want || (message == "") != (reason == "") {
				t.Errorf("%q: %s, want %q", reason, message, test.want)
			}
		})
	}
}

func TestOfSeveralEndpointsTheStrictestCounts(t *testing.T) {
	n := func(value int32) *int32 { return &value }
	strict := safetyOf(endpointWith("b", v1alpha1.ScimEndpointSafety{MaxDisablePercent: n(5), MinDisableCount: n(50), MinCountPerDay: n(7), WindowSeconds: n(7200)}))
	strict.released, strict.published = 3, 4
	loose := safetyOf(endpointWith("a", v1alpha1.ScimEndpointSafety{
		Disabled: true, MaxDisablePercent: n(100), MinDisableCount: n(20), MaxPercentPerDay: n(30), MinCountPerDay: n(1000), WindowSeconds: n(60),
	}))
	want := Safety{endpoint: "a", windows: [2]limit{{2 * time.Hour, 5, 20}, {LongestWindow, 30, 7}}}
	for _, got := range []Safety{strict.strictest(loose), loose.strictest(strict)} {
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}
