package config

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
)

// helmCommands are those of config/helm/README.md below a heading.
func helmCommands(heading string) []string {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join("helm", "README.md"))
	Expect(err).NotTo(HaveOccurred())
	_, section, found := strings.Cut(string(text), "\n## "+heading+"\n")
	Expect(found).To(BeTrue(), heading)
	section, _, _ = strings.Cut(section, "\n## ")
	var commands []string
	for _, line := range regexp.MustCompile(`(?m)^    (.+)$`).FindAllStringSubmatch(section, -1) {
		commands = append(commands, line[1])
	}
	return commands
}

var _ = Describe("an installation by kustomize", func() {
	It("becomes a release of Helm, and one by kustomize again, with all that it has", func(ctx SpecContext) {
		binaries, err := assets.Ensure(ctx, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		helm, err := assets.EnsureNeighbour(ctx, "helm", GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		desk := GinkgoT().TempDir()
		other, err := controlplane.Start(ctx, controlplane.Options{Binaries: binaries, Dir: GinkgoT().TempDir(), NoWebhooks: true})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(other.Stop)
		Expect(other.WriteKubeconfig(filepath.Join(desk, "kubeconfig"), "", "admin", "system:masters")).To(Succeed())
		cfg, err := other.AdminConfig()
		Expect(err).NotTo(HaveOccurred())
		there, err := client.New(cfg, client.Options{Scheme: scheme})
		Expect(err).NotTo(HaveOccurred())

		here, err := filepath.Abs(".")
		Expect(err).NotTo(HaveOccurred())
		Expect(os.Symlink(here, filepath.Join(desk, "config"))).To(Succeed())
		Expect(os.Symlink(filepath.Join(here, "default"), filepath.Join(desk, "installation"))).To(Succeed())
		Expect(os.WriteFile(filepath.Join(desk, "values.yaml"), nil, 0o600)).To(Succeed())
		shell := func(command string) (string, error) {
			cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", command)
			cmd.Dir = desk
			cmd.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(desk, "kubeconfig"), "PATH="+strings.Join([]string{binaries, helm, os.Getenv("PATH")}, ":"),
				"HELM_CACHE_HOME="+desk, "HELM_CONFIG_HOME="+desk, "HELM_DATA_HOME="+desk)
			var output bytes.Buffer
			cmd.Stdout, cmd.Stderr = &output, &output
			err := cmd.Run()
			GinkgoWriter.Printf("$ %s\n%s\n", command, &output)
			return output.String(), err
		}
		does := func(command string) {
			GinkgoHelper()
			output, err := shell(command)
			Expect(err).NotTo(HaveOccurred(), "%s\n%s", command, output)
		}
		commands := helmCommands("From kustomize to Helm, and back")
		Expect(commands).To(HaveLen(5))
		operator := &appsv1.Deployment{}
		read := func() {
			GinkgoHelper()
			Expect(there.Get(ctx, client.ObjectKey{Namespace: "scim-system", Name: "scim-operator"}, operator)).To(Succeed())
		}
		ingress := &networkingv1.Ingress{}

		By("installing it by kustomize")
		does("kubectl apply -k installation")
		does("kubectl wait --for=condition=Established --timeout=5m -f config/crd/bases")
		person := &v1alpha1.Person{Spec: v1alpha1.PersonSpec{PrimaryEmail: "babs@example.com"}}
		person.Namespace, person.Name = "default", "babs"
		Expect(there.Create(ctx, person)).To(Succeed())
		read()
		before := operator.DeepCopy()

		By("looking at what would change: nothing but an annotation of Helm's")
		difference, err := shell(commands[0])
		exit := &exec.ExitError{}
		Expect(err).To(BeAssignableToTypeOf(exit))
		Expect(difference).To(ContainSubstring("\n+"))
		for _, line := range regexp.MustCompile(`(?m)^[-+] .*$`).FindAllString(difference, -1) {
			Expect(line).To(Or(HaveSuffix("helm.sh/resource-policy: keep"), MatchRegexp(`generation: \d+$`)))
		}

		By("handing it over")
		does(commands[1])
		does(commands[2])
		read()
		Expect(operator.UID).To(Equal(before.UID))
		Expect(operator.Spec).To(Equal(before.Spec), "the pods go on")

		By("upgrading it with values that change what kubectl had set, and take it away")
		does("helm upgrade scim-operator config/helm -n scim-system -f values.yaml --set replicas=3,ingress.annotations=null")
		read()
		Expect(operator.Spec.Replicas).To(HaveValue(BeEquivalentTo(3)))
		Expect(there.Get(ctx, client.ObjectKeyFromObject(operator), ingress)).To(Succeed())
		Expect(ingress.Annotations).NotTo(HaveKey(ContainSubstring("nginx")))

		By("going back")
		does(commands[3])
		does(commands[4])
		read()
		Expect(operator.UID).To(Equal(before.UID))
		Expect(operator.Spec).To(Equal(before.Spec))
		Expect(there.Get(ctx, client.ObjectKeyFromObject(operator), ingress)).To(Succeed())
		Expect(ingress.Annotations).To(HaveKey(ContainSubstring("nginx")))
		Expect(operator.Labels).To(Equal(before.Labels))
		releases, err := shell("helm list --short -n scim-system")
		Expect(err).NotTo(HaveOccurred())
		Expect(releases).To(BeEmpty())
		does("kubectl diff -k installation")
		does("kubectl apply -k installation")

		uid := person.UID
		Expect(there.Get(ctx, client.ObjectKeyFromObject(person), person)).To(Succeed())
		Expect(person.UID).To(Equal(uid))
	})
})
