package testenv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Write is one completed request that changes something, as the API server logged it.
type Write struct {
	Verb        string // create, update, patch, delete or deletecollection
	Group       string // API group, empty for the core group
	Resource    string // plural, such as scimusers
	Subresource string // such as status; empty for the object itself
	Namespace   string
	Name        string // empty where the server generates it, and for deletecollection
	User        string
	UserAgent   string
	Code        int       // HTTP status of the answer
	Time        time.Time // when the answer was complete
}

// Succeeded says that the write was carried out (which includes updates that changed nothing).
func (w Write) Succeeded() bool { return w.Code >= 200 && w.Code < 300 }

// String is a line for a failure message.
func (w Write) String() string {
	resource := w.Resource
	if w.Subresource != "" {
		resource += "/" + w.Subresource
	}
	return fmt.Sprintf("%s %s %s: %d", w.Verb, resource, w.Name, w.Code)
}

// Filter selects writes; an empty field selects all.
type Filter struct {
	Namespace string
	User      string
	UserAgent string // a prefix
	Resource  string
	// Events includes writes of Event objects, which are left out otherwise.
	Events bool
}

func (f Filter) matches(w Write) bool {
	return (f.Namespace == "" || f.Namespace == w.Namespace) &&
		(f.User == "" || f.User == w.User) &&
		(f.Resource == "" || f.Resource == w.Resource) &&
		strings.HasPrefix(w.UserAgent, f.UserAgent) &&
		(f.Events || w.Resource != "events")
}

// AuditWrites returns the writes since Start that match, in the order of their completion, so that a later call with the
// same filter returns the same list and what was added. It includes every write whose answer a client has got, and first
// waits for the matching ones that are under way.
//
// It cannot know of writes that nobody has sent yet: to prove that something writes nothing, first wait for the condition
// that shows it has finished.
func (e *Env) AuditWrites(ctx context.Context, filter Filter) ([]Write, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	return e.audit.read(ctx, filter)
}

// auditReader follows the audit log. The API server logs a write before handling it and again when it is done, both
// before it goes on (blocking mode); so whoever has got an answer finds at least the first entry in the file.
type auditReader struct {
	mu      sync.Mutex
	file    *os.File
	partial []byte           // the start of a line that is not written to its end yet
	pending map[string]Write // by audit id: seen arriving, not seen completed
	writes  []Write
}

// auditEvent is the part of an audit.k8s.io/v1 Event that is read here.
type auditEvent struct {
	AuditID   string `json:"auditID"`
	Stage     string `json:"stage"`
	Verb      string `json:"verb"`
	UserAgent string `json:"userAgent"`
	User      struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		APIGroup    string `json:"apiGroup"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	StageTimestamp time.Time `json:"stageTimestamp"`
}

func openAudit(path string) (*auditReader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	reader := &auditReader{file: file, pending: map[string]Write{}}
	if err := reader.advance(); err != nil {
		return nil, err
	}
	reader.writes = nil // of packages that ran before
	return reader, nil
}

func (r *auditReader) read(ctx context.Context, filter Filter) ([]Write, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.advance(); err != nil {
		return nil, err
	}
	var underWay []string
	for id, write := range r.pending {
		if filter.matches(write) {
			underWay = append(underWay, id)
		}
	}
	for r.anyPending(underWay) {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for writes that are under way: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
		if err := r.advance(); err != nil {
			return nil, err
		}
	}
	var matching []Write
	for _, write := range r.writes {
		if filter.matches(write) {
			matching = append(matching, write)
		}
	}
	return matching, nil
}

func (r *auditReader) anyPending(ids []string) bool {
	for _, id := range ids {
		if _, pending := r.pending[id]; pending {
			return true
		}
	}
	return false
}

// advance takes in what was appended to the file since the last call.
func (r *auditReader) advance() error {
	data, err := io.ReadAll(r.file)
	if err != nil {
		return fmt.Errorf("reading the audit log: %w", err)
	}
	data = append(r.partial, data...)
	for {
		line, rest, complete := bytes.Cut(data, []byte("\n"))
		if !complete {
			r.partial = bytes.Clone(line)
			return nil
		}
		data = rest
		if err := r.take(line); err != nil {
			return err
		}
	}
}

func (r *auditReader) take(line []byte) error {
	var event auditEvent
	if err := json.Unmarshal(line, &event); err != nil {
		return errors.New("the audit log holds a line that is not JSON")
	}
	write := Write{
		Verb:        event.Verb,
		Group:       event.ObjectRef.APIGroup,
		Resource:    event.ObjectRef.Resource,
		Subresource: event.ObjectRef.Subresource,
		Namespace:   event.ObjectRef.Namespace,
		Name:        event.ObjectRef.Name,
		User:        event.User.Username,
		UserAgent:   event.UserAgent,
		Code:        event.ResponseStatus.Code,
		Time:        event.StageTimestamp,
	}
	if event.Stage == "RequestReceived" {
		r.pending[event.AuditID] = write
		return nil
	}
	delete(r.pending, event.AuditID)
	r.writes = append(r.writes, write)
	return nil
}
