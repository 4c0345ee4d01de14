package manifests_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/manifests"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

var env *testenv.Env

func TestManifests(t *testing.T) { suite.Run(t, "Manifests") }

var _ = BeforeSuite(func() { env = testenv.StartFor(GinkgoT()) })

// widgets is a definition whose group is the test's namespace, so that no other test has the same one.
const widgets = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.NAMESPACE.example.com}
spec:
  group: NAMESPACE.example.com
  scope: Namespaced
  names: {kind: Widget, listKind: WidgetList, plural: widgets, singular: widget}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

func write(folder string, files map[string]string) {
	GinkgoHelper()
	for name, text := range files {
		Expect(os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600)).To(Succeed())
	}
}

var _ = Describe("Apply", func() {
	var (
		c         client.Client
		namespace string
		folder    string
		opts      manifests.Options
	)
	BeforeEach(func(ctx SpecContext) {
		var err error
		c, err = client.New(env.Config, client.Options{})
		Expect(err).NotTo(HaveOccurred())
		namespace, folder = env.Namespace(ctx, GinkgoT()), GinkgoT().TempDir()
		opts = manifests.Options{FieldManager: "manifests-test", Namespace: namespace}
	})

	It("applies a definition before the objects of its kind, wherever the files are", func(ctx SpecContext) {
		group := namespace + ".example.com"
		write(folder, map[string]string{
			"a-widget.yaml": "apiVersion: " + group + "/v1\nkind: Widget\nmetadata: {name: w}\n",
			"b-crd.yaml":    strings.ReplaceAll(widgets, "NAMESPACE", namespace),
		})
		Expect(manifests.Apply(ctx, c, opts, folder)).To(Equal(2))
		widget := &unstructured.Unstructured{}
		widget.SetAPIVersion(group + "/v1")
		widget.SetKind("Widget")
		Expect(c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "w"}, widget)).To(Succeed())

		crd := &unstructured.Unstructured{}
		crd.SetAPIVersion("apiextensions.k8s.io/v1")
		crd.SetKind("CustomResourceDefinition")
		crd.SetName("widgets." + group)
		Expect(c.Delete(ctx, crd)).To(Succeed())
	})

	It("applies several documents of a file, skips kustomization.yaml and takes over changed fields", func(ctx SpecContext) {
		write(folder, map[string]string{
			"kustomization.yaml": "resources: [maps.yaml]\n",
			"maps.yaml": "# first\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {key: value}\n" +
				"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n",
		})
		Expect(manifests.Apply(ctx, c, opts, folder)).To(Equal(2))
		var cm corev1.ConfigMap
		key := client.ObjectKey{Namespace: namespace, Name: "a"}
		Expect(c.Get(ctx, key, &cm)).To(Succeed())
		cm.Data["key"] = "changed by hand"
		Expect(c.Update(ctx, &cm)).To(Succeed())
		Expect(manifests.Apply(ctx, c, opts, folder)).To(Equal(2))
		Expect(c.Get(ctx, key, &cm)).To(Succeed())
		Expect(cm.Data).To(HaveKeyWithValue("key", "value"))
	})

	It("takes a folder that does not exist as empty", func(ctx SpecContext) {
		Expect(manifests.Apply(ctx, c, opts, filepath.Join(folder, "missing"))).To(BeZero())
	})

	It("names the object that the API server refuses", func(ctx SpecContext) {
		write(folder, map[string]string{"a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Not_A_Name}\n"})
		_, err := manifests.Apply(ctx, c, opts, folder)
		Expect(err).To(MatchError(ContainSubstring("applying ConfigMap Not_A_Name")))
	})

	It("names the file that holds no object", func(ctx SpecContext) {
		write(folder, map[string]string{"bad.yaml": "kind: ConfigMap\n"})
		_, err := manifests.Apply(ctx, c, opts, folder)
		Expect(err).To(MatchError(ContainSubstring("bad.yaml: document 1 has no kind or no metadata.name")))
	})
})
