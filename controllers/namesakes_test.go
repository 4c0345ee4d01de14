package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

// An informer that lists again tells of an object that was deleted and made anew meanwhile as of one that was updated.
var _ = Describe("An object in whose place another one of its name is put while no event comes", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	startBehind := func(ctx SpecContext, resource string, options ...func(*controllers.Options)) *testenv.Barrier {
		GinkgoHelper()
		between := testenv.NewBarrier(resource)
		config := rest.CopyConfig(w.config())
		config.Wrap(between.Around)
		w.run(ctx, suite.NewManager(config, []string{w.namespace}), options...)
		return between
	}
	unheard := func(between *testenv.Barrier, happens func()) {
		GinkgoHelper()
		between.Shut()
		Eventually(between.Holds).Should(BeNumerically(">", 0))
		happens()
		between.Open()
	}

	It("is a rule that runs on all its subjects", func(ctx SpecContext) {
		between := startBehind(ctx, "automationrules", countOften)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane"))
		rule := &v1alpha1.AutomationRule{ObjectMeta: metav1.ObjectMeta{Name: "default-user-mapping"}}
		eventually(ctx, w, rule, isReady())
		unheard(between, func() {
			Expect(w.Delete(ctx, rule)).To(Succeed())
			other := defaultUserRule()
			setValue(other, "jobTitle", `"Director"`)
			Expect(w.Create(ctx, other)).To(Succeed())
		})
		eventually(ctx, w, w.personOf(ctx, user), personSpec(func(p v1alpha1.PersonSpec) string { return p.JobTitle }, Equal("Director")))
		eventually(ctx, w, rule, isReady())
	})

	It("is a Person that becomes as its user has it", func(ctx SpecContext) {
		between := startBehind(ctx, "persons")
		user := w.createReady(ctx, newUser("jane@example.com", "Jane", func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) }))
		person := eventually(ctx, w, w.personOf(ctx, user), disabled(true))
		unheard(between, func() {
			Expect(w.Delete(ctx, person)).To(Succeed())
			other := newPerson(person.Name, person.Spec.PrimaryEmail)
			other.Spec.Source, other.Spec.SourceID = person.Spec.Source, person.Spec.SourceID
			Expect(w.Create(ctx, other)).To(Succeed())
		})
		eventually(ctx, w, person, disabled(true))
	})

	It("is an Organization that tells of what it refers to", func(ctx SpecContext) {
		between := startBehind(ctx, "organizations")
		organization := newOrganization("sales", "Sales")
		Expect(w.Create(ctx, organization)).To(Succeed())
		unheard(between, func() {
			Expect(w.Delete(ctx, organization)).To(Succeed())
			organization = newOrganization("sales", "Sales")
			organization.Spec.Parent = &v1alpha1.RecordReference{Name: "gone"}
			Expect(w.Create(ctx, organization)).To(Succeed())
		})
		eventually(ctx, w, organization, isFalse(v1alpha1.ReasonReferenceNotFound))
	})
})
