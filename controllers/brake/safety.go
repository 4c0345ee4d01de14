package brake

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
)

// What ScimEndpoint.spec.safety is where it says nothing.
const (
	defaultMaxDisablePercent = 20
	defaultMinDisableCount   = 10
	defaultSafetyWindow      = time.Hour
	defaultMaxPercentPerDay  = 40
	defaultMinCountPerDay    = 20
)

// Safety is what a namespace's ScimEndpoints say of the brake.
type Safety struct {
	off      bool
	windows  [2]limit
	endpoint string
	// published and released are the newest generation that the endpoint tells of, and
	// that it has let go of.
	published, released int64
	releasedAt          time.Time
}

// limit is on how many Persons an effect may come about within a time: on a part of them, and
// always on minimum.
type limit struct {
	length           time.Duration
	percent, minimum int
}

// of is the limit where there are so many Persons.
func (l limit) of(persons int) int { return max(l.minimum, persons*l.percent/100) }

// nameLimit names what limits a window where there are so many Persons, as fields of spec.safety.
func (s Safety) nameLimit(window, persons int) string {
	l := s.windows[window]
	part, minimum, within := "maxDisablePercent", "minDisableCount", fmt.Sprintf("windowSeconds %d", int(l.length.Seconds()))
	if window == 1 {
		part, minimum, within = "maxPercentPerDay", "minCountPerDay", "a day"
	}
	if l.of(persons) > l.minimum {
		return fmt.Sprintf("%s %d within %s", part, l.percent, within)
	}
	return fmt.Sprintf("%s %d within %s", minimum, l.minimum, within)
}

// from is the time since when what was done counts in a window that begins at a time. A
// release starts a new count.
func (s Safety) from(begin time.Time) time.Time {
	if begin.After(s.releasedAt) {
		return begin
	}
	return s.releasedAt
}

// SafetyIn is that of a namespace: what its endpoints say, of each field the strictest, so that
// one which is made beside another never weakens it. The first one by name tells what is held
// and releases.
func SafetyIn(ctx context.Context, reader client.Reader, namespace string) (Safety, error) {
	endpoints, err := directory.Of(reader, namespace).Endpoints(ctx)
	if err != nil {
		return Safety{}, err
	}
	var found *Safety
	for _, endpoint := range endpoints {
		if !endpoint.DeletionTimestamp.IsZero() {
			continue
		}
		if s := safetyOf(endpoint); found == nil {
			found = &s
		} else {
			found = new(found.strictest(s))
		}
	}
	if found == nil {
		return safetyOf(&v1alpha1.ScimEndpoint{}), nil
	}
	return *found, nil
}

// Keeps reports whether a hold keeps an effect from coming about now.
func (s Safety) Keeps(h Hold, e effect) bool {
	return h.covers(e) && h.Generation > s.released && !s.off
}

func (s Safety) strictest(other Safety) Safety {
	both := s
	if other.endpoint < s.endpoint {
		both = other
	}
	both.off = s.off && other.off
	for i := range both.windows {
		x, y := s.windows[i], other.windows[i]
		both.windows[i] = limit{length: max(x.length, y.length), percent: min(x.percent, y.percent), minimum: min(x.minimum, y.minimum)}
	}
	return both
}

func safetyOf(endpoint *v1alpha1.ScimEndpoint) Safety {
	spec := endpoint.Spec.Safety
	window := time.Duration(orDefault(spec.WindowSeconds, int(defaultSafetyWindow/time.Second))) * time.Second
	s := Safety{
		off: spec.Disabled, endpoint: endpoint.Name,
		windows: [2]limit{
			{min(window, LongestWindow), orDefault(spec.MaxDisablePercent, defaultMaxDisablePercent), orDefault(spec.MinDisableCount, defaultMinDisableCount)},
			{LongestWindow, orDefault(spec.MaxPercentPerDay, defaultMaxPercentPerDay), orDefault(spec.MinCountPerDay, defaultMinCountPerDay)},
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

// weakness says why the brake would hardly hold anything where there are so many Persons in
// use, "" where it would: it is off, or its limits are above the defaults and let the same
// happen to more than half of them within an hour or a day.
func (s Safety) weakness(persons int) (reason, message string) {
	if s.off {
		return v1alpha1.ReasonSwitchedOff, "The safety brake is off, by spec.safety.disabled. Take that away to have it on."
	}
	for _, window := range []struct {
		limit limit
		least int
		per   time.Duration
		name  string
	}{
		{s.windows[0], defaultMinDisableCount, defaultSafetyWindow, "an hour, by maxDisablePercent, minDisableCount and windowSeconds"},
		{s.windows[1], defaultMinCountPerDay, LongestWindow, "a day, by maxPercentPerDay and minCountPerDay"},
	} {
		times := max(1, int((window.per+window.limit.length-1)/window.limit.length))
		if allowed := min(persons, window.limit.of(persons)*times); allowed > max(window.least, persons/2) {
			return v1alpha1.ReasonLimitsRaised, fmt.Sprintf("spec.safety lets the same happen to %d of %d Persons within %s. "+
				"Lower what is above the defaults, unless that is meant for now.", allowed, persons, window.name)
		}
	}
	return "", ""
}
