package controllers_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
)

var _ = Describe("where Kubernetes lets only those set an owner who may delete", func() {
	It("goes on with Secrets that it may not own, and says who can mend that", func(ctx SpecContext) {
		own, err := testenv.StartOwn(func(o *controlplane.Options) { o.AdmissionPlugins = []string{"OwnerReferencesPermissionEnforcement"} })
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(own.Stop)
		w := newWorldIn(ctx, own)
		Expect(w.Create(ctx, defaultUserRule())).To(Succeed())
		stop := w.start(ctx)
		endpoint := newEndpoint("okta")
		endpoint.Spec.Authentication.Clients = []v1alpha1.OAuthClient{{ClientID: "entra", SecretName: "entra"}}
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, isReady())
		stop()

		By("restoring them as Velero does, which leaves owners out")
		names := []string{endpoint.SecretName(), endpoint.SigningSecretName()}
		owners := get(ctx, w, &corev1.Secret{}, names[0]).OwnerReferences
		for _, name := range names {
			update(ctx, w, get(ctx, w, &corev1.Secret{}, name), func(s *corev1.Secret) { s.OwnerReferences = nil })
		}
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.TokenGeneration = 1 })
		w.start(ctx)
		notOwned := func(e *v1alpha1.ScimEndpoint) *metav1.Condition {
			return meta.FindStatusCondition(e.Status.Conditions, v1alpha1.ConditionSecretsNotOwned)
		}
		eventually(ctx, w, endpoint, And(isReady(), HaveField("Status.TokenGeneration", int64(1)), WithTransform(notOwned,
			HaveField("Message", And(ContainSubstring(names[0]), ContainSubstring(names[1]), ContainSubstring("can't delete"),
				HaveSuffix("}]}}'"))))))
		Eventually(func(g Gomega) { g.Expect(eventReasons(ctx, w)).To(ContainElement("Warning SecretsNotOwned")) }).Should(Succeed())

		By("running the commands that it gives")
		commands := regexp.MustCompile(`kubectl [^}]*}]}}'`).FindAllString(notOwned(endpoint).Message, -1)
		Expect(commands).To(HaveLen(2))
		binaries, err := assets.Ensure(ctx, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		for _, command := range commands {
			command = strings.Replace(command, "kubectl", filepath.Join(binaries, "kubectl")+" --kubeconfig "+own.Kubeconfig, 1)
			output, err := exec.CommandContext(ctx, "sh", "-c", command).CombinedOutput()
			Expect(err).NotTo(HaveOccurred(), string(output))
		}
		for _, name := range names {
			Expect(get(ctx, w, &corev1.Secret{}, name).OwnerReferences).To(Equal(owners), name)
		}
		eventually(ctx, w, endpoint, And(isReady(), WithTransform(notOwned, BeNil())))
	})
})
