package controllers_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// checked is an object whose conditions can be looked at.
type checked struct {
	object     client.Object
	conditions []metav1.Condition
	// observed is status.observedGeneration, 0 where the kind has none.
	observed int64
}

func (c checked) String() string { return fmt.Sprintf("%T %s", c.object, c.object.GetName()) }

func conditionsOf(object client.Object) checked {
	switch typed := object.(type) {
	case *v1alpha1.ScimUser:
		return checked{typed, typed.Status.Conditions, typed.Status.ObservedGeneration}
	case *v1alpha1.ScimGroup:
		return checked{typed, typed.Status.Conditions, typed.Status.ObservedGeneration}
	case *v1alpha1.AutomationRule:
		return checked{typed, typed.Status.Conditions, typed.Status.ObservedGeneration}
	case *v1alpha1.ScimEndpoint:
		return checked{typed, typed.Status.Conditions, typed.Status.ObservedGeneration}
	case *v1alpha1.Person:
		return checked{typed, typed.Status.Conditions, 0}
	case *v1alpha1.Organization:
		return checked{typed, typed.Status.Conditions, 0}
	case *v1alpha1.Site:
		return checked{typed, typed.Status.Conditions, 0}
	case *v1alpha1.AutomationRuleExecution:
		return checked{typed, typed.Status.Conditions, 0}
	}
	panic(fmt.Sprintf("%T has no conditions", object))
}

// checkConditions looks at every object of the namespace: what holds at any moment
// has to hold at the end of every test.
func (w *world) checkConditions(ctx context.Context) {
	GinkgoHelper()
	for _, list := range []client.ObjectList{
		&v1alpha1.ScimUserList{}, &v1alpha1.ScimGroupList{}, &v1alpha1.AutomationRuleList{}, &v1alpha1.ScimEndpointList{},
		&v1alpha1.PersonList{}, &v1alpha1.OrganizationList{}, &v1alpha1.SiteList{}, &v1alpha1.AutomationRuleExecutionList{},
	} {
		Expect(w.List(ctx, list)).To(Succeed())
		items, err := meta.ExtractList(list)
		Expect(err).NotTo(HaveOccurred())
		for _, item := range items {
			object, ok := item.(client.Object)
			Expect(ok).To(BeTrue())
			conditionsOf(object).check()
			if _, log := object.(*v1alpha1.AutomationRuleExecution); !log {
				health(object)
			}
		}
	}
}

func (c checked) check() {
	GinkgoHelper()
	if _, person := c.object.(*v1alpha1.Person); !person { // which has none while nothing is wrong with it
		Expect(c.conditions).NotTo(BeEmpty(), "%s", c)
	}
	Expect(c.observed).To(BeNumerically("<=", c.object.GetGeneration()), "%s: observedGeneration is ahead", c)
	Expect(meta.IsStatusConditionTrue(c.conditions, v1alpha1.ConditionReady) &&
		meta.IsStatusConditionTrue(c.conditions, v1alpha1.ConditionStalled)).To(BeFalse(), "%s is Ready and Stalled", c)
	for _, condition := range c.conditions {
		Expect(condition.ObservedGeneration).To(BeNumerically("<=", c.object.GetGeneration()), "%s: %s is ahead", c, condition.Type)
		switch c.object.(type) {
		case *v1alpha1.Person, *v1alpha1.Organization, *v1alpha1.Site:
			Expect(condition.ObservedGeneration).To(BeZero(), "%s: it is written only when it changes, so it would tell of an older one", c)
		}
		Expect(condition.Reason).NotTo(BeEmpty(), "%s: %s has no reason", c, condition.Type)
		Expect(condition.Message).NotTo(BeEmpty(), "%s: %s has no message", c, condition.Type)
		if condition.Type == v1alpha1.ConditionStalled || condition.Type == v1alpha1.ConditionReconciling {
			Expect(condition.Status).To(Equal(metav1.ConditionTrue), "%s: %s is there without being True", c, condition.Type)
		}
	}
}

// ready matches an object whose Ready condition tells of its present generation with
// this status and reason. A Person without conditions is Ready.
func ready(status metav1.ConditionStatus, reason string) types.GomegaMatcher {
	return WithTransform(func(object client.Object) string {
		c := conditionsOf(object)
		condition := meta.FindStatusCondition(c.conditions, v1alpha1.ConditionReady)
		if _, person := object.(*v1alpha1.Person); person && len(c.conditions) == 0 {
			return fmt.Sprintf("%s %s", metav1.ConditionTrue, v1alpha1.ReasonReady)
		}
		if condition == nil {
			return "no Ready condition"
		}
		if c.observed != 0 && c.observed != object.GetGeneration() {
			return "not observed"
		}
		return fmt.Sprintf("%s %s", condition.Status, condition.Reason)
	}, Equal(fmt.Sprintf("%s %s", status, reason)))
}

func isReady() types.GomegaMatcher { return ready(metav1.ConditionTrue, v1alpha1.ReasonReady) }

func isFalse(reason string) types.GomegaMatcher { return ready(metav1.ConditionFalse, reason) }

// observed matches a user whose status tells of its spec.
func observed() types.GomegaMatcher {
	return WithTransform(func(u *v1alpha1.ScimUser) bool { return u.Status.ObservedGeneration == u.Generation }, BeTrue())
}

// subjects matches a rule whose subjects are so.
func subjects(status metav1.ConditionStatus, reason string) types.GomegaMatcher {
	return WithTransform(func(rule *v1alpha1.AutomationRule) string {
		condition := meta.FindStatusCondition(rule.Status.Conditions, v1alpha1.ConditionSubjectsHealthy)
		if condition == nil || rule.Status.ObservedGeneration != rule.Generation {
			return "not observed"
		}
		return fmt.Sprintf("%s %s", condition.Status, condition.Reason)
	}, Equal(fmt.Sprintf("%s %s", status, reason)))
}

// readyMessage is the message of the Ready condition.
func readyMessage[T client.Object](object T) string {
	condition := meta.FindStatusCondition(conditionsOf(object).conditions, v1alpha1.ConditionReady)
	if condition == nil {
		return ""
	}
	return condition.Message
}

// eventually reads an object again until it matches; a missing object does not.
func eventually[T client.Object](ctx context.Context, w *world, object T, matcher types.GomegaMatcher) T {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(w.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
		g.Expect(object).To(matcher, readyMessage(object))
	}).Should(Succeed())
	return object
}
