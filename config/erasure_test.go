package config

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	})
})
