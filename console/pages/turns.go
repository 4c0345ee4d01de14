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

// take has a place of a person's, and reports whether it does; leave has to be called then. It waits for one until ctx ends, which
// may have happened already.
func (t *turns) take(ctx context.Context, person string) (leave func(), ok bool) {
	t.mu.Lock()
	mine := t.of[person]
	if mine == nil {
		mine = &turn{places: make(chan struct{}, t.limit)}
		t.of[person] = mine
	}
	mine.users++
	t.mu.Unlock()
	forget := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if mine.users--; mine.users == 0 {
			delete(t.of, person)
		}
	}
	leave = func() {
		<-mine.places
		forget()
	}
	select {
	case mine.places <- struct{}{}:
		return leave, true
	default:
	}
	select {
	case mine.places <- struct{}{}:
		return leave, true
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
