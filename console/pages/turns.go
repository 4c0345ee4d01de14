package pages

import (
	"context"
	"net/http"
	"sync"
)

// turns bounds what each person has the console do at the same time, so that nobody can take the place of the others, nor of the
// operator's own work.
type turns struct {
	limit int

	mu sync.Mutex
	of map[string]*turn
}

// turn is one person's. users are those that have a place or wait for one.
type turn struct {
	places chan struct{}
	users  int
}

func newTurns(limit int) *turns { return &turns{limit: limit, of: map[string]*turn{}} }

// join is a person's turn, which lasts until forget is called.
func (t *turns) join(person string) (mine *turn, forget func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine = t.of[person]
	if mine == nil {
		mine = &turn{places: make(chan struct{}, t.limit)}
		t.of[person] = mine
	}
	mine.users++
	return mine, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if mine.users--; mine.users == 0 {
			delete(t.of, person)
		}
	}
}

// try takes a place of a person's if there is one, and reports whether it did; leave has to be called then.
func (t *turns) try(person string) (leave func(), ok bool) {
	mine, forget := t.join(person)
	select {
	case mine.places <- struct{}{}:
		return func() { <-mine.places; forget() }, true
	default:
		forget()
		return nil, false
	}
}

// take is try that waits for a place until ctx ends.
func (t *turns) take(ctx context.Context, person string) (leave func(), ok bool) {
	mine, forget := t.join(person)
	select {
	case mine.places <- struct{}{}:
		return func() { <-mine.places; forget() }, true
	case <-ctx.Done():
		forget()
		return nil, false
	}
}

// inTurn answers a request when its person has a place. A stream of changes, which lasts, has one of its own.
func (s *server) inTurn(handle handler) handler {
	return func(w http.ResponseWriter, r *http.Request, v *visit) error {
		if isStream(r) {
			return handle(w, r, v)
		}
		leave, ok := s.turns.take(r.Context(), v.Caller.User().Username)
		if !ok {
			return &Notice{
				Status: http.StatusTooManyRequests, Title: "You ask for too much at the same time",
				Text: "Nothing was done. Other pages of yours are being made. Wait for them, and reload this one.",
			}
		}
		defer leave()
		return handle(w, r, v)
	}
}
