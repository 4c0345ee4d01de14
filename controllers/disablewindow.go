package controllers

import (
	"context"
	"sync"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// clockDifference is how much later than ours another process's clock may be. What claims
// to have been later was not disabled by provisioning, and is not to count for ever.
const clockDifference = 5 * time.Minute

// reservationTime is how long a Person counts as disabled without the cache saying
// so: after that its write has failed.
const reservationTime = time.Minute

// disableWindow counts the Persons that provisioning has disabled of late. It is
// made of the Persons in the cache and AnnotationDisabledAt on them, so it is the
// same after a restart, in another process, and costs no write.
type disableWindow struct {
	synced toolscache.InformerSynced
	clock  clock.PassiveClock

	mu         sync.Mutex
	namespaces map[string]*personCount
}

// personCount is the count of one namespace.
type personCount struct {
	enabled int
	// disabled is when Persons were disabled, by name; reserved is the same for those
	// whose write may be under way.
	disabled, reserved map[string]time.Time
	// from is the time before which disabled holds nothing any more.
	from time.Time
}

// newDisableWindow makes a window. Call it before the cache is started.
func newDisableWindow(ctx context.Context, c cache.Cache, clk clock.PassiveClock) (*disableWindow, error) {
	w := &disableWindow{clock: clk, namespaces: map[string]*personCount{}}
	var err error
	w.synced, err = follow(ctx, c, &v1alpha1.Person{}, w.change)
	return w, err
}

func (w *disableWindow) change(old, current *v1alpha1.Person) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old != nil {
		w.of(old.Namespace).remove(old)
	}
	if current != nil {
		w.of(current.Namespace).add(current, w.clock.Now())
	}
}

func (w *disableWindow) of(namespace string) *personCount {
	count := w.namespaces[namespace]
	if count == nil {
		count = &personCount{disabled: map[string]time.Time{}, reserved: map[string]time.Time{}}
		w.namespaces[namespace] = count
	}
	return count
}

func (c *personCount) remove(person *v1alpha1.Person) {
	if !person.Spec.Disabled {
		c.enabled--
	}
	delete(c.disabled, person.Name)
}

func (c *personCount) add(person *v1alpha1.Person, now time.Time) {
	if !person.Spec.Disabled {
		c.enabled++
		return
	}
	delete(c.reserved, person.Name)
	at, err := time.Parse(time.RFC3339, person.Annotations[v1alpha1.AnnotationDisabledAt])
	// Without the annotation a person has disabled it, or one has allowed it.
	if err == nil && !at.Before(c.from) && !at.After(now.Add(clockDifference)) {
		c.disabled[person.Name] = at
	}
}

// advance forgets what was before a time. It does so once a second at most, because
// it looks at everything.
func (c *personCount) advance(from, now time.Time) {
	for name, at := range c.reserved {
		if now.Sub(at) > reservationTime {
			delete(c.reserved, name)
		}
	}
	if from.Sub(c.from) < time.Second {
		// The clock was put back, or the window is longer now.
		if from.Before(c.from) {
			c.from = from
		}
		return
	}
	c.from = from
	for name, at := range c.disabled {
		if at.Before(from) {
			delete(c.disabled, name)
		}
	}
}

// left is how many more Persons may be disabled.
func (c *personCount) left(s safety) int {
	limit := max(s.minimum, (c.enabled+len(c.disabled))*s.percent/100)
	return limit - len(c.disabled) - len(c.reserved)
}

// reserve counts a Person as disabled now, unless that would be one too many. A write
// that is tried again counts once.
func (w *disableWindow) reserve(namespace, name string, now time.Time, s safety) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := w.of(namespace)
	count.advance(s.from(now), now)
	if _, again := count.reserved[name]; !again && count.left(s) < 1 {
		return false
	}
	count.reserved[name] = now
	return true
}

// left is how many more Persons of a namespace may be disabled now.
func (w *disableWindow) left(namespace string, now time.Time, s safety) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := w.of(namespace)
	count.advance(s.from(now), now)
	return count.left(s)
}
