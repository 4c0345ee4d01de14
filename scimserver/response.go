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

// answerWriter is where a stream writes the body of an answer. What fails before the first byte is an answer of its own.
// After that the client can only be told by breaking the connection off, so that nobody takes a part for the whole.
type answerWriter struct {
	client  clientWriter
	writer  http.ResponseWriter
	answer  response
	begun   bool
	release func()
	// timeouts are the server's.
	timeouts connectionTimeouts
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
	w.writer.Header().Set("Content-Length", strconv.Itoa(length))
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
		w.answer.writeHead(w.writer)
	}
}

// hold keeps something until the answer is written. Others of the tenant wait for it, so that the client has a bounded time
// to read the answer of about so many bytes.
func (w *answerWriter) hold(release func(), bytes int) {
	w.release = release
	// Without a connection, as in tests, there is nothing to bound.
	_ = http.NewResponseController(w.writer).SetWriteDeadline(time.Now().Add(w.timeouts.toRead(bytes)))
}

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
	// streamed is about how long that is, in bytes.
	streamed int
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
		if answer.release != nil {
			// Others of the tenant wait for what it holds. Without a connection, as in tests, there is nothing to bound.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.timeouts.toRead(len(answer.body))))
		}
		answer.write(w)
	})
}

// stream writes an answer while it is made. The error is one before the first byte.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, answer response) error {
	to := &answerWriter{client: clientWriter{Writer: w}, writer: w, answer: answer, timeouts: s.timeouts}
	defer to.done()
	if answer.release != nil {
		to.hold(nil, answer.streamed)
	}
	err := answer.stream(to)
	switch {
	case err == nil:
		to.begin()
	case !to.begun:
		w.Header().Del("Content-Length")
		return err
	case !to.client.gone:
		s.log.Error(loggable(err), "An answer was broken off", "requestID", callOf(r).requestID)
		panic(http.ErrAbortHandler)
	}
	return nil
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
	h.Set("X-Content-Type-Options", "nosniff")
	if a.location != "" {
		h.Set("Location", a.location)
	}
	if a.etag != "" {
		h.Set("ETag", a.etag)
	}
	if a.body != nil || a.stream != nil {
		h.Set("Content-Type", contentType)
	}
	w.WriteHeader(a.status)
}
