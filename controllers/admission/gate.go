package admission

import (
	"context"
	"net/http"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

const (
	// maxReviews is how many rules a replica reviews at a time, from compiling to counting,
	// and maxReviewsOfOne how many of them can be of one namespace, so that one does not
	// keep the others waiting. A review takes a processor and some memory.
	maxReviews      = 4
	maxReviewsOfOne = 2
	// entryTime is how long a review waits for its turn. It is part of what the API server
	// waits for: see warningTime.
	entryTime = time.Second
	// comeBack is after how many seconds clients of the API server repeat, by themselves, what
	// found no turn.
	comeBack = 2
)

// gate bounds how many reviews run at once.
type gate struct {
	mu      sync.Mutex
	all     int
	of      map[string]int
	changed chan struct{}
}

func newGate() *gate { return &gate{of: map[string]int{}, changed: make(chan struct{})} }

// enter waits for a turn until ctx ends, and reports whether it came. Who enters has to leave.
func (g *gate) enter(ctx context.Context, namespace string) bool {
	for {
		g.mu.Lock()
		if g.all < maxReviews && g.of[namespace] < maxReviewsOfOne {
			g.all++
			g.of[namespace]++
			g.mu.Unlock()
			return true
		}
		changed := g.changed
		g.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

func (g *gate) leave(namespace string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all--
	if g.of[namespace]--; g.of[namespace] == 0 {
		delete(g.of, namespace)
	}
	close(g.changed)
	g.changed = make(chan struct{})
}

// bound lets reviews through the gate. One that finds no turn is refused, as the
// configuration's failurePolicy wants it of a rule that was not looked at, in a way that
// clients repeat: a rule is never stored unexamined because many come at once.
func (g *gate) bound(inner admission.Handler) admission.Handler {
	return admission.HandlerFunc(func(ctx context.Context, request admission.Request) admission.Response {
		waiting, cancel := context.WithTimeout(ctx, entryTime)
		defer cancel()
		if !g.enter(waiting, request.Namespace) {
			logf.FromContext(ctx).Info("Too many rules are being reviewed; one was refused for now", "namespace", request.Namespace, "rule", request.Name)
			return busy()
		}
		defer g.leave(request.Namespace)
		return inner.Handle(ctx, request)
	})
}

func busy() admission.Response {
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Result: &metav1.Status{
		Status:  metav1.StatusFailure,
		Code:    http.StatusTooManyRequests,
		Reason:  metav1.StatusReasonTooManyRequests,
		Message: "the operator is reviewing as many rules as it can at a time; nothing was stored, apply this one again",
		Details: &metav1.StatusDetails{RetryAfterSeconds: comeBack},
	}}}
}
