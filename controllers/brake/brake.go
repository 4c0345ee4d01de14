package brake

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rulecache"
	"rservice.dev/scim-operator/controllers/verdict"
)

// Brake stands before everything that disables or enables Persons or gives them another
// primary e-mail address. It holds what would be too many at once. What is held is on the
// subject, in status.heldGeneration: as long as that is set only a release lets go of it,
// however much time passes.
type Brake struct {
	client   client.Client
	clock    clock.PassiveClock
	persons  *personWindow
	forecast *forecaster
	// counted hears of each decision to hold something.
	counted func(namespace string, e effect)
}

// New makes a brake. Call it before the cache is started. counted hears of each decision to hold something.
func New(ctx context.Context, c client.Client, from cache.Cache, clk clock.PassiveClock, counted func(namespace string, e effect)) (*Brake, error) {
	forecast := newForecaster(from, clk)
	persons, err := newPersonWindow(ctx, from, clk, forecast.forget)
	if err != nil {
		return nil, err
	}
	return &Brake{client: c, clock: clk, persons: persons, forecast: forecast, counted: counted}, nil
}

// Hold says what is not to happen to a Person for now. The zero value is nothing.
type Hold struct {
	Generation int64
	// effects are what is held, in the order of their names.
	effects []effect
	// cause is who wants the Person disabled or enabled, or, where only its address is held,
	// changed; "" where it has no user.
	cause v1alpha1.HeldCause
	// endpoint is the ScimEndpoint that releases, "" where the namespace has none.
	endpoint string
}

// HoldOf is the hold that a user is under. That of an earlier version of the operator, which
// named no effects, is on disabling.
func HoldOf(user *v1alpha1.ScimUser) Hold {
	h := Hold{Generation: user.Status.HeldGeneration, effects: user.Status.HeldEffects, cause: user.Status.HeldCause}
	if h.On() && len(h.effects) == 0 {
		h.effects = []effect{v1alpha1.HeldDisable}
	}
	return h
}

// holdOfOrphan is the hold that a Person without a user is under.
func holdOfOrphan(person *v1alpha1.Person) Hold {
	return Hold{Generation: person.Status.HeldGeneration, effects: []effect{v1alpha1.HeldDisable}}
}

// KeepIn writes the hold into the status of a user.
func (h Hold) KeepIn(status *v1alpha1.ScimUserStatus) {
	status.HeldGeneration, status.HeldEffects, status.HeldCause = h.Generation, h.effects, h.cause
}

// On reports whether anything is held.
func (h Hold) On() bool { return h.Generation != 0 }

// covers reports whether an effect is held.
func (h Hold) covers(e effect) bool { return h.On() && slices.Contains(h.effects, e) }

// With is one hold of what both hold, under the newer generation: a release of the older one
// must not let go of what is newer.
func (h Hold) With(other Hold) Hold {
	both := Hold{Generation: max(h.Generation, other.Generation), cause: h.cause, endpoint: cmp.Or(h.endpoint, other.endpoint)}
	if !h.decides() && other.On() {
		both.cause = other.cause
	}
	both.effects = slices.Compact(slices.Sorted(slices.Values(slices.Concat(h.effects, other.effects))))
	return both
}

// Fields are those that a plan has to leave as they are.
func (h Hold) Fields() []string {
	var fields []string
	for _, e := range h.effects {
		if field := fieldOf(e); !slices.Contains(fields, field) {
			fields = append(fields, field)
		}
	}
	return fields
}

// decides reports whether the hold is on who is in use.
func (h Hold) decides() bool { return h.covers(v1alpha1.HeldDisable) || h.covers(v1alpha1.HeldEnable) }

// request is an effect that is about to come about on a Person.
type request struct {
	namespace, person string
	effect            effect
	// others are Persons that get their addresses with this one or not at all, and blocked says
	// that the effect cannot come about, because what it waits for is held.
	others  []string
	blocked bool
	// held is the hold that the Person is under already.
	held Hold
	// rules are those whose doing it is; nil where it is the client's, which needs no look at
	// what the rules do to others.
	rules *rulecache.Set
}

// Permit is the brake's answer.
type Permit struct {
	Hold Hold
	// At is when it counts to have come about; zero where it is not to count for later ones,
	// because somebody has agreed to it.
	At time.Time
}

// ask decides about a Person. An error is one to try again for.
func (b *Brake) ask(ctx context.Context, request request) (Permit, error) {
	if err := kube.WaitFor(ctx, b.persons.synced); err != nil {
		return Permit{}, err
	}
	s, err := SafetyIn(ctx, b.client, request.namespace)
	if err != nil {
		return Permit{}, err
	}
	now := b.clock.Now()
	held := request.held
	switch covered := held.covers(request.effect); {
	case s.off:
		return Permit{At: now}, nil
	case covered && held.Generation > s.released && !request.supersedes():
		return Permit{Hold: Hold{Generation: held.Generation, effects: []effect{request.effect}, cause: request.stillBy(), endpoint: s.endpoint}}, nil
	case covered && held.Generation <= s.released:
		return Permit{}, nil
	}
	allowed := !request.blocked
	if allowed && request.rules != nil {
		allowed, err = b.forecast.allows(ctx, request.namespace, *request.rules, request.effect, s, b.persons)
		if err != nil {
			return Permit{}, err
		}
	}
	if allowed && b.persons.reserve(request.namespace, slices.Concat(request.others, []string{request.person}), request.effect, now, s) {
		return Permit{At: now}, nil
	}
	b.counted(request.namespace, request.effect)
	return Permit{Hold: Hold{
		// Newer than what the endpoint tells of, so that a release of that leaves it alone.
		Generation: max(s.published+1, now.Unix()), effects: []effect{request.effect}, cause: request.cause(), endpoint: s.endpoint,
	}}, nil
}

// supersedes reports whether the client wants by now what was held for what rules did: that is no
// reason to keep somebody enabled who has left since, or disabled who is back.
func (r request) supersedes() bool {
	return r.held.cause == v1alpha1.HeldByRules && r.rules == nil && r.effect != v1alpha1.HeldChangePrimaryEmail
}

func (r request) cause() v1alpha1.HeldCause {
	if r.rules != nil {
		return v1alpha1.HeldByRules
	}
	return v1alpha1.HeldByClient
}

// stillBy is who wants what is held already. Where more is held, the hold tells of the rest.
func (r request) stillBy() v1alpha1.HeldCause {
	if len(r.held.effects) > 1 && r.effect == v1alpha1.HeldChangePrimaryEmail {
		return r.cause()
	}
	return r.held.cause
}

// whatIsHeld says in words what does not happen to a Person.
var whatIsHeld = map[effect]string{
	v1alpha1.HeldDisable: "is not disabled", v1alpha1.HeldEnable: "is not enabled", v1alpha1.HeldChangePrimaryEmail: "keeps its primaryEmail",
}

// Verdict is what a held subject shows. besides is what would be shown otherwise.
func (h Hold) Verdict(besides verdict.Verdict) verdict.Verdict {
	var held []string
	for _, e := range h.effects {
		held = append(held, whatIsHeld[e])
	}
	message := fmt.Sprintf("The Person %s, because that was to happen to too many at once; everything else is written. ", strings.Join(held, " and "))
	if h.endpoint == "" {
		message += "Create a ScimEndpoint in this namespace, whose condition Held then says how to release it, or change the Person by hand."
	} else {
		message += fmt.Sprintf("Condition Held of ScimEndpoint %s says how to release it.", h.endpoint)
	}
	if besides.Ready == metav1.ConditionFalse {
		message += " Besides: " + besides.Message
	}
	return verdict.Stalled(v1alpha1.ReasonHeld, message)
}
