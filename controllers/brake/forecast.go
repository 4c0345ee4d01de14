package brake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/preview"
	"rservice.dev/scim-operator/controllers/rulecache"
	"rservice.dev/scim-operator/controllers/rules"
	"rservice.dev/scim-operator/controllers/verdict"
)

const (
	// forecastWait is how long a reconcile waits for a count that another one makes.
	forecastWait = time.Second
	// forecastTime bounds a forecast. One that takes longer counts as too many.
	forecastTime = 20 * time.Second
	// forecastAge is how old a forecast may be: what rules look up changes, too.
	forecastAge = time.Minute
)

// forecaster counts whom a set of rules would disable, enable or give another address before
// it does so to the first one, so that rules which disable everybody disable nobody.
type forecaster struct {
	reader client.Reader
	clock  clock.PassiveClock

	mu        sync.Mutex
	forecasts map[forecastKey]*forecast
}

// forecastKey is what there is a forecast of.
type forecastKey struct {
	namespace string
	effect    effect
}

// forecast is the last one of an effect in a namespace.
type forecast struct {
	mu sync.Mutex
	// underWay says that a forecast is being made, so that it is made once.
	underWay bool
	// basis is what it was made for.
	basis   string
	made    time.Time
	allowed bool
}

func newForecaster(reader client.Reader, clk clock.PassiveClock) *forecaster {
	return &forecaster{reader: reader, clock: clk, forecasts: map[forecastKey]*forecast{}}
}

// errForecasting says to ask again in a moment. To wait would keep all workers from what
// clients push.
var errForecasting = verdict.Again(forecastWait, errors.New("whom the rules would disable, enable or give another address is being counted"))

// allows reports whether the rules may bring an effect about at all: whether they would do so to
// no more Persons than is allowed now. That is found out once for a set of rules, and again for
// what they do later; in between the count of what was really done is enough. While somebody
// else is at it, the error is errForecasting.
func (f *forecaster) allows(ctx context.Context, namespace string, set rulecache.Set, e effect, s Safety, persons *personWindow) (bool, error) {
	last := f.of(forecastKey{namespace, e})
	basis := fmt.Sprintf("%s %d %d", set.Fingerprint(), s.released, s.windows)
	now := f.clock.Now()
	if allowed, err := last.begin(basis, now); allowed != nil || err != nil {
		return allowed != nil && *allowed, err
	}
	defer last.end()
	left := persons.left(namespace, e, now, s)
	exceeds, err := f.exceeds(ctx, namespace, set, e, left, func(person string) bool { return persons.counts(namespace, person, e, now, s) })
	if err != nil {
		return false, err
	}
	last.set(basis, now, !exceeds)
	logf.FromContext(ctx).Info("Counted what the rules would do to Persons", "effect", e, "allowed", left, "tooMany", exceeds)
	return !exceeds, nil
}

// begin returns the result that is there. If there is none, the caller is to make it and
// then to call end.
func (l *forecast) begin(basis string, now time.Time) (*bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.basis == basis && now.Sub(l.made) < forecastAge:
		return new(l.allowed), nil
	case l.underWay:
		return nil, errForecasting
	}
	l.underWay = true
	return nil, nil
}

func (l *forecast) set(basis string, made time.Time, allowed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.basis, l.made, l.allowed = basis, made, allowed
}

func (l *forecast) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.underWay = false
}

func (f *forecaster) of(key forecastKey) *forecast {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.forecasts[key] == nil {
		f.forecasts[key] = &forecast{}
	}
	return f.forecasts[key]
}

// forget drops the forecasts of a namespace that has no Persons any more.
func (f *forecaster) forget(namespace string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.forecasts, func(key forecastKey, _ *forecast) bool { return key.namespace == namespace })
}

// exceeds plans for one user after the other until an effect would come about on more Persons
// than allowed, without those for which it counts already: to repair what rules have done needs
// no more room.
func (f *forecaster) exceeds(ctx context.Context, namespace string, set rulecache.Set, e effect, allowed int, counts func(person string) bool) (bool, error) {
	bounded, cancel := context.WithTimeout(ctx, forecastTime)
	defer cancel()
	users := &v1alpha1.ScimUserList{}
	if err := f.reader.List(bounded, users, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("list ScimUsers: %w", err)
	}
	found := 0
	for i := range users.Items {
		if bounded.Err() != nil && ctx.Err() == nil {
			return true, nil
		}
		person, err := f.causes(bounded, &users.Items[i], set, e)
		if err != nil {
			if errors.Is(bounded.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
				return true, nil
			}
			return false, err
		}
		if person != "" && !counts(person) {
			found++
		}
		if found > allowed {
			return true, nil
		}
	}
	return false, nil
}

// causes returns the Person of a user on which the rules bring an effect about, and the client
// does not, "" where there is none. Who has an address that a user is to get is left out of account: it may be about
// to leave that, as when all addresses go round.
func (f *forecaster) causes(ctx context.Context, user *v1alpha1.ScimUser, set rulecache.Set, e effect) (string, error) {
	if !user.DeletionTimestamp.IsZero() || (e != v1alpha1.HeldChangePrimaryEmail && isClients(e, user, "")) {
		return "", nil
	}
	view := directory.Of(f.reader, user.Namespace)
	input, err := view.UserInput(ctx, user)
	if err != nil {
		return "", err
	}
	var looked rules.Directory = view
	if e == v1alpha1.HeldChangePrimaryEmail {
		looked = view.Unoccupied(user.Name)
	}
	planned, err := preview.Of(ctx, set.Compiled, input, looked)
	if err != nil {
		return "", fmt.Errorf("plan: %w", err)
	}
	record := planned.Record(v1alpha1.RecordPerson)
	before, there := record.Current.(*v1alpha1.Person)
	after, ok := record.Final.(*v1alpha1.Person)
	if !there || !ok || !slices.Contains(effectsBetween(before, after), e) || isClients(e, user, rules.MatchKey(after)) {
		return "", nil
	}
	return before.Name, nil
}
