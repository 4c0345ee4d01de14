// Package oktaspec runs Okta's SCIM 2.0 SPEC test, a Runscope document, against a SCIM server, step by step as it stands.
package oktaspec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxAnswer bounds the bytes read from one answer.
const maxAnswer = 16 << 20

// Config says which server to test.
type Config struct {
	// BaseURL is what is typed into Okta, such as https://scim.example.com/scim/v2.
	// The server must have a user with userName, name.givenName, name.familyName,
	// an e-mail address and active: the first step wants the first user to be complete.
	BaseURL string
	// Auth is the whole value of the Authorization header, such as "Bearer …".
	Auth string
	// Variables overrides the document's initial variables, by name without braces.
	Variables map[string]string
}

// Run carries out every request of the document and reports on every one of
// them, also after a failure. The document's pauses are left out: a server that
// needs them is not consistent enough for Okta's user. client must not follow
// redirects that change the method; nil stands for http.DefaultClient.
//
// The error tells that there is no complete report: the document holds something
// that the runner does not know, or ctx has ended. A server that fails the test,
// or cannot be reached, is in the Report.
func Run(ctx context.Context, client *http.Client, cfg Config) (Report, error) {
	return run(ctx, client, cfg, specTest)
}

func run(ctx context.Context, client *http.Client, cfg Config, data []byte) (Report, error) {
	if cfg.BaseURL == "" || cfg.Auth == "" {
		return Report{}, errors.New("Config needs BaseURL and Auth")
	}
	doc, err := parse(data)
	if err != nil {
		return Report{}, err
	}
	if client == nil {
		client = http.DefaultClient
	}
	vars := initialVariables(cfg)
	report := Report{Name: doc.Name}
	for i, s := range doc.Steps {
		if s.StepType == stepPause {
			continue
		}
		result := Step{Number: i + 1, Note: strings.TrimSpace(s.Note), Method: s.Method, Skipped: s.Skipped}
		if !s.Skipped {
			result.carryOut(ctx, client, s, vars)
		}
		report.Steps = append(report.Steps, result)
		if err := ctx.Err(); err != nil {
			return report, fmt.Errorf("stopped in step %d (%s): %w", result.Number, result.Note, err)
		}
	}
	return report, nil
}

// carryOut sends the step's request, checks the answer and takes variables from it.
func (r *Step) carryOut(ctx context.Context, client *http.Client, s step, vars map[string]string) {
	req, err := newRequest(ctx, s, vars)
	if err != nil {
		r.Error = err.Error()
		return
	}
	r.URL = req.URL.String()
	got, err := send(client, req)
	if err != nil {
		r.Error = err.Error()
		return
	}
	r.Status, r.Elapsed = got.status, got.elapsed
	for _, a := range s.Assertions {
		r.Assertions = append(r.Assertions, evaluate(a, got, vars))
	}
	for _, source := range s.Scripts {
		r.runScript(source, got)
	}
	for _, v := range s.Variables {
		r.take(v, got, vars)
	}
}

func evaluate(a assertion, got answer, vars map[string]string) Assertion {
	var want string
	var err error
	if a.Value != nil {
		want, err = fill(*a.Value, vars)
	}
	if err == nil {
		err = a.check(got, want)
	}
	return newAssertion(a.String(), err)
}

func (r *Step) runScript(source string, got answer) {
	s, err := lookUpScript(source)
	if s == nil && err == nil {
		return
	}
	if err == nil {
		err = s(got)
	}
	r.Assertions = append(r.Assertions, newAssertion("script", err))
}

// take sets a variable. One that cannot be taken fails the step; the steps that use it fail too.
func (r *Step) take(v variable, got answer, vars map[string]string) {
	var s string
	value, err := got.value(v.Source, v.Property)
	if err == nil {
		s, err = text(value)
	}
	if err != nil {
		r.Assertions = append(r.Assertions, newAssertion("variable "+v.Name+" from "+v.Property, err))
		return
	}
	vars[v.Name] = s
}

func newRequest(ctx context.Context, s step, vars map[string]string) (*http.Request, error) {
	target, err := fill(s.URL, vars)
	if err != nil {
		return nil, err
	}
	body, err := fill(s.Body, vars)
	if err != nil {
		return nil, err
	}
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, s.Method, escapeURL(target), reader)
	if err != nil {
		return nil, err
	}
	for name, values := range s.Headers {
		for _, value := range values {
			value, err := fill(value, vars)
			if err != nil {
				return nil, err
			}
			req.Header.Add(name, value)
		}
	}
	return req, nil
}

// escapeURL escapes what may not stand in a URL: the document writes filters with plain spaces and quotes.
func escapeURL(s string) string {
	var out strings.Builder
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>\^{|}`+"`", c) >= 0 {
			fmt.Fprintf(&out, "%%%02X", c)
			continue
		}
		out.WriteByte(c)
	}
	return out.String()
}

func send(client *http.Client, req *http.Request) (answer, error) {
	start := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	data, readErr := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	got := answer{status: resp.StatusCode, elapsed: time.Since(start)}
	if err := errors.Join(readErr, resp.Body.Close()); err != nil {
		return answer{}, fmt.Errorf("reading the answer: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if got.jsonErr = dec.Decode(&got.json); got.jsonErr == nil && dec.More() {
		got.jsonErr = errors.New("there is more after the JSON value")
	}
	return got, nil
}
