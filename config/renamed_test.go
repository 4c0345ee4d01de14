package config

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// renamed makes a kustomization with another namespace and a prefix, as secure.md tells, and returns its objects.
func renamed(ctx SpecContext, components string) []*unstructured.Unstructured {
	GinkgoHelper()
	root := GinkgoT().TempDir()
	Expect(os.CopyFS(filepath.Join(root, "config"), os.DirFS("."))).To(Succeed())
	const header = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
	for folder, text := range map[string]string{
		"base": "namespace: identity\nnamePrefix: blue-\nresources: [../config/default]\ncomponents: [" + components + "]\n",
		"top":  "resources: [../base]\ncomponents: [../config/renamed]\n",
	} {
		Expect(os.Mkdir(filepath.Join(root, folder), 0o700)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(root, folder, "kustomization.yaml"), []byte(header+text), 0o600)).To(Succeed())
	}
	return build(ctx, filepath.Join(root, "top"))
}

var _ = Describe("an installation under another name", Ordered, func() {
	var mine client.Client
	BeforeAll(func(ctx SpecContext) {
		applyTenant(ctx)
		// Each policy admits its own operator alone, so the two installations cannot be there together.
		output, err := run(ctx, "delete", "-k", "policy")
		Expect(err).NotTo(HaveOccurred(), output)
		objects := renamed(ctx, "")
		DeferCleanup(func(ctx SpecContext) {
			for _, object := range objects {
				if strings.HasPrefix(object.GetName(), "blue-") || object.GetName() == "identity" {
					Expect(client.IgnoreNotFound(admin.Delete(ctx, object))).To(Succeed(), describe(object))
				}
			}
			install(ctx)
		})
		for _, object := range objects {
			applyStrictly(ctx, object, "identity")
		}
		mine = as("system:serviceaccount:identity:blue-scim-operator", "system:serviceaccounts", "system:serviceaccounts:identity")
		settle(ctx)
	})

	It("has nothing left of the default names", func(ctx SpecContext) {
		for _, components := range []string{"", "../config/rbac/namespaces", "../config/tls/pod"} {
			for _, object := range renamed(ctx, components) {
				if kind := object.GetKind(); kind == "CustomResourceDefinition" {
					continue
				}
				text, err := object.MarshalJSON()
				Expect(err).NotTo(HaveOccurred())
				Expect(string(text)).NotTo(ContainSubstring("scim-system"), describe(object))
				if strings.Contains(object.GetKind(), "Role") || object.GetKind() == "Deployment" {
					unlabelled := strings.ReplaceAll(string(text), `"app.kubernetes.io/name":"scim-operator"`, "")
					Expect(unlabelled).NotTo(MatchRegexp(`"(--webhook-configuration=)?scim-operator"`), describe(object))
				}
			}
		}
	})

	It("admits its own operator, and bounds it", func(ctx SpecContext) {
		user := newUser()
		Expect(mine.Create(ctx, user)).To(Succeed())
		owned := user.DeepCopy()
		owned.Finalizers = []string{v1alpha1.FinalizerDeprovision}
		Expect(mine.Update(ctx, owned)).To(Succeed())
		owned.Finalizers = nil
		Expect(mine.Update(ctx, owned)).To(Succeed())
		Expect(mine.Delete(ctx, owned)).To(Succeed())

		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "identity", Name: "scim-operator-webhook-cert"}}
		Expect(mine.Create(ctx, secret.DeepCopy(), client.DryRunAll)).To(Succeed())
		secret.Name = "other"
		Expect(mine.Create(ctx, secret, client.DryRunAll)).To(MatchError(ContainSubstring("the operator writes Secrets with label")))
		lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "identity", Name: "scim-operator.provisioning.rservice.dev"}}
		Expect(mine.Create(ctx, lease.DeepCopy(), client.DryRunAll)).To(Succeed())
		lease.Namespace = tenant
		Expect(mine.Create(ctx, lease, client.DryRunAll)).To(MatchError(ContainSubstring("the operator writes Leases with label")))
	})

	It("takes the account of the default names for anybody's", func(ctx SpecContext) {
		Expect(admin.Create(ctx, newGroup(), client.DryRunAll)).To(MatchError(ContainSubstring("only the SCIM server creates")))
		Expect(apierrors.IsForbidden(actAs("operator").Create(ctx, newGroup(), client.DryRunAll))).To(BeTrue())
	})
})
