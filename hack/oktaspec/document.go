package oktaspec

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

//go:embed testdata/okta-scim-20-spec-test.json
var specTest []byte

// document is a test as Runscope exports it. Every key that the exporter writes
// is here, so that decoding can refuse the ones this runner does not know.
type document struct {
	Version     string `json:"version"`
	ExportedAt  int64  `json:"exported_at"`
	Name        string `json:"name"`
	Description string `json:"description"`
	TriggerURL  string `json:"trigger_url"`
	Steps       []step `json:"steps"`
}

type step struct {
	StepType string `json:"step_type"`
	Skipped  bool   `json:"skipped"`
	Note     string `json:"note"`
	// Duration is the length of a pause, in seconds.
	Duration      int                        `json:"duration"`
	Method        string                     `json:"method"`
	URL           string                     `json:"url"`
	Headers       http.Header                `json:"headers"`
	Body          string                     `json:"body"`
	Assertions    []assertion                `json:"assertions"`
	Variables     []variable                 `json:"variables"`
	Scripts       []string                   `json:"scripts"`
	BeforeScripts []string                   `json:"before_scripts"`
	Auth          map[string]json.RawMessage `json:"auth"`
	Form          map[string]json.RawMessage `json:"form"`
	MultipartForm []json.RawMessage          `json:"multipart_form"`
	BinaryBody    *json.RawMessage           `json:"binary_body"`
}

type assertion struct {
	Comparison string  `json:"comparison"`
	Source     string  `json:"source"`
	Property   string  `json:"property"`
	Value      *string `json:"value"`
}

// variable is taken from an answer for use in later steps.
type variable struct {
	Source   string `json:"source"`
	Name     string `json:"name"`
	Property string `json:"property"`
}

const (
	stepRequest = "request"
	stepPause   = "pause"
)

// parse reads a document and refuses everything in it that the runner would not carry out as it is meant.
func parse(data []byte) (*document, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var doc document
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("the test document has a form that this runner does not know: %w", err)
	}
	if len(doc.Steps) == 0 {
		return nil, errors.New("the test document has no steps")
	}
	for i, s := range doc.Steps {
		if err := s.validate(); err != nil {
			return nil, fmt.Errorf("step %d (%s): %w; implement it in the runner before using this document", i+1, s.Note, err)
		}
	}
	return &doc, nil
}

func (s step) validate() error {
	switch s.StepType {
	case stepPause:
		return nil
	case stepRequest:
	default:
		return fmt.Errorf("unknown step_type %q", s.StepType)
	}
	if len(s.Auth) > 0 || len(s.Form) > 0 || len(s.MultipartForm) > 0 || s.BinaryBody != nil {
		return errors.New("auth, form, multipart_form and binary_body are not implemented")
	}
	for _, a := range s.Assertions {
		if err := a.validate(); err != nil {
			return err
		}
	}
	for _, v := range s.Variables {
		if v.Source != sourceJSON {
			return fmt.Errorf("variable %s: unknown source %q", v.Name, v.Source)
		}
		if _, err := parsePath(v.Property); err != nil {
			return err
		}
	}
	for _, script := range append(append([]string(nil), s.BeforeScripts...), s.Scripts...) {
		if _, err := lookUpScript(script); err != nil {
			return err
		}
	}
	for _, script := range s.BeforeScripts {
		if script != "" {
			return errors.New("before_scripts are not implemented")
		}
	}
	return nil
}
