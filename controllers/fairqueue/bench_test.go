package fairqueue

import (
	"runtime"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// BenchmarkAgainstLibrary tells time and memory for 100,000 items of two namespaces as shares of what controller-runtime's
// queue takes in the same run.
func BenchmarkAgainstLibrary(b *testing.B) {
	var requests []reconcile.Request
	for _, r := range append(numbered("a", 50_000), numbered("b", 50_000)...) {
		requests = append(requests, request(r))
	}
	var spent, held [2]float64
	for b.Loop() {
		for i, q := range []priorityqueue.PriorityQueue[reconcile.Request]{
			New("ours", 9, limiter()), priorityqueue.New("theirs", func(o *priorityqueue.Opts[reconcile.Request]) { o.RateLimiter = limiter() }),
		} {
			before := inUse()
			begun := time.Now()
			for _, r := range requests {
				q.Add(r)
			}
			q.Len() // has taken in everything
			spent[i] += time.Since(begun).Seconds()
			held[i] += inUse() - before
			begun = time.Now()
			for range requests {
				r, _ := q.Get()
				q.Done(r)
			}
			spent[i] += time.Since(begun).Seconds()
			q.ShutDown()
		}
	}
	b.ReportMetric(spent[0]/spent[1], "time/library's")
	b.ReportMetric(held[0]/held[1], "bytes/library's")
	b.ReportMetric(held[0]/float64(b.N*len(requests)), "bytes/item")
	b.ReportMetric(spent[0]*1e9/float64(b.N*len(requests)), "ns/item")
}

// inUse are the bytes that the heap holds.
func inUse() float64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}
