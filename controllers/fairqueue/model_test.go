package fairqueue

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// model is what the queue has to do, as lists that are searched from the beginning.
type model struct {
	workers int
	waiting []*modelItem
	inWork  []reconcile.Request
	// stamp is when a namespace began to stand where it stands, passed how many went before one of low priority.
	stamp, passed map[string]int
	now           int
}

type modelItem struct {
	request  reconcile.Request
	priority int
	at       time.Time
	// since says when it became ready, or of this priority; 0 if it is not ready.
	since int
}

func (m *model) tick() int {
	m.now++
	return m.now
}

func (m *model) busy(namespace string) (n int) {
	for _, r := range m.inWork {
		if r.Namespace == namespace {
			n++
		}
	}
	return n
}

// ready are the items of a namespace that a worker can have, in the order of their becoming ready.
func (m *model) ready(namespace string) []*modelItem {
	var ready []*modelItem
	for _, it := range m.waiting {
		if it.request.Namespace == namespace && it.since > 0 && !slices.Contains(m.inWork, it.request) {
			ready = append(ready, it)
		}
	}
	slices.SortFunc(ready, func(a, b *modelItem) int { return cmp.Compare(a.since, b.since) })
	return ready
}

// line stamps the namespace if it had nothing ready before.
func (m *model) line(namespace string, change func()) {
	before := len(m.ready(namespace))
	change()
	if before == 0 && len(m.ready(namespace)) > 0 {
		m.stamp[namespace] = m.tick()
	}
}

func (m *model) add(request reconcile.Request, priority int, at, now time.Time) {
	m.line(request.Namespace, func() {
		i := slices.IndexFunc(m.waiting, func(it *modelItem) bool { return it.request == request })
		if i < 0 {
			i = len(m.waiting)
			m.waiting = append(m.waiting, &modelItem{request: request, priority: priority, at: at})
		}
		it := m.waiting[i]
		if priority >= 0 && it.priority < 0 && it.since > 0 {
			it.since = m.tick()
		}
		it.priority = max(it.priority, priority)
		if at.Before(it.at) {
			it.at = at
		}
		if it.since == 0 && !it.at.After(now) {
			it.since = m.tick()
		}
	})
}

// pass lets time pass.
func (m *model) pass(now time.Time) {
	slices.SortStableFunc(m.waiting, func(a, b *modelItem) int { return a.at.Compare(b.at) })
	for _, it := range m.waiting {
		if it.since == 0 && !it.at.After(now) {
			m.line(it.request.Namespace, func() { it.since = m.tick() })
		}
	}
}

func (m *model) get() (reconcile.Request, int, bool) {
	best := ""
	for _, it := range m.waiting {
		namespace := it.request.Namespace
		if len(m.ready(namespace)) == 0 || m.busy(namespace) > 0 && m.workers-len(m.inWork) <= 1 {
			continue
		}
		if best == "" || m.busy(namespace) < m.busy(best) || m.busy(namespace) == m.busy(best) && m.stamp[namespace] < m.stamp[best] {
			best = namespace
		}
	}
	if best == "" {
		return reconcile.Request{}, 0, false
	}
	ready := m.ready(best)
	low := slices.IndexFunc(ready, func(it *modelItem) bool { return it.priority < 0 })
	chosen := slices.IndexFunc(ready, func(it *modelItem) bool { return it.priority >= 0 })
	switch {
	case low >= 0 && (chosen < 0 || m.passed[best] == lowEvery-1):
		chosen, m.passed[best] = low, 0
	case low >= 0:
		m.passed[best]++
	}
	it := ready[chosen]
	m.waiting = slices.DeleteFunc(m.waiting, func(other *modelItem) bool { return other == it })
	m.inWork = append(m.inWork, it.request)
	m.stamp[best] = m.tick()
	return it.request, it.priority, true
}

func (m *model) done(request reconcile.Request) {
	m.inWork = slices.DeleteFunc(m.inWork, func(r reconcile.Request) bool { return r == request })
	for _, it := range m.waiting {
		if it.request == request && it.since > 0 {
			it.since = m.tick()
		}
	}
	m.stamp[request.Namespace] = m.tick()
	if m.busy(request.Namespace) == 0 && len(m.ready(request.Namespace)) == 0 {
		delete(m.passed, request.Namespace)
	}
}

// FuzzQueueDoesAsTheModel: whatever is added, taken and done in whatever order, the queue gives what the model gives, to
// the last item.
func FuzzQueueDoesAsTheModel(f *testing.F) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		steps := make([]byte, 2000)
		for i := range steps {
			steps[i] = byte(random.Uint32())
		}
		f.Add(steps, uint8(seed))
	}
	f.Fuzz(func(t *testing.T, steps []byte, workers uint8) {
		synctest.Test(t, func(t *testing.T) {
			n := int(workers%9) + 1
			q := newQueue(t, n)
			m := &model{workers: n, stamp: map[string]int{}, passed: map[string]int{}}
			for len(steps) > 1 {
				m.step(t, q, steps[0], int(steps[1]))
				steps = steps[2:]
			}
			m.finish(t, q)
		})
	})
}

// step does one thing to both.
func (m *model) step(t *testing.T, q *queue, what byte, arg int) {
	t.Helper()
	switch {
	case what < 100:
		r := request(fmt.Sprintf("%c/%d", 'a'+arg%4, arg/4%16))
		priority := -int(what % 2)
		after := time.Duration(max(0, int(what)%8-3)) * time.Millisecond
		if after > 0 {
			after += time.Duration(m.tick()) // no two at one time, whose order nobody knows
		}
		now := time.Now()
		q.AddWithOpts(priorityqueue.AddOpts{Priority: &priority, After: after}, r)
		m.add(r, priority, now.Add(after), now)
	case what < 120:
		<-time.After(time.Duration(arg%4) * time.Millisecond)
		synctest.Wait()
		m.pass(time.Now())
	case what < 200 && len(m.inWork) < m.workers:
		m.take(t, q)
	case len(m.inWork) > 0:
		r := m.inWork[arg%len(m.inWork)]
		q.Done(r)
		m.done(r)
	}
}

// take compares what both give to a worker.
func (m *model) take(t *testing.T, q *queue) {
	t.Helper()
	want, priority, found := m.get()
	q.mu.Lock()
	defer q.mu.Unlock()
	switch it := q.pop(); {
	case it == nil && found:
		t.Fatalf("nothing, want %s", want)
	case it != nil && (!found || it.request != want || it.priority != priority):
		t.Fatalf("%s at %d, want %s at %d, %v", it.request, it.priority, want, priority, found)
	}
}

// finish has one worker do the rest.
func (m *model) finish(t *testing.T, q *queue) {
	t.Helper()
	<-time.After(time.Second)
	synctest.Wait()
	m.pass(time.Now())
	for len(m.waiting)+len(m.inWork) > 0 {
		if len(m.inWork) < m.workers {
			m.take(t, q)
		}
		r := m.inWork[0]
		q.Done(r)
		m.done(r)
	}
	if q.Len()+len(q.items)+len(q.inWork)+len(q.turns.namespaces)+len(q.delayed)+q.turns.inWork != 0 {
		t.Errorf("the queue has something left: %v", q.items)
	}
}
