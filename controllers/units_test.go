package controllers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/fairqueue"
)

func TestVerdictBecomesConditions(t *testing.T) {
	now := metav1.NewTime(time.Unix(1_800_000_000, 0))
	old := metav1.NewTime(now.Add(-time.Hour))
	condition := func(conditionType string, status metav1.ConditionStatus, v verdict, at metav1.Time) metav1.Condition {
		return metav1.Condition{Type: conditionType, Status: status, Reason: v.reason, Message: v.message, ObservedGeneration: 2, LastTransitionTime: at}
	}
	good := readyVerdict("Ready", "All is well.")
	bad := stalledVerdict("PersonMissing", "No Person came of it.")
	again := retryVerdict(apierrors.NewForbidden(schema.GroupResource{}, "x", nil))
	tests := map[string]struct {
		from []metav1.Condition
		v    verdict
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
		got := truncate(message)
		if len(got) > maxMessage || !utf8.ValidString(got) {
			t.Errorf("truncate gives %d bytes, valid: %v", len(got), utf8.ValidString(got))
		}
		if len(message) > maxMessage != strings.HasSuffix(got, "…") {
			t.Errorf("an ellipsis says that something is missing: %q", got[len(got)-5:])
		}
	}
}

func TestRecordNamesStayTheSame(t *testing.T) {
	// Changing a derived name makes new records for everybody.
	salt := kube.Salt("0123456789abcdef0123456789abcdef")
	tests := map[string]struct {
		id   identity
		n    int
		want string
	}{
		"a Person":            {identity{v1alpha1.RecordPerson, "jane@example.com"}, 1, "person-sqn7k3fkqpx4s3vi2xzstiyusf"},
		"the next one":        {identity{v1alpha1.RecordPerson, "jane@example.com"}, 2, "person-sqn7k3fkqpx4s3vi2xzstiyusf-2"},
		"an Organization":     {identity{v1alpha1.RecordOrganization, "sales"}, 1, "organization-xa46jg55g64wkbtgya6upyvvpf"},
		"of a Person's value": {identity{v1alpha1.RecordOrganization, "jane@example.com"}, 1, "organization-of2v7j3cshrst6jblkptszo3lg"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.id.objectName(salt, tt.n); got != tt.want {
				t.Errorf("objectName = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestErrorsOfWritesHideValues(t *testing.T) {
	invalid := apierrors.NewInvalid(schema.GroupKind{Kind: "Person"}, "person-x", field.ErrorList{
		field.TooLong(field.NewPath("spec", "name"), "Jane Roe", 3),
		field.Invalid(field.NewPath("spec", "primaryEmail"), "jane@example.com", "is wrong"),
	})
	err := failedTo("create record", invalid)
	if got, want := err.Error(), "create record: the API server rejects spec.name (FieldValueTooLong), spec.primaryEmail (FieldValueInvalid)"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	if !apierrors.IsInvalid(err) {
		t.Error("the cause is lost")
	}
	if failedTo("create record", nil) != nil {
		t.Error("no error became one")
	}
}

func TestErrorKinds(t *testing.T) {
	resource := schema.GroupResource{Resource: "persons"}
	tests := map[string]struct {
		err   error
		kind  string
		stale bool
	}{
		"a conflict is planned again":       {apierrors.NewConflict(resource, "x", nil), "Conflict", true},
		"a name that exists, too":           {apierrors.NewAlreadyExists(resource, "x"), "AlreadyExists", true},
		"a record that is gone, too":        {apierrors.NewNotFound(resource, "x"), "NotFound", true},
		"a missing permission is not stale": {apierrors.NewForbidden(resource, "x", nil), "Forbidden", false},
		"a lost connection has no reason":   {errors.New("dial tcp: refused"), "API server not reached", false},
		"a Secret that holds no salt":       {kube.ErrNoSalt, "no salt of 32 bytes under key salt of Secret scim-operator-salt: delete that, and it is made anew", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := failedTo("write", tt.err)
			if got := errorKind(err); got != tt.kind {
				t.Errorf("errorKind = %q, want %q", got, tt.kind)
			}
			if got := isStale(err); got != tt.stale {
				t.Errorf("isStale = %v, want %v", got, tt.stale)
			}
		})
	}
}

func TestLivePushesGoBeforeWhatOtherObjectsCause(t *testing.T) {
	q := fairqueue.New("test", 1, workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer q.ShutDown()
	dependents := onChange(func(_ context.Context, _, rule *v1alpha1.AutomationRule, into requestSet) error {
		for i := range 10_000 {
			into.add(rule.Namespace, fmt.Sprintf("waiting-%d", i))
		}
		return nil
	})
	rule := &v1alpha1.AutomationRule{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant"}}
	dependents.Create(t.Context(), event.CreateEvent{Object: rule}, q)
	live := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: "live"}}
	(&handler.EnqueueRequestForObject{}).Create(t.Context(), event.CreateEvent{Object: live}, q)
	if request, _, _ := q.GetWithPriority(); request.Name != "live" {
		t.Errorf("first is %s, want the pushed user", request.Name)
	}
}

func TestTokensAreLongAndPrintable(t *testing.T) {
	if a, b := newToken(), newToken(); bytes.Equal(a, b) || checkToken(a) != "" {
		t.Errorf("two tokens are equal, or a new one is not good enough: %s", checkToken(a))
	}
	for name, token := range map[string]string{
		"too short":        strings.Repeat("a", v1alpha1.MinTokenLength-1),
		"with a blank":     strings.Repeat("a", v1alpha1.MinTokenLength) + " a",
		"with a line end":  strings.Repeat("a", v1alpha1.MinTokenLength) + "\n",
		"outside of ASCII": strings.Repeat("é", v1alpha1.MinTokenLength),
	} {
		if checkToken([]byte(token)) == "" {
			t.Errorf("a token %s is accepted", name)
		}
	}
}
