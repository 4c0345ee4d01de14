package controllers

import (
	"context"
	"sync"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// clockDifference is how much later than ours another process's clock may be. What claims
	// to have been later was not done by provisioning, and is not to count for ever.
	clockDifference = 5 * time.Minute
	// reservationTime is how long something counts without the cache saying so: after that
	// its write has failed.
	reservationTime = time.Minute
	// longestWindow is the length of the second window, and the most that the first one has.
	longestWindow = 24 * time.Hour
	// refreshInterval is how far behind the borders of the windows may be: to move them is to
	// look at everything in them.
	refreshInterval = time.Second
)

// personWindow counts what provisioning has done to Persons of late. It is made of the
// Persons in the cache and the annotations on them, so it is the same after a restart, in
// another process, and costs no write.
type personWindow struct {
	synced toolscache.InformerSynced
	clock  clock.PassiveClock

	mu         sync.Mutex
	namespaces map[string]*personCount
}

// newPersonWindow makes a window. Call it before the cache is started.
func newPersonWindow(ctx context.Context, c cache.Cache, clk clock.PassiveClock) (*personWindow, error) {
	w := &personWindow{clock: clk, namespaces: map[string]*personCount{}}
	var err error
	w.synced, err = kube.Follow(ctx, c, &v1alpha1.Person{}, w.change)
	return w, err
}

func (w *personWindow) change(old, current *v1alpha1.Person) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old != nil {
		w.of(old.Namespace).remove(old)
	}
	if current != nil {
		w.of(current.Namespace).add(current, w.clock.Now())
	}
}

func (w *personWindow) of(namespace string) *personCount {
	count := w.namespaces[namespace]
	if count == nil {
		count = newPersonCount()
		w.namespaces[namespace] = count
	}
	return count
}

// reserve counts an effect on a Person as done now, unless that would be one too many. A
// Person that counts already counts once.
func (w *personWindow) reserve(namespace, name string, now time.Time, s safety) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := w.of(namespace)
	count.advance(now, s)
	if _, again := count.reserved[name]; again {
		return true
	}
	if count.left(s) < 1 {
		return false
	}
	count.reserved[name] = now
	return true
}

// left is how many more Persons of a namespace may be disabled now.
func (w *personWindow) left(namespace string, now time.Time, s safety) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := w.of(namespace)
	count.advance(now, s)
	return count.left(s)
}

// personCount is the count of one namespace.
type personCount struct {
	ages ages
	// disabled are the Persons that provisioning has disabled within the longest window, by
	// name; reserved is since when the write may be under way for others.
	disabled map[string]happening
	reserved map[string]time.Time
	// spans are the windows of safety as they were at refreshed.
	spans     [2]span
	released  time.Time
	refreshed time.Time
}

// happening is when a Person was disabled, when that was made, and whether it still is
// disabled.
type happening struct {
	at, made time.Time
	disabled bool
}

// span is what is known of one window.
type span struct {
	length time.Duration
	// What was done since from counts, and a Person that was made before grown counts among
	// those of which a part may be disabled: who makes Persons does not get to disable others.
	from, grown time.Time
	// inUse are the grown Persons that are in use.
	inUse int
	// disabled are those that were disabled since from, and disabledGrown those of them that
	// are grown and still disabled.
	disabled, disabledGrown int
}

func newPersonCount() *personCount {
	return &personCount{ages: ages{made: map[int64]int{}}, disabled: map[string]happening{}, reserved: map[string]time.Time{}}
}

// isShared reports whether a Person is one of those of which a part may be disabled:
// one in use that a SCIM client has pushed.
func isShared(person *v1alpha1.Person) bool {
	return !person.Spec.Disabled && person.Spec.SourceID != ""
}

func (c *personCount) remove(person *v1alpha1.Person) {
	if isShared(person) {
		c.use(person.CreationTimestamp.Time, -1)
	}
	if entry, ok := c.disabled[person.Name]; ok {
		delete(c.disabled, person.Name)
		c.tell(entry, -1)
	}
}

func (c *personCount) add(person *v1alpha1.Person, now time.Time) {
	if isShared(person) {
		c.use(person.CreationTimestamp.Time, 1)
	}
	if person.Spec.Disabled {
		delete(c.reserved, person.Name)
	}
	at, err := time.Parse(time.RFC3339, person.Annotations[v1alpha1.AnnotationDisabledAt])
	// Without the annotation a person has disabled it, or one has allowed it. One that is enabled
	// and has it still counts: rules have enabled somebody who has left, and may disable again.
	if err != nil || at.Before(now.Add(-longestWindow)) || at.After(now.Add(clockDifference)) {
		return
	}
	entry := happening{at: at, made: person.CreationTimestamp.Time, disabled: person.Spec.Disabled}
	c.disabled[person.Name] = entry
	c.tell(entry, 1)
}

// use adds n Persons in use that were made at some time.
func (c *personCount) use(made time.Time, n int) {
	c.ages.add(made, n)
	for i := range c.spans {
		if minuteOf(made) < minuteOf(c.spans[i].grown) {
			c.spans[i].inUse += n
		}
	}
}

// tell adds n times what was done to the windows that it is in.
func (c *personCount) tell(entry happening, n int) {
	for i := range c.spans {
		c.spans[i].tell(entry, n)
	}
}

func (s *span) tell(entry happening, n int) {
	if entry.at.Before(s.from) {
		return
	}
	s.disabled += n
	if entry.disabled && entry.made.Before(s.grown) {
		s.disabledGrown += n
	}
}

// advance moves the windows to now, and forgets what is before them.
func (c *personCount) advance(now time.Time, s safety) {
	since := now.Sub(c.refreshed)
	same := since >= 0 && since < refreshInterval && c.released.Equal(s.releasedAt)
	for i := range c.spans {
		same = same && c.spans[i].length == s.windows[i].length
	}
	if same {
		return
	}
	c.refreshed, c.released = now, s.releasedAt
	for name, at := range c.reserved {
		if now.Sub(at) > reservationTime {
			delete(c.reserved, name)
		}
	}
	c.ages.settle(now.Add(-longestWindow))
	for i := range c.spans {
		length := s.windows[i].length
		grown := now.Add(-length)
		c.spans[i] = span{length: length, grown: grown, from: s.from(grown), inUse: c.ages.before(grown)}
	}
	for name, entry := range c.disabled {
		if entry.at.Before(now.Add(-longestWindow)) {
			delete(c.disabled, name)
			continue
		}
		c.tell(entry, 1)
	}
}

// left is how many more Persons may be disabled: what the narrower window leaves.
func (c *personCount) left(s safety) int {
	left := c.spans[0].left(s.windows[0])
	for i := range c.spans {
		left = min(left, c.spans[i].left(s.windows[i]))
	}
	return left - len(c.reserved)
}

func (s span) left(limit limit) int {
	return max(limit.minimum, (s.inUse+s.disabledGrown)*limit.percent/100) - s.disabled
}

// ages counts Persons by the minute in which they were made.
type ages struct {
	made map[int64]int
	// older are those of all minutes before settled.
	older   int
	settled int64
}

func minuteOf(t time.Time) int64 { return t.Unix() / int64(time.Minute/time.Second) }

func (a *ages) add(made time.Time, n int) {
	minute := minuteOf(made)
	if minute < a.settled {
		a.older += n
		return
	}
	if a.made[minute] += n; a.made[minute] == 0 {
		delete(a.made, minute)
	}
}

// settle stops telling apart what was made before a time.
func (a *ages) settle(before time.Time) {
	a.settled = max(a.settled, minuteOf(before))
	for minute, n := range a.made {
		if minute < a.settled {
			a.older += n
			delete(a.made, minute)
		}
	}
}

// before is how many were made before a time, not counting its minute.
func (a *ages) before(t time.Time) int {
	found := a.older
	for minute, n := range a.made {
		if minute < minuteOf(t) {
			found += n
		}
	}
	return found
}
