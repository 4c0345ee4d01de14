// Package bounds is what the operator lets ScimEndpoints ask for, and what of it holds.
package bounds

import (
	"errors"
	"fmt"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// LargestBody is the largest body of any request, in bytes.
	LargestBody = 32 << 20
	// SmallestBody is the least that a body may be bounded to, in bytes.
	SmallestBody = 64 << 10
	// LargestPage is the most resources on a page.
	LargestPage = 1000
	// defaultRequestsPerSecond is well above the 25 that Microsoft Entra ID asks for.
	defaultRequestsPerSecond = 100
)

// Bounds are the largest values of spec.limits that hold. 0 stands for as much as there may be.
type Bounds struct {
	// RequestsPerSecond is of requests a second; 0 also lets endpoints say that there is no limit.
	RequestsPerSecond int
	// Burst is of requests at once.
	Burst int
	// BodyBytes is of one body.
	BodyBytes int
	// PageSize is of resources on a page.
	PageSize int
}

// Default is what the operator allows without flags.
func Default() Bounds {
	return Bounds{RequestsPerSecond: 1000, Burst: 2000, BodyBytes: LargestBody, PageSize: LargestPage}
}

// Check says which bound makes no sense, by its flag.
func (b Bounds) Check() error {
	var errs []error
	for _, bound := range []struct {
		flag             string
		value, low, high int
	}{
		{"max-requests-per-second", b.RequestsPerSecond, 0, 100_000},
		{"max-burst", b.Burst, 0, 200_000},
		{"max-body-bytes", b.BodyBytes, SmallestBody, LargestBody},
		{"max-page-size", b.PageSize, 1, LargestPage},
	} {
		if bound.value < bound.low || bound.value > bound.high {
			errs = append(errs, fmt.Errorf("--%s must be from %d to %d", bound.flag, bound.low, bound.high))
		}
	}
	return errors.Join(errs...)
}

// Limits are what holds for the client of an endpoint.
type Limits struct {
	// RequestsPerSecond is 0 where there is no limit. Burst is how many there may be at once.
	RequestsPerSecond int `json:"requestsPerSecond"`
	Burst             int `json:"burst"`
	// BodyBytes is the largest body, beside what the address takes.
	BodyBytes int `json:"bodyBytes"`
	// PageSize is the most resources on a page.
	PageSize int `json:"pageSize"`
}

// Limits returns what holds of what an endpoint asks for, and for each value that it asks too much for a sentence about it.
func (b Bounds) Limits(asked v1alpha1.ScimEndpointLimits) (Limits, []string) {
	var over []string
	bounded := func(field string, value *int32, missing, bound int) int {
		if value == nil {
			return within(missing, bound)
		}
		holds := within(int(*value), bound)
		if holds != int(*value) {
			over = append(over, fmt.Sprintf("spec.limits.%s asks for %d, of which %d holds.", field, *value, holds))
		}
		return holds
	}
	limits := Limits{RequestsPerSecond: b.requestsPerSecond(asked.RequestsPerSecond, &over)}
	limits.Burst = bounded("burst", asked.Burst, 2*limits.RequestsPerSecond, b.Burst)
	limits.BodyBytes = bounded("maxBodyBytes", asked.MaxBodyBytes, LargestBody, b.BodyBytes)
	limits.PageSize = bounded("maxPageSize", asked.MaxPageSize, LargestPage, b.PageSize)
	return limits, over
}

func (b Bounds) requestsPerSecond(asked *int32, over *[]string) int {
	if asked == nil {
		return within(defaultRequestsPerSecond, b.RequestsPerSecond)
	}
	if *asked == 0 && b.RequestsPerSecond > 0 {
		*over = append(*over, fmt.Sprintf("spec.limits.requestsPerSecond asks for no limit (0), and %d holds.", b.RequestsPerSecond))
		return b.RequestsPerSecond
	}
	holds := within(int(*asked), b.RequestsPerSecond)
	if holds != int(*asked) {
		*over = append(*over, fmt.Sprintf("spec.limits.requestsPerSecond asks for %d, of which %d holds.", *asked, holds))
	}
	return holds
}

// within is the value, or the bound if that is less; a bound of 0 is none.
func within(value, bound int) int {
	if bound > 0 {
		return min(value, bound)
	}
	return value
}
