package controllers_test

import (
	"context"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// newMappingWorld makes a namespace with the default rules and runs the controllers in it.
// Controllers for all namespaces would work in those of the other packages' tests, too.
func newMappingWorld(ctx SpecContext) *world {
	GinkgoHelper()
	w := newWorldWithRules(ctx)
	w.start(ctx)
	return w
}

// userMapping is a row of the table: a user that the client pushes, and the Person that
// comes of it. Everything is compared.
type userMapping struct {
	// given are what exists before the user does; what of it is reconciled is waited for.
	given []client.Object
	// groups are the display names of the user's groups, in the order of joining.
	groups []string
	// known is the Person that exists: jane with primaryEmail jane@example.com and name
	// Jane, and with what this changes. Nil: a new one is made.
	known func(*v1alpha1.PersonSpec)
	// user changes the user: userName jane@example.com, displayName Jane.
	user func(*v1alpha1.ScimUserSpec)
	// then is what the client changes afterwards.
	then func(*v1alpha1.ScimUserSpec)
	// later is what happens afterwards to others.
	later func(ctx context.Context, w *world)
	// want changes what is expected: the known Person, linked to the user, or a new one
	// with primaryEmail jane@example.com and name Jane.
	want func(*v1alpha1.PersonSpec)
	// missing says that there is to be no Person.
	missing bool
}

func (m userMapping) run(ctx SpecContext) {
	GinkgoHelper()
	w := newMappingWorld(ctx)
	w.createSettled(ctx, m.given)
	user := newUser("jane@example.com", "Jane")
	var groups []*v1alpha1.ScimGroup
	for _, name := range m.groups {
		groups = append(groups, newGroup(name))
		w.createSettled(ctx, []client.Object{groups[len(groups)-1]})
	}
	w.join(ctx, user, groups...)
	want := v1alpha1.PersonSpec{Name: "Jane", PrimaryEmail: "jane@example.com"}
	if m.known != nil {
		m.known(&want)
		Expect(w.Create(ctx, &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Name: "jane"}, Spec: *want.DeepCopy()})).To(Succeed())
	}
	if m.user != nil {
		m.user(&user.Spec)
	}
	Expect(w.Create(ctx, user)).To(Succeed())
	if m.missing {
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonPersonMissing))
		return
	}
	eventually(ctx, w, user, isReady())
	if m.then != nil {
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { m.then(&u.Spec) })
		eventually(ctx, w, user, isReady())
	}
	if m.later != nil {
		m.later(ctx, w)
	}
	want.Source, want.SourceID = v1alpha1.SourceSCIM, user.Name
	if m.want != nil {
		m.want(&want)
	}
	person := w.personOf(ctx, user)
	if m.known != nil {
		Expect(person.Name).To(Equal("jane"), "the known Person is linked")
	}
	Eventually(func() string {
		Expect(w.Get(ctx, client.ObjectKeyFromObject(person), person)).To(Succeed())
		return cmp.Diff(want, person.Spec)
	}).Should(BeEmpty())
	persons := &v1alpha1.PersonList{}
	Expect(w.List(ctx, persons)).To(Succeed())
	for _, other := range persons.Items {
		Expect(other.Name == person.Name || other.Spec.SourceID != user.Name).To(BeTrue(), "%s has a second Person, %s", user.Name, other.Name)
	}
}

// createSettled creates objects one after the other, and waits for what becomes of users
// and groups.
func (w *world) createSettled(ctx context.Context, objects []client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		// Rows are shared by the runs of a test.
		object = object.DeepCopyObject().(client.Object)
		Expect(w.Create(ctx, object)).To(Succeed())
		switch typed := object.(type) {
		case *v1alpha1.ScimUser:
			eventually(ctx, w, typed, isReady())
		case *v1alpha1.ScimGroup:
			eventually(ctx, w, typed, WithTransform(func(g *v1alpha1.ScimGroup) int64 { return g.Status.ObservedGeneration }, BeNumerically(">", 0)))
		}
	}
}

// gone waits until an object is no more.
func (w *world) gone(ctx context.Context, object client.Object) {
	GinkgoHelper()
	Expect(w.Delete(ctx, object)).To(Succeed())
	Eventually(func() bool {
		return apierrors.IsNotFound(w.Get(ctx, client.ObjectKeyFromObject(object), object))
	}).Should(BeTrue())
}
