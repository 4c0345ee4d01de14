package admission

import (
	"context"
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// TestReviewsAtOnceAreBounded fills the gate and looks who finds no turn.
func TestReviewsAtOnceAreBounded(t *testing.T) {
	g := newGate()
	over, cancel := context.WithCancel(t.Context())
	cancel() // who would have to wait has no time to
	for i := range maxReviews {
		if !g.enter(over, string(rune('a'+i/maxReviewsOfOne))) {
			t.Fatalf("review %d has to wait", i)
		}
	}
	if g.enter(over, "z") {
		t.Error("there is a turn for one too many")
	}
	g.leave("a")
	if g.enter(over, "b") {
		t.Error("a namespace has more turns than one may have")
	}
	if !g.enter(over, "z") {
		t.Error("another namespace has to wait although there is a turn")
	}
	for _, namespace := range []string{"a", "b", "b", "z"} {
		g.leave(namespace)
	}
	if g.all != 0 || len(g.of) != 0 {
		t.Errorf("after all have left there are %d, of %v", g.all, g.of)
	}
}

func TestAReviewGetsItsTurnWhenAnotherEnds(t *testing.T) {
	g := newGate()
	for range maxReviewsOfOne {
		g.enter(t.Context(), "a")
	}
	entered := make(chan bool)
	go func() { entered <- g.enter(t.Context(), "a") }()
	g.leave("a")
	if !<-entered {
		t.Error("it did not get the turn")
	}
}

func TestAReviewWithoutATurnIsRefusedForNow(t *testing.T) {
	g := newGate()
	for range maxReviewsOfOne {
		g.enter(t.Context(), "a")
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	request := admission.Request{}
	request.Namespace = "a"
	response := g.bound(admission.HandlerFunc(func(context.Context, admission.Request) admission.Response {
		t.Error("it was reviewed")
		return admission.Allowed("")
	})).Handle(over, request)
	result := response.Result
	if response.Allowed || result.Code != http.StatusTooManyRequests || result.Reason != metav1.StatusReasonTooManyRequests ||
		result.Message == "" || result.Details.RetryAfterSeconds == 0 {
		t.Errorf("the answer is %+v", response)
	}
}

// TestAReviewEndsBeforeTheAPIServerGivesUp adds up what a review may take.
func TestAReviewEndsBeforeTheAPIServerGivesUp(t *testing.T) {
	const timeoutSeconds = 10 // config/webhook
	if most := entryTime + checkTime + warningTime; most >= timeoutSeconds*time.Second {
		t.Errorf("a review may take %s", most)
	}
}
