package verdict

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestVerdictBecomesConditions(t *testing.T) {
	now := metav1.NewTime(time.Unix(1_800_000_000, 0))
	old := metav1.NewTime(now.Add(-time.Hour))
	condition := func(conditionType string, status metav1.ConditionStatus, v Verdict, at metav1.Time) metav1.Condition {
		return metav1.Condition{Type: conditionType, Status: status, Reason: v.Reason, Message: v.Message, ObservedGeneration: 2, LastTransitionTime: at}
	}
	good := Ready("Ready", "All is well.")
	bad := Stalled("PersonMissing", "No Person came of it.")
	again := Retrying(apierrors.NewForbidden(schema.GroupResource{}, "x", nil))
	tests := map[string]struct {
		from []metav1.Condition
		v    Verdict
		want []metav1.Condition
	}{
		"ready has one condition": {v: good, want: []metav1.Condition{condition("Ready", metav1.ConditionTrue, good, now)}},
		"stalled has two": {v: bad, want: []metav1.Condition{
			condition("Ready", metav1.ConditionFalse, bad, now), condition("Stalled", metav1.ConditionTrue, bad, now),
		}},
		"retrying is reconciling": {v: again, want: []metav1.Condition{
			condition("Ready", metav1.ConditionFalse, again, now), condition("Reconciling", metav1.ConditionTrue, again, now),
		}},
		"what no longer applies is removed": {
			from: []metav1.Condition{
				condition("Ready", metav1.ConditionFalse, bad, old), condition("Stalled", metav1.ConditionTrue, bad, old),
			},
			v: good, want: []metav1.Condition{condition("Ready", metav1.ConditionTrue, good, now)},
		},
		"the time of a transition stays while the status does": {
			from: []metav1.Condition{condition("Ready", metav1.ConditionFalse, again, old)},
			v:    bad,
			want: []metav1.Condition{
				condition("Ready", metav1.ConditionFalse, bad, old), condition("Stalled", metav1.ConditionTrue, bad, now),
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := tt.from
			if len(tt.from) > 0 && tt.v.matches(got) {
				t.Error("the conditions match before they are set")
			}
			tt.v.apply(&got, 2, now)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			if !tt.v.matches(got) {
				t.Error("the conditions do not match after they are set")
			}
		})
	}
}

func TestTruncateCutsBetweenCharacters(t *testing.T) {
	for _, message := range []string{strings.Repeat("a", maxMessage), strings.Repeat("é", maxMessage), "a" + strings.Repeat("é", maxMessage)} {
		got := Truncate(message)
		if len(got) > maxMessage || !utf8.ValidString(got) {
			t.Errorf("truncate gives %d bytes, valid: %v", len(got), utf8.ValidString(got))
		}
		if len(message) > maxMessage != strings.HasSuffix(got, "…") {
			t.Errorf("an ellipsis says that something is missing: %q", got[len(got)-5:])
		}
	}
}
