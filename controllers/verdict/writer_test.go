package verdict

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

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
			w := NewWriter(c, nil, clock.RealClock{})
			result, err := w.Begin(person, &person.Status.Conditions).End(tt.ctx(), reconcile.Result{}, Verdict{}, tt.err)
			if written != tt.told || errors.Is(err, tt.err) != tt.told || !result.IsZero() {
				t.Errorf("status written: %v, error: %v, result: %v; want it told: %v", written, err, result, tt.told)
			}
		})
	}
}

func TestWhoIsToComeAgainTellsNobody(t *testing.T) {
	user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: "jane"}}
	w := NewWriter(nil, nil, clock.RealClock{}) // a write would fail
	for range 2 * maxStale {
		result, err := w.Begin(user, &user.Status.Conditions).End(t.Context(), reconcile.Result{}, Verdict{}, Again(time.Second, errors.New("somebody else is at it")))
		if err != nil || result.RequeueAfter < time.Second || result.RequeueAfter > 2*time.Second {
			t.Fatalf("result %v, error %v", result, err)
		}
	}
}

func TestOneEventForAllThatIsHeldIsEnough(t *testing.T) {
	user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: "jane"}}
	good := Ready(v1alpha1.ReasonReady, "All is well.")
	bad := Stalled(v1alpha1.ReasonPersonMissing, "No Person came of it.")
	held := Stalled(v1alpha1.ReasonHeld, "The Person is not disabled.")
	for name, tt := range map[string]struct {
		from, to Verdict
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
			w := NewWriter(nil, recorder, clock.RealClock{})
			w.announce(user, metav1.Condition{Status: tt.from.Ready, Reason: tt.from.Reason}, tt.to)
			if sent := len(recorder.Events); sent != tt.sent {
				t.Errorf("%d Events, want %d", sent, tt.sent)
			}
		})
	}
}

func TestAMovedObjectIsReconciledAgainWithoutAnError(t *testing.T) {
	endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: "okta", UID: "1"}}
	moved := apierrors.NewConflict(schema.GroupResource{Resource: "scimendpoints"}, "okta", errors.New("the object has been modified"))
	answer := error(moved)
	c := interceptor.NewClient(nil, interceptor.Funcs{
		SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
			return answer
		},
	})
	w := NewWriter(c, events.NewFakeRecorder(1), clock.RealClock{})
	bad := Stalled(v1alpha1.ReasonInvalidSecret, "There is no token.")
	r := Replanning(reconcile.Func(func(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
		now := endpoint.DeepCopy()
		return w.Begin(now, &now.Status.Conditions).End(ctx, reconcile.Result{RequeueAfter: time.Hour}, bad, nil)
	}))
	try := func() (reconcile.Result, error) { return r.Reconcile(t.Context(), reconcile.Request{}) }
	for i := range maxStale {
		if result, err := try(); err != nil || result.RequeueAfter <= 0 || result.RequeueAfter >= time.Hour {
			t.Fatalf("try %d: got %v, %v", i, result, err)
		}
	}
	if _, err := try(); !apierrors.IsConflict(err) {
		t.Errorf("what moves for ever is told: got %v", err)
	}
	answer = nil
	if result, err := try(); err != nil || result.RequeueAfter != time.Hour {
		t.Errorf("written: got %v, %v", result, err)
	}
	answer = moved
	if result, err := try(); err != nil || result.RequeueAfter >= time.Hour {
		t.Errorf("a new conflict after a success is nothing to speak of: got %v, %v", result, err)
	}

	cause := errors.New("the reason of all this")
	now := endpoint.DeepCopy()
	if _, err := w.Begin(now, &now.Status.Conditions).End(t.Context(), reconcile.Result{}, Verdict{}, cause); !errors.Is(err, cause) || apierrors.IsConflict(err) {
		t.Errorf("a failure is told, whatever becomes of the status: got %v", err)
	}
}

func TestWhatNoRoomIsCalled(t *testing.T) {
	users := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "persons"}
	full := apierrors.NewForbidden(users, "person-1", errors.New("exceeded quota: small, requested: count/persons.provisioning.rservice.dev=1"))
	if got := Retrying(FailedTo("create", full)).Message; !strings.Contains(got, "ResourceQuota") || strings.Contains(got, "small") {
		t.Errorf("got %q", got)
	}
}

// TestWhoKnowsLessDoesNotOverwriteAStatus: a process that has lost its leadership in the middle of a reconcile, or one of
// several that run, writes what it has planned on an older state.
func TestWhoKnowsLessDoesNotOverwriteAStatus(t *testing.T) {
	meta := metav1.ObjectMeta{Namespace: "tenant", Name: "some", UID: "1", ResourceVersion: "7"}
	user, group, rule := &v1alpha1.ScimUser{ObjectMeta: meta}, &v1alpha1.ScimGroup{ObjectMeta: meta}, &v1alpha1.AutomationRule{ObjectMeta: meta}
	person, organization, site := &v1alpha1.Person{ObjectMeta: meta}, &v1alpha1.Organization{ObjectMeta: meta}, &v1alpha1.Site{ObjectMeta: meta}
	endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: meta}
	said := Stalled(v1alpha1.ReasonConflict, "It is wrong.")
	var seen string
	c := interceptor.NewClient(nil, interceptor.Funcs{
		SubResourcePatch: func(_ context.Context, _ client.Client, _ string, obj client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
			data, err := patch.Data(obj)
			seen = string(data)
			return err
		},
	})
	w := NewWriter(c, events.NewFakeRecorder(20), clock.RealClock{})
	expect := func(what string, err error) {
		t.Helper()
		if err != nil || !strings.Contains(seen, `"resourceVersion":"7"`) {
			t.Errorf("%s is written whatever version there is: %s, error %v", what, seen, err)
		}
		seen = ""
	}
	for object, conditions := range map[client.Object]*[]metav1.Condition{
		user: &user.Status.Conditions, group: &group.Status.Conditions, rule: &rule.Status.Conditions, endpoint: &endpoint.Status.Conditions,
		person: &person.Status.Conditions, organization: &organization.Status.Conditions, site: &site.Status.Conditions,
	} {
		_, err := w.Begin(object, conditions).End(t.Context(), reconcile.Result{}, said, nil)
		expect(fmt.Sprintf("the status of a %T", object), err)
	}
}

// TestAConflictThatLastsIsToldEachTime: what is told as it was told before is no progress.
func TestAConflictThatLastsIsToldEachTime(t *testing.T) {
	person := &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: "jane", UID: "0193f5c0"}}
	c := interceptor.NewClient(nil, interceptor.Funcs{
		SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
			return nil
		},
	})
	w := NewWriter(c, events.NewFakeRecorder(1), clock.RealClock{})
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "persons"}, "jane", nil)
	for try := range 3 * maxStale {
		_, err := w.Begin(person, &person.Status.Conditions).End(t.Context(), reconcile.Result{}, Verdict{}, conflict)
		if told := err != nil; told != (try >= maxStale) {
			t.Errorf("try %d: error %v", try, err)
		}
	}
}

func TestWhatFailsBesideWhoIsToComeAgainIsTold(t *testing.T) {
	soon, failure := Again(time.Second, errors.New("somebody else is at it")), errors.New("no such field")
	for name, tt := range map[string]struct {
		err    error
		passes bool
	}{
		"alone":          {soon, true},
		"wrapped":        {fmt.Errorf("plan: %w", soon), true},
		"twice":          {errors.Join(soon, soon), true},
		"beside another": {errors.Join(failure, soon), false},
		"before another": {errors.Join(fmt.Errorf("plan: %w", soon), failure), false},
		"another":        {failure, false},
		"none":           {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := again(tt.err) != nil; got != tt.passes {
				t.Errorf("passes: %v", got)
			}
		})
	}
}
