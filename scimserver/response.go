package scimserver

import (
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"

	"rservice.dev/scim-operator/scimserver/scim"
)

// clientWriter keeps apart the errors of a client that is gone.
type clientWriter struct {
	io.Writer
	gone bool
}

// Write implements io.Writer.
func (w *clientWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.gone = w.gone || err != nil
	return n, err
}

// writeStream breaks the connection off where the body cannot be completed, which is the only way to tell the client.
func (a response) writeStream(w io.Writer) {
	to := &clientWriter{Writer: w}
	if err := a.stream(to); err != nil && !to.gone {
		panic(err)
	}
}

const contentType = "application/scim+json"

// response is what a handler answers.
type response struct {
	status int
	// body is a SCIM message; nil for none. rest follows it in a long one.
	body, rest []byte
	// stream writes the body piece by piece, where body has none; nil if that is not so.
	stream func(io.Writer) error
	// streamed is about how long that is, in bytes.
	streamed int
	// release gives back what the answer holds once it is written; nil if that is nothing.
	release func()
	// location is the URI of the resource in the body.
	location string
	// etag is the version of the resource.
	etag string
	// header holds what only a few answers have; nil for none.
	header http.Header
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
		if err != nil {
			problem, header := s.failure(r, err)
			answer = response{status: problem.Status, body: problem.Encode(), header: header}
		}
		if answer.release != nil {
			// Others of the tenant wait for what it holds. Without a connection, as in tests, there is nothing to bound.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.timeouts.toRead(len(answer.body) + len(answer.rest) + answer.streamed)))
		}
		answer.write(w)
	})
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
}

func (a response) write(w http.ResponseWriter) {
	h := w.Header()
	maps.Copy(h, a.header)
	// Answers hold personal data.
	h.Set("Cache-Control", "private, no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	if a.location != "" {
		h.Set("Location", a.location)
	}
	if a.etag != "" {
		h.Set("ETag", a.etag)
	}
	if a.body != nil {
		h.Set("Content-Type", contentType)
		h.Set("Content-Length", strconv.Itoa(len(a.body)+len(a.rest)))
	}
	if a.stream != nil {
		h.Set("Content-Type", contentType)
		w.WriteHeader(a.status)
		a.writeStream(w)
		return
	}
	w.WriteHeader(a.status)
	// A client that is gone cannot be told so.
	_, _ = w.Write(a.body)
	_, _ = w.Write(a.rest)
}
