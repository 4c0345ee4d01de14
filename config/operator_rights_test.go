package config

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var _ = Describe("the operator's own account", Ordered, func() {
	token := map[string]string{v1alpha1.LabelEndpoint: "okta"}
	claim := map[string]string{v1alpha1.LabelClaim: "userName"}
	secret := func(namespace, name string, labels map[string]string, kind corev1.SecretType) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}, Type: kind}
	}
	lease := func(namespace, name string, labels map[string]string) *coordinationv1.Lease {
		return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}}
	}
	merge := func(ctx SpecContext, object client.Object, patch string) error {
		return actAs("operator").Patch(ctx, object, client.RawPatch("application/merge-patch+json", []byte(patch)))
	}
	forbidden := func(err error, message string) {
		GinkgoHelper()
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		Expect(err).To(MatchError(ContainSubstring(message)))
	}
	BeforeAll(func(ctx SpecContext) {
		applyTenant(ctx)
	})

	It("writes Secrets of tokens, and its webhook's", func(ctx SpecContext) {
		operator := actAs("operator")
		Expect(operator.Create(ctx, secret(tenant, "other", token, ""), client.DryRunAll)).To(Succeed())
		Expect(operator.Create(ctx, secret("scim-system", "scim-operator-webhook-cert", nil, ""), client.DryRunAll)).To(Succeed())
		forbidden(operator.Create(ctx, secret(tenant, "other", nil, ""), client.DryRunAll), "with label")
		forbidden(operator.Create(ctx, secret("scim-system", "other", nil, ""), client.DryRunAll), "with label")
		forbidden(operator.Create(ctx, secret(tenant, "scim-operator-webhook-cert", nil, ""), client.DryRunAll), "with label")
		Expect(operator.Create(ctx, secret("scim-system", "scim-operator-console", nil, ""), client.DryRunAll)).To(Succeed())
		forbidden(operator.Create(ctx, secret(tenant, "scim-operator-console", nil, ""), client.DryRunAll), "with label")

		By("making salts, and nothing else of one that is there")
		salt := secret(tenant, v1alpha1.SecretSalt, nil, "")
		salt.Data, salt.Immutable = map[string][]byte{v1alpha1.SecretKeySalt: []byte("x")}, new(true)
		Expect(operator.Create(ctx, salt.DeepCopy(), client.DryRunAll)).To(Succeed())
		more := salt.DeepCopy()
		more.Data["password"] = []byte("x")
		forbidden(operator.Create(ctx, more, client.DryRunAll), "tokens and signing keys only")
		mutable := salt.DeepCopy()
		mutable.Immutable = nil
		forbidden(operator.Create(ctx, mutable, client.DryRunAll), "with label")
		Expect(admin.Create(ctx, mutable)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(admin.Delete(ctx, mutable)).To(Succeed()) })
		forbidden(merge(ctx, mutable.DeepCopy(), `{"data":{"salt":"eQ=="}}`), "with label")

		By("making no token of an account")
		account := secret(tenant, "account", token, corev1.SecretTypeServiceAccountToken)
		account.Annotations = map[string]string{corev1.ServiceAccountNameKey: "default"}
		forbidden(operator.Create(ctx, account, client.DryRunAll), "Opaque")

		By("adopting, rotating and releasing one, and nothing else of it")
		own := secret(tenant, "own", nil, "")
		own.Data = map[string][]byte{"token": []byte("x"), "password": []byte("x")}
		Expect(admin.Create(ctx, own)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(admin.Delete(ctx, own)).To(Succeed()) })
		const adopt = `{"metadata":{"labels":{"provisioning.rservice.dev/scim-endpoint":"okta"}}`
		forbidden(merge(ctx, own.DeepCopy(), `{"data":{"token":"eQ=="}}`), "with label")
		forbidden(merge(ctx, own.DeepCopy(), adopt+`,"data":{"password":"eQ=="}}`), "tokens and signing keys only")
		forbidden(merge(ctx, own.DeepCopy(), adopt+`,"data":{"password":null}}`), "tokens and signing keys only")
		Expect(merge(ctx, own.DeepCopy(), adopt+`}`)).To(Succeed())
		Expect(merge(ctx, own.DeepCopy(), `{"data":{"token":"eQ==","previousToken":"eA=="}}`)).To(Succeed())
		Expect(merge(ctx, own.DeepCopy(), `{"data":{"previousToken":null}}`)).To(Succeed())
		Expect(merge(ctx, own.DeepCopy(), `{"metadata":{"labels":{"provisioning.rservice.dev/scim-endpoint":null}}}`)).To(Succeed())
	})

	It("writes Leases of claims, and its election's", func(ctx SpecContext) {
		operator := actAs("operator")
		held := lease(tenant, "claim", claim)
		Expect(operator.Create(ctx, held)).To(Succeed())
		held.Spec.HolderIdentity = new("x")
		Expect(operator.Update(ctx, held)).To(Succeed())
		Expect(operator.Delete(ctx, held)).To(Succeed())
		address := lease(tenant, "identity", map[string]string{v1alpha1.LabelIdentity: "Person"})
		Expect(operator.Create(ctx, address)).To(Succeed())
		address.Spec.HolderIdentity = new("x")
		Expect(operator.Update(ctx, address)).To(Succeed())
		used := lease(tenant, "assertion", map[string]string{v1alpha1.LabelAssertion: "okta"})
		Expect(operator.Create(ctx, used)).To(Succeed())
		Expect(operator.Delete(ctx, used)).To(Succeed())
		election := lease("scim-system", "scim-operator.provisioning.rservice.dev", nil)
		Expect(operator.Create(ctx, election)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(admin.Delete(ctx, election)).To(Succeed()) })
		election.Spec.HolderIdentity = new("x")
		Expect(operator.Update(ctx, election)).To(Succeed())
		forbidden(operator.Create(ctx, lease(tenant, election.Name, nil), client.DryRunAll), "with label")

		By("leaving alone those of others, such as a node's")
		other := lease(tenant, "other", nil)
		Expect(admin.Create(ctx, other)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(admin.Delete(ctx, other)).To(Succeed()) })
		forbidden(operator.Delete(ctx, other.DeepCopy()), "claim, identity or assertion only")
		taken := other.DeepCopy()
		taken.Labels = claim
		forbidden(operator.Update(ctx, taken), "claim, identity or assertion only")
	})

	It("is bounded so without others", func(ctx SpecContext) {
		Expect(admin.Create(ctx, secret(tenant, "any", nil, ""), client.DryRunAll)).To(Succeed())
		Expect(admin.Create(ctx, lease(tenant, "any", nil), client.DryRunAll)).To(Succeed())
	})
})
