package fairqueue

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// request is one written as namespace/name.
func request(of string) reconcile.Request {
	namespace, name, _ := strings.Cut(of, "/")
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}

func limiter() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](100*time.Millisecond, time.Minute)
}

// newQueue is for use in a bubble of synctest, whose clock is the queue's.
func newQueue(t *testing.T, workers int) *queue {
	t.Helper()
	q := New(t.Name(), workers, limiter()).(*queue)
	t.Cleanup(q.ShutDown)
	return q
}

func (q *queue) addAll(priority int, after time.Duration, requests ...string) {
	for _, r := range requests {
		q.AddWithOpts(priorityqueue.AddOpts{Priority: &priority, After: after}, request(r))
	}
}

// take is what a worker would be given now; "" if it had to wait.
func (q *queue) take() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.pop()
	if it == nil {
		return ""
	}
	return it.request.String()
}

// serve has one worker do everything that is ready, one after the other.
func (q *queue) serve() []string {
	var served []string
	for r := q.take(); r != ""; r = q.take() {
		served = append(served, r)
		q.Done(request(r))
	}
	return served
}

func numbered(namespace string, n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("%s/%d", namespace, i))
	}
	return all
}

func TestNamespacesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 1)
		q.addAll(0, 0, numbered("big", 1000)...)
		q.addAll(0, 0, "small/0", "small/1")
		q.addAll(handler.LowPriority, 0, "quiet/0")
		if got, want := q.serve()[:6], []string{"big/0", "small/0", "quiet/0", "big/1", "small/1", "big/2"}; !slices.Equal(got, want) {
			t.Errorf("served %v, want %v", got, want)
		}
		if len(q.turns.namespaces)+len(q.items)+q.Len() != 0 {
			t.Errorf("something is left: %v", q.turns.namespaces)
		}
	})
}

func TestOneInTenIsOfLowPriorityWhileOthersArePushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 2)
		q.addAll(handler.LowPriority, 0, numbered("caused", 3)...)
		for i := range 3 {
			q.addAll(handler.LowPriority, 0, fmt.Sprintf("tenant/caused-%d", i))
		}
		var at []int
		for i := range 40 {
			q.addAll(0, 0, fmt.Sprintf("tenant/pushed-%d", i), fmt.Sprintf("tenant/also-pushed-%d", i))
			for range 2 { // the other namespace takes turns, until it has nothing more
				r := q.take()
				q.Done(request(r))
				if strings.HasPrefix(r, "tenant/caused") {
					at = append(at, i)
				}
			}
		}
		if len(at) != 3 || at[0] > 10 {
			t.Errorf("of low priority were served in rounds %v, want three, the first one among the first ten", at)
		}
		served := q.serve()
		if len(served) != 80+6-80 {
			t.Errorf("%d were left, want 6", len(served))
		}
	})
}

func TestWorkersAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 9)
		q.addAll(0, 0, numbered("slow", 100)...)
		for range 8 {
			q.take()
		}
		if r := q.take(); r != "" {
			t.Errorf("the last free worker is given %s, of the namespace that has all others", r)
		}
		q.addAll(handler.LowPriority, 0, numbered("other", 100)...)
		if r := q.take(); r != "other/0" {
			t.Errorf("the last free worker gets %q, want other/0: another namespace's first item waits for nobody", r)
		}
		for i := range 6 { // as the slow ones end, one after the other
			q.Done(request(fmt.Sprintf("slow/%d", i)))
			for q.take() != "" {
			}
		}
		if a, b := q.turns.namespaces["slow"].inWork, q.turns.namespaces["other"].inWork; a != 4 || b != 4 {
			t.Errorf("%d and %d are in work, want 4 each and a worker for who comes next", a, b)
		}
		q.addAll(0, 0, "third/0")
		if r := q.take(); r != "third/0" {
			t.Errorf("the last free worker gets %q, want third/0", r)
		}
	})
}

func TestAddWithOpts(t *testing.T) {
	second := time.Second
	for name, test := range map[string]struct {
		add func(q *queue)
		// want is what is ready in the beginning, and after each second.
		want [][]string
	}{
		"each once": {func(q *queue) { q.addAll(0, 0, "n/a", "n/b", "n/a") }, [][]string{{"n/a", "n/b"}}},
		"a higher priority goes first, behind those that have it": {func(q *queue) {
			q.addAll(handler.LowPriority, 0, "n/a", "n/b")
			q.addAll(0, 0, "n/c", "n/b")
		}, [][]string{{"n/c", "n/b", "n/a"}}},
		"a lower priority takes nothing": {func(q *queue) {
			q.addAll(0, 0, "n/a", "n/b")
			q.addAll(handler.LowPriority, 0, "n/a")
		}, [][]string{{"n/a", "n/b"}}},
		"the earlier time counts": {func(q *queue) {
			q.addAll(0, 3*second, "n/a", "n/b", "n/c")
			q.addAll(0, second, "n/b")
			q.addAll(0, 9*second, "n/b")
			q.addAll(0, 0, "n/c")
		}, [][]string{{"n/c"}, {"n/b"}, nil, {"n/a"}}},
		"ready in the order of time, whatever was added first": {func(q *queue) {
			q.addAll(0, 800*time.Millisecond, "n/a")
			q.addAll(0, 400*time.Millisecond, "n/b")
			q.addAll(handler.LowPriority, 200*time.Millisecond, "n/c")
		}, [][]string{nil, {"n/b", "n/a", "n/c"}}},
		"the priority of who waits counts later": {func(q *queue) {
			q.addAll(handler.LowPriority, second, "n/b")
			q.addAll(0, 2*second, "n/b")
			q.addAll(handler.LowPriority, 0, "n/a")
			q.addAll(handler.LowPriority, second, "n/c")
		}, [][]string{{"n/a"}, {"n/b", "n/c"}}},
		"the rate limiter's time, if earlier": {func(q *queue) {
			for range 5 { // 100 ms, then twice that and so on
				q.limiter.When(request("n/a"))
			}
			q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, request("n/a"))
			q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true, After: second}, request("n/b"))
			q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true, After: time.Millisecond}, request("n/c"))
		}, [][]string{nil, {"n/c", "n/b"}, nil, nil, {"n/a"}}},
		"again while in work waits for Done": {func(q *queue) {
			q.addAll(0, 0, "n/a")
			q.take()
			q.addAll(handler.LowPriority, 0, "n/a")
			q.addAll(handler.LowPriority, 0, "n/b")
			q.addAll(0, 0, "n/a")
			if r := q.take(); r != "n/b" {
				panic("two workers have n/a: " + r)
			}
			q.Done(request("n/b"))
			q.Done(request("n/a"))
		}, [][]string{{"n/a"}}},
		"Done of what nobody has does nothing": {func(q *queue) {
			q.addAll(0, 0, "n/a")
			q.Done(request("n/a"))
			q.Done(request("m/a"))
		}, [][]string{{"n/a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(t, 3)
				test.add(q)
				for i, want := range test.want {
					synctest.Wait()
					if got := q.serve(); !slices.Equal(got, want) {
						t.Errorf("after %d s: %v, want %v", i, got, want)
					}
					<-time.After(second)
				}
				if len(q.items)+len(q.turns.namespaces)+len(q.delayed) != 0 {
					t.Errorf("something is left: %v", q.items)
				}
			})
		})
	}
}

func TestRateLimiterForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, a := newQueue(t, 1), request("n/a")
		q.AddRateLimited(a)
		q.AddAfter(request("n/b"), time.Hour)
		if n := q.NumRequeues(a); n != 1 {
			t.Errorf("%d times, want 1", n)
		}
		q.Forget(a)
		if n := q.NumRequeues(a); n != 0 {
			t.Errorf("%d times, want 0", n)
		}
	})
}

func TestShutDownLetsEverybodyGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 3)
		var gone atomic.Int32
		for range 3 {
			go func() {
				if _, shutdown := q.Get(); shutdown {
					gone.Add(1)
				}
			}()
		}
		synctest.Wait()
		q.addAll(0, time.Second, "n/a")
		q.ShutDownWithDrain()
		q.ShutDown()
		q.Add(request("n/b"))
		<-time.After(time.Minute)
		synctest.Wait()
		if gone.Load() != 3 || !q.ShuttingDown() || q.Len() != 0 {
			t.Errorf("%d workers are gone, %d items are ready", gone.Load(), q.Len())
		}
	})
}

// TestMetricsAreThoseOfTheLibrary: the same numbers as controller-runtime's queue gives for the same life of some items.
func TestMetricsAreThoseOfTheLibrary(t *testing.T) {
	live := func(q priorityqueue.PriorityQueue[reconcile.Request]) {
		defer q.ShutDown()
		lowest := handler.LowPriority
		q.AddWithOpts(priorityqueue.AddOpts{Priority: &lowest}, request("n/a"), request("n/b"), request("n/c"))
		q.Add(request("n/a"))
		q.AddAfter(request("n/d"), time.Hour)
		q.AddRateLimited(request("n/d"))
		for q.Len() < 3 { // the library's queue takes in what is added by and by
		}
		first, _ := q.Get()
		q.Add(first)
		q.Done(first)
		q.Get()
	}
	live(New("ours", 2, limiter()))
	live(priorityqueue.New("theirs", func(o *priorityqueue.Opts[reconcile.Request]) { o.RateLimiter = limiter() }))
	ours, theirs := measured(t, "ours"), measured(t, "theirs")
	if !maps.Equal(ours, theirs) || len(ours) < 8 || ours["workqueue_adds_total"] != 4 {
		t.Errorf("measured %v, the library %v", ours, theirs)
	}
}

// measured are a controller's metrics of its queue; of what is a matter of time, how many were measured.
func measured(t *testing.T, controller string) map[string]float64 {
	t.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name, of := family.GetName(), false
			for _, label := range metric.GetLabel() {
				of = of || label.GetValue() == controller
				if label.GetName() == "priority" {
					name += label.GetValue()
				}
			}
			if of && strings.HasPrefix(name, ctrlmetrics.WorkQueueSubsystem) {
				values[name] = metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
				if !strings.HasSuffix(name, "_seconds") { // how long work has lasted by the last half second
					values[name] += metric.GetGauge().GetValue()
				}
			}
		}
	}
	return values
}

// TestManyWorkers: under the race detector nothing is lost, and no request is with two workers at once.
func TestManyWorkers(t *testing.T) {
	q := New(t.Name(), 9, limiter())
	const each = 3000
	var mu sync.Mutex
	inWork, served, all := map[reconcile.Request]bool{}, map[reconcile.Request]int{}, make(chan struct{})
	var workers, sources sync.WaitGroup
	for range 9 {
		workers.Go(func() {
			for {
				r, shutdown := q.Get()
				if shutdown {
					return
				}
				mu.Lock()
				if inWork[r] {
					t.Errorf("two workers have %s", r)
				}
				inWork[r] = true
				if served[r]++; len(served) == 4*each+4 && served[r] == 1 {
					close(all)
				}
				mu.Unlock()
				mu.Lock()
				inWork[r] = false
				mu.Unlock()
				q.Done(r)
			}
		})
	}
	for _, namespace := range []string{"a", "b", "c", "d"} {
		sources.Go(func() {
			for i, r := range numbered(namespace, each) {
				priority := -(i % 2)
				q.AddWithOpts(priorityqueue.AddOpts{Priority: &priority, After: time.Duration(i%3) * time.Millisecond}, request(r), request(namespace+"/often"))
			}
		})
	}
	sources.Wait()
	<-all
	q.ShutDown()
	workers.Wait()
	for r, n := range served {
		if n != 1 && r.Name != "often" {
			t.Errorf("%s was served %d times", r, n)
		}
	}
}
