package scimserver

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxIdleLimiters is how many limiters are kept before idle ones are thrown away.
const maxIdleLimiters = 1024

// rates limits requests by key, each key on its own. The burst is two seconds'
// worth.
type rates struct {
	perSecond int
	now       func() time.Time

	mu       sync.Mutex
	limiters map[string]*rate.Limiter
}

// newRates returns limits of so many requests a second; 0 means none.
func newRates(perSecond int, now func() time.Time) *rates {
	return &rates{perSecond: perSecond, now: now, limiters: make(map[string]*rate.Limiter)}
}

// wait returns 0 if a request may go on now, and otherwise the whole seconds
// after which it may.
func (l *rates) wait(key string) int {
	if l.perSecond <= 0 {
		return 0
	}
	now := l.now()
	reservation := l.limiter(key, now).ReserveN(now, 1)
	delay := reservation.DelayFrom(now)
	if delay <= 0 {
		return 0
	}
	// The request is refused, so it takes nothing from those that come later.
	reservation.CancelAt(now)
	return int(math.Ceil(delay.Seconds()))
}

func (l *rates) limiter(key string, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if limiter, ok := l.limiters[key]; ok {
		return limiter
	}
	if len(l.limiters) >= maxIdleLimiters {
		for other, limiter := range l.limiters {
			if limiter.TokensAt(now) >= float64(limiter.Burst()) {
				delete(l.limiters, other)
			}
		}
	}
	limiter := rate.NewLimiter(rate.Limit(l.perSecond), 2*l.perSecond)
	l.limiters[key] = limiter
	return limiter
}
