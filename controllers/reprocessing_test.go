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
	if _, _, err := r.progress(t.Context(), rule); err != nil {
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

// TestSubjectThatFailsForGoodKeepsNoOtherRuleWaiting: neither does a rule that changes later take back what was said of
// one whose subjects were all tried.
func TestSubjectThatFailsForGoodKeepsNoOtherRuleWaiting(t *testing.T) {
	p := newReprocessing(clocktesting.NewFakePassiveClock(time.Now()))
	first, broken := counted(p)
	p.tried(v1alpha1.SubjectScimUser, broken, p.now(), false)
	later := first.DeepCopy()
	later.Name = "later"
	well := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "tenant", Name: "well"}}
	p.start(later, requestSet{broken: {}, well: {}})
	expect := func(when string, rule *v1alpha1.AutomationRule, total, processed, retrying int64, finished bool) {
		t.Helper()
		state := p.of(rule)
		if state == nil || state.Total != total || state.Processed != processed || state.Retrying != retrying || (state.FinishedAt != nil) != finished {
			t.Errorf("%s, rule %s: %+v", when, rule.Name, state)
		}
	}
	expect("nothing tried", first, 1, 0, 1, false)
	expect("nothing tried", later, 2, 0, 0, false)
	p.tried(v1alpha1.SubjectScimUser, well, p.now(), true)
	p.tried(v1alpha1.SubjectScimUser, broken, p.now(), false)
	expect("all tried", first, 1, 0, 1, false)
	expect("all tried", later, 2, 1, 1, false)
	if left := p.left()[keyOf(first)]; left != 1 {
		t.Errorf("%d subjects are left, want the one that fails", left)
	}
	p.tried(v1alpha1.SubjectScimUser, broken, p.now(), true)
	expect("repaired", first, 1, 1, 0, true)
	expect("repaired", later, 2, 2, 0, true)
	p.forget(keyOf(first), first.Name)
	p.forget(keyOf(later), later.Name)
	if len(p.backlogs) != 0 {
		t.Errorf("something is still counted: %+v", p.backlogs)
	}
}

// TestVersionThatIsNotTheNewestSaysNothing: a reconcile can have read a rule just before it changed, and what is known
// of an even older one is not about it.
func TestVersionThatIsNotTheNewestSaysNothing(t *testing.T) {
	p := newReprocessing(clocktesting.NewFakePassiveClock(time.Now()))
	rule, _ := counted(p)
	older := rule.DeepCopy()
	older.Generation = 1
	if p.start(older, requestSet{}) {
		t.Error("an older version is followed instead")
	}
	if state := p.of(rule); state == nil || state.Total != 1 {
		t.Errorf("%+v", state)
	}
	if state := p.of(older); state != nil {
		t.Errorf("%+v", state)
	}
	newer := rule.DeepCopy()
	newer.Generation = 3
	other := rule.DeepCopy()
	other.UID, other.Generation = "2", 1
	if !p.start(newer, requestSet{}) || !p.start(other, requestSet{}) {
		t.Error("a newer one, or another one of its name, is not")
	}
}
