package scimserver

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"

	"rservice.dev/scim-operator/scimserver/scim"
)

// capBody bounds the body.
func capBody(limit int64) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = capped(w, r.Body, limit)
			next.ServeHTTP(w, r)
		})
	}
}

func capped(w http.ResponseWriter, body io.ReadCloser, limit int64) io.ReadCloser {
	return &cappedBody{ReadCloser: http.MaxBytesReader(w, body, limit), all: body}
}

// cappedBody is a body with an end. What a client sends beyond it is read and thrown away, up to
// maxDiscarded, before the error is returned: many clients look for an answer only when they have sent all,
// and would find a broken connection instead of the 413.
type cappedBody struct {
	io.ReadCloser
	all io.Reader
}

// Read implements io.Reader.
func (b *cappedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		// A client that breaks off here is told nothing anyway.
		_, _ = io.CopyN(io.Discard, b.all, maxDiscarded)
	}
	return n, err
}

// refuseLarge answers for a body that says that it is too large, without keeping it in memory. A
// client that asks first, by Expect, need not send it. Of one that is larger than what would be thrown away
// nothing is read, and the connection ends with the answer.
func refuseLarge(r *http.Request, limit int64) error {
	tooLarge := &http.MaxBytesError{Limit: limit}
	if r.ContentLength > limit+maxDiscarded {
		return withHeader(tooLargeError(tooLarge), "Connection", "close")
	}
	if r.Header.Get("Expect") == "" {
		_, _ = io.Copy(io.Discard, r.Body) // ends with the error that follows
	}
	return tooLarge
}

// bodyInMemory is a body that has arrived as a whole.
type bodyInMemory struct {
	*bytes.Reader
	body []byte
}

// Close implements io.Closer.
func (bodyInMemory) Close() error { return nil }

// inMemory bounds the large bodies that arrive, and what they become, at the same time. Each waits a moment for room:
// first for its bytes, and when these are there for what its values take when they are decoded, which may be fifty
// times as much. A body of up to maxSmallBody always passes, so that nobody's large ones keep others from working.
func (s *Server) inMemory(rt route, next handler) handler {
	return func(r *http.Request) (answer response, err error) {
		largest := rt.maxBody
		if client := callOf(r).client; client != nil && client.maxBody < largest {
			largest = client.maxBody
			r.Body = capped(nil, r.Body, largest)
		}
		switch {
		case !hasBody(r), 0 <= r.ContentLength && r.ContentLength <= min(largest, maxSmallBody):
			return next(r)
		case r.ContentLength > largest:
			return response{}, refuseLarge(r, largest)
		}
		body, release, err := s.arrive(r, largest)
		if err != nil {
			return response{}, err
		}
		defer func() { answer.until(err, release) }()
		if len(body) > maxSmallBody {
			s.charge(r, len(body)/maxSmallBody)
			values, size := scim.Weigh(body)
			if values > rt.maxValues {
				return response{}, scim.NewError(http.StatusRequestEntityTooLarge,
					"the body has more than %d values; split it into several requests", rt.maxValues)
			}
			free, err := s.shares.memory(r.Context(), tenantOf(r), int64(size))
			if err != nil {
				return response{}, err
			}
			defer func() { answer.until(err, free) }()
		}
		r.Body = bodyInMemory{bytes.NewReader(body), body}
		return next(r)
	}
}

// arrive reads a body, for which it waits until there is room. One that does not say its size is read as far as a small
// one, then as far as that of a user, and counts as the largest that it may be if there is still more of it.
func (s *Server) arrive(r *http.Request, limit int64) (body []byte, release func(), err error) {
	release = func() {}
	steps := []int64{r.ContentLength}
	if r.ContentLength < 0 {
		steps = []int64{maxSmallBody, maxUserBody, limit}
	}
	for i, size := range steps {
		size = min(size, limit)
		release() // of what is here already there is not much
		release = func() {}
		if size > maxSmallBody {
			if release, err = s.shares.body(r.Context(), tenantOf(r), size); err != nil {
				return nil, nil, err
			}
		}
		more := limit // what is beyond it ends with an error
		if i < len(steps)-1 {
			more = size
		}
		if r.ContentLength > 0 {
			// What grows step by step leaves as much again behind for the garbage collector.
			body = make([]byte, 0, size+bytes.MinRead)
		}
		if body, err = readOn(body, r.Body, more+1); err != nil {
			release()
			return nil, nil, err
		}
		if int64(len(body)) <= size {
			break
		}
	}
	return body, release, nil
}

// readOn reads more of a body, until it has so many bytes or ends.
func readOn(body []byte, from io.Reader, size int64) ([]byte, error) {
	buffer := bytes.NewBuffer(body)
	_, err := buffer.ReadFrom(io.LimitReader(from, size-int64(len(body))))
	return buffer.Bytes(), bodyError(err)
}

// readBody reads the whole body. capBody has bounded it, and the server's read
// timeout bounds the time.
func readBody(r *http.Request) ([]byte, error) {
	if here, ok := r.Body.(bodyInMemory); ok {
		return here.body, nil
	}
	body, err := io.ReadAll(r.Body)
	return body, bodyError(err)
}

// bodyError is what the client is told of a body that could not be read.
func bodyError(err error) error {
	if err == nil {
		return nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return err
	}
	if network, ok := errors.AsType[net.Error](err); ok && network.Timeout() {
		return scim.NewError(http.StatusRequestTimeout, "the body did not arrive in time")
	}
	return scim.BadRequest(scim.TypeInvalidSyntax, "the body ended before it was complete")
}
