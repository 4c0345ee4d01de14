package brake

import (
	"cmp"
	"context"
	"maps"
	"sync"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// ClockDifference is how much later than ours another process's clock may be. What claims
	// to have been later was not done by provisioning, and is not to count for ever.
	ClockDifference = 5 * time.Minute
	// reservationTime is how long something counts without the cache saying so: after that
	// its write has failed.
	reservationTime = time.Minute
	// LongestWindow is the length of the second window, and the most that the first one has.
	LongestWindow = 24 * time.Hour
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
	// emptied hears of a namespace in which nothing counts any more.
	emptied func(namespace string)

	mu         sync.Mutex
	namespaces map[string]*personCount
}

// newPersonWindow makes a window. Call it before the cache is started. emptied hears of a namespace in which nothing
// counts any more.
func newPersonWindow(ctx context.Context, c cache.Cache, clk clock.PassiveClock, emptied func(namespace string)) (*personWindow, error) {
	w := &personWindow{clock: clk, emptied: emptied, namespaces: map[string]*personCount{}}
	var err error
	w.synced, err = kube.Follow(ctx, c, &v1alpha1.Person{}, w.change)
	return w, err
}

func (w *personWindow) change(old, current *v1alpha1.Person) {
	w.mu.Lock()
	defer w.mu.Unlock()
	namespace := cmp.Or(current, old).Namespace
	count := w.of(namespace)
	if old != nil {
		count.remove(old)
	}
	if current != nil {
		count.add(current, w.clock.Now())
	}
	if w.namespaces[namespace] = count; count.isEmpty() {
		delete(w.namespaces, namespace)
		w.emptied(namespace)
	}
}

// of is the count of a namespace. One that counts nothing is not kept, so that nothing stays of
// a namespace that is gone.
func (w *personWindow) of(namespace string) *personCount {
	if count := w.namespaces[namespace]; count != nil {
		return count
	}
	return newPersonCount()
}

// reserve counts an effect on Persons as done now, unless that would be too many. Persons for
// which it counts already count once.
func (w *personWindow) reserve(namespace string, names []string, e effect, now time.Time, s Safety) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := w.of(namespace)
	count.advance(now, s)
	var more []string
	for _, name := range names {
		if !count.counts(e, name) {
			more = append(more, name)
		}
	}
	if len(more) > count.left(e, s) && len(more) > 0 {
		return false
	}
	for _, name := range more {
		count.of[e].reserved[name] = now
		w.namespaces[namespace] = count
	}
	return true
}

// left is for how many more Persons of a namespace an effect may come about now.
func (w *personWindow) left(namespace string, e effect, now time.Time, s Safety) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := w.of(namespace)
	count.advance(now, s)
	return count.left(e, s)
}

// narrowest names the limit that leaves least for an effect now.
func (w *personWindow) narrowest(namespace string, e effect, now time.Time, s Safety) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := w.of(namespace)
	count.advance(now, s)
	i := count.narrower(e, s)
	return s.nameLimit(i, count.spans[i].base())
}

// counts reports whether an effect on a Person counts already.
func (w *personWindow) counts(namespace, name string, e effect, now time.Time, s Safety) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := w.of(namespace)
	count.advance(now, s)
	return count.counts(e, name)
}

// persons is how many Persons of a namespace are in use that a client has pushed, of
// whatever age, with those that were disabled within a day.
func (w *personWindow) persons(namespace string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := w.of(namespace)
	found := count.ages.all
	for _, entry := range count.of[v1alpha1.HeldDisable].done {
		if entry.stands {
			found++
		}
	}
	return found
}

// personCount is the count of one namespace.
type personCount struct {
	ages ages
	of   map[effect]*effectCount
	// spans are the windows of safety as they were at refreshed.
	spans     [2]span
	released  time.Time
	refreshed time.Time
}

// effectCount are the Persons on which an effect has come about within the longest window, by
// name; reserved is since when the write may be under way for others.
type effectCount struct {
	done     map[string]happening
	reserved map[string]time.Time
}

// happening is when an effect came about on a Person, when that was made, and whether the
// effect still stands.
type happening struct {
	at, made time.Time
	stands   bool
}

// span is what is known of one window.
type span struct {
	length time.Duration
	// What was done since from counts, and a Person that was made before grown counts among
	// those of which a part is allowed: who makes Persons does not get to disable others.
	from, grown time.Time
	// inUse are the grown Persons that are in use.
	inUse int
	// done is on how many Persons each effect came about since from, and doneGrown on how many
	// of them that are grown and on which it still stands.
	done, doneGrown map[effect]int
}

func newPersonCount() *personCount {
	c := &personCount{ages: ages{made: map[int64]int{}}, of: map[effect]*effectCount{}}
	for _, e := range Effects {
		c.of[e] = &effectCount{done: map[string]happening{}, reserved: map[string]time.Time{}}
	}
	return c
}

// isShared reports whether a Person is one of those of which a part is allowed: one in use
// that a SCIM client has pushed.
func isShared(person *v1alpha1.Person) bool {
	return !person.Spec.Disabled && person.Spec.SourceID != ""
}

func (c *personCount) isEmpty() bool {
	for _, count := range c.of {
		if len(count.done) > 0 || len(count.reserved) > 0 {
			return false
		}
	}
	return c.ages.all == 0
}

func (c *personCount) remove(person *v1alpha1.Person) {
	if isShared(person) {
		c.use(person.CreationTimestamp.Time, -1)
	}
	for e, count := range c.of {
		if entry, ok := count.done[person.Name]; ok {
			delete(count.done, person.Name)
			c.tell(e, entry, -1)
		}
	}
}

func (c *personCount) add(person *v1alpha1.Person, now time.Time) {
	if isShared(person) {
		c.use(person.CreationTimestamp.Time, 1)
	}
	for e, count := range c.of {
		at, err := time.Parse(time.RFC3339, person.Annotations[countedBy[e]])
		// Without the annotation a person has done it, or one has allowed it. One on a Person
		// that is no longer so still counts: rules have undone it, and may do it again.
		if err != nil || at.Before(now.Add(-LongestWindow)) || at.After(now.Add(ClockDifference)) {
			continue
		}
		if reserved, ok := count.reserved[person.Name]; ok && !at.Before(reserved) {
			delete(count.reserved, person.Name)
		}
		entry := happening{at: at, made: person.CreationTimestamp.Time}
		entry.stands = e == v1alpha1.HeldDisable && person.Spec.Disabled || e == v1alpha1.HeldEnable && isShared(person)
		count.done[person.Name] = entry
		c.tell(e, entry, 1)
	}
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
func (c *personCount) tell(e effect, entry happening, n int) {
	for i := range c.spans {
		if s := &c.spans[i]; s.has(entry) {
			s.done[e] += n
			if entry.stands && entry.made.Before(s.grown) {
				s.doneGrown[e] += n
			}
		}
	}
}

// has reports whether something counts in a window.
func (s *span) has(entry happening) bool { return s.done != nil && !entry.at.Before(s.from) }

// counts reports whether an effect on a Person counts already, in each window.
func (c *personCount) counts(e effect, name string) bool {
	if _, reserved := c.of[e].reserved[name]; reserved {
		return true
	}
	entry, done := c.of[e].done[name]
	for i := range c.spans {
		done = done && c.spans[i].has(entry)
	}
	return done
}

// advance moves the windows to now, and forgets what is before them.
func (c *personCount) advance(now time.Time, s Safety) {
	since := now.Sub(c.refreshed)
	same := since >= 0 && since < refreshInterval && c.released.Equal(s.releasedAt)
	for i := range c.spans {
		same = same && c.spans[i].length == s.windows[i].length
	}
	if same {
		return
	}
	c.refreshed, c.released = now, s.releasedAt
	c.ages.settle(now.Add(-LongestWindow))
	for i := range c.spans {
		length := s.windows[i].length
		grown := now.Add(-length)
		c.spans[i] = span{
			length: length, grown: grown, from: s.from(grown), inUse: c.ages.before(grown), done: map[effect]int{}, doneGrown: map[effect]int{},
		}
	}
	for e, count := range c.of {
		maps.DeleteFunc(count.reserved, func(_ string, at time.Time) bool { return now.Sub(at) > reservationTime })
		maps.DeleteFunc(count.done, func(_ string, entry happening) bool { return entry.at.Before(now.Add(-LongestWindow)) })
		for _, entry := range count.done {
			c.tell(e, entry, 1)
		}
	}
}

// left is on how many more Persons an effect may come about: what the narrower window leaves.
func (c *personCount) left(e effect, s Safety) int {
	i := c.narrower(e, s)
	return c.spans[i].left(e, s.windows[i]) - len(c.of[e].reserved)
}

// narrower is the window that leaves less.
func (c *personCount) narrower(e effect, s Safety) int {
	if c.spans[1].left(e, s.windows[1]) < c.spans[0].left(e, s.windows[0]) {
		return 1
	}
	return 0
}

// base is how many grown Persons were in use when the window began.
func (s *span) base() int {
	return max(0, s.inUse+s.doneGrown[v1alpha1.HeldDisable]-s.doneGrown[v1alpha1.HeldEnable])
}

func (s *span) left(e effect, limit limit) int { return limit.of(s.base()) - s.done[e] }

// ages counts Persons by the minute in which they were made.
type ages struct {
	made map[int64]int
	all  int
	// older are those of all minutes before settled.
	older   int
	settled int64
}

func minuteOf(t time.Time) int64 { return t.Unix() / int64(time.Minute/time.Second) }

func (a *ages) add(made time.Time, n int) {
	a.all += n
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
