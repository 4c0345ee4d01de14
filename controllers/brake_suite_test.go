package controllers_test

import (
	"fmt"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// createUsers makes users and waits until each has its Person.
func (w *world) createUsers(ctx SpecContext, count int) []*v1alpha1.ScimUser {
	GinkgoHelper()
	users := make([]*v1alpha1.ScimUser, count)
	for i := range users {
		users[i] = newUser(fmt.Sprintf("user%d@example.com", i), fmt.Sprintf("User %d", i))
		Expect(w.Create(ctx, users[i])).To(Succeed())
	}
	for _, user := range users {
		eventually(ctx, w, user, isReady())
	}
	return users
}

// census counts Persons and users.
type census struct{ disabled, enabled, held, terminating int }

func (w *world) census(ctx SpecContext, g Gomega) census {
	var c census
	persons, users := &v1alpha1.PersonList{}, &v1alpha1.ScimUserList{}
	g.Expect(w.List(ctx, persons)).To(Succeed())
	g.Expect(w.List(ctx, users)).To(Succeed())
	for i := range persons.Items {
		if persons.Items[i].Spec.Disabled {
			c.disabled++
		} else {
			c.enabled++
		}
	}
	for i := range users.Items {
		if match, err := isFalse(v1alpha1.ReasonHeld).Match(&users.Items[i]); err == nil && match {
			c.held++
		}
		if !users.Items[i].DeletionTimestamp.IsZero() {
			c.terminating++
		}
	}
	return c
}

func (w *world) eventuallyCounts(ctx SpecContext, want census) {
	GinkgoHelper()
	Eventually(func(g Gomega) { g.Expect(w.census(ctx, g)).To(Equal(want)) }).Should(Succeed())
}

// holds matches an endpoint that says how many it holds, and nothing if that is 0.
func holds(count int) types.GomegaMatcher {
	return WithTransform(func(e *v1alpha1.ScimEndpoint) string {
		shown := 0
		if e.Status.Held != nil {
			shown = int(e.Status.Held.Count)
		}
		return fmt.Sprintf("%d %t", shown, meta.IsStatusConditionTrue(e.Status.Conditions, v1alpha1.ConditionHeld))
	}, Equal(fmt.Sprintf("%d %t", count, count > 0)))
}

// release lets go of what an endpoint tells of.
func (w *world) release(ctx SpecContext, endpoint *v1alpha1.ScimEndpoint) {
	GinkgoHelper()
	update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) {
		e.Annotations = map[string]string{v1alpha1.AnnotationReleaseHeld: strconv.FormatInt(e.Status.Held.Generation, 10)}
	})
}

func (w *world) deactivate(ctx SpecContext, users ...*v1alpha1.ScimUser) {
	GinkgoHelper()
	for _, user := range users {
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
	}
}

// eventReasons are the reasons of the Events about an object.
func (w *world) eventReasons(ctx SpecContext, name string) func() []string {
	return func() []string {
		events := &eventsv1.EventList{}
		Expect(w.List(ctx, events)).To(Succeed())
		var reasons []string
		for i := range events.Items {
			if events.Items[i].Regarding.Name == name {
				reasons = append(reasons, events.Items[i].Reason)
			}
		}
		return reasons
	}
}

// limitedTo is an endpoint that lets only so many Persons be disabled in an hour.
func limitedTo(count int32) *v1alpha1.ScimEndpoint {
	endpoint := newEndpoint("okta")
	endpoint.Spec.Safety = v1alpha1.ScimEndpointSafety{MaxDisablePercent: new(int32(0)), MinDisableCount: new(count)}
	return endpoint
}
