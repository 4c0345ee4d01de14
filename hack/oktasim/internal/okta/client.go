// Package okta sends SCIM requests the way Okta's provisioning client does: its
// headers, its timeout, its patience with a server that is busy or gone.
package okta

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rservice.dev/scim-operator/hack/oktasim/internal/report"
)

// URNs of SCIM (RFC 7643, RFC 7644).
const (
	UserURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	ErrorURN      = "urn:ietf:params:scim:api:messages:2.0:Error"
	ListURN       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	PatchURN      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

const (
	userAgent = "Okta SCIM Client 1.0.0"
	mediaType = "application/scim+json; charset=utf-8"
	// Timeout is after how long Okta closes the connection.
	Timeout = 60 * time.Second
	// maxBusy is how often Okta tries again after 429 or 503.
	maxBusy = 10
	// maxAnswer bounds the bytes read from one answer.
	maxAnswer = 256 << 20
)

// Client talks to one SCIM endpoint.
type Client struct {
	// BaseURL is without a trailing slash.
	BaseURL string
	// Token is the bearer token.
	Token string
	// OAuth gets access tokens in its place; nil for a client with a token that stays.
	OAuth *OAuth
	HTTP  *http.Client
	// RetryFor is how long one request is tried again while there is no answer.
	RetryFor time.Duration
	// Ingress tells that there is one before the server: its own answers, that it has lost the server, count as no answer.
	Ingress bool
	// Observe, unless nil, is told of every attempt, by several goroutines at once.
	Observe func(Attempt)
	// Now and Sleep are the clock; Sleep returns early, with an error, when ctx ends.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
}

// New returns a client with Okta's timeout.
func New(baseURL, token string, transport http.RoundTripper, retryFor time.Duration) *Client {
	return &Client{
		BaseURL: strings.TrimSuffix(baseURL, "/"), Token: token, RetryFor: retryFor,
		HTTP: &http.Client{Transport: transport, Timeout: Timeout},
		Now:  time.Now, Sleep: sleep,
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Request is one SCIM request.
type Request struct {
	Method string
	// Path begins with a slash and includes the query.
	Path string
	// Body is encoded as JSON; nil sends none.
	Body any
	// Token is sent in place of the client's, when it is set.
	Token string
}

// Answer is the final answer to a request.
type Answer struct {
	Status int
	Header http.Header
	Raw    []byte
	// Body is the answer's JSON object, nil without a body.
	Body Resource
	// Unsure is true when an earlier attempt got no answer, so that the server may have carried the request out before.
	Unsure bool
}

// Attempt is one HTTP request and what came of it.
type Attempt struct {
	At      time.Time     `json:"at"`
	Elapsed time.Duration `json:"elapsed"`
	Method  string        `json:"method"`
	Path    string        `json:"path"`
	// Status is 0 without an answer, and Error says why there is none.
	Status int    `json:"status"`
	Error  string `json:"error,omitempty"`
	// Ingress tells that the answer is an ingress's own.
	Ingress bool `json:"ingress,omitempty"`
}

// Query is Okta's way to look a resource up: attribute eq "value", first page.
func Query(path, attribute, value string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)
	filter := url.QueryEscape(attribute + ` eq "` + quoted + `"`)
	return path + "?filter=" + strings.ReplaceAll(filter, "+", "%20") + "&startIndex=1&count=100"
}

// Do sends the request until there is an answer, and checks of it what holds for every SCIM answer.
// An error means that there was none for RetryFor, or that ctx has ended.
func (c *Client) Do(ctx context.Context, step *report.Step, r Request) (*Answer, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = json.Marshal(r.Body); err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
	}
	unsure, busy := false, 0
	giveUp := c.Now().Add(c.RetryFor)
	for attempt := 0; ; attempt++ {
		start := c.Now()
		got, err := c.attempt(ctx, r, body)
		fromIngress := err == nil && c.Ingress && got.isIngress()
		c.observe(r, start, got, err, fromIngress)
		if fromIngress {
			err = fmt.Errorf("the ingress answered %d", got.Status)
		}
		if err == nil && !isBusy(got.Status) {
			step.Answered(c.Now().Sub(start))
			got.Unsure = unsure
			got.check(step, r)
			return got, nil
		}
		pause := min(200*time.Millisecond<<min(attempt, 4), 2*time.Second)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil && c.Now().Add(pause).After(giveUp):
			return nil, fmt.Errorf("%s %s: no answer for %s: %w", r.Method, r.Path, c.RetryFor, err)
		case err != nil:
			unsure = unsure || !neverSent(err)
		default:
			// 503 can mean that the server lost its own backend while it was writing; 429 is said before anything is done.
			unsure = unsure || got.Status == http.StatusServiceUnavailable
			if busy++; busy > maxBusy {
				return nil, fmt.Errorf("%s %s: still %d after %d attempts", r.Method, r.Path, got.Status, maxBusy)
			}
			pause = got.retryAfter(step, r)
			giveUp = c.Now().Add(pause + c.RetryFor)
		}
		step.Retried()
		if err := c.Sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

func (c *Client) observe(r Request, start time.Time, got *Answer, err error, fromIngress bool) {
	if c.Observe == nil {
		return
	}
	attempt := Attempt{At: start, Elapsed: c.Now().Sub(start), Method: r.Method, Path: r.Path, Ingress: fromIngress}
	if err != nil {
		attempt.Error = err.Error()
	} else {
		attempt.Status = got.Status
	}
	c.Observe(attempt)
}

// isIngress says whether an ingress gave this answer because it could not get one from the server, which never
// answers without a SCIM error. Which of the statuses from 500 on that is depends on when the connection was lost.
func (a *Answer) isIngress() bool {
	return a.Status >= http.StatusInternalServerError && !strings.HasPrefix(a.Header.Get("Content-Type"), "application/scim+json")
}

func isBusy(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

// retryAfter is the wait that the server asks for. Okta reads whole seconds only, and waits five minutes without them.
func (a *Answer) retryAfter(step *report.Step, r Request) time.Duration {
	seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
	if step.Check(err == nil && seconds >= 0, "%s %s: %d with Retry-After %q, want whole seconds",
		r.Method, r.Path, a.Status, a.Header.Get("Retry-After")) {
		return time.Duration(seconds) * time.Second
	}
	return time.Second
}

func (c *Client) attempt(ctx context.Context, r Request, body []byte) (*Answer, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, c.BaseURL+r.Path, reader)
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	token := c.Token
	if c.OAuth != nil {
		if token, err = c.OAuth.Token(ctx, c.Now()); err != nil {
			return nil, err
		}
	}
	if r.Token != "" {
		token = r.Token
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", "application/scim+json")
	req.Header.Set("Accept-Charset", "utf-8")
	req.Header.Set("Content-Type", mediaType)
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Raw: raw}, nil
}

// check decodes the body and checks what Okta's JSON parser depends on.
func (a *Answer) check(step *report.Step, r Request) {
	if len(a.Raw) == 0 {
		step.Check(a.Status < 400, "%s %s: %d without a body, want a SCIM error", r.Method, r.Path, a.Status)
		return
	}
	contentType := a.Header.Get("Content-Type")
	step.Check(strings.HasPrefix(contentType, "application/scim+json"), "%s %s: Content-Type %q", r.Method, r.Path, contentType)
	var err error
	a.Body, err = decodeResource(a.Raw)
	if !step.Check(err == nil, "%s %s: %d with a body that is no JSON object: %v", r.Method, r.Path, a.Status, err) || a.Status < 400 {
		return
	}
	step.Check(a.Body.HasSchema(ErrorURN) && a.Body.Text("status") == strconv.Itoa(a.Status) && a.Body.Text("detail") != "",
		"%s %s: %d with a body that is no SCIM error (schemas, status as text, detail)", r.Method, r.Path, a.Status)
}
