package scimserver

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"os"
	"strconv"
	"time"

	"rservice.dev/scim-operator/scimserver/scim"
)

// clientWriter writes an answer to its client. One that holds something, for which others wait, is read in a bounded time,
// and of that only what the client takes counts: not what the server takes from one piece to the next.
type clientWriter struct {
	http.ResponseWriter
	timeouts connectionTimeouts
	// holds says that the answer holds something.
	holds bool
	// end is when the connection ends, whoever has taken the time.
	end time.Time
	// bytes are how many the client was sent, taken how long it took for them.
	bytes int
	taken time.Duration
	// call is told when the client reads no more.
	call *call
}

// client returns a writer to the client of a request.
func (s *Server) client(w http.ResponseWriter, r *http.Request, answer response) *clientWriter {
	return &clientWriter{
		ResponseWriter: w, timeouts: s.timeouts, holds: answer.stream != nil || answer.release != nil,
		end: callOf(r).begun.Add(s.timeouts.answer), call: callOf(r),
	}
}

// Write implements io.Writer.
func (w *clientWriter) Write(p []byte) (int, error) {
	w.bytes += len(p)
	begun, deadline := time.Now(), w.end
	if w.holds {
		if own := begun.Add(w.timeouts.toRead(w.bytes) - w.taken); own.Before(deadline) {
			deadline = own
		}
		w.until(deadline)
	}
	n, err := w.ResponseWriter.Write(p)
	w.taken += time.Since(begun)
	switch {
	case err == nil:
		if w.holds {
			w.until(w.end) // HTTP/2 looks at the time also when nothing is written
		}
	case errors.Is(err, os.ErrDeadlineExceeded), !time.Now().Before(deadline): // HTTP/2 tells of its stream only
		w.call.brokenOff = brokenByTimeout
	default:
		w.call.brokenOff = brokenByClient
	}
	return n, err
}

// until bounds the time for writing.
func (w *clientWriter) until(deadline time.Time) {
	// Without a connection, as in tests, there is nothing to bound.
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(deadline)
}

// answerWriter is where a stream writes the body of an answer. What fails before the first byte is an answer of its own.
// After that the client can only be told by breaking the connection off, so that nobody takes a part for the whole.
type answerWriter struct {
	client  *clientWriter
	answer  response
	begun   bool
	release func()
}

// Write implements io.Writer, for a body whose length nobody knows yet.
func (w *answerWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.client.Write(p)
}

// whole writes a body that is complete.
func (w *answerWriter) whole(parts ...[]byte) error {
	length := 0
	for _, part := range parts {
		length += len(part)
	}
	w.client.Header().Set("Content-Length", strconv.Itoa(length))
	w.begin()
	for _, part := range parts {
		if _, err := w.client.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func (w *answerWriter) begin() {
	if !w.begun {
		w.begun = true
		w.answer.writeHead(w.client)
	}
}

// hold keeps something until the answer is written.
func (w *answerWriter) hold(release func()) { w.release = release }

func (w *answerWriter) done() {
	if w.release != nil {
		w.release()
	}
}

const contentType = "application/scim+json"

// response is what a handler answers.
type response struct {
	status int
	// body is a SCIM message; nil for none.
	body []byte
	// stream makes the body while it writes it, where body has none; nil if that is not so. Its error is the answer if
	// nothing has been written yet.
	stream func(*answerWriter) error
	// release gives back what the answer holds once it is written, and for which others of the tenant wait; nil if that is
	// nothing.
	release func()
	// after is called when nobody needs the answer any more; nil for nothing.
	after func()
	// location is the URI of the resource in the body.
	location string
	// etag is the version of the resource.
	etag string
	// header holds what only a few answers have; nil for none.
	header http.Header
	// mediaType is the body's; "" for SCIM's. noStore says that nobody may keep the answer.
	mediaType string
	noStore   bool
	// resourceID and unchanged tell the audit log what became of a mutation.
	resourceID string
	unchanged  bool
}

// handler answers a request. Handlers write nothing themselves: adapt writes what
// they return, and every error goes through errorResponse.
type handler func(*http.Request) (response, error)

// adapt is the one adapter between handlers and net/http.
func (s *Server) adapt(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := h(r)
		defer answer.done()
		if err == nil && answer.stream != nil {
			if err = s.stream(w, r, answer); err == nil {
				return
			}
		}
		if err != nil {
			problem, header := s.failure(r, err)
			answer = response{status: problem.Status, body: problem.Encode(), header: header}
		}
		answer.write(s.client(w, r, answer))
	})
}

// stream writes an answer while it is made. The error is one before the first byte.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, answer response) error {
	to := &answerWriter{client: s.client(w, r, answer), answer: answer}
	defer to.done()
	err := answer.stream(to)
	c := callOf(r)
	switch {
	case err == nil:
		to.begin()
		return nil
	case !to.begun:
		w.Header().Del("Content-Length")
		return err
	case c.brokenOff != "": // the client reads no more
		return nil
	case errors.Is(err, context.Canceled): // nor does it while a piece is made
		c.brokenOff = brokenByClient
	default:
		c.brokenOff = brokenByServer
		s.log.Error(loggable(err), "An answer was broken off", "requestID", c.requestID)
	}
	panic(http.ErrAbortHandler)
}

// failure returns what the client is told of an error, and logs errors that are ours.
func (s *Server) failure(r *http.Request, err error) (*scim.Error, http.Header) {
	requestID := callOf(r).requestID
	problem, header := problemOf(requestID, err)
	ours := problem.Status >= http.StatusInternalServerError && problem.Status != http.StatusNotImplemented
	// Strangers cause failures as fast as they like.
	if ours && (callOf(r).client != nil || s.rates.wait("log/failures", refusedLogRate) == 0) {
		s.log.Error(loggable(err), "A request failed", "requestID", requestID, "status", problem.Status)
	}
	return problem, header
}

// done is called when nobody needs the answer any more.
func (a response) done() {
	if a.release != nil {
		a.release()
	}
	if a.after != nil {
		a.after()
	}
}

// until calls release when nobody needs the answer any more: once it is written, if it is made meanwhile, else now.
func (a *response) until(err error, release func()) {
	if err != nil || a.stream == nil {
		release()
		return
	}
	before := a.after
	a.after = func() {
		if before != nil {
			before()
		}
		release()
	}
}

func (a response) write(w http.ResponseWriter) {
	if a.body != nil {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	a.writeHead(w)
	// A client that is gone cannot be told so.
	_, _ = w.Write(a.body)
}

// writeHead writes status and headers.
func (a response) writeHead(w http.ResponseWriter) {
	h := w.Header()
	maps.Copy(h, a.header)
	// Answers hold personal data.
	h.Set("Cache-Control", "private, no-cache")
	if a.noStore {
		h.Set("Cache-Control", "no-store")
		h.Set("Pragma", "no-cache") // RFC 6749 section 5.1
	}
	h.Set("X-Content-Type-Options", "nosniff")
	if a.location != "" {
		h.Set("Location", a.location)
	}
	if a.etag != "" {
		h.Set("ETag", a.etag)
	}
	if a.body != nil || a.stream != nil {
		h.Set("Content-Type", cmp.Or(a.mediaType, contentType))
	}
	w.WriteHeader(a.status)
}
