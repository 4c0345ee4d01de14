package controllers

import (
	"context"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/fairqueue"
)

func TestLivePushesGoBeforeWhatOtherObjectsCause(t *testing.T) {
	q := fairqueue.New("test", 1, workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer q.ShutDown()
	handled := onChange(func(_ context.Context, _, rule *v1alpha1.AutomationRule, into requestSet) error {
		for i := range 10_000 {
			into.add(rule.Namespace, fmt.Sprintf("waiting-%d", i))
		}
		return nil
	})
	rule := &v1alpha1.AutomationRule{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant"}}
	handled.Create(t.Context(), event.CreateEvent{Object: rule}, q)
	live := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: "live"}}
	(&handler.EnqueueRequestForObject{}).Create(t.Context(), event.CreateEvent{Object: live}, q)
	if request, _, _ := q.GetWithPriority(); request.Name != "live" {
		t.Errorf("first is %s, want the pushed user", request.Name)
	}
}
