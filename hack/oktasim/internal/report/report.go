// Package report counts the requests and checks of a simulation and shows them.
package report

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// maxFailures bounds the failures that are kept; all of them are counted.
const maxFailures = 20

// Report holds what has happened so far. It is safe for concurrent use.
type Report struct {
	mu       sync.Mutex
	steps    []*Step
	failures []string
	failed   int
}

// Step is one kind of admin action in one mode, a row of the table.
type Step struct {
	report *Report
	// Name is the action and Mode the kind of Okta app, empty for what is not of one app.
	Name, Mode string

	latencies []time.Duration
	retries   int
	passed    int
	failed    int
}

// Step returns the row of that name and mode, a new one the first time.
func (r *Report) Step(name, mode string) *Step {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.steps {
		if s.Name == name && s.Mode == mode {
			return s
		}
	}
	s := &Step{report: r, Name: name, Mode: mode}
	r.steps = append(r.steps, s)
	return s
}

// Answered counts a request that got its final answer after the given time, retries not included.
func (s *Step) Answered(latency time.Duration) {
	s.report.mu.Lock()
	defer s.report.mu.Unlock()
	s.latencies = append(s.latencies, latency)
}

// Retried counts an attempt that was not the last one of its request.
func (s *Step) Retried() {
	s.report.mu.Lock()
	defer s.report.mu.Unlock()
	s.retries++
}

// Check counts a check and returns ok. The format and its arguments say what was wrong.
func (s *Step) Check(ok bool, format string, args ...any) bool {
	s.report.mu.Lock()
	defer s.report.mu.Unlock()
	if ok {
		s.passed++
		return true
	}
	s.failed++
	s.report.failed++
	if len(s.report.failures) < maxFailures {
		s.report.failures = append(s.report.failures, s.title()+": "+fmt.Sprintf(format, args...))
	}
	return false
}

func (s *Step) title() string {
	if s.Mode == "" {
		return s.Name
	}
	return s.Name + " (" + s.Mode + ")"
}

// Failed is the number of failed checks.
func (r *Report) Failed() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// Count is a step's numbers.
type Count struct {
	Name, Mode        string
	Requests, Retries int
	Passed, Failed    int
}

// Steps are the numbers of all steps so far, in the order in which they began.
func (r *Report) Steps() []Count {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Count, len(r.steps))
	for i, s := range r.steps {
		out[i] = Count{s.Name, s.Mode, len(s.latencies), s.retries, s.passed, s.failed}
	}
	return out
}

// Failures are the first failed checks, in the order in which they happened.
func (r *Report) Failures() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.failures)
}

// quantile returns the smallest latency that the share q of all is not above (nearest rank).
func quantile(latencies []time.Duration, q float64) time.Duration {
	if len(latencies) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(latencies))
	rank := int(q*float64(len(sorted))+0.999999) - 1
	return sorted[max(0, min(rank, len(sorted)-1))]
}
