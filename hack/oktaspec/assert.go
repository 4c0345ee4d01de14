package oktaspec

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The sources that an assertion or a variable takes its value from.
const (
	sourceStatus = "response_status"
	sourceJSON   = "response_json"
	// sourceTime is the time until the whole answer has been read, in milliseconds.
	sourceTime = "response_time"
)

// answer is what came back for a step.
type answer struct {
	status  int
	elapsed time.Duration
	json    any
	jsonErr error
}

// comparison says why got is not what the assertion wants, or nil.
type comparison func(got any, want string) error

var comparisons = map[string]comparison{
	"equal":        equal,
	"equal_number": equalNumber,
	"not_empty":    notEmpty,
	"has_value":    hasValue,
	"contains":     contains,
	"is_a_number":  isNumber,
	"is_less_than": isLessThan,
}

// withoutValue are the comparisons that look at the answer alone.
var withoutValue = map[string]bool{"not_empty": true, "is_a_number": true}

func (a assertion) validate() error {
	if _, ok := comparisons[a.Comparison]; !ok {
		return fmt.Errorf("unknown comparison %q", a.Comparison)
	}
	if withoutValue[a.Comparison] != (a.Value == nil) {
		return fmt.Errorf("comparison %q with value %v", a.Comparison, a.Value)
	}
	switch a.Source {
	case sourceStatus, sourceTime:
		if a.Property != "" {
			return fmt.Errorf("source %s with property %q", a.Source, a.Property)
		}
		return nil
	case sourceJSON:
		_, err := parsePath(a.Property)
		return err
	}
	return fmt.Errorf("unknown source %q", a.Source)
}

func (a assertion) String() string {
	parts := []string{a.Source}
	if a.Property != "" {
		parts = append(parts, a.Property)
	}
	parts = append(parts, a.Comparison)
	if a.Value != nil {
		parts = append(parts, *a.Value)
	}
	return strings.Join(parts, " ")
}

// check carries the assertion out; want is its value with the variables filled in.
func (a assertion) check(got answer, want string) error {
	value, err := got.value(a.Source, a.Property)
	if err != nil {
		return err
	}
	return comparisons[a.Comparison](value, want)
}

// value returns a number as json.Number, so that numbers from all sources are compared alike.
func (a answer) value(source, property string) (any, error) {
	switch source {
	case sourceStatus:
		return json.Number(strconv.Itoa(a.status)), nil
	case sourceTime:
		return json.Number(strconv.FormatInt(a.elapsed.Milliseconds(), 10)), nil
	}
	if a.jsonErr != nil {
		return nil, fmt.Errorf("the answer is no JSON: %w", a.jsonErr)
	}
	p, err := parsePath(property)
	if err != nil {
		return nil, err
	}
	value, ok := p.find(a.json)
	if !ok {
		return nil, errors.New("the answer has no such property")
	}
	return value, nil
}

// text is a JSON value as Runscope compares it with the text of an assertion.
func text(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case json.Number:
		return v.String(), nil
	}
	return "", fmt.Errorf("got %s, want a single value", render(value))
}

func render(value any) string {
	out, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("a value that cannot be shown (%v)", err)
	}
	return string(out)
}

func equal(got any, want string) error {
	s, err := text(got)
	if err != nil {
		return err
	}
	if s != want {
		return fmt.Errorf("got %q, want %q", s, want)
	}
	return nil
}

func numbers(got any, want string) (float64, float64, error) {
	if err := isNumber(got, ""); err != nil {
		return 0, 0, err
	}
	g, err := got.(json.Number).Float64()
	if err != nil {
		return 0, 0, err
	}
	w, err := strconv.ParseFloat(want, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("the assertion's value is no number: %w", err)
	}
	return g, w, nil
}

func equalNumber(got any, want string) error {
	g, w, err := numbers(got, want)
	if err == nil && g != w {
		err = fmt.Errorf("got %v, want %v", g, w)
	}
	return err
}

func isLessThan(got any, want string) error {
	g, w, err := numbers(got, want)
	if err == nil && g >= w {
		err = fmt.Errorf("got %v, want less than %v", g, w)
	}
	return err
}

// isNumber is strict: Okta reads these attributes as JSON numbers, so "1" is none.
func isNumber(got any, _ string) error {
	if _, ok := got.(json.Number); !ok {
		return fmt.Errorf("got %s, want a number", render(got))
	}
	return nil
}

// notEmpty accepts false and 0: they say something.
func notEmpty(got any, _ string) error {
	empty := got == nil
	switch v := got.(type) {
	case string:
		empty = v == ""
	case []any:
		empty = len(v) == 0
	case map[string]any:
		empty = len(v) == 0
	}
	if empty {
		return fmt.Errorf("got %s, want a value", render(got))
	}
	return nil
}

func hasValue(got any, want string) error {
	list, ok := got.([]any)
	if !ok {
		return fmt.Errorf("got %s, want a list", render(got))
	}
	for _, element := range list {
		if equal(element, want) == nil {
			return nil
		}
	}
	return fmt.Errorf("got %s, want %q in it", render(got), want)
}

// contains looks for an element of a list or a part of a text.
func contains(got any, want string) error {
	if s, ok := got.(string); ok {
		if !strings.Contains(s, want) {
			return fmt.Errorf("got %q, want %q in it", s, want)
		}
		return nil
	}
	return hasValue(got, want)
}
