package upgrade

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/e2e/invariants"
	"rservice.dev/scim-operator/hack/e2e/world"
)

const (
	// quiet is the tenant with many users to which nothing happens, busy the one whose client works meanwhile.
	quiet = "acme"
	busy  = "globex"
	users = 1000
	host  = "scim.example.test"
)

var _ = Describe("An upgrade", Ordered, func() {
	var (
		cluster     *world.World
		old, now    state
		certificate world.Certificate
		busyTenant  *world.Tenant
		held        map[string]*unstructured.Unstructured
	)

	BeforeAll(func(ctx SpecContext) {
		cluster = world.Start(ctx, "neighbours/upgrade", apiextensionsv1.AddToScheme)
		old = earlier(ctx, cluster)
		now = load(ctx, cluster, "now", cluster.Root)
		certificate = world.NewCertificate(host)
		apply(ctx, cluster, old)
		cluster.Certify(ctx, certificate)
		cluster.RolledOut(ctx)
		way := world.Way{BaseURL: "https://" + host + "/scim/v2", Address: cluster.Address(ctx, world.System, world.Name), CAFile: certificate.CAFile}
		for _, namespace := range []string{quiet, busy} {
			cluster.ApplyTenant(ctx, filepath.Join(old.folder, namespace))
		}
		busyTenant = cluster.NewTenant(ctx, busy, way)
		cluster.NewTenant(ctx, quiet, way).Okta(ctx, "-users", fmt.Sprint(users), "-groups", "20", "-push-only", "-demo", "-converge-for", "3m", "-retry-for", "3m")
		whole(ctx, cluster, quiet)
		held = contents(ctx, cluster)
	}, NodeTimeout(25*time.Minute))

	for _, step := range []struct {
		what string
		to   func() state
	}{
		{"forth", func() state { return now }}, {"back", func() state { return old }}, {"forth again", func() state { return now }},
	} {
		It("goes "+step.what+" without a failed request, and writes nothing anew", func(ctx SpecContext) {
			cluster.UnderLoad(ctx, step.what, busyTenant, func() {
				apply(ctx, cluster, step.to())
				cluster.RolledOut(ctx)
				for _, namespace := range []string{quiet, busy} {
					cluster.Kubectl(ctx, "apply", "--kustomize", filepath.Join(step.to().folder, namespace))
				}
				cluster.Whole(ctx, busyTenant)
			})
			whole(ctx, cluster, quiet)
			whole(ctx, cluster, busy)
			expectUnchanged(held, contents(ctx, cluster))
			storedAsServed(ctx, cluster)
		}, NodeTimeout(15*time.Minute))
	}

	It("lets Kubernetes store everything anew", func(ctx SpecContext) {
		for _, resource := range resources(ctx, cluster) {
			migrate(ctx, cluster, resource)
		}
		whole(ctx, cluster, quiet)
		whole(ctx, cluster, busy)
		storedAsServed(ctx, cluster)
		expectUnchanged(held, contents(ctx, cluster))
	}, NodeTimeout(10*time.Minute))
})

func apply(ctx context.Context, w *world.World, s state) {
	GinkgoHelper()
	w.Kubectl(ctx, "apply", "--kustomize", filepath.Join(s.folder, "installation"))
}

// whole waits until all that was sent has been processed.
func whole(ctx context.Context, w *world.World, namespace string) {
	GinkgoHelper()
	meantToFail := func(user *v1alpha1.ScimUser) bool { return strings.HasPrefix(user.Spec.UserName, "badge-") }
	Eventually(func(g Gomega) {
		held, err := invariants.Read(ctx, w.Client, namespace)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(held.Problems(meantToFail)).To(BeEmpty())
		if namespace == quiet {
			g.Expect(held.Users).To(HaveLen(users + 1)) // with the one that the simulated administrator has fail
			g.Expect(held.Persons).To(HaveLen(users))
		}
	}).Should(Succeed())
}

// contents are all that the quiet tenant holds, by kind and name, but for its rules: these are applied anew, and say that they have run.
func contents(ctx context.Context, w *world.World) map[string]*unstructured.Unstructured {
	GinkgoHelper()
	found := map[string]*unstructured.Unstructured{}
	for _, kind := range []string{
		"ScimUser", "ScimGroup", "ScimGroupPage", "Person", "Organization", "Site", "AutomationRuleExecution",
	} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
		Expect(w.Client.List(ctx, list, client.InNamespace(quiet))).To(Succeed())
		for i := range list.Items {
			found[kind+" "+list.Items[i].GetName()] = &list.Items[i]
		}
	}
	return found
}

// expectUnchanged fails with how many objects of each kind were written since, and what of one of them.
func expectUnchanged(before, after map[string]*unstructured.Unstructured) {
	GinkgoHelper()
	counts, examples := map[string]int{}, map[string]string{}
	for name, object := range after {
		if before[name] == nil || object.GetResourceVersion() != before[name].GetResourceVersion() {
			counts[object.GetKind()]++
			examples[object.GetKind()] = cmp.Diff(before[name], object)
		}
	}
	for name, object := range before {
		if after[name] == nil {
			counts[object.GetKind()+" gone"]++
		}
	}
	Expect(counts).To(BeEmpty(), "%s", examples)
}

// definitions are those of our kinds.
func definitions(ctx context.Context, w *world.World) []apiextensionsv1.CustomResourceDefinition {
	GinkgoHelper()
	list := &apiextensionsv1.CustomResourceDefinitionList{}
	Expect(w.Client.List(ctx, list)).To(Succeed())
	return slices.DeleteFunc(list.Items, func(d apiextensionsv1.CustomResourceDefinition) bool {
		return d.Spec.Group != v1alpha1.GroupVersion.Group
	})
}

func resources(ctx context.Context, w *world.World) []string {
	GinkgoHelper()
	var names []string
	for _, definition := range definitions(ctx, w) {
		names = append(names, definition.Spec.Names.Plural)
	}
	return names
}

// storedAsServed checks that no object is stored as of a version that is served no more.
func storedAsServed(ctx context.Context, w *world.World) {
	GinkgoHelper()
	all := definitions(ctx, w)
	Expect(all).NotTo(BeEmpty())
	for _, definition := range all {
		Expect(definition.Status.StoredVersions).To(Equal([]string{v1alpha1.GroupVersion.Version}), definition.Name)
	}
}

// migrate has Kubernetes write each object of a kind as it is stored now.
func migrate(ctx context.Context, w *world.World, resource string) {
	GinkgoHelper()
	migration := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "storagemigration.k8s.io/v1", "kind": "StorageVersionMigration",
		"metadata": map[string]any{"name": resource},
		"spec":     map[string]any{"resource": map[string]any{"group": v1alpha1.GroupVersion.Group, "resource": resource}},
	}}
	Expect(w.Client.Create(ctx, migration)).To(Succeed())
	w.Kubectl(ctx, "wait", "storageversionmigration/"+resource, "--for=condition=Succeeded", "--timeout=3m")
}
