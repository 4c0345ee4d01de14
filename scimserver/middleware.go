package scimserver

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/scimserver/scim"
)

type middleware func(http.Handler) http.Handler

// chain puts a route behind everything that all requests go through, outermost
// first. Authentication comes last but one, so that nothing is read or looked up
// for strangers and their requests are still logged and counted.
func (s *Server) chain(base string, rt route) http.Handler {
	handle := negotiated(s.inMemory(rt, rt.handle))
	known := s.authenticated(s.limited(s.scoped(rt.reads, handle)))
	return s.wrapped(base, rt, s.adapt(func(r *http.Request) (response, error) {
		if rt.public && r.Header.Get("Authorization") == "" {
			if err := s.refused(r, nil); err != nil { // which bounds how many there are
				return response{}, err
			}
			return handle(r)
		}
		return known(r)
	}), capBody(rt.maxBody))
}

// wrapped puts what all requests go through around a route, outermost first.
func (s *Server) wrapped(base string, rt route, h http.Handler, bound middleware) http.Handler {
	for _, wrap := range slices.Backward([]middleware{
		s.identify(base),
		s.logAccess(rt.path),
		measure(rt.path),
		s.recoverPanics,
		s.withDeadline(rt.timeout, rt.reads),
		bound,
	}) {
		h = wrap(h)
	}
	return h
}

// statusRecorder notes the status of the answer.
type statusRecorder struct {
	http.ResponseWriter
	call *call
}

// WriteHeader implements http.ResponseWriter.
func (w *statusRecorder) WriteHeader(status int) {
	w.call.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController find the connection.
func (w *statusRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// identify gives the request its id, which goes back in the answer, and lets its calls to the API server go before those of
// the controllers.
func (s *Server) identify(base string) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := &call{requestID: requestIDOf(r), source: proxies(s.options.TrustedProxies).source(r), begun: time.Now(), basePath: base}
			w.Header().Set(requestIDHeader, c.requestID)
			ctx := kube.Live(withCall(r.Context(), c))
			next.ServeHTTP(&statusRecorder{ResponseWriter: w, call: c}, r.WithContext(ctx))
		})
	}
}

// logAccess writes one line a request, but for those that are refused without end: see refusedLogRate. What a client
// sends is never in it, save the method and a request id of harmless characters.
func (s *Server) logAccess(route string) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start := time.Now()
			// Deferred, because an answer that is broken off ends with a panic.
			defer func() {
				c := callOf(r)
				tokenID, tenant := "", ""
				if c.client != nil {
					tokenID, tenant = c.client.tokenID, c.client.tenant
				}
				if (c.client == nil || c.refused || c.status == http.StatusTooManyRequests) && s.rates.wait("log/"+tenant, refusedLogRate) > 0 {
					s.unlogged.Add(1)
					return
				}
				line := []any{
					"method", methodLabel(r.Method), "route", route, "status", c.status,
					"milliseconds", time.Since(start).Milliseconds(), "requestID", c.requestID, "tokenID", tokenID, "tenant", tenant, "source", c.from(),
				}
				if c.refusal != "" {
					line = append(line, "refusal", c.refusal)
				}
				if c.brokenOff != "" {
					line = append(line, "brokenOffBy", c.brokenOff)
				}
				if refused := s.unlogged.Swap(0); refused > 0 {
					line = append(line, "refusedBefore", refused)
				}
				s.log.Info("Request", line...)
			}()
			next.ServeHTTP(w, r)
		})
	}
}

// measure counts and times requests.
func measure(route string) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start := time.Now()
			requestsInFlight.Inc()
			defer func() {
				requestsInFlight.Dec()
				if by := callOf(r).brokenOff; by != "" {
					answersBroken.WithLabelValues(by).Inc()
				}
				method := methodLabel(r.Method)
				requestsTotal.WithLabelValues(route, method, strconv.Itoa(callOf(r).status)).Inc()
				requestDuration.WithLabelValues(route, method).Observe(time.Since(start).Seconds())
			}()
			next.ServeHTTP(w, r)
		})
	}
}

// methodLabel keeps methods that clients make up out of logs and metrics.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// recoverPanics turns a panic into a 500. It is inside of the log and the metrics,
// so that they tell of it like of any other answer.
func (s *Server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			switch cause {
			case nil:
				return
			case http.ErrAbortHandler: // an answer is broken off on purpose
				panic(cause)
			}
			panicsTotal.Inc()
			c := callOf(r)
			s.log.Error(panicError(cause), "A request panicked", "requestID", c.requestID, "stack", string(debug.Stack()))
			if c.status != 0 {
				// Part of an answer is out: only breaking the connection tells the client.
				panic(http.ErrAbortHandler)
			}
			errorResponse(c.requestID, panicError(cause)).write(w)
		}()
		next.ServeHTTP(w, r)
	})
}

// panicError describes a panic by what cannot hold a client's data.
func panicError(cause any) error {
	if err, ok := cause.(runtime.Error); ok {
		return err
	}
	return fmt.Errorf("panic with a %T", cause)
}

// withDeadline bounds the work on a request. A mutation goes on when the client
// has left: a write of many members that is finished is better than half of it.
func (s *Server) withDeadline(timeout time.Duration, reads bool) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			if !reads {
				ctx = context.WithoutCancel(ctx)
			}
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			ctx = log.IntoContext(ctx, s.log.WithValues("requestID", callOf(r).requestID))
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

// wait returns how long the request's token has to wait until it may make another one; 0 is
// now, and counts as made.
func (s *Server) wait(r *http.Request) time.Duration {
	client := callOf(r).client
	return s.rates.wait(client.rateKey(), client.rate)
}

// charge counts the request as n more of its token.
func (s *Server) charge(r *http.Request, n int) {
	client := callOf(r).client
	s.rates.charge(client.rateKey(), client.rate, n)
}

// throttle waits until the request's token may do something more, or until the
// context ends.
func (s *Server) throttle(ctx context.Context, r *http.Request) error {
	for ctx.Err() == nil {
		delay := s.wait(r)
		if delay == 0 {
			return nil
		}
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
	return ctx.Err()
}

// limited bounds the requests of each token, and those of each tenant at the same time.
func (s *Server) limited(next handler) handler {
	return func(r *http.Request) (answer response, err error) {
		if delay := s.wait(r); delay > 0 {
			return response{}, tooMany(delay)
		}
		leave, err := s.shares.request(tenantOf(r))
		if err != nil {
			return response{}, err
		}
		defer func() { answer.until(err, leave) }()
		return next(r)
	}
}

func tooMany(delay time.Duration) error {
	wait := int(math.Ceil(delay.Seconds()))
	return withHeader(
		scim.NewError(http.StatusTooManyRequests, "too many requests; repeat this one in %d seconds", wait),
		"Retry-After", strconv.Itoa(wait))
}
