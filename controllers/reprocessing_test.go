package controllers

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// counted is a rule that all of one subject is counted for, as a standby does that follows changes.
func counted(p *reprocessing) (*v1alpha1.AutomationRule, reconcile.Request) {
	rule := &v1alpha1.AutomationRule{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: "mapping", UID: "1", Generation: 2},
		Spec:       v1alpha1.AutomationRuleSpec{Subject: v1alpha1.SubjectScimUser},
	}
	subject := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "tenant", Name: "user"}}
	p.start(rule, requestSet{subject: {}})
	return rule, subject
}

func TestNewLeaderBelievesWhatIsFinished(t *testing.T) {
	clk := clocktesting.NewFakePassiveClock(time.Now())
	r := &ruleReconciler{reprocessing: newReprocessing(clk)}
	rule, _ := counted(r.reprocessing)
	// Another rule that changed later made the count begin anew: this one was finished before that.
	finished := v1alpha1.NewTimestamp(clk.Now().Add(-time.Hour))
	rule.Status.ObservedGeneration = 2
	rule.Status.Reprocessing = &v1alpha1.Reprocessing{Total: 1, Processed: 1, StartedAt: &finished, FinishedAt: &finished}
	if _, err := r.progress(t.Context(), rule); err != nil {
		t.Fatal(err)
	}
	if underWay(rule) || rule.Status.Reprocessing.FinishedAt == nil {
		t.Errorf("the rule is under way again: %+v", rule.Status.Reprocessing)
	}
	if state := r.reprocessing.of(rule); state != nil {
		t.Errorf("it is still counted for: %+v", state)
	}
}

func TestSubjectThatPanicsKeepsNobodyWaiting(t *testing.T) {
	p := newReprocessing(clocktesting.NewFakePassiveClock(time.Now()))
	rule, subject := counted(p)
	broken := tracked{
		Reconciler:   reconcile.Func(func(context.Context, ctrl.Request) (ctrl.Result, error) { panic("broken") }),
		reprocessing: p, kind: v1alpha1.SubjectScimUser,
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic has got lost")
			}
		}()
		_, err := broken.Reconcile(t.Context(), subject)
		t.Errorf("no panic, %v", err)
	}()
	if state := p.of(rule); state.Retrying != 1 || state.Processed != 0 {
		t.Errorf("%+v, want 1 that is tried again", state)
	}
}
