package controllers_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// way is one in which Git tools apply.
type way struct {
	manager   string
	arguments []string
}

var (
	clientSide = way{"kubectl-client-side-apply", nil}
	// serverSide is what Flux does.
	serverSide = way{"kustomize-controller", []string{"--server-side", "--force-conflicts", "--field-manager=kustomize-controller"}}
	// argoCD is what Argo CD does unless it is told otherwise.
	argoCD = way{"argocd-controller", []string{"--field-manager=argocd-controller"}}
)

func (w *world) apply(ctx context.Context, by way, manifest string) {
	GinkgoHelper()
	file := filepath.Join(GinkgoT().TempDir(), "manifest.yaml")
	Expect(os.WriteFile(file, []byte(manifest), 0o600)).To(Succeed())
	w.kubectl(ctx, append([]string{"apply", "-f", file}, by.arguments...)...)
}

func manifestOf(kind, name, spec string) string {
	return fmt.Sprintf("apiVersion: provisioning.rservice.dev/v1alpha1\nkind: %s\nmetadata: {name: %s}\nspec: %s\n", kind, name, spec)
}

// keeps waits until an execution says what it keeps once the object's present generation is processed.
func (w *world) keeps(ctx context.Context, rule string, subject client.Object, what string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(w.Get(ctx, client.ObjectKeyFromObject(subject), subject)).To(Succeed())
		g.Expect(conditionsOf(subject).observed).To(Equal(subject.GetGeneration()))
		execution := get(ctx, w, &v1alpha1.AutomationRuleExecution{}, rule+"-"+subject.GetName())
		g.Expect(execution.Status.Result).To(Equal(v1alpha1.ResultSucceeded))
		g.Expect(execution.Status.Conditions[0].Message).To(ContainSubstring(what))
	}).Should(Succeed())
}

// settled waits until subjects that come later have gone through the same queues.
func (w *world) settled(ctx context.Context) {
	GinkgoHelper()
	user, group := newUser("", "Later"), newGroup("")
	user.Spec.UserName, group.Spec.DisplayName = user.Name, group.Name
	Expect(w.Create(ctx, user)).To(Succeed())
	Expect(w.Create(ctx, group)).To(Succeed())
	eventually(ctx, w, user, isFalse(v1alpha1.ReasonPersonMissing))
	eventually(ctx, w, group, isFalse(v1alpha1.ReasonOrganizationNotFound))
}

var _ = Describe("What Git applies", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) {
		w = newWorldWithRules(ctx)
		w.start(ctx)
	})
	generation := func(object client.Object) func() int64 {
		return func() int64 {
			Expect(w.Get(context.Background(), client.ObjectKeyFromObject(object), object)).To(Succeed())
			return object.GetGeneration()
		}
	}

	DescribeTable("is the name of an Organization, which stays when the group is renamed, however often it is applied again,",
		func(ctx SpecContext, by way) {
			manifest := manifestOf("Organization", "sales", `{name: Sales, remarks: From Git}`)
			w.apply(ctx, by, manifest)
			group := newGroup("sales")
			Expect(w.Create(ctx, group)).To(Succeed())
			eventually(ctx, w, group, isReady())
			organization := get(ctx, w, &v1alpha1.Organization{}, "sales")
			Expect(organization.Spec).To(And(HaveField("SourceID", group.Name), HaveField("Name", "Sales"), HaveField("Remarks", "From Git")))

			update(ctx, w, group, func(g *v1alpha1.ScimGroup) { g.Spec.DisplayName = "Sales EMEA" })
			kept := "it keeps name, because field manager " + by.manager + " applied it"
			w.keeps(ctx, "default-organization-mapping", group, kept)
			eventually(ctx, w, group, isReady())
			before := generation(organization)()
			writes := len(w.writes(ctx))
			for range 3 {
				w.apply(ctx, by, manifest)
				w.settled(ctx)
			}
			Expect(generation(organization)()).To(Equal(before))
			Expect(organization.Spec.Name).To(Equal("Sales"))
			for _, write := range w.writes(ctx)[writes:] {
				Expect(write.Name).NotTo(Or(Equal("sales"), ContainSubstring(group.Name)), "a steady state is written: %s", write)
			}
		},
		Entry("by kubectl", clientSide), Entry("by Argo CD", argoCD), Entry("server-side, by Flux", serverSide),
	)

	DescribeTable("comes back for good though a rule has taken it over before,", func(ctx SpecContext, by way) {
		manifest := manifestOf("Organization", "sales", `{name: Sales}`)
		w.apply(ctx, by, manifest)
		group := newGroup("Sales")
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isReady())
		// A rule of an earlier version, or one with force, has written it.
		organization := get(ctx, w, &v1alpha1.Organization{}, "sales")
		Eventually(func() error {
			Expect(w.Get(ctx, client.ObjectKeyFromObject(organization), organization)).To(Succeed())
			patch := client.MergeFrom(organization.DeepCopy())
			organization.Spec.Name = "Sales EMEA"
			return w.Patch(ctx, organization, patch, client.FieldOwner("automationrule/default-organization-mapping"))
		}).Should(Succeed())
		update(ctx, w, group, func(g *v1alpha1.ScimGroup) { g.Spec.DisplayName = "Sales EMEA" })
		eventually(ctx, w, group, isReady())
		w.apply(ctx, by, manifest)
		w.keeps(ctx, "default-organization-mapping", group, "it keeps name, because field manager "+by.manager)
		before := generation(organization)()
		for range 3 {
			w.apply(ctx, by, manifest)
			w.settled(ctx)
		}
		Expect(generation(organization)()).To(Equal(before))
		Expect(organization.Spec.Name).To(Equal("Sales"))
	}, Entry("by kubectl", clientSide), Entry("by Argo CD", argoCD), Entry("server-side, by Flux", serverSide))

	It("is written where the rule says so, and where nobody applied it", func(ctx SpecContext) {
		update(ctx, w, get(ctx, w, &v1alpha1.AutomationRule{}, "default-organization-mapping"), func(r *v1alpha1.AutomationRule) {
			r.Spec.Update.Set[0].Force = true
		})
		w.apply(ctx, serverSide, manifestOf("Organization", "sales", `{name: Sales}`))
		w.apply(ctx, serverSide, manifestOf("Site", "sales", `{name: Sales, timeZone: Europe/Amsterdam}`))
		Expect(w.Create(ctx, newSite("other", "Other"))).To(Succeed())
		for _, name := range []string{"Sales", "Other"} {
			group := newGroup(name)
			Expect(w.Create(ctx, group)).To(Succeed())
			eventually(ctx, w, group, isReady())
			update(ctx, w, group, func(g *v1alpha1.ScimGroup) { g.Spec.DisplayName = name + " EMEA" })
		}
		eventually(ctx, w, &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: "sales"}}, HaveField("Spec.Name", "Sales EMEA"))
		eventually(ctx, w, &v1alpha1.Site{ObjectMeta: metav1.ObjectMeta{Name: "other"}}, HaveField("Spec.Name", "Other EMEA"))
		Expect(get(ctx, w, &v1alpha1.Site{}, "sales").Spec.Name).To(Equal("Sales"))
	})

	DescribeTable("of a Person stays, but nobody stays in use who has left,", func(ctx SpecContext, by way) {
		manifest := manifestOf("Person", "jane", `{primaryEmail: jane@example.com, jobTitle: Chef, disabled: false, customFields: {badge: B-1}}`)
		w.apply(ctx, by, manifest)
		update(ctx, w, get(ctx, w, &v1alpha1.AutomationRule{}, "default-user-mapping"), func(r *v1alpha1.AutomationRule) {
			r.Spec.Update.Set = append(r.Spec.Update.Set, v1alpha1.FieldAssignment{Field: "customFields.badge", Value: `"B-2"`},
				v1alpha1.FieldAssignment{Field: "customFields.floor", Value: "3"})
		})
		user := newUser("jane@example.com", "Jane Roe", func(u *v1alpha1.ScimUser) { u.Spec.Title, u.Spec.UserType = "Cook", "VIP" })
		w.createReady(ctx, user)
		w.keeps(ctx, "default-user-mapping", user, "it keeps jobTitle, customFields.badge, because field manager "+by.manager+" applied it")
		person := w.personOf(ctx, user)
		Expect(person.Name).To(Equal("jane"))
		Expect(person.Spec).To(And(HaveField("JobTitle", "Chef"), HaveField("VIP", true), HaveField("Name", "Jane Roe")))
		Expect(string(person.Spec.CustomFields["badge"].Raw)).To(Equal(`"B-1"`))
		Expect(string(person.Spec.CustomFields["floor"].Raw)).To(Equal("3"))
		before := person.Generation
		for range 3 {
			w.apply(ctx, by, manifest)
			w.settled(ctx)
		}
		Expect(generation(person)()).To(Equal(before))

		By("disabling it all the same, and again after each time that Git enables it")
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
		eventually(ctx, w, person, disabled(true))
		w.keeps(ctx, "default-user-mapping", user, "it sets disabled, because the user is inactive, though field manager "+by.manager+" applied it")
		w.apply(ctx, by, manifest)
		eventually(ctx, w, person, disabled(true))

		By("enabling it again")
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
		eventually(ctx, w, person, disabled(false))
		eventually(ctx, w, user, isReady())

		By("disabling it for good")
		Expect(w.Delete(ctx, user)).To(Succeed())
		eventually(ctx, w, person, disabled(true))
		w.apply(ctx, by, manifest)
		eventually(ctx, w, person, disabled(true))
	}, Entry("by kubectl", clientSide), Entry("server-side, by Flux", serverSide))
})
