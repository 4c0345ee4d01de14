package fairqueue

import (
	"container/list"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// lowEvery is which item of a namespace is one of low priority while both kinds wait: what clients push gets slower by
// a tenth at most, and what a changed rule causes ends.
const lowEvery = 10

// lane is one of the two ranks of a namespace's items. Among those of one rank the order is that of their becoming ready.
type lane int

const (
	ordinary lane = iota
	low
	lanes
)

// laneOf is that of a priority: controller-runtime's own are 0 and handler.LowPriority, which is below.
func laneOf(priority int) lane {
	if priority < 0 {
		return low
	}
	return ordinary
}

// item is a request that waits.
type item struct {
	request  reconcile.Request
	priority int
	// at is when it is to become ready, and from then on when it did.
	at time.Time
	// delay is its index among those that are not ready yet, -1 if it is ready.
	delay int
	// place is where it stands in its lane; nil while it is not ready, or the same request is in work.
	place *list.Element
}

// turns says whose item is next.
type turns struct {
	workers    int
	inWork     int
	namespaces map[string]*namespace
	// waiting are the namespaces that have ready items, by how many of theirs are in work, and among those of one number by
	// how long they have stood there.
	waiting []list.List
}

// namespace are the ready items of one.
type namespace struct {
	name   string
	lanes  [lanes]list.List
	inWork int
	// place is where it stands in turns.waiting; nil while it has no ready item.
	place *list.Element
	// passed is how many went before the first one of low priority.
	passed int
}

func newTurns(workers int) *turns {
	return &turns{workers: workers, namespaces: map[string]*namespace{}, waiting: make([]list.List, workers+1)}
}

// push puts an item behind those of its lane.
func (t *turns) push(it *item) {
	n := t.namespaces[it.request.Namespace]
	if n == nil {
		n = &namespace{name: it.request.Namespace}
		t.namespaces[n.name] = n
	}
	it.place = n.lanes[laneOf(it.priority)].PushBack(it)
	if n.place == nil {
		n.place = t.waiting[n.inWork].PushBack(n)
	}
}

// raise gives an item a higher priority.
func (t *turns) raise(it *item, priority int) {
	if was := laneOf(it.priority); it.place != nil && was != laneOf(priority) {
		n := t.namespaces[it.request.Namespace]
		n.lanes[was].Remove(it.place)
		it.place = n.lanes[laneOf(priority)].PushBack(it)
	}
	it.priority = priority
}

// next takes the item that is to be worked on now; nil if there is none. It is one of the namespace with the fewest items
// in work: each has the same share of the workers, however long its items take. The last free worker is for a namespace
// that has none in work, so that one which comes with its first item need not wait until another one's are done.
func (t *turns) next() *item {
	for inWork := range t.waiting {
		front := t.waiting[inWork].Front()
		if front == nil {
			continue
		}
		if inWork > 0 && t.workers-t.inWork <= 1 {
			return nil
		}
		n := front.Value.(*namespace)
		it := n.take()
		t.move(n, 1)
		return it
	}
	return nil
}

// done takes one off those in work.
func (t *turns) done(name string) { t.move(t.namespaces[name], -1) }

// move counts what a namespace has in work, and puts it behind those that have as much.
func (t *turns) move(n *namespace, by int) {
	if n.place != nil {
		t.waiting[n.inWork].Remove(n.place)
		n.place = nil
	}
	n.inWork += by
	t.inWork += by
	switch {
	case n.lanes[ordinary].Len()+n.lanes[low].Len() > 0:
		n.place = t.waiting[n.inWork].PushBack(n)
	case n.inWork == 0:
		delete(t.namespaces, n.name)
	}
}

// take takes the first item of the lane whose turn it is.
func (n *namespace) take() *item {
	from := &n.lanes[ordinary]
	switch {
	case n.lanes[low].Len() == 0:
	case from.Len() == 0, n.passed+1 >= lowEvery:
		from, n.passed = &n.lanes[low], 0
	default:
		n.passed++
	}
	it := from.Remove(from.Front()).(*item)
	it.place = nil
	return it
}
