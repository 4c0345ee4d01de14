package bounds

import (
	"strings"
	"testing"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestWhatHoldsOfTheLimitsOfAnEndpoint(t *testing.T) {
	operators := Bounds{RequestsPerSecond: 200, Burst: 300, BodyBytes: 1 << 20, PageSize: 50}
	n := func(value int32) *int32 { return &value }
	for name, tt := range map[string]struct {
		bounds Bounds
		asked  v1alpha1.ScimEndpointLimits
		want   Limits
		over   []string
	}{
		"nothing is asked":             {Bounds{}, v1alpha1.ScimEndpointLimits{}, Limits{100, 200, 32 << 20, 1000}, nil},
		"nothing is asked of Default":  {Default(), v1alpha1.ScimEndpointLimits{}, Limits{100, 200, 32 << 20, 1000}, nil},
		"nothing is asked, but bound":  {operators, v1alpha1.ScimEndpointLimits{}, Limits{100, 200, 1 << 20, 50}, nil},
		"a low rate's burst":           {operators, v1alpha1.ScimEndpointLimits{RequestsPerSecond: n(10)}, Limits{10, 20, 1 << 20, 50}, nil},
		"the burst of the rate":        {operators, v1alpha1.ScimEndpointLimits{RequestsPerSecond: n(200)}, Limits{200, 300, 1 << 20, 50}, nil},
		"no limit where there is none": {Bounds{}, v1alpha1.ScimEndpointLimits{RequestsPerSecond: n(0)}, Limits{0, 0, 32 << 20, 1000}, nil},
		"no limit where there is one": {
			operators, v1alpha1.ScimEndpointLimits{RequestsPerSecond: n(0)}, Limits{200, 300, 1 << 20, 50},
			[]string{"requestsPerSecond asks for no limit (0), and 200 holds."},
		},
		"less than the bound": {
			operators, v1alpha1.ScimEndpointLimits{RequestsPerSecond: n(7), Burst: n(5), MaxBodyBytes: n(70_000), MaxPageSize: n(20)},
			Limits{7, 5, 70_000, 20}, nil,
		},
		"more than all of them": {
			operators, v1alpha1.ScimEndpointLimits{RequestsPerSecond: n(201), Burst: n(301), MaxBodyBytes: n(1<<20 + 1), MaxPageSize: n(51)},
			Limits{200, 300, 1 << 20, 50},
			[]string{"requestsPerSecond asks for 201, of which 200 holds.", "burst asks for 301", "maxBodyBytes asks for 1048577", "maxPageSize asks for 51"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, over := tt.bounds.Limits(tt.asked)
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if len(over) != len(tt.over) {
				t.Fatalf("got %q, want %q", over, tt.over)
			}
			for i, want := range tt.over {
				if !strings.HasPrefix(over[i], "spec.limits."+want) {
					t.Errorf("got %q, want %q", over[i], want)
				}
			}
		})
	}
}

func TestBoundsMakeSense(t *testing.T) {
	if err := Default().Check(); err != nil {
		t.Error(err)
	}
	if err := (Bounds{BodyBytes: SmallestBody, PageSize: 1}).Check(); err != nil {
		t.Error("no bound of the rate: ", err)
	}
	err := Bounds{RequestsPerSecond: -1, Burst: -1, BodyBytes: SmallestBody - 1, PageSize: 1001}.Check()
	for _, flag := range []string{"--max-requests-per-second", "--max-burst", "--max-body-bytes", "--max-page-size"} {
		if err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s is missing in %v", flag, err)
		}
	}
}
