package config

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// newExecution makes one of a user, as the operator does.
func newExecution(user *v1alpha1.ScimUser) *v1alpha1.AutomationRuleExecution {
	return &v1alpha1.AutomationRuleExecution{ObjectMeta: metav1.ObjectMeta{
		Namespace: tenant, Name: "rule-" + user.Name, Labels: map[string]string{"result": "succeeded"},
		OwnerReferences: []metav1.OwnerReference{{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: "ScimUser", Name: user.Name, UID: user.UID,
		}},
	}, Spec: v1alpha1.AutomationRuleExecutionSpec{
		Rule: "rule", Subject: v1alpha1.SubjectReference{Kind: v1alpha1.SubjectKind("ScimUser"), Name: user.Name},
	}}
}

var _ = Describe("owners, finalizers and labels", Ordered, func() {
	const nobody = `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"nobody","uid":"1b4e28ba-2fa1-11d2-883f-0016d3cca427"}]}}`
	patch := func(ctx SpecContext, c client.Client, object client.Object, patch string) error {
		return c.Patch(ctx, object.DeepCopyObject().(client.Object), client.RawPatch("application/merge-patch+json", []byte(patch)))
	}
	var objects map[string]client.Object
	BeforeAll(func(ctx SpecContext) {
		applyTenant(ctx)
		user := createUser(ctx)
		group := newGroup()
		Expect(actAs("operator").Create(ctx, group)).To(Succeed())
		person := &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, GenerateName: "person-"},
			Spec: v1alpha1.PersonSpec{Name: "Ada", PrimaryEmail: "ada@example.com"}}
		Expect(actAs("operator").Create(ctx, person)).To(Succeed())
		execution := newExecution(user)
		Expect(actAs("operator").Create(ctx, execution)).To(Succeed())
		objects = map[string]client.Object{"user": user, "group": group, "person": person, "execution": execution}
	})

	It("are the operator's alone, whoever may write", func(ctx SpecContext) {
		identities := map[string]client.Client{
			"viewer": actAs("viewer"), "editor": actAs("editor"), "account owner": actAs("account owner"),
			"who may merely patch": wideRole(ctx, "get", "patch"), "who may all": wideRole(ctx, "*"), "administrator": admin,
		}
		for _, change := range []string{
			nobody,
			`{"metadata":{"ownerReferences":[]}}`,
			`{"metadata":{"finalizers":["example.com/stuck"]}}`,
			`{"metadata":{"labels":{"provisioning.rservice.dev/rule":"other"}}}`,
			`{"metadata":{"labels":{"provisioning.rservice.dev/identity":null,"provisioning.rservice.dev/x":""}}}`,
		} {
			for kind, object := range objects {
				if change == `{"metadata":{"ownerReferences":[]}}` && len(object.GetOwnerReferences()) == 0 {
					continue // nothing is changed
				}
				for name, c := range identities {
					err := patch(ctx, c, object, change)
					Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%s as %s: %s: %v", kind, name, change, err)
				}
			}
		}
		for kind, object := range objects {
			Expect(admin.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed(), kind)
			Expect(object.GetDeletionTimestamp()).To(BeNil(), kind)
		}
	})

	It("are all that others may not change of a Person, and the re-run is all that they may of a user", func(ctx SpecContext) {
		note := `{"metadata":{"labels":{"example.com/note":"x"},"annotations":{"example.com/note":"x"}}}`
		Expect(patch(ctx, actAs("account owner"), objects["person"], note)).To(Succeed())
		for _, kind := range []string{"user", "group"} {
			for name, c := range map[string]client.Client{"editor": actAs("editor"), "administrator": admin} {
				for _, change := range []string{
					`{"metadata":{"annotations":{"example.com/note":"x"}}}`,
					`{"metadata":{"labels":{"example.com/note":"x"}}}`,
					`{"metadata":{"annotations":{"provisioning.rservice.dev/fence":"x"}}}`,
				} {
					Expect(apierrors.IsForbidden(patch(ctx, c, objects[kind], change))).To(BeTrue(), "%s as %s: %s", kind, name, change)
				}
				rerun := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationRerun, name)
				Expect(patch(ctx, c, objects[kind], rerun)).To(Succeed(), name)
				Expect(patch(ctx, c, objects[kind], fmt.Sprintf(`{"metadata":{"annotations":{%q:null}}}`, v1alpha1.AnnotationRerun))).To(Succeed(), name)
			}
		}
	})

	It("leave what the safety brake counts to the operator", func(ctx SpecContext) {
		for _, name := range []string{v1alpha1.AnnotationDisabledAt, v1alpha1.AnnotationEnabledAt, v1alpha1.AnnotationPrimaryEmailChangedAt} {
			set := fmt.Sprintf(`{"metadata":{"annotations":{%q:"2027-01-15T08:00:00Z"}}}`, name)
			taken := fmt.Sprintf(`{"metadata":{"annotations":{%q:null}}}`, name)
			for who, c := range map[string]client.Client{"account owner": actAs("account owner"), "who may all": wideRole(ctx, "*"), "administrator": admin} {
				Expect(patch(ctx, c, objects["person"], set)).To(MatchError(ContainSubstring("safety brake counts")), "%s sets %s", who, name)
			}
			Expect(patch(ctx, actAs("operator"), objects["person"], set)).To(Succeed())
			for who, c := range map[string]client.Client{"account owner": actAs("account owner"), "who may all": wideRole(ctx, "*"), "administrator": admin} {
				Expect(patch(ctx, c, objects["person"], taken)).To(MatchError(ContainSubstring("safety brake counts")), "%s takes %s off", who, name)
			}
			Expect(patch(ctx, actAs("operator"), objects["person"], taken)).To(Succeed())
		}
	})

	It("are the operator's and the garbage collector's to change", func(ctx SpecContext) {
		for kind, object := range objects {
			for _, value := range []string{`["example.com/x"]`, `[]`} {
				Expect(patch(ctx, actAs("operator"), object, `{"metadata":{"finalizers":`+value+`,"labels":{"provisioning.rservice.dev/x":"y"}}}`)).
					To(Or(Succeed(), MatchError(ContainSubstring(`cannot patch resource`))), kind)
			}
		}
		orphaned, collected := createUser(ctx), createUser(ctx)
		for _, user := range []*v1alpha1.ScimUser{orphaned, collected} {
			Expect(actAs("operator").Create(ctx, newExecution(user))).To(Succeed())
		}
		Expect(actAs("account owner").Delete(ctx, orphaned, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
		Expect(actAs("account owner").Delete(ctx, collected, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			left := newExecution(orphaned)
			g.Expect(admin.Get(ctx, client.ObjectKeyFromObject(left), left)).To(Succeed())
			g.Expect(left.OwnerReferences).To(BeEmpty())
			g.Expect(apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(orphaned), orphaned))).To(BeTrue())
			g.Expect(apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(newExecution(collected)), left))).To(BeTrue())
			g.Expect(apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(collected), collected))).To(BeTrue())
		}).Should(Succeed())
	})
})
