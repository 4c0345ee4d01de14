package controllers_test

import (
	"bytes"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"rservice.dev/scim-operator/api/credentials"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/clientscmd"
)

var _ = Describe("manager clients secret", func() {
	It("makes secrets that are shown once, and keeps their hashes", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		run := func(args ...string) (code int, out, told string) {
			var stdout, stderr bytes.Buffer
			code = clientscmd.Run(ctx, append([]string{"secret", "--kubeconfig", env.Kubeconfig, "-n", w.namespace, "--endpoint", "entra"}, args...), &stdout, &stderr)
			return code, stdout.String(), stderr.String()
		}
		endpoint := newEndpoint("entra")
		endpoint.Spec.Authentication.Clients = []v1alpha1.OAuthClient{{ClientID: "entra", SecretName: "entra-client"}}
		Expect(w.Create(ctx, endpoint)).To(Succeed())

		code, first, told := run("--client", "entra", "--expires-in", "8760h")
		Expect(code).To(Equal(clientscmd.ExitOK), told)
		Expect(first).To(MatchRegexp(`^scimcs_[\w-]{43}\n$`))
		Expect(told).NotTo(ContainSubstring(strings.TrimSpace(first)))
		code, second, told := run("--client", "entra", "--expires-in", "1h", "--name", "second")
		Expect(code).To(Equal(clientscmd.ExitOK), told)
		secret := get(ctx, w, &corev1.Secret{}, "entra-client")
		Expect(secret.Labels).To(HaveKeyWithValue(v1alpha1.LabelEndpoint, "entra"))
		stored := credentials.ClientSecrets(secret, time.Now())
		Expect(stored).To(HaveLen(2))
		Expect([]string{stored[0].Hash, stored[1].Hash}).To(ConsistOf(
			credentials.HashOf(strings.TrimSpace(first)), credentials.HashOf(strings.TrimSpace(second))))
		Expect(stored).To(HaveEach(Satisfy(func(c credentials.ClientSecret) bool { return c.Valid(time.Now()) })))
		Expect(secret.Data).NotTo(ContainElement(ContainSubstring("scimcs_")))

		By("refusing what cannot be")
		for complaint, args := range map[string][]string{
			"has no client":         {"--client", "nobody", "--expires-in", "1h"},
			"has a key":             {"--client", "entra", "--expires-in", "1h", "--name", "second"},
			"at most":               {"--client", "entra", "--expires-in", "30000h"},
			"more than 0":           {"--client", "entra"},
			"--client are needed":   {"--expires-in", "1h"},
			"cannot be the name":    {"--client", "entra", "--expires-in", "1h", "--name", "token"},
			"unknown argument":      {"--client", "entra", "--expires-in", "1h", "more"},
			"letters, digits, - an": {"--client", "entra", "--expires-in", "1h", "--name", "a/b"},
		} {
			code, out, told := run(args...)
			Expect(code).To(Equal(clientscmd.ExitError), complaint)
			Expect(told).To(ContainSubstring(complaint))
			Expect(out).To(BeEmpty())
		}
		Expect(get(ctx, w, &corev1.Secret{}, "entra-client").Data).To(Equal(secret.Data))
	})
})
