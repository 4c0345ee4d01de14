package scimserver

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"rservice.dev/scim-operator/scimserver/scim"
)

// shares bounds what costly requests hold at the same time: all of them together,
// and those of one tenant, so that what one tenant does at once cannot keep the
// others from being served. A request that finds no room waits a moment.
type shares struct {
	bodies, decoded *semaphore.Weighted
	patience        time.Duration

	mu      sync.Mutex
	tenants map[string]*share
}

// share is what one tenant may hold.
type share struct {
	// bodies is in bytes of requests, decoded in bytes of what they become and of answers with members; bulks and
	// requests are numbers of requests, turns of those that compute.
	bodies, decoded, bulks, requests, turns *semaphore.Weighted
	// users are the requests that hold some of it or wait for it.
	users int
}

func newShares() *shares {
	return &shares{
		bodies: semaphore.NewWeighted(maxBodies), decoded: semaphore.NewWeighted(maxMemory),
		patience: sharePatience, tenants: make(map[string]*share),
	}
}

// of returns a tenant's share, which is kept until leave is called.
func (s *shares) of(tenant string) (own *share, leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own = s.tenants[tenant]
	if own == nil {
		own = &share{
			bodies:   semaphore.NewWeighted(maxTenantBodies),
			decoded:  semaphore.NewWeighted(maxTenantMemory),
			bulks:    semaphore.NewWeighted(maxTenantBulks),
			requests: semaphore.NewWeighted(maxTenantRequests),
			turns:    semaphore.NewWeighted(maxTenantTurns()),
		}
		s.tenants[tenant] = own
	}
	own.users++
	return own, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(s.tenants, tenant)
		}
	}
}

// body waits for room for a body of that many bytes. A tenant that has used up its share is 429; one that has not, while
// others use all there is, is 503.
func (s *shares) body(ctx context.Context, tenant string, weight int64) (release func(), err error) {
	own, leave := s.of(tenant)
	return s.part(ctx, own.bodies, s.bodies, weight, leave)
}

// memory is body for what a body becomes when it is decoded, and for an answer with members. Whoever waits here may hold a
// body, but not the other way round, so that nobody waits for each other.
func (s *shares) memory(ctx context.Context, tenant string, weight int64) (release func(), err error) {
	own, leave := s.of(tenant)
	return s.part(ctx, own.decoded, s.decoded, min(weight, maxTenantMemory), leave)
}

func (s *shares) part(ctx context.Context, own, all *semaphore.Weighted, weight int64, leave func()) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	if err := take(ctx, own, weight); err != nil {
		leave()
		return nil, tooManyAtOnce("large requests and answers with members")
	}
	if err := take(ctx, all, weight); err != nil {
		own.Release(weight)
		leave()
		return nil, later(http.StatusServiceUnavailable, "too many large requests and answers with members at once; repeat this one in %d seconds")
	}
	return func() { all.Release(weight); own.Release(weight); leave() }, nil
}

// request lets the tenant have one more request, or returns a 429 at once: those that wait hold something, too.
func (s *shares) request(tenant string) (release func(), err error) {
	own, leave := s.of(tenant)
	if !own.requests.TryAcquire(1) {
		leave()
		return nil, tooManyAtOnce("requests")
	}
	return func() { own.requests.Release(1); leave() }, nil
}

// bulk waits until the tenant may run one more bulk request, or returns a 429.
func (s *shares) bulk(ctx context.Context, tenant string) (release func(), err error) {
	own, leave := s.of(tenant)
	return s.one(ctx, own.bulks, leave, "bulk requests")
}

// turn waits until the tenant may compute for long once more: look through all of its resources, make a long list, decode
// a large body, apply a long PATCH. A tenant that does as much of that at once as it may is 429.
func (s *shares) turn(ctx context.Context, tenant string) (release func(), err error) {
	own, leave := s.of(tenant)
	return s.one(ctx, own.turns, leave, "requests that take long to compute")
}

// decodeInTurn decodes a body, a large one when it is the turn of the tenant.
func decodeInTurn[T any](s *shares, r *http.Request, body []byte, decode func() (T, error)) (T, error) {
	if len(body) > maxSmallBody {
		release, err := s.turn(r.Context(), tenantOf(r))
		if err != nil {
			var none T
			return none, err
		}
		defer release()
	}
	return decode()
}

func (s *shares) one(ctx context.Context, of *semaphore.Weighted, leave func(), what string) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	if err := take(ctx, of, 1); err != nil {
		leave()
		return nil, tooManyAtOnce(what)
	}
	return func() { of.Release(1); leave() }, nil
}

// take waits for room until the context ends. What is free is had even then: on a busy machine the time may be over before
// it was looked at.
func take(ctx context.Context, of *semaphore.Weighted, weight int64) error {
	if of.TryAcquire(weight) {
		return nil
	}
	return of.Acquire(ctx, weight)
}

func tooManyAtOnce(what string) error {
	return later(http.StatusTooManyRequests, "too many "+what+" of this client at once; wait for one to end, or repeat this one in %d seconds")
}

// later is an error that asks to repeat the request after retryAfter, which is in the detail.
func later(status int, detail string) error {
	return withHeader(scim.NewError(status, detail, retryAfter), "Retry-After", strconv.Itoa(retryAfter))
}
