package controllers

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// What ScimEndpoint.spec.safety is where it says nothing.
const (
	defaultMaxDisablePercent = 20
	defaultMinDisableCount   = 10
	defaultSafetyWindow      = time.Hour
	defaultMaxPercentPerDay  = 40
	defaultMinCountPerDay    = 20
)

// brake stands before everything that disables Persons. It holds what would be too
// many at once. What is held is on the subject, in status.heldGeneration: as long as
// that is set only a release lets go of it, however much time passes.
type brake struct {
	client   client.Client
	clock    clock.PassiveClock
	persons  *personWindow
	forecast *forecaster
}

// hold says that a Person is not to be disabled for now. The zero value is none.
type hold struct {
	generation int64
	// cause is who wants the Person disabled; "" where it has no user.
	cause v1alpha1.HeldCause
	// endpoint is the ScimEndpoint that releases, "" where the namespace has none.
	endpoint string
}

// holdOf is the hold that a user is under.
func holdOf(user *v1alpha1.ScimUser) hold {
	return hold{generation: user.Status.HeldGeneration, cause: user.Status.HeldCause}
}

// keepIn writes the hold into the status of a user.
func (h hold) keepIn(status *v1alpha1.ScimUserStatus) {
	status.HeldGeneration, status.HeldCause = h.generation, h.cause
}

func (h hold) on() bool { return h.generation != 0 }

// disableRequest is a Person that is about to be disabled.
type disableRequest struct {
	namespace, person string
	// held is the hold that the Person is under already.
	held hold
	// rules are those that disable it; nil where the client has the user out of use, which
	// needs no look at what the rules do to others.
	rules *ruleSet
}

// permit is the brake's answer.
type permit struct {
	hold hold
	// uncounted means that the disabling is not to count for later ones, because
	// somebody has agreed to it.
	uncounted bool
}

// ask decides about a Person. An error is one to try again for.
func (b *brake) ask(ctx context.Context, request disableRequest) (permit, error) {
	if err := kube.WaitFor(ctx, b.persons.synced); err != nil {
		return permit{}, err
	}
	s, err := b.safety(ctx, request.namespace)
	if err != nil {
		return permit{}, err
	}
	// What rules did to others is no reason to keep somebody enabled who has left since.
	leaves := request.held.cause == v1alpha1.HeldByRules && request.rules == nil
	switch held := request.held; {
	case s.off:
		return permit{}, nil
	case held.generation > s.released && !leaves:
		held.endpoint = s.endpoint
		return permit{hold: held}, nil
	case held.on() && held.generation <= s.released:
		return permit{uncounted: true}, nil
	}
	allowed := true
	if request.rules != nil {
		allowed, err = b.forecast.allows(ctx, request.namespace, *request.rules, s, b.persons)
		if err != nil {
			return permit{}, err
		}
	}
	now := b.clock.Now()
	if allowed && b.persons.reserve(request.namespace, request.person, now, s) {
		return permit{}, nil
	}
	subjectsNow.held(request.namespace)
	// Newer than what the endpoint tells of, so that a release of that leaves it alone.
	return permit{hold: hold{generation: max(s.published+1, now.Unix()), cause: request.cause(), endpoint: s.endpoint}}, nil
}

func (r disableRequest) cause() v1alpha1.HeldCause {
	if r.rules != nil {
		return v1alpha1.HeldByRules
	}
	return v1alpha1.HeldByClient
}

// safety is what a namespace's ScimEndpoint says of the brake.
type safety struct {
	off      bool
	windows  [2]limit
	endpoint string
	// published and released are the newest generation that the endpoint tells of, and
	// that it has let go of.
	published, released int64
	releasedAt          time.Time
}

// limit is how many Persons may be disabled within a time: a part of them, and always
// minimum.
type limit struct {
	length           time.Duration
	percent, minimum int
}

// from is the time since when disabled Persons count in a window that begins at a time. A
// release starts a new count.
func (s safety) from(begin time.Time) time.Time {
	if begin.After(s.releasedAt) {
		return begin
	}
	return s.releasedAt
}

func (b *brake) safety(ctx context.Context, namespace string) (safety, error) {
	endpoint, err := tenantEndpoint(ctx, b.client, namespace)
	if err != nil || endpoint == nil {
		return safetyOf(&v1alpha1.ScimEndpoint{}), err
	}
	return safetyOf(endpoint), nil
}

func safetyOf(endpoint *v1alpha1.ScimEndpoint) safety {
	spec := endpoint.Spec.Safety
	window := time.Duration(orDefault(spec.WindowSeconds, int(defaultSafetyWindow/time.Second))) * time.Second
	s := safety{
		off: spec.Disabled, endpoint: endpoint.Name,
		windows: [2]limit{
			{min(window, longestWindow), orDefault(spec.MaxDisablePercent, defaultMaxDisablePercent), orDefault(spec.MinDisableCount, defaultMinDisableCount)},
			{longestWindow, orDefault(spec.MaxPercentPerDay, defaultMaxPercentPerDay), orDefault(spec.MinCountPerDay, defaultMinCountPerDay)},
		},
	}
	if held := endpoint.Status.Held; held != nil {
		s.published, s.released = held.Generation, held.ReleasedGeneration
		if held.ReleasedAt != nil {
			s.releasedAt = held.ReleasedAt.Time
		}
	}
	return s
}

func orDefault(value *int32, unset int) int {
	if value == nil {
		return unset
	}
	return int(*value)
}

// tenantEndpoint is the ScimEndpoint that speaks for a namespace: the first one by
// name, nil where there is none. It must not be changed.
func tenantEndpoint(ctx context.Context, reader client.Reader, namespace string) (*v1alpha1.ScimEndpoint, error) {
	return firstEndpoint(ctx, reader, namespace, func(e *v1alpha1.ScimEndpoint) bool { return e.DeletionTimestamp.IsZero() })
}

// verdict is what a held subject shows. besides is what would be shown otherwise.
func (h hold) verdict(besides verdict) verdict {
	message := "The Person is not disabled, because too many were to be disabled at once; everything else is written. "
	if h.endpoint == "" {
		message += "Create a ScimEndpoint in this namespace, whose condition Held then says how to release it, or set spec.disabled of the Person."
	} else {
		message += fmt.Sprintf("Condition Held of ScimEndpoint %s says how to release it.", h.endpoint)
	}
	if besides.ready == metav1.ConditionFalse {
		message += " Besides: " + besides.message
	}
	return stalledVerdict(v1alpha1.ReasonHeld, message)
}
