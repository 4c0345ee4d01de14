package config

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/erasure"
)

var _ = Describe("erasing a person", Ordered, func() {
	BeforeAll(func(ctx SpecContext) {
		applyTenant(ctx)
	})

	It("needs role scim-eraser and no more, under all policies", func(ctx SpecContext) {
		user := newUser()
		user.Finalizers = []string{v1alpha1.FinalizerDeprovision}
		user.Spec.UserName = "grace@example.com"
		Expect(actAs("operator").Create(ctx, user)).To(Succeed())
		execution := newExecution(user)
		Expect(actAs("operator").Create(ctx, execution)).To(Succeed())
		person := &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, GenerateName: "person-"},
			Spec: v1alpha1.PersonSpec{PrimaryEmail: "grace@example.com", Source: v1alpha1.SourceSCIM, SourceID: user.Name}}
		Expect(actAs("operator").Create(ctx, person)).To(Succeed())
		report := &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, GenerateName: "person-"},
			Spec: v1alpha1.PersonSpec{PrimaryEmail: "ford@example.com", Manager: &v1alpha1.RecordReference{Name: person.Name}}}
		Expect(actAs("operator").Create(ctx, report)).To(Succeed())
		other := createUser(ctx)
		mention := newExecution(other)
		mention.Status.Expressions = []v1alpha1.ExpressionResult{{Name: "manager", Value: person.Name}}
		Expect(actAs("operator").Create(ctx, mention)).To(Succeed())
		claim := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, GenerateName: "scim-", Labels: map[string]string{v1alpha1.LabelClaim: "username"}},
			Spec: coordinationv1.LeaseSpec{HolderIdentity: &user.Name}}
		Expect(actAs("operator").Create(ctx, claim)).To(Succeed())
		former := "0193f5c0-0000-7000-8000-00000000dead"
		group := newGroup()
		group.Spec.Pages = []int32{1}
		group.Spec.Members = []v1alpha1.GroupMember{{ID: user.Name}, {ID: other.Name}}
		page := &v1alpha1.ScimGroupPage{
			ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: membership.PageName(group.Name, 1)},
			Spec: v1alpha1.ScimGroupPageSpec{
				Group: group.Name, Members: []v1alpha1.GroupMember{{ID: user.Name}, {ID: former}}, LastModified: group.Spec.LastModified,
			},
		}
		for i := len(page.Spec.Members); i < v1alpha1.MaxGroupMembers; i++ {
			page.Spec.Members = append(page.Spec.Members, v1alpha1.GroupMember{ID: fmt.Sprintf("0193f5c0-0000-7000-8000-%012d", i)})
		}
		for _, object := range []client.Object{page, group} {
			Expect(actAs("operator").Create(ctx, object)).To(Succeed())
		}
		eraser := func(name string) *erasure.Eraser {
			return &erasure.Eraser{Client: actAs(name), Namespace: tenant, Say: func(format string, _ ...any) {
				if strings.HasPrefix(format, "deleted ScimUser") {
					patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
					Expect(actAs("operator").Patch(ctx, user.DeepCopy(), patch)).To(Succeed())
				}
			}}
		}
		for _, name := range []string{"viewer", "editor", "account owner"} {
			e := eraser(name)
			found, err := e.Find(ctx, erasure.Query{ID: user.Name})
			Expect(err).NotTo(HaveOccurred())
			if name == "account owner" {
				continue // who may delete all of it by hand, but cannot look at claims
			}
			Expect(apierrors.IsForbidden(e.Erase(ctx, found[0]))).To(BeTrue(), name)
		}

		e := eraser("eraser")
		found, err := e.Find(ctx, erasure.Query{ID: user.Name})
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(HaveLen(1))
		Expect(e.Erase(ctx, found[0])).To(Succeed())
		for _, gone := range []client.Object{user, person, execution, claim} {
			Expect(apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(gone), gone))).To(BeTrue(), describe(gone))
		}
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(report), report)).To(Succeed())
		Expect(report.Spec.Manager).To(BeNil())
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(mention), mention)).To(Succeed())
		Expect(mention.Status.Expressions[0].Value).To(Equal("(erased)"))
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(group), group)).To(Succeed())
		Expect(group.Spec.Members).To(HaveExactElements(HaveField("ID", other.Name)))
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(page), page)).To(Succeed())
		Expect(page.Spec.Members).To(HaveLen(v1alpha1.MaxGroupMembers - 1))
		Expect(page.Spec.Members[0].ID).To(Equal(former))

		By("deleting no used assertion, which only the operator and what deletes a namespace may")
		used := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
			Namespace: tenant, Name: "assertion-x", Labels: map[string]string{v1alpha1.LabelAssertion: "okta"},
		}}
		another := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
			Namespace: tenant, Name: "claim-x", Labels: map[string]string{v1alpha1.LabelClaim: "username"},
		}}
		for _, lease := range []*coordinationv1.Lease{used, another} {
			Expect(admin.Create(ctx, lease)).To(Succeed())
		}
		Expect(apierrors.IsForbidden(actAs("eraser").Delete(ctx, used))).To(BeTrue())
		Expect(actAs("eraser").Delete(ctx, another)).To(Succeed())
		Expect(actAs("operator").Delete(ctx, used)).To(Succeed())

		By("changing nothing else of a group or a page")
		for name, patch := range map[string]string{
			"another member": `{"spec":{"members":[{"id":"` + former + `"},{"id":"` + other.Name + `"}]}}`,
			"another time":   `{"spec":{"members":[{"id":"` + former + `","joined":1}]}}`,
			"more than that": `{"spec":{"members":[],"lastModified":"2026-01-02T03:04:05.000006Z"}}`,
		} {
			err := actAs("eraser").Patch(ctx, page.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(patch)))
			Expect(apierrors.IsForbidden(err)).To(BeTrue(), name)
		}
		for name, patch := range map[string]string{
			"the name": `{"spec":{"displayName":"Crew"}}`, "the pages": `{"spec":{"members":[],"pages":null}}`,
		} {
			err := actAs("eraser").Patch(ctx, group.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(patch)))
			Expect(apierrors.IsForbidden(err)).To(BeTrue(), name)
		}
		empty := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"members":[]}}`))
		Expect(apierrors.IsForbidden(actAs("editor").Patch(ctx, group.DeepCopy(), empty))).To(BeTrue())
		Expect(actAs("eraser").Patch(ctx, group.DeepCopy(), empty)).To(Succeed())
	})
})
