package controllers

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// windowOf is a window over Persons that are enabled, and over ones that were disabled
// so long ago.
func windowOf(now time.Time, enabled int, ago ...time.Duration) *disableWindow {
	w := &disableWindow{clock: clocktesting.NewFakePassiveClock(now), namespaces: map[string]*personCount{}}
	for i := range enabled {
		w.change(nil, personAs(fmt.Sprint("enabled-", i), false, time.Time{}))
	}
	for i, since := range ago {
		w.change(nil, personAs(fmt.Sprint("disabled-", i), true, now.Add(-since)))
	}
	return w
}

func personAs(name string, disabled bool, at time.Time) *v1alpha1.Person {
	person := &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: name}, Spec: v1alpha1.PersonSpec{Disabled: disabled}}
	if !at.IsZero() {
		person.Annotations = map[string]string{v1alpha1.AnnotationDisabledAt: at.UTC().Format(time.RFC3339Nano)}
	}
	return person
}

func TestHowManyMayBeDisabled(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	minutes := func(n ...int) []time.Duration {
		var ago []time.Duration
		for _, m := range n {
			ago = append(ago, time.Duration(m)*time.Minute)
		}
		return ago
	}
	tests := map[string]struct {
		safety  v1alpha1.ScimEndpointSafety
		held    *v1alpha1.HeldDisables
		enabled int
		ago     []time.Duration
		want    int
	}{
		"a fifth of many":                                      {enabled: 200, want: 40},
		"ten of few":                                           {enabled: 12, want: 10},
		"those of the last hour count":                         {enabled: 198, ago: minutes(1, 59), want: 38},
		"those from before it do not":                          {enabled: 200, ago: minutes(61, 600), want: 40},
		"a part that rounds down":                              {enabled: 59, want: 11},
		"another part":                                         {safety: v1alpha1.ScimEndpointSafety{MaxDisablePercent: new(int32(50))}, enabled: 200, want: 100},
		"another minimum":                                      {safety: v1alpha1.ScimEndpointSafety{MinDisableCount: new(int32(1))}, enabled: 4, want: 1},
		"another window":                                       {safety: v1alpha1.ScimEndpointSafety{WindowSeconds: new(int32(7200))}, enabled: 199, ago: minutes(61), want: 39},
		"what is older than a release":                         {held: &v1alpha1.HeldDisables{ReleasedAt: new(v1alpha1.NewTimestamp(now.Add(-time.Minute)))}, enabled: 200, ago: minutes(2, 3), want: 40},
		"what is newer than a release":                         {held: &v1alpha1.HeldDisables{ReleasedAt: new(v1alpha1.NewTimestamp(now.Add(-4 * time.Minute)))}, enabled: 198, ago: minutes(2, 3), want: 38},
		"those of a clock that is a bit ahead count":           {enabled: 199, ago: minutes(-1), want: 39},
		"an annotation of next year keeps nobody from leaving": {enabled: 200, ago: minutes(-525600, -525600), want: 40},
		"less than nothing after a big one":                    {enabled: 0, ago: minutes(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), want: -2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := safetyOf(&v1alpha1.ScimEndpoint{Spec: v1alpha1.ScimEndpointSpec{Safety: test.safety}, Status: v1alpha1.ScimEndpointStatus{Held: test.held}})
			if got := windowOf(now, test.enabled, test.ago...).left("tenant", now, s); got != test.want {
				t.Errorf("left = %d, want %d", got, test.want)
			}
		})
	}
}

func TestAReservationCountsOnceUntilTheCacheConfirmsItOrItsWriteHasFailed(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := safetyOf(&v1alpha1.ScimEndpoint{})
	w := windowOf(now, 12)
	for range 2 {
		if !w.reserve("tenant", "enabled-0", now, s) {
			t.Fatal("the first one is refused")
		}
	}
	if left := w.left("tenant", now, s); left != 9 {
		t.Errorf("left = %d after one that was tried twice, want 9", left)
	}
	w.change(personAs("enabled-0", false, time.Time{}), personAs("enabled-0", true, now))
	if left := w.left("tenant", now, s); left != 9 {
		t.Errorf("left = %d after it is confirmed, want 9", left)
	}
	if !w.reserve("tenant", "enabled-1", now, s) {
		t.Fatal("the second one is refused")
	}
	if left := w.left("tenant", now.Add(2*reservationTime), s); left != 9 {
		t.Errorf("left = %d after a write that failed, want 9", left)
	}
	for i := 2; i < 11; i++ {
		w.reserve("tenant", fmt.Sprint("enabled-", i), now.Add(2*reservationTime), s)
	}
	if w.reserve("tenant", "enabled-11", now.Add(2*reservationTime), s) {
		t.Error("one too many is let through")
	}
	if !w.reserve("other", "enabled-11", now, s) {
		t.Error("another namespace is held for this one")
	}
}

func TestAPersonThatIsEnabledOrGoneIsNotCounted(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := safetyOf(&v1alpha1.ScimEndpoint{})
	w := windowOf(now, 10, time.Minute, time.Minute)
	w.change(personAs("disabled-0", true, now.Add(-time.Minute)), personAs("disabled-0", false, time.Time{}))
	w.change(personAs("disabled-1", true, now.Add(-time.Minute)), nil)
	// By hand, so without the annotation.
	w.change(personAs("enabled-0", false, time.Time{}), personAs("enabled-0", true, time.Time{}))
	if left := w.left("tenant", now, s); left != 10 {
		t.Errorf("left = %d, want 10", left)
	}
}

func TestAClockThatIsPutBackDoesNotEndTheCount(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := safetyOf(&v1alpha1.ScimEndpoint{})
	w := windowOf(now, 12)
	w.left("tenant", now.Add(24*time.Hour), s)
	w.left("tenant", now, s)
	w.change(personAs("enabled-0", false, time.Time{}), personAs("enabled-0", true, now))
	if left := w.left("tenant", now, s); left != 9 {
		t.Errorf("left = %d after one was disabled, want 9", left)
	}
}
