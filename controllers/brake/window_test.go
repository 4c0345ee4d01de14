package brake

import (
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/rulecache"
)

// windowOf is a window over Persons that are enabled, and over ones that were disabled
// so long ago. All are a year old.
func windowOf(now time.Time, enabled int, ago ...time.Duration) *personWindow {
	w := &personWindow{emptied: func(string) {}, clock: clocktesting.NewFakePassiveClock(now), namespaces: map[string]*personCount{}}
	for i := range enabled {
		w.change(nil, personAs(fmt.Sprint("enabled-", i), false, time.Time{}))
	}
	for i, since := range ago {
		w.change(nil, personAs(fmt.Sprint("disabled-", i), true, now.Add(-since)))
	}
	return w
}

func personAs(name string, disabled bool, at time.Time) *v1alpha1.Person {
	person := &v1alpha1.Person{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: name, CreationTimestamp: metav1.NewTime(windowTime.AddDate(-1, 0, 0))},
		Spec:       v1alpha1.PersonSpec{Disabled: disabled, SourceID: "user-of-" + name},
	}
	if !at.IsZero() {
		person.Annotations = map[string]string{v1alpha1.AnnotationDisabledAt: at.UTC().Format(time.RFC3339Nano)}
	}
	return person
}

// windowTime is now in these tests.
var windowTime = time.Unix(1_800_000_000, 0)

func TestHowManyMayBeDisabled(t *testing.T) {
	now := windowTime
	minutes := func(n ...int) []time.Duration {
		var ago []time.Duration
		for _, m := range n {
			ago = append(ago, time.Duration(m)*time.Minute)
		}
		return ago
	}
	tests := map[string]struct {
		safety  v1alpha1.ScimEndpointSafety
		held    *v1alpha1.HeldPersons
		enabled int
		ago     []time.Duration
		want    int
	}{
		"a fifth of many":                                      {enabled: 200, want: 40},
		"ten of few":                                           {enabled: 12, want: 10},
		"those of the last hour count":                         {enabled: 198, ago: minutes(1, 59), want: 38},
		"those from before it do not":                          {enabled: 200, ago: minutes(61, 600), want: 40},
		"a part that rounds down":                              {enabled: 59, want: 11},
		"another part":                                         {safety: v1alpha1.ScimEndpointSafety{MaxDisablePercent: new(int32(30))}, enabled: 200, want: 60},
		"another minimum":                                      {safety: v1alpha1.ScimEndpointSafety{MinDisableCount: new(int32(1))}, enabled: 4, want: 1},
		"another window":                                       {safety: v1alpha1.ScimEndpointSafety{WindowSeconds: new(int32(7200))}, enabled: 199, ago: minutes(61), want: 39},
		"what is older than a release":                         {held: &v1alpha1.HeldPersons{ReleasedAt: new(v1alpha1.NewTimestamp(now.Add(-time.Minute)))}, enabled: 200, ago: minutes(2, 3), want: 40},
		"what is newer than a release":                         {held: &v1alpha1.HeldPersons{ReleasedAt: new(v1alpha1.NewTimestamp(now.Add(-4 * time.Minute)))}, enabled: 198, ago: minutes(2, 3), want: 38},
		"those of a clock that is a bit ahead count":           {enabled: 199, ago: minutes(-1), want: 39},
		"an annotation of next year keeps nobody from leaving": {enabled: 200, ago: minutes(-525600, -525600), want: 40},
		"less than nothing after a big one":                    {enabled: 0, ago: minutes(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), want: -2},
		"those of the last day count in its own window":        {enabled: 40, ago: slices.Repeat(minutes(120), 18), want: 5},
		"those from before the day do not":                     {enabled: 40, ago: slices.Repeat(minutes(1441), 18), want: 10},
		"another part of a day":                                {safety: v1alpha1.ScimEndpointSafety{MaxPercentPerDay: new(int32(10))}, enabled: 300, want: 30},
		"another minimum of a day": {
			safety: v1alpha1.ScimEndpointSafety{MaxPercentPerDay: new(int32(0)), MinCountPerDay: new(int32(5))}, enabled: 198, ago: minutes(600, 700), want: 3,
		},
		"a release starts the day anew, too": {
			held:    &v1alpha1.HeldPersons{ReleasedAt: new(v1alpha1.NewTimestamp(now.Add(-time.Hour)))},
			enabled: 40, ago: slices.Repeat(minutes(120), 18), want: 10,
		},
		"a window of more than a day counts as a day": {
			safety: v1alpha1.ScimEndpointSafety{WindowSeconds: new(int32(604800))}, enabled: 200, ago: minutes(2000), want: 40,
		},
		"a part of a part": {safety: v1alpha1.ScimEndpointSafety{MaxDisablePercent: new(int32(100)), MaxPercentPerDay: new(int32(100))}, enabled: 200, want: 200},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := safetyOf(&v1alpha1.ScimEndpoint{Spec: v1alpha1.ScimEndpointSpec{Safety: test.safety}, Status: v1alpha1.ScimEndpointStatus{Held: test.held}})
			if got := windowOf(now, test.enabled, test.ago...).left("tenant", v1alpha1.HeldDisable, now, s); got != test.want {
				t.Errorf("left = %d, want %d", got, test.want)
			}
		})
	}
}

func TestWhomAPartIsOf(t *testing.T) {
	s := safetyOf(&v1alpha1.ScimEndpoint{})
	young := func(ago time.Duration) func(*v1alpha1.Person) {
		return func(p *v1alpha1.Person) { p.CreationTimestamp = metav1.NewTime(windowTime.Add(-ago)) }
	}
	tests := map[string]struct {
		change func(*v1alpha1.Person)
		// later is when it is asked.
		later time.Duration
		want  int
	}{
		"who is a year old":                                                   {want: 40},
		"nobody who is younger than a hour":                                   {change: young(59 * time.Minute), want: 20},
		"nobody of a minute, however many":                                    {change: young(time.Minute), want: 20},
		"whoever is older by now, but of the day only who is older than that": {change: young(59 * time.Minute), later: 5 * time.Minute, want: 40},
		"who was made by hand is not among them":                              {change: func(p *v1alpha1.Person) { p.Spec.SourceID = "" }, want: 20},
		"nor who has left":                                                    {change: func(p *v1alpha1.Person) { p.Spec.Disabled = true }, want: 20},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := windowOf(windowTime, 100)
			w.left("tenant", v1alpha1.HeldDisable, windowTime, s)
			for i := range 100 {
				person := personAs(fmt.Sprint("more-", i), false, time.Time{})
				if test.change != nil {
					test.change(person)
				}
				w.change(nil, person)
			}
			if got := w.left("tenant", v1alpha1.HeldDisable, windowTime.Add(test.later), s); got != test.want {
				t.Errorf("left = %d, want %d", got, test.want)
			}
			for i := range 100 {
				person := personAs(fmt.Sprint("more-", i), false, time.Time{})
				if test.change != nil {
					test.change(person)
				}
				w.change(person, nil)
			}
			if got := w.left("tenant", v1alpha1.HeldDisable, windowTime.Add(test.later), s); got != 20 {
				t.Errorf("left = %d when they are gone, want 20", got)
			}
		})
	}
}

// All who were made together in one import grow up together: first for the hour, then for the day.
func TestWhoWasRestoredGrowsUp(t *testing.T) {
	s := safetyOf(&v1alpha1.ScimEndpoint{})
	w := &personWindow{emptied: func(string) {}, clock: clocktesting.NewFakePassiveClock(windowTime), namespaces: map[string]*personCount{}}
	for i := range 1000 {
		person := personAs(fmt.Sprint("restored-", i), false, time.Time{})
		person.CreationTimestamp = metav1.NewTime(windowTime)
		w.change(nil, person)
	}
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{time.Second, 10}, {50 * time.Minute, 10}, {2 * time.Hour, 20}, {23 * time.Hour, 20}, {25 * time.Hour, 200}} {
		if got := w.left("tenant", v1alpha1.HeldDisable, windowTime.Add(step.after), s); got != step.want {
			t.Errorf("left = %d after %v, want %d", got, step.after, step.want)
		}
	}
}

// A window that somebody makes short for a moment forgets nothing of the long one.
func TestAnotherLengthForgetsNothing(t *testing.T) {
	s := safetyOf(&v1alpha1.ScimEndpoint{})
	short := safetyOf(&v1alpha1.ScimEndpoint{Spec: v1alpha1.ScimEndpointSpec{Safety: v1alpha1.ScimEndpointSafety{WindowSeconds: new(int32(60))}}})
	w := windowOf(windowTime, 40, slices.Repeat([]time.Duration{10 * time.Minute}, 6)...)
	for i, step := range []struct {
		safety Safety
		want   int
	}{{s, 4}, {short, 10}, {s, 4}} {
		if got := w.left("tenant", v1alpha1.HeldDisable, windowTime, step.safety); got != step.want {
			t.Errorf("left = %d at step %d, want %d", got, i, step.want)
		}
	}
}

func TestAReservationCountsOnceUntilTheCacheConfirmsItOrItsWriteHasFailed(t *testing.T) {
	now := windowTime
	s := safetyOf(&v1alpha1.ScimEndpoint{})
	w := windowOf(now, 12)
	for range 2 {
		if !w.reserve("tenant", []string{"enabled-0"}, v1alpha1.HeldDisable, now, s) {
			t.Fatal("the first one is refused")
		}
	}
	if left := w.left("tenant", v1alpha1.HeldDisable, now, s); left != 9 {
		t.Errorf("left = %d after one that was tried twice, want 9", left)
	}
	w.change(personAs("enabled-0", false, time.Time{}), personAs("enabled-0", true, now))
	if left := w.left("tenant", v1alpha1.HeldDisable, now, s); left != 9 {
		t.Errorf("left = %d after it is confirmed, want 9", left)
	}
	if !w.reserve("tenant", []string{"enabled-1"}, v1alpha1.HeldDisable, now, s) {
		t.Fatal("the second one is refused")
	}
	if left := w.left("tenant", v1alpha1.HeldDisable, now.Add(2*reservationTime), s); left != 9 {
		t.Errorf("left = %d after a write that failed, want 9", left)
	}
	for i := 2; i < 11; i++ {
		w.reserve("tenant", []string{fmt.Sprint("enabled-", i)}, v1alpha1.HeldDisable, now.Add(2*reservationTime), s)
	}
	if w.reserve("tenant", []string{"enabled-11"}, v1alpha1.HeldDisable, now.Add(2*reservationTime), s) {
		t.Error("one too many is let through")
	}
	if !w.reserve("other", []string{"enabled-11"}, v1alpha1.HeldDisable, now, s) {
		t.Error("another namespace is held for this one")
	}
}

func TestAPersonThatIsEnabledOrGoneIsNotCounted(t *testing.T) {
	now := windowTime
	s := safetyOf(&v1alpha1.ScimEndpoint{})
	w := windowOf(now, 10, time.Minute, time.Minute)
	w.change(personAs("disabled-0", true, now.Add(-time.Minute)), personAs("disabled-0", false, time.Time{}))
	w.change(personAs("disabled-1", true, now.Add(-time.Minute)), nil)
	// By hand, so without the annotation.
	w.change(personAs("enabled-0", false, time.Time{}), personAs("enabled-0", true, time.Time{}))
	if left := w.left("tenant", v1alpha1.HeldDisable, now, s); left != 10 {
		t.Errorf("left = %d, want 10", left)
	}
}

func TestAClockThatIsPutBackDoesNotEndTheCount(t *testing.T) {
	now := windowTime
	s := safetyOf(&v1alpha1.ScimEndpoint{})
	w := windowOf(now, 12)
	w.left("tenant", v1alpha1.HeldDisable, now.Add(24*time.Hour), s)
	w.left("tenant", v1alpha1.HeldDisable, now, s)
	w.change(personAs("enabled-0", false, time.Time{}), personAs("enabled-0", true, now))
	if left := w.left("tenant", v1alpha1.HeldDisable, now, s); left != 9 {
		t.Errorf("left = %d after one was disabled, want 9", left)
	}
}

func TestEachEffectHasACountOfItsOwn(t *testing.T) {
	s := safetyOf(&v1alpha1.ScimEndpoint{})
	w := windowOf(windowTime, 100, time.Minute)
	for i, annotation := range []string{
		v1alpha1.AnnotationEnabledAt, v1alpha1.AnnotationEnabledAt, v1alpha1.AnnotationPrimaryEmailChangedAt,
		v1alpha1.AnnotationPrimaryEmailChangedAt, v1alpha1.AnnotationPrimaryEmailChangedAt,
	} {
		before := personAs(fmt.Sprint("enabled-", i), false, time.Time{})
		after := before.DeepCopy()
		after.Annotations = map[string]string{annotation: windowTime.UTC().Format(time.RFC3339Nano)}
		w.change(before, after)
	}
	// Those that were enabled were not in use when the window began, and the one that was disabled was.
	want := map[effect]int{v1alpha1.HeldDisable: 99/5 - 1, v1alpha1.HeldEnable: 99/5 - 2, v1alpha1.HeldChangePrimaryEmail: 99/5 - 3}
	for _, e := range Effects {
		if got := w.left("tenant", e, windowTime, s); got != want[e] {
			t.Errorf("%s: left = %d, want %d", e, got, want[e])
		}
	}
}

func TestWhatCountsAlreadyCountsOnce(t *testing.T) {
	s := safetyOf(&v1alpha1.ScimEndpoint{Spec: v1alpha1.ScimEndpointSpec{Safety: v1alpha1.ScimEndpointSafety{MinDisableCount: new(int32(2)), MaxDisablePercent: new(int32(0))}}})
	w := windowOf(windowTime, 4)
	ask := func(names ...string) bool {
		return w.reserve("tenant", names, v1alpha1.HeldChangePrimaryEmail, windowTime, s)
	}
	for i, step := range []struct {
		names []string
		want  bool
	}{
		{[]string{"enabled-0", "enabled-1", "enabled-2"}, false}, // all or none
		{[]string{"enabled-0"}, true},
		{[]string{"enabled-0", "enabled-1"}, true},
		{[]string{"enabled-2"}, false},
		{[]string{"enabled-1"}, true},
	} {
		if got := ask(step.names...); got != step.want {
			t.Errorf("step %d: %t", i, got)
		}
	}
}

// A decision among 100,000 Persons, 20,000 of whom were disabled today.
func BenchmarkADecision(b *testing.B) {
	s := safetyOf(&v1alpha1.ScimEndpoint{})
	w := windowOf(windowTime, 80_000, slices.Repeat([]time.Duration{2 * time.Hour}, 20_000)...)
	now := windowTime
	for i := range b.N {
		name := fmt.Sprint("enabled-", i%80_000)
		now = now.Add(time.Millisecond)
		if w.reserve("tenant", []string{name}, v1alpha1.HeldDisable, now, s) {
			w.change(personAs(name, false, time.Time{}), personAs(name, true, now))
			w.change(personAs(name, true, now), personAs(name, false, time.Time{}))
		}
	}
}

// Whoever has raised the limits of the first window is told when the day's hold.
func TestWhichLimitLeavesLeast(t *testing.T) {
	hours := func(n int) []time.Duration { return slices.Repeat([]time.Duration{2 * time.Hour}, n) }
	for name, test := range map[string]struct {
		safety  v1alpha1.ScimEndpointSafety
		enabled int
		ago     []time.Duration
		want    string
	}{
		"the part in an hour":                 {enabled: 200, want: "maxDisablePercent 20 within windowSeconds 3600"},
		"the count in an hour":                {enabled: 12, want: "minDisableCount 10 within windowSeconds 3600"},
		"the part in a day, after a slow day": {enabled: 135, ago: hours(65), want: "maxPercentPerDay 40 within a day"},
		"the part in a day, where the first one is raised": {
			safety: v1alpha1.ScimEndpointSafety{MaxDisablePercent: new(int32(100)), WindowSeconds: new(int32(60))}, enabled: 200, want: "maxPercentPerDay 40 within a day",
		},
		"the count in a day, where both parts are raised": {
			safety:  v1alpha1.ScimEndpointSafety{MaxDisablePercent: new(int32(100)), MinDisableCount: new(int32(100)), MaxPercentPerDay: new(int32(100))},
			enabled: 12, want: "minCountPerDay 20 within a day",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := safetyOf(endpointWith("okta", test.safety))
			if got := windowOf(windowTime, test.enabled, test.ago...).narrowest("tenant", v1alpha1.HeldDisable, windowTime, s); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func TestNothingStaysOfANamespaceThatIsGone(t *testing.T) {
	s := safetyOf(&v1alpha1.ScimEndpoint{})
	w := windowOf(windowTime, 1, time.Minute)
	w.left("other", v1alpha1.HeldDisable, windowTime, s)
	w.counts("other", "enabled-0", v1alpha1.HeldDisable, windowTime, s)
	w.persons("other")
	if len(w.namespaces) != 1 {
		t.Errorf("%d namespaces, want the one with Persons", len(w.namespaces))
	}
	f := newForecaster(directory.NewObjects(), w.clock)
	w.emptied = f.forget
	for _, namespace := range []string{"tenant", "other"} {
		if _, err := f.allows(t.Context(), namespace, rulecache.Set{}, v1alpha1.HeldDisable, s, w); err != nil {
			t.Fatal(err)
		}
	}
	w.change(personAs("enabled-0", false, time.Time{}), nil)
	w.change(personAs("disabled-0", true, windowTime.Add(-time.Minute)), nil)
	if len(w.namespaces) != 0 {
		t.Errorf("%d namespaces without Persons", len(w.namespaces))
	}
	if len(f.forecasts) != 1 || f.forecasts[forecastKey{"other", v1alpha1.HeldDisable}] == nil {
		t.Errorf("forecasts %v, want the one of the namespace that is not gone", f.forecasts)
	}
	w.reserve("tenant", []string{"enabled-0"}, v1alpha1.HeldDisable, windowTime, s)
	if left := w.left("tenant", v1alpha1.HeldDisable, windowTime, s); left != 9 {
		t.Errorf("left = %d after a reservation, want 9", left)
	}
}
