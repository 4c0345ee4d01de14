package oauth

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// MaxBody is how large the body of a token request may be. Entra's assertions have some 2 KiB.
	MaxBody = 32 << 10

	// GrantType is the only one.
	GrantType = "client_credentials"

	formType         = "application/x-www-form-urlencoded"
	jwtAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// Request is a token request: who the client says it is, by what it proves it, and what it asks for.
type Request struct {
	ClientID string
	// Secret or Assertion is given, not both.
	Secret    string
	Assertion string
	// Basic says that the secret came in the Authorization header.
	Basic bool
	// Scope is what it asks for; "" for everything that it may have.
	Scope v1alpha1.Scope
}

// ReadRequest reads a token request (RFC 6749 section 4.4.2 with 2.3.1, RFC 7523 section 2.2). Its error is an *Error, or
// that of reading the body.
func ReadRequest(r *http.Request) (Request, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != formType {
		return Request{}, invalidRequest("send the parameters as " + formType)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return Request{}, fmt.Errorf("read a token request: %w", err)
	}
	form, err := parameters(string(body))
	if err != nil {
		return Request{}, err
	}
	switch form["grant_type"] {
	case GrantType:
	case "":
		return Request{}, invalidRequest("grant_type must be " + GrantType)
	default:
		return Request{}, &Error{Status: http.StatusBadRequest, Code: CodeUnsupportedGrantType, Description: "grant_type must be " + GrantType}
	}
	request := Request{ClientID: form["client_id"], Secret: form["client_secret"], Scope: askedFor(form["scope"])}
	err = request.authentication(form, r.Header.Values("Authorization"))
	return request, err
}

// parameters decodes a form in which no name comes twice. One without a value counts as left out (RFC 6749 section 3.2).
func parameters(body string) (map[string]string, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, invalidRequest("the body cannot be decoded as " + formType)
	}
	form := make(map[string]string, len(values))
	for name, all := range values {
		if len(all) > 1 {
			return nil, invalidRequest("a parameter comes twice")
		}
		form[name] = all[0]
	}
	return form, nil
}

// authentication takes in by what the client proves who it is: one way and no second one (RFC 6749 section 2.3).
func (q *Request) authentication(form map[string]string, header []string) error {
	assertionType := form["client_assertion_type"]
	q.Assertion = form["client_assertion"]
	ways := 0
	for _, given := range []bool{len(header) > 0, q.Secret != "", q.Assertion != "" || assertionType != ""} {
		if given {
			ways++
		}
	}
	switch {
	case ways > 1:
		return invalidRequest("send one of the Authorization header, client_secret and client_assertion")
	case len(header) > 0:
		return q.basic(header)
	case (q.Assertion == "") != (assertionType == ""), assertionType != "" && assertionType != jwtAssertionType:
		return invalidRequest("client_assertion needs client_assertion_type " + jwtAssertionType)
	case q.ClientID == "" || ways == 0:
		return ErrInvalidClient
	}
	return nil
}

// basic reads user name and password, which are form-encoded below base64 (RFC 6749 section 2.3.1).
func (q *Request) basic(header []string) error {
	q.Basic = true
	name, secret, ok := (&http.Request{Header: http.Header{"Authorization": header}}).BasicAuth()
	if !ok || len(header) > 1 {
		return ErrInvalidClient
	}
	id, idErr := url.QueryUnescape(name)
	secret, secretErr := url.QueryUnescape(secret)
	if errors.Join(idErr, secretErr) != nil || id == "" || secret == "" || q.ClientID != "" && q.ClientID != id {
		return ErrInvalidClient
	}
	q.ClientID, q.Secret = id, secret
	return nil
}

// askedFor returns the most of what is asked for. What is no scope here counts for nothing: the answer says what is
// granted (RFC 6749 section 3.3).
func askedFor(scope string) v1alpha1.Scope {
	asked := v1alpha1.Scope("")
	for name := range strings.FieldsSeq(scope) {
		switch v1alpha1.Scope(name) {
		case v1alpha1.ScopeAll:
			return v1alpha1.ScopeAll
		case v1alpha1.ScopeRead:
			asked = v1alpha1.ScopeRead
		}
	}
	return asked
}
