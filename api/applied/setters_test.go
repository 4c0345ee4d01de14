package applied

import (
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestSettersAreThoseOfManagedFields(t *testing.T) {
	old, recent := metav1.NewTime(time.Unix(1000, 0)), metav1.NewTime(time.Unix(2000, 0))
	entry := func(manager string, operation metav1.ManagedFieldsOperationType, subresource string, at *metav1.Time, fields string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, Subresource: subresource, Time: at, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	const update, apply = metav1.ManagedFieldsOperationUpdate, metav1.ManagedFieldsOperationApply
	record := &metav1.ObjectMeta{
		Annotations: map[string]string{corev1.LastAppliedConfigAnnotation: `{"spec":{"location":"4"}}`},
		ManagedFields: []metav1.ManagedFieldsEntry{
			entry("automationrule/a", update, "", &recent, `{"f:spec":{"f:name":{},"f:customFields":{"f:badge":{}}}}`),
			entry("kubectl-edit", update, "", &old, `{"f:spec":{"f:name":{},"f:location":{}}}`),
			entry("flux", apply, "", nil, `{"f:spec":{"f:name":{}}}`),
			entry("scim-operator", update, "status", &recent, `{"f:spec":{"f:vip":{}}}`),
			entry("kubectl-client-side-apply", update, "", &old, `{"f:metadata":{"f:annotations":{"f:kubectl.kubernetes.io/last-applied-configuration":{}}}}`),
		},
	}
	want := map[string][]Setter{
		"name":               {{Manager: "flux", Applied: true}, {Manager: "automationrule/a", At: recent.Time}, {Manager: "kubectl-edit", At: old.Time}},
		"customFields.badge": {{Manager: "automationrule/a", At: recent.Time}},
		"location":           {{Manager: "kubectl-client-side-apply", Applied: true}, {Manager: "kubectl-edit", At: old.Time}},
	}
	if got := Setters(record); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}
