package rulecache

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func ruleNamed(name string) *v1alpha1.AutomationRule {
	return &v1alpha1.AutomationRule{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: name, UID: "1", Generation: 1},
		Spec: v1alpha1.AutomationRuleSpec{Subject: v1alpha1.SubjectScimUser, Update: v1alpha1.RuleUpdate{
			Kind: v1alpha1.RecordPerson, Match: map[string]v1alpha1.MatchExpression{"primaryEmail": "user.userName"},
		}},
	}
}

func TestARuleThatIsBeingCompiledKeepsNoOtherRuleWaiting(t *testing.T) {
	cache := New()
	begun, finish := make(chan struct{}), make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		cache.current(ruleNamed("slow")).compile.Do(func() {
			close(begun)
			<-finish
		})
	})
	<-begun
	other := make(chan error, 1)
	go func() { other <- cache.Problem(ruleNamed("other")) }()
	select {
	case err := <-other:
		if err != nil {
			t.Errorf("the other rule: %v", err)
		}
	case <-time.After(5 * time.Minute):
		t.Error("the other rule waits")
	}
	close(finish)
	done.Wait()
}

func TestRunningRulesEndWithTheContext(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Running(ended, v1alpha1.SubjectScimUser, []*v1alpha1.AutomationRule{ruleNamed("a")}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	running, err := Running(t.Context(), v1alpha1.SubjectScimUser, []*v1alpha1.AutomationRule{ruleNamed("a"), {}})
	if err != nil || len(running) != 1 {
		t.Errorf("%d rules, error %v", len(running), err)
	}
}
