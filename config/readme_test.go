package config

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// reasonPattern finds the constants in api/v1alpha1/conditions.go, flagPattern the flags in what --help prints, with their defaults.
var (
	reasonPattern = regexp.MustCompile(`(?m)^\tReason\w+ += "(\w+)"$`)
	flagPattern   = regexp.MustCompile(`(?m)^  -([a-z-]+).*\n    \t.*?(?: \(default (.*)\))?$`)
)

// section is the part under a heading of one of the documents for those who install and operate.
func section(heading string) string {
	GinkgoHelper()
	documents, err := filepath.Glob("*.md")
	Expect(err).NotTo(HaveOccurred())
	for _, document := range documents {
		text, err := os.ReadFile(document)
		Expect(err).NotTo(HaveOccurred())
		if _, rest, found := strings.Cut(string(text), "\n## "+heading+"\n"); found {
			part, _, _ := strings.Cut(rest, "\n## ")
			return part
		}
	}
	Fail("no document has a section " + heading)
	return ""
}

// firstCommands returns the first indented block of a section.
func firstCommands(heading string) string {
	GinkgoHelper()
	var commands []string
	for line := range strings.Lines(section(heading)) {
		command, indented := strings.CutPrefix(line, "    ")
		if indented {
			commands = append(commands, command)
		} else if len(commands) > 0 {
			break
		}
	}
	Expect(commands).NotTo(BeEmpty())
	return strings.Join(commands, "")
}

// shell runs commands of a document as a reader would, whose kustomization is config/default.
func shell(ctx context.Context, commands string) string {
	GinkgoHelper()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", strings.ReplaceAll(commands, "-k installation", "-k default"))
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(kubectl)+":"+os.Getenv("PATH"), "KUBECONFIG="+kubeconfig)
	output, err := cmd.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s\n%s", commands, output)
	return string(output)
}

var _ = Describe("the documents", func() {
	It("names every reason that a condition can have, for troubleshooting", func() {
		source, err := os.ReadFile("../api/v1alpha1/conditions.go")
		Expect(err).NotTo(HaveOccurred())
		reasons := reasonPattern.FindAllStringSubmatch(string(source), -1)
		Expect(len(reasons)).To(BeNumerically(">", 20), "conditions.go looks different from what this test expects")
		for _, reason := range v1alpha1.RefusalReasons() {
			Expect(section("Refused requests")).To(ContainSubstring("| `"+string(reason)+"` |"), "of reasons of refusals")
		}
		table := section("Troubleshooting")
		for _, reason := range reasons {
			Expect(table).To(MatchRegexp("(?m)^\\|[^|]*`"+reason[1]+"`[^|]*\\|"), "the table of reasons does not have %s", reason[1])
		}
	})

	It("explains every flag, with its default", func(ctx SpecContext) {
		help, err := exec.CommandContext(ctx, "go", "run", "..", "--help").CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(help))
		flags := flagPattern.FindAllStringSubmatch(string(help), -1)
		Expect(len(flags)).To(BeNumerically(">", 5), "the help looks different from what this test expects")
		table := section("Flags")
		for _, flag := range flags {
			name, value := flag[1], strings.TrimSuffix(strings.Trim(flag[2], `"`), "0s") // 1m0s
			row := regexp.MustCompile("(?m)^\\|[^|]*`--" + name + "`[^|]*\\|([^|]*)\\|").FindStringSubmatch(table)
			Expect(row).NotTo(BeNil(), "install.md has no row for --%s", name)
			if value != "" {
				Expect(row[1]).To(ContainSubstring("`"+value+"`"), "the default of --%s", name)
			}
		}
	})

	It("tells which binding to take away for a restore", func(ctx SpecContext) {
		Expect(section("Velero")).To(ContainSubstring("kubectl delete validatingadmissionpolicybinding scim-resources "))
		output, err := run(ctx, "get", "validatingadmissionpolicybinding", "scim-resources")
		Expect(err).NotTo(HaveOccurred(), output)
	})

	It("narrows egress to the API server", func(ctx SpecContext) {
		_, patches, found := strings.Cut(section("Egress"), "    patches:\n")
		Expect(found).To(BeTrue())
		patches, _, _ = strings.Cut(patches, "\n\n")
		root := GinkgoT().TempDir()
		Expect(os.CopyFS(filepath.Join(root, "config"), os.DirFS("."))).To(Succeed())
		Expect(os.Mkdir(filepath.Join(root, "mine"), 0o700)).To(Succeed())
		text := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../config/default]\npatches:\n" + strings.ReplaceAll("\n"+patches, "\n    ", "\n")
		Expect(os.WriteFile(filepath.Join(root, "mine", "kustomization.yaml"), []byte(text), 0o600)).To(Succeed())
		objects := build(ctx, filepath.Join(root, "mine"))
		egress := find[networkingv1.NetworkPolicy](objects, "NetworkPolicy").Spec.Egress
		Expect(egress).To(HaveLen(1))
		Expect(egress[0].Ports).To(HaveLen(3))
		Expect(egress[0].To).To(ConsistOf(
			HaveField("IPBlock.CIDR", "192.0.2.10/32"), HaveField("IPBlock.CIDR", "10.0.0.1/32")))
	})

	It("uninstalls without losing data", func(ctx SpecContext) {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
		Expect(admin.Create(ctx, namespace)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) {
			install(ctx)
			Expect(admin.Delete(ctx, namespace)).To(Succeed())
		})
		organization := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "kept"}, Spec: v1alpha1.OrganizationSpec{Name: "Kept"}}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "kept"}}
		Expect(admin.Create(ctx, organization)).To(Succeed())
		Expect(admin.Create(ctx, secret)).To(Succeed())

		shell(ctx, firstCommands("Uninstall, keeping the data"))

		for _, object := range []client.Object{organization, secret} {
			Expect(admin.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
			Expect(object.GetDeletionTimestamp()).To(BeNil())
		}
		Expect(apierrors.IsNotFound(admin.Get(ctx, client.ObjectKey{Namespace: "scim-system", Name: "scim-operator"}, &appsv1.Deployment{}))).To(BeTrue())
		Expect(apierrors.IsNotFound(admin.Get(ctx, client.ObjectKey{Name: "scim-system"}, &corev1.Namespace{}))).To(BeTrue())
		output, err := run(ctx, "get", "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings,validatingwebhookconfigurations",
			"-l", "app.kubernetes.io/name=scim-operator", "-o", "name")
		Expect(err).NotTo(HaveOccurred(), output)
		Expect(output).To(BeEmpty(), "left behind")
	})
})
