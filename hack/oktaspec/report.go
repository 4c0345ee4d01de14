package oktaspec

import (
	"fmt"
	"strings"
	"time"

	"rservice.dev/scim-operator/api/fold"
)

// Report is what became of the test.
type Report struct {
	// Name is the document's name.
	Name string
	// Steps are the document's requests, in order.
	Steps []Step
}

// Step is what became of one request.
type Step struct {
	// Number is the step's place in the document, from 1, pauses counted.
	Number int
	// Note is the document's name of the step.
	Note string
	// Skipped is true when the document says to leave the step out.
	Skipped bool
	// Method and URL are the request as it was sent; URL is empty when it could not be made.
	Method string
	URL    string
	// Status is the HTTP status, 0 without an answer.
	Status int
	// Elapsed is the time from sending the request until the whole answer was read.
	Elapsed time.Duration
	// Error is why there was no answer to look at.
	Error string
	// Assertions are in the document's order, then its scripts, then variables that could not be taken.
	Assertions []Assertion
}

// Assertion is one thing that the document asks of an answer.
type Assertion struct {
	// Text is source, property, comparison and value as the document has them.
	Text   string
	Passed bool
	// Reason is why it did not pass.
	Reason string
}

func newAssertion(text string, err error) Assertion {
	if err != nil {
		return Assertion{Text: text, Reason: err.Error()}
	}
	return Assertion{Text: text, Passed: true}
}

// Failures are the step's error and its failed assertions, one a line.
func (s Step) Failures() []string {
	var out []string
	if s.Error != "" {
		out = append(out, s.Error)
	}
	for _, a := range s.Assertions {
		if !a.Passed {
			out = append(out, a.Text+": "+a.Reason)
		}
	}
	return out
}

// Passed is true when at least one request was carried out and nothing failed in any.
func (r Report) Passed() bool {
	done := 0
	for _, s := range r.Steps {
		if len(s.Failures()) > 0 {
			return false
		}
		if !s.Skipped {
			done++
		}
	}
	return done > 0
}

// String is the report for people: a line a step, and its failures below it.
func (r Report) String() string {
	var out strings.Builder
	fmt.Fprintln(&out, r.Name)
	for _, s := range r.Steps {
		failures := s.Failures()
		word := "pass"
		switch {
		case s.Skipped:
			word = "skip"
		case len(failures) > 0:
			word = "FAIL"
		}
		fmt.Fprintf(&out, "%s  %2d %s: %s %s -> %d in %s, %d assertions\n",
			word, s.Number, s.Note, s.Method, s.URL, s.Status, s.Elapsed.Round(time.Millisecond), len(s.Assertions))
		for _, failure := range failures {
			fmt.Fprintf(&out, "          %s\n", fold.Printable(failure))
		}
	}
	return out.String()
}
