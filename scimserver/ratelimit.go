package scimserver

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxIdleLimiters is how many limiters are kept before idle ones are thrown away.
const maxIdleLimiters = 1024

// rateLimit is how many requests a second there may be, and how many at once. The
// zero value means no limit.
type rateLimit struct {
	perSecond, burst int
}

// rates limits requests by key, each key on its own.
type rates struct {
	now func() time.Time

	mu       sync.Mutex
	limiters map[string]*rate.Limiter
}

func newRates(now func() time.Time) *rates {
	return &rates{now: now, limiters: make(map[string]*rate.Limiter)}
}

// wait returns 0 if a request may go on now, and otherwise after how long it may. A
// refused request takes nothing from those that come later.
func (l *rates) wait(key string, limit rateLimit) time.Duration {
	if limit.perSecond <= 0 {
		return 0
	}
	now := l.now()
	// Until it is cancelled, too: a reservation gives back nothing for what was reserved after it.
	l.mu.Lock()
	defer l.mu.Unlock()
	reservation := l.limiter(key, limit, now).ReserveN(now, 1)
	delay := reservation.DelayFrom(now)
	if delay == 0 {
		return 0
	}
	reservation.CancelAt(now)
	// Rounded, because a float may miss the whole by a hair; a refusal is never 0.
	return max(delay.Round(time.Millisecond), time.Millisecond)
}

// charge takes n from those that come later, for a request that has been let in, but at most half of what there may be at
// once: a single one never keeps the next one waiting.
func (l *rates) charge(key string, limit rateLimit, n int) {
	if limit.perSecond <= 0 {
		return
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limiter(key, limit, now).ReserveN(now, min(n, limit.burst/2))
}

// limiter is called with the lock held.
func (l *rates) limiter(key string, limit rateLimit, now time.Time) *rate.Limiter {
	limiter, ok := l.limiters[key]
	if !ok {
		l.makeRoom(now)
		limiter = rate.NewLimiter(rate.Limit(limit.perSecond), limit.burst)
		l.limiters[key] = limiter
		return limiter
	}
	// An administrator may have changed it.
	if limiter.Limit() != rate.Limit(limit.perSecond) {
		limiter.SetLimitAt(now, rate.Limit(limit.perSecond))
	}
	if limiter.Burst() != limit.burst {
		limiter.SetBurstAt(now, limit.burst)
	}
	return limiter
}

// makeRoom throws away limiters that are as good as new.
func (l *rates) makeRoom(now time.Time) {
	if len(l.limiters) < maxIdleLimiters {
		return
	}
	for key, limiter := range l.limiters {
		if limiter.TokensAt(now) >= float64(limiter.Burst()) {
			delete(l.limiters, key)
		}
	}
}
