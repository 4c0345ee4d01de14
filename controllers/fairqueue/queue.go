package fairqueue

import (
	"container/heap"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// unfinishedInterval is how often what is in work is measured.
const unfinishedInterval = 500 * time.Millisecond

// queue implements priorityqueue.PriorityQueue.
type queue struct {
	limiter workqueue.TypedRateLimiter[reconcile.Request]
	metrics metrics

	mu sync.Mutex
	// wake is signalled when a worker may find something to do.
	wake sync.Cond
	// items are all that wait, inWork those that workers have, since when.
	items  map[reconcile.Request]*item
	inWork map[reconcile.Request]time.Time
	turns  *turns
	// delayed are those that are not ready yet; timer rings at the time of the first one.
	delayed delayed
	timer   *time.Timer
	rings   time.Time
	// ready is how many are not delayed.
	ready    int
	shutDown bool
	ended    chan struct{}
}

// New makes the queue of a controller with a number of workers. Two namespaces that both have enough to do get the same
// number of workers; one that is alone gets all but one.
func New(controller string, workers int, limiter workqueue.TypedRateLimiter[reconcile.Request]) priorityqueue.PriorityQueue[reconcile.Request] {
	q := &queue{
		limiter: limiter, metrics: metricsOf(controller), turns: newTurns(workers),
		items: map[reconcile.Request]*item{}, inWork: map[reconcile.Request]time.Time{}, ended: make(chan struct{}),
	}
	q.wake.L = &q.mu
	go q.measure()
	return q
}

// Add adds a request at priority 0. The queue takes it up once, however often it is added meanwhile.
func (q *queue) Add(request reconcile.Request) { q.AddWithOpts(priorityqueue.AddOpts{}, request) }

// AddAfter adds a request that becomes ready after a while.
func (q *queue) AddAfter(request reconcile.Request, after time.Duration) {
	q.AddWithOpts(priorityqueue.AddOpts{After: after}, request)
}

// AddRateLimited adds a request that becomes ready when the rate limiter says.
func (q *queue) AddRateLimited(request reconcile.Request) {
	q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, request)
}

// AddWithOpts adds requests. Of what is asked for one that waits already the highest priority and the earliest time count.
func (q *queue) AddWithOpts(o priorityqueue.AddOpts, requests ...reconcile.Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shutDown {
		return
	}
	now := time.Now()
	for _, request := range requests {
		after := o.After
		if o.RateLimited {
			if limited := q.limiter.When(request); after == 0 || limited < after {
				after = limited
			}
		}
		if after > 0 {
			q.metrics.retries.Inc()
		}
		q.add(request, ptr.Deref(o.Priority, 0), now, now.Add(max(after, 0)))
	}
	q.setTimer(now)
}

func (q *queue) add(request reconcile.Request, priority int, now, at time.Time) {
	it := q.items[request]
	switch {
	case it == nil:
		it = &item{request: request, priority: priority, at: at, delay: -1}
		q.items[request] = it
		if at.After(now) {
			heap.Push(&q.delayed, it)
			return
		}
		q.becomeReady(it, now)
		return
	case priority > it.priority:
		if it.delay < 0 {
			q.metrics.raised(laneOf(it.priority), laneOf(priority))
		}
		q.turns.raise(it, priority)
	}
	switch {
	case it.delay < 0 || !at.Before(it.at):
	case at.After(now):
		it.at = at
		heap.Fix(&q.delayed, it.delay)
	default:
		heap.Remove(&q.delayed, it.delay)
		q.becomeReady(it, now)
	}
}

// becomeReady hands an item to the turns, unless a worker has the same request: then that is left to Done.
func (q *queue) becomeReady(it *item, now time.Time) {
	it.at = now
	q.ready++
	q.metrics.added(laneOf(it.priority))
	if _, busy := q.inWork[it.request]; !busy {
		q.turns.push(it)
		q.wake.Signal()
	}
}

// setTimer has the first one of those that are not ready become so in time.
func (q *queue) setTimer(now time.Time) {
	if len(q.delayed) == 0 || q.delayed[0].at.Equal(q.rings) {
		return
	}
	q.rings = q.delayed[0].at
	if q.timer == nil {
		q.timer = time.AfterFunc(q.rings.Sub(now), q.ring)
		return
	}
	q.timer.Reset(q.rings.Sub(now))
}

// ring makes those ready whose time has come.
func (q *queue) ring() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shutDown {
		return
	}
	now := time.Now()
	for len(q.delayed) > 0 && !q.delayed[0].at.After(now) {
		q.becomeReady(heap.Pop(&q.delayed).(*item), now)
	}
	q.setTimer(now)
}

// Get waits for the next request. See GetWithPriority.
func (q *queue) Get() (request reconcile.Request, shutdown bool) {
	request, _, shutdown = q.GetWithPriority()
	return request, shutdown
}

// GetWithPriority waits for the next request and gives it to the caller, who calls Done when it is done with it. shutdown
// is true, and there is no request, when the queue has been shut down.
func (q *queue) GetWithPriority() (request reconcile.Request, priority int, shutdown bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.shutDown {
		if it := q.pop(); it != nil {
			return it.request, it.priority, false
		}
		q.wake.Wait()
	}
	return reconcile.Request{}, 0, true
}

// pop gives the next item to a worker; nil if there is none for it.
func (q *queue) pop() *item {
	it := q.turns.next()
	if it == nil {
		return nil
	}
	now := time.Now()
	delete(q.items, it.request)
	q.inWork[it.request] = now
	q.ready--
	q.metrics.taken(laneOf(it.priority), now.Sub(it.at))
	return it
}

// Done ends the work on a request, which is taken up again if it has been added meanwhile.
func (q *queue) Done(request reconcile.Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	since, found := q.inWork[request]
	if !found {
		return
	}
	delete(q.inWork, request)
	q.metrics.workDuration.Observe(time.Since(since).Seconds())
	if it := q.items[request]; it != nil && it.delay < 0 {
		q.turns.push(it)
	}
	q.turns.done(request.Namespace)
	q.wake.Signal()
}

// Forget ends the back-off of a request.
func (q *queue) Forget(request reconcile.Request) { q.limiter.Forget(request) }

// NumRequeues is how often a request was added by AddRateLimited since it was forgotten.
func (q *queue) NumRequeues(request reconcile.Request) int { return q.limiter.NumRequeues(request) }

// Len is how many requests are ready and not in work.
func (q *queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ready
}

// ShutDown lets everybody who waits go. What is in the queue stays there.
func (q *queue) ShutDown() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shutDown {
		return
	}
	q.shutDown = true
	if q.timer != nil {
		q.timer.Stop()
	}
	close(q.ended)
	q.wake.Broadcast()
}

// ShutDownWithDrain is ShutDown: controllers, too, wait for their workers, and not for what the queue holds.
func (q *queue) ShutDownWithDrain() { q.ShutDown() }

// ShuttingDown reports whether the queue has been shut down.
func (q *queue) ShuttingDown() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.shutDown
}

// measure tells for how long workers have been at work.
func (q *queue) measure() {
	ticker := time.NewTicker(unfinishedInterval)
	defer ticker.Stop()
	for {
		select {
		case <-q.ended:
			return
		case <-ticker.C:
		}
		q.mu.Lock()
		var all, longest time.Duration
		for _, since := range q.inWork {
			lasts := time.Since(since)
			all, longest = all+lasts, max(longest, lasts)
		}
		q.mu.Unlock()
		q.metrics.unfinished.Set(all.Seconds())
		q.metrics.longest.Set(longest.Seconds())
	}
}

// delayed is a heap of items by the time at which they become ready.
type delayed []*item

func (d delayed) Len() int           { return len(d) }
func (d delayed) Less(a, b int) bool { return d[a].at.Before(d[b].at) }
func (d delayed) Swap(a, b int) {
	d[a], d[b] = d[b], d[a]
	d[a].delay, d[b].delay = a, b
}

// Push implements heap.Interface.
func (d *delayed) Push(x any) {
	it := x.(*item)
	it.delay = len(*d)
	*d = append(*d, it)
}

// Pop implements heap.Interface.
func (d *delayed) Pop() any {
	last := len(*d) - 1
	it := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	it.delay = -1
	return it
}
