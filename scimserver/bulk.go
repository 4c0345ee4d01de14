package scimserver

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"

	"rservice.dev/scim-operator/scimserver/scim"
)

// bulk serves /Bulk (RFC 7644 section 3.7). Every operation goes the way of a request
// of its own: through the same handlers, and into the audit log.
type bulk struct {
	handlers map[*scim.ResourceType]map[string]handler
	limits   scim.BulkLimits
	failed   func(*http.Request, error) *scim.Error
	// throttle waits until the token may make another request: an operation counts as one.
	throttle func(context.Context, *http.Request) error
	shares   *shares
}

func (s *Server) newBulk() *bulk {
	b := &bulk{
		handlers: make(map[*scim.ResourceType]map[string]handler),
		limits:   scim.BulkLimits{MaxOperations: maxBulkOperations, MaxPayloadSize: maxBulkBody},
		failed: func(r *http.Request, err error) *scim.Error {
			problem, _ := s.failure(r, err)
			return problem
		},
		throttle: s.throttle,
		shares:   s.shares,
	}
	for _, rt := range scim.ResourceTypes() {
		b.handlers[rt] = s.writes(rt)
	}
	return b
}

// post carries out the operations one after the other. When the time is nearly over those that
// are left are answered with 503, each on its own, but a circle that has been begun is
// completed or undone, without waiting for the rate limit.
func (b *bulk) post(r *http.Request) (response, error) {
	release, err := b.shares.bulk(r.Context(), tenantOf(r))
	if err != nil {
		return response{}, err
	}
	defer release()
	body, err := readBody(r)
	if err != nil {
		return response{}, err
	}
	request, err := decodeInTurn(b.shares, r, body, func() (*scim.BulkRequest, error) { return scim.ParseBulk(body, b.limits) })
	if err != nil {
		return response{}, err
	}
	callOf(r).bulk = true
	ctx := r.Context()
	begin := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		begin, cancel = context.WithDeadline(ctx, deadline.Add(-bulkReserve))
		defer cancel()
	}
	answer := request.Run(baseURL(r), func(c scim.BulkCall) scim.BulkResult {
		if c.Finishing {
			return b.carryOut(r, c)
		}
		if b.throttle(begin, r) != nil {
			return scim.BulkResult{Err: scim.NewError(http.StatusServiceUnavailable,
				"there was no time left for this operation, and nothing of it was done; repeat it in another request")}
		}
		return b.carryOut(r.WithContext(begin), c)
	})
	return response{status: http.StatusOK, body: answer.Encode()}, nil
}

// carryOut makes a request of an operation. Of the bulk request it has what tells who asks,
// and the address that the client uses.
func (b *bulk) carryOut(r *http.Request, c scim.BulkCall) scim.BulkResult {
	one := (&http.Request{
		Method: c.Method,
		URL:    &url.URL{Path: callOf(r).basePath + c.Type.Endpoint},
		Host:   r.Host,
		TLS:    r.TLS,
		Header: http.Header{"X-Forwarded-Proto": r.Header["X-Forwarded-Proto"]},
		Body:   io.NopCloser(bytes.NewReader(c.Data)),
	}).WithContext(r.Context())
	one.SetPathValue("id", c.ID)
	if c.Version != "" {
		one.Header.Set("If-Match", c.Version)
	}
	answer, err := b.handlers[c.Type][c.Method](one)
	if err != nil {
		return scim.BulkResult{Err: b.failed(one, err)}
	}
	return scim.BulkResult{Status: answer.status, ID: answer.resourceID, Version: answer.etag}
}
