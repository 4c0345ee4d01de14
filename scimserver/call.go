package scimserver

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/types"

	"rservice.dev/scim-operator/api/bounds"
	"rservice.dev/scim-operator/api/v1alpha1"
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
	// source is the address that the request comes from; the zero Addr if that is not known.
	source netip.Addr
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
	// refused says that the request was not let in, and refusal why, if that was looked for.
	refused bool
	refusal v1alpha1.RefusalReason
}

// from is the source as a text, "" if it is not known.
func (c *call) from() string {
	if !c.source.IsValid() {
		return ""
	}
	return c.source.String()
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
	// allowedSources are the CIDRs that requests may come from; none stands for any.
	allowedSources []string
	// authentication says how clients of the endpoint may authenticate; nil if that is nobody's.
	authentication *v1alpha1.ScimEndpointAuthentication
	// scope is what the client may do, and scopeField the field of the ScimEndpoint that says so.
	scope      v1alpha1.Scope
	scopeField string
	// rate limits the requests of the token, or of whatever else counted names: an issuer can make as many subjects as it likes.
	rate    rateLimit
	counted string
	// maxBody is the largest body in bytes, beside what the address takes, and maxPage the most resources on a page.
	maxBody int64
	maxPage int
	// cursorKeys are those that the client's cursors may be made with. New ones are made with
	// the first, which is that of the token in use.
	cursorKeys [][]byte
}

// principalOf returns what all clients of an endpoint have in common, with limits within those of the operator.
func principalOf(endpoint *v1alpha1.ScimEndpoint, operators bounds.Bounds) *principal {
	limits, _ := operators.Limits(endpoint.Spec.Limits)
	return &principal{
		tenant:         endpoint.Namespace,
		endpoint:       endpoint.Name,
		publicURL:      endpoint.Spec.PublicURL,
		profile:        profileOf(endpoint),
		omitMembers:    endpoint.Spec.ListMembers == v1alpha1.ListMembersOmit,
		allowedSources: endpoint.Spec.AllowedSources,
		authentication: &endpoint.Spec.Authentication,
		rate:           rateLimit{perSecond: limits.RequestsPerSecond, burst: limits.Burst},
		maxBody:        int64(limits.BodyBytes),
		maxPage:        limits.PageSize,
	}
}

// may reports whether the client may send a request that only reads, or one that changes something.
func (p *principal) may(reads bool) bool {
	return p.scope == v1alpha1.ScopeAll || reads && p.scope == v1alpha1.ScopeRead
}

// key names the client's ScimEndpoint.
func (p *principal) key() types.NamespacedName {
	return types.NamespacedName{Namespace: p.tenant, Name: p.endpoint}
}

// rateKey is what its rate is counted by.
func (p *principal) rateKey() string {
	return p.tenant + "/" + p.endpoint + "/" + cmp.Or(p.counted, p.tokenID)
}

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
