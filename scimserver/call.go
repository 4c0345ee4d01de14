package scimserver

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"rservice.dev/scim-operator/scimserver/scim"
)

const (
	requestIDHeader = "X-Request-ID"
	maxRequestID    = 128
)

// call is what is known of the request being served. Middleware fills it in; it
// belongs to one request and one goroutine.
type call struct {
	// requestID is in the log, the answer and on the stored object.
	requestID string
	// begun is when the headers of the request had arrived.
	begun time.Time
	// basePath is the one that the client uses, such as /scim/v2.
	basePath string
	// status is that of the answer, 0 until it is written.
	status int
	// brokenOff is who an answer was broken off by after its status was written; "" if it is whole.
	brokenOff string
	// bulk says that what is being done is an operation of a bulk request: of its answer nobody sees the body.
	bulk bool
	// client is who asks; nil until authenticated.
	client *principal
}

// By whom an answer is broken off.
const (
	// brokenByClient: it has left.
	brokenByClient = "client"
	// brokenByTimeout: the client has not read it in time.
	brokenByTimeout = "timeout"
	// brokenByServer: it could not be completed.
	brokenByServer = "server"
)

// principal is an authenticated SCIM client.
type principal struct {
	// tokenID identifies the token without revealing it.
	tokenID string
	// tenant is the namespace that the client's resources are in.
	tenant string
	// endpoint is the name of the ScimEndpoint.
	endpoint string
	// publicURL is the base URL that the client was given; "" if it is unknown.
	publicURL string
	profile   scim.Profile
	// omitMembers leaves members out of lists of groups, unless they are asked for by name.
	omitMembers bool
	// rate limits the requests of the token.
	rate rateLimit
	// cursorKeys are those that the client's cursors may be made with. New ones are made with
	// the first, which is that of the token in use.
	cursorKeys [][]byte
}

// rateKey is what its rate is counted by.
func (p *principal) rateKey() string { return p.tenant + "/" + p.endpoint + "/" + p.tokenID }

type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// callOf returns the call that the request belongs to.
func callOf(r *http.Request) *call {
	c, ok := r.Context().Value(callKey{}).(*call)
	if !ok {
		panic("scimserver: a handler was reached without middleware")
	}
	return c
}

// requestIDOf takes over the id that a proxy has given the request, so that its
// log and ours can be joined, or makes one.
func requestIDOf(r *http.Request) string {
	id := r.Header.Get(requestIDHeader)
	if id == "" || len(id) > maxRequestID {
		return uuid.NewString()
	}
	for i := range len(id) {
		if !safeInID(id[i]) {
			return uuid.NewString()
		}
	}
	return id
}

// safeInID leaves out what would need quoting somewhere, and "@", which would
// let an e-mail address into the logs.
func safeInID(c byte) bool {
	switch {
	case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		return true
	}
	switch c {
	case '-', '_', '.', ':', '=', '+', '/':
		return true
	}
	return false
}
