package controllers

import (
	"context"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestAFailureIsToldUnlessTheProcessEnds(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	outOfTime, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for name, tt := range map[string]struct {
		ctx  func() context.Context
		err  error
		told bool
	}{
		"a cancelled call of a living process": {t.Context, context.Canceled, true},
		"a reconcile that has no time left":    {func() context.Context { return outOfTime }, context.DeadlineExceeded, true},
		"the end of the process":               {func() context.Context { return ended }, context.Canceled, false},
		"any error at the end of the process":  {func() context.Context { return ended }, errors.New("connection refused"), false},
	} {
		t.Run(name, func(t *testing.T) {
			person := &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: "jane"}}
			written := false
			c := interceptor.NewClient(nil, interceptor.Funcs{
				SubResourcePatch: func(ctx context.Context, _ client.Client, _ string, _ client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
					written = ctx.Err() == nil
					return ctx.Err()
				},
			})
			w := newStatusWriter(c, nil, clock.RealClock{})
			result, err := w.fail(tt.ctx(), person, person.DeepCopy(), &person.Status.Conditions, tt.err)
			if written != tt.told || errors.Is(err, tt.err) != tt.told || !result.IsZero() {
				t.Errorf("status written: %v, error: %v, result: %v; want it told: %v", written, err, result, tt.told)
			}
		})
	}
}

func TestOneEventForAllThatIsHeldIsEnough(t *testing.T) {
	user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: "jane"}}
	good := readyVerdict(v1alpha1.ReasonReady, "All is well.")
	bad := stalledVerdict(v1alpha1.ReasonPersonMissing, "No Person came of it.")
	held := hold{generation: 1}.verdict(good)
	for name, tt := range map[string]struct {
		from, to verdict
		sent     int
	}{
		"not ready any more":  {good, bad, 1},
		"ready again":         {bad, good, 1},
		"ready as before":     {good, good, 0},
		"held":                {good, held, 0},
		"held no longer":      {held, good, 0},
		"failed after a hold": {held, bad, 1},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := events.NewFakeRecorder(1)
			w := newStatusWriter(nil, recorder, clock.RealClock{})
			w.announce(user, metav1.Condition{Status: tt.from.ready, Reason: tt.from.reason}, tt.to)
			if sent := len(recorder.Events); sent != tt.sent {
				t.Errorf("%d Events, want %d", sent, tt.sent)
			}
		})
	}
}
