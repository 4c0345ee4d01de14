package controllers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/preview"
)

const (
	// forecastTime bounds a forecast. One that takes longer counts as too many.
	forecastTime = 20 * time.Second
	// forecastAge is how old a forecast may be: what rules look up changes, too.
	forecastAge = time.Minute
)

// forecaster counts whom a set of rules would disable before it disables the first
// one, so that rules which disable everybody disable nobody.
type forecaster struct {
	reader client.Reader
	clock  clock.PassiveClock

	mu         sync.Mutex
	namespaces map[string]*forecast
}

// forecast is the last one of a namespace.
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
	return &forecaster{reader: reader, clock: clk, namespaces: map[string]*forecast{}}
}

// errForecasting says to ask again in a moment. To wait would keep all workers from what
// clients push.
var errForecasting = errors.New("whom the rules would disable is being counted")

// allows reports whether the rules may disable Persons at all: whether they would
// disable no more than may be disabled now. That is found out once for a set of rules,
// and again for what they disable later; in between the count of what was really disabled
// is enough. While somebody else is at it, the error is errForecasting.
func (f *forecaster) allows(ctx context.Context, namespace string, set ruleSet, s safety, persons *personWindow) (bool, error) {
	last := f.of(namespace)
	basis := fmt.Sprintf("%s %d %d", set.fingerprint(), s.released, s.windows)
	now := f.clock.Now()
	if allowed, err := last.begin(basis, now); allowed != nil || err != nil {
		return allowed != nil && *allowed, err
	}
	defer last.end()
	left := persons.left(namespace, now, s)
	exceeds, err := f.exceeds(ctx, namespace, set, left)
	if err != nil {
		return false, err
	}
	last.set(basis, now, !exceeds)
	logf.FromContext(ctx).Info("Counted whom the rules would disable", "allowed", left, "tooMany", exceeds)
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

func (f *forecaster) of(namespace string) *forecast {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.namespaces[namespace] == nil {
		f.namespaces[namespace] = &forecast{}
	}
	return f.namespaces[namespace]
}

// exceeds plans for one user after the other until more Persons would be disabled
// than allowed.
func (f *forecaster) exceeds(ctx context.Context, namespace string, set ruleSet, allowed int) (bool, error) {
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
		disables, err := f.disables(bounded, &users.Items[i], set)
		if err != nil {
			if errors.Is(bounded.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
				return true, nil
			}
			return false, err
		}
		if disables {
			found++
		}
		if found > allowed {
			return true, nil
		}
	}
	return false, nil
}

// disables reports whether the rules would disable an enabled Person of a user. Of one
// that the client has taken out of use that is not their doing.
func (f *forecaster) disables(ctx context.Context, user *v1alpha1.ScimUser, set ruleSet) (bool, error) {
	if !isInUse(user) {
		return false, nil
	}
	look := directory{reader: f.reader, namespace: user.Namespace}
	input, err := look.userInput(ctx, user)
	if err != nil {
		return false, err
	}
	effect, err := preview.Of(ctx, set.compiled, input, look)
	if err != nil {
		return false, fmt.Errorf("plan: %w", err)
	}
	return effect.Disables(), nil
}
