package helm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"
)

// variants are values, and the components that a user of kustomize has in their place, in the order in which the chart has them.
var variants = map[string]struct {
	values, components []string
	// arg is a flag of the operator that the values set.
	arg string
}{
	"as it is":                       {},
	"cert-manager":                   {values: []string{"tls.certManager.enabled=true"}, components: []string{"tls/cert-manager"}},
	"TLS to pods":                    {values: []string{"tls.pod=true"}, components: []string{"tls/pod"}},
	"the Gateway API":                {values: []string{"httpRoute.enabled=true"}, components: []string{"ingress/httproute"}},
	"the Gateway API, TLS to pods":   {values: []string{"httpRoute.enabled=true", "tls.pod=true"}, components: []string{"ingress/httproute", "tls/pod"}},
	"Prometheus":                     {values: []string{"prometheus.enabled=true"}, components: []string{"prometheus"}},
	"the console":                    {values: []string{"console.enabled=true"}, components: []string{"console", "console/ingress"}},
	"the console without an Ingress": {values: []string{"console.enabled=true", "console.ingress.enabled=false"}, components: []string{"console"}},
	"the console before 1.36":        {values: []string{"console.enabled=true", "console.legacy=true"}, components: []string{"console", "console/ingress", "console/legacy"}},
	"trusted issuers":                {values: []string{"issuers.enabled=true"}, components: []string{"issuers"}},
	"a shared cluster":               {values: []string{"namespaces={acme,globex}"}, components: []string{"rbac/namespaces"}, arg: "--namespaces=acme,globex"},
	"nearly everything": {
		values:     []string{"tls.certManager.enabled=true", "tls.pod=true", "prometheus.enabled=true", "console.enabled=true", "issuers.enabled=true"},
		components: []string{"tls/cert-manager", "tls/pod", "prometheus", "console", "console/ingress", "issuers"},
	},
}

var _ = Describe("The chart", func() {
	folder := func() string { return filepath.Join(cluster.Root, "config", "helm") }
	entries := []TableEntry{}
	for name := range variants {
		entries = append(entries, Entry("with "+name, name))
	}

	DescribeTable("is one that Helm finds nothing wrong with, and has the objects that kustomize makes", func(ctx SpecContext, name string) {
		v := variants[name]
		set := []string{folder(), "--set", "crds.keep=false"} // an annotation that is Helm's
		for _, value := range v.values {
			set = append(set, "--set", value)
		}
		helm(ctx, append([]string{"lint", "--strict"}, set...)...)
		templates := helm(ctx, append([]string{"template", "scim-operator", "--skip-tests"}, set...)...)
		// Kustomize puts some items of lists before the others, which means the same.
		inAnyOrder := cmpopts.SortSlices(func(a, b any) bool { return fmt.Sprint(a) < fmt.Sprint(b) })
		Expect(cmp.Diff(objects(kustomized(ctx, v.components, v.arg)), objects(templates), inAnyOrder)).To(BeEmpty())
	}, entries)

	DescribeTable("refuses", func(ctx SpecContext, says string, arguments ...string) {
		_, err := tryHelm(ctx, append([]string{"template", "scim-operator", folder()}, arguments...)...)
		Expect(err).To(MatchError(ContainSubstring(says)))
	},
		Entry("a name that it does not know", "additional properties 'replica' not allowed", "--set", "replica=3"),
		Entry("a text for a number", "at '/replicas'", "--set-string", "replicas=two"),
		Entry("an address for a host", "at '/host'", "--set", "host=https://scim.example.com"),
		Entry("half a digest", "at '/image/digest'", "--set", "image.digest=sha256:12"),
		Entry("memory without a number, which an API server takes for none", "at '/resources/limits/memory'", "--set", "resources.limits.memory=Gi"),
		Entry("an HTTPRoute without a Gateway", "at '/httpRoute/parentRefs'", "--set-json", "httpRoute.parentRefs=[]"),
		Entry("what the console's configuration has of the chart", "at '/console/config'", "--set", "console.config.baseURL=https://example.com"),
		Entry("a Kubernetes that is too old", "chart requires kubeVersion", "--kube-version", "1.30.0"),
	)

	It("leaves out what is switched off", func(ctx SpecContext) {
		templates := helm(ctx, "template", "scim-operator", folder(), "--set", "crds.enabled=false,ingress.enabled=false")
		Expect(templates).NotTo(ContainSubstring("kind: CustomResourceDefinition"))
		Expect(templates).NotTo(ContainSubstring("kind: Ingress\n"))
	})

	It("marks the definitions as those that Helm keeps, unless it is told otherwise", func(ctx SpecContext) {
		for name, object := range objects(helm(ctx, "template", "scim-operator", folder())) {
			text, err := yaml.Marshal(object)
			Expect(err).NotTo(HaveOccurred())
			Expect(strings.Contains(string(text), "helm.sh/resource-policy: keep")).To(Equal(strings.HasPrefix(name, "CustomResourceDefinition ")), name)
		}
	})
})

// kustomized is what kustomize makes of config/default with components, as a user's own kustomization has them.
func kustomized(ctx context.Context, components []string, arg string) string {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	base, err := filepath.Rel(folder, filepath.Join(cluster.Root, "config"))
	Expect(err).NotTo(HaveOccurred())
	text := "resources: [" + base + "/default]\ncomponents:\n"
	for _, component := range components {
		text += "  - " + base + "/" + component + "\n"
	}
	if slices.Contains(components, "console") { // whose configuration is a user's own
		configuration, err := os.ReadFile(filepath.Join(cluster.Root, "config", "console", "console.yaml"))
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(filepath.Join(folder, "console.yaml"), configuration, 0o600)).To(Succeed())
		text += "configMapGenerator:\n  - name: scim-operator-console-config\n    namespace: scim-system\n    files: [console.yaml]\n" +
			"    options: {labels: {app.kubernetes.io/name: scim-operator}}\n"
	}
	if arg != "" {
		text += "patches:\n  - target: {kind: Deployment, name: scim-operator}\n" +
			"    patch: '- {op: add, path: /spec/template/spec/containers/0/args/-, value: \"" + arg + "\"}'\n"
	}
	Expect(os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(text), 0o600)).To(Succeed())
	return cluster.Kubectl(ctx, "kustomize", folder)
}

// consoleConfig is the name of the console's ConfigMap, which kustomize gives a hash of its contents, and the chart the pods instead.
var (
	consoleConfig   = regexp.MustCompile(`scim-operator-console-config-[a-z0-9]+`)
	consoleChecksum = regexp.MustCompile(`(?m)^ +checksum/console-config: "[0-9a-f]{64}"\n`)
)

// objects are those of a text by what they are, without the namespace, which Helm makes by itself.
func objects(text string) map[string]map[string]any {
	GinkgoHelper()
	found := map[string]map[string]any{}
	text = consoleChecksum.ReplaceAllString(consoleConfig.ReplaceAllString(text, "scim-operator-console-config"), "")
	for document := range strings.SplitSeq("\n"+text, "\n---\n") {
		var object map[string]any
		Expect(yaml.Unmarshal([]byte(document), &object)).To(Succeed(), document)
		if object == nil || object["kind"] == "Namespace" {
			continue
		}
		metadata, ok := object["metadata"].(map[string]any)
		Expect(ok).To(BeTrue(), document)
		name := fmt.Sprint(object["kind"], " ", metadata["name"])
		Expect(found).NotTo(HaveKey(name))
		found[name] = object
		if data, ok := object["data"].(map[string]any); ok && metadata["name"] == "scim-operator-console-config" {
			for file, text := range data {
				var contents any
				Expect(yaml.Unmarshal([]byte(fmt.Sprint(text)), &contents)).To(Succeed())
				data[file] = contents
			}
		}
	}
	return found
}
