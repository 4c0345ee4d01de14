package upgrade

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
		revisions   map[string]string
	)

	BeforeAll(func(ctx SpecContext) {
		cluster = world.Start(ctx, "neighbours/upgrade", apiextensionsv1.AddToScheme)
		old = earlier(ctx, cluster)
		now = load(ctx, cluster, "now", cluster.Root)
		certificate = world.NewCertificate(host)
		apply(ctx, cluster, old)
		Expect(cluster.Client.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: world.System, Name: world.Name + "-tls"},
			Type:       corev1.SecretTypeTLS,
			Data:       map[string][]byte{corev1.TLSCertKey: certificate.Cert, corev1.TLSPrivateKeyKey: certificate.Key},
		})).To(Succeed())
		rolledOut(ctx, cluster)
		way := world.Way{BaseURL: "https://" + host + "/scim/v2", Address: address(ctx, cluster), CAFile: certificate.CAFile}
		for _, namespace := range []string{quiet, busy} {
			Eventually(func() error {
				_, err := cluster.TryKubectl(ctx, "apply", "--kustomize", filepath.Join(old.folder, namespace))
				return err
			}).Should(Succeed())
		}
		busyTenant = cluster.NewTenant(ctx, busy, way)
		many := cluster.NewTenant(ctx, quiet, way)
		output, err := okta(ctx, cluster, many, "", "-users", fmt.Sprint(users), "-groups", "20", "-push-only")
		Expect(err).NotTo(HaveOccurred(), output)
		whole(ctx, cluster, quiet)
		revisions = revisionsOf(ctx, cluster)
	}, NodeTimeout(25*time.Minute))

	for _, step := range []struct {
		what string
		to   func() state
	}{
		{"forth", func() state { return now }}, {"back", func() state { return old }}, {"forth again", func() state { return now }},
	} {
		It("goes "+step.what+" without a failed request, and writes nothing anew", func(ctx SpecContext) {
			underLoad(ctx, cluster, busyTenant, step.what, func() {
				apply(ctx, cluster, step.to())
				rolledOut(ctx, cluster)
				for _, namespace := range []string{quiet, busy} {
					cluster.Kubectl(ctx, "apply", "--kustomize", filepath.Join(step.to().folder, namespace))
				}
				cluster.Whole(ctx, busyTenant)
			})
			whole(ctx, cluster, quiet)
			whole(ctx, cluster, busy)
			Expect(changed(revisions, revisionsOf(ctx, cluster))).To(BeEmpty())
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
		Expect(changed(revisions, revisionsOf(ctx, cluster))).To(BeEmpty())
	}, NodeTimeout(10*time.Minute))
})

func apply(ctx context.Context, w *world.World, s state) {
	GinkgoHelper()
	w.Kubectl(ctx, "apply", "--kustomize", filepath.Join(s.folder, "installation"))
}

func rolledOut(ctx context.Context, w *world.World) {
	GinkgoHelper()
	w.Kubectl(ctx, "--namespace", world.System, "rollout", "status", "deployment/"+world.Name, "--timeout=5m")
}

func address(ctx context.Context, w *world.World) string {
	GinkgoHelper()
	service := &corev1.Service{}
	Expect(w.Client.Get(ctx, client.ObjectKey{Namespace: world.System, Name: world.Name}, service)).To(Succeed())
	return service.Spec.ClusterIP + ":443"
}

// okta has the simulated Okta work, which checks every answer, and every custom resource at the end. attempts is a file for
// what came of each request, or empty.
func okta(ctx context.Context, w *world.World, t *world.Tenant, attempts string, arguments ...string) (string, error) {
	arguments = append([]string{"-connection", t.Connection, "-settle-for", "1m", "-converge-for", "3m", "-retry-for", "3m"}, arguments...)
	if attempts != "" {
		arguments = append(arguments, "-attempts", attempts)
	}
	command := exec.CommandContext(ctx, w.Oktasim, arguments...)
	command.Dir = w.Root
	output, err := command.CombinedOutput()
	return string(output), err
}

// underLoad does something while the simulated Okta works, one run after the other, and fails if a request did.
func underLoad(ctx context.Context, w *world.World, t *world.Tenant, name string, do func()) {
	GinkgoHelper()
	attempts := func(run int) string {
		return filepath.Join(w.Results, fmt.Sprintf("%s-%d.jsonl", strings.ReplaceAll(name, " ", "-"), run))
	}
	stop, done := make(chan struct{}), make(chan string, 1)
	go func() {
		for run := 0; ; run++ {
			if output, err := okta(ctx, w, t, attempts(run), "-users", "40", "-groups", "4", "-demo"); err != nil {
				done <- fmt.Sprintf("run %d: %v\n%s", run, err, output)
				return
			}
			select {
			case <-stop:
				done <- ""
				return
			default:
			}
		}
	}()
	Eventually(func() int { return len(requests(attempts(0))) }).Should(BeNumerically(">", 20))
	do()
	close(stop)
	Eventually(done).WithTimeout(10 * time.Minute).Should(Receive(BeEmpty()))
	count, failed := 0, []string(nil)
	for run := 0; ; run++ {
		made := requests(attempts(run))
		if len(made) == 0 {
			break
		}
		for _, r := range made {
			count++
			if r.Error != "" || r.Status >= http.StatusInternalServerError || r.Status == http.StatusTooManyRequests {
				failed = append(failed, fmt.Sprintf("%s %s: %d %s", r.Method, r.Path, r.Status, r.Error))
			}
		}
	}
	AddReportEntry(fmt.Sprintf("%s: %d requests, %d failed", name, count, len(failed)))
	Expect(failed).To(BeEmpty())
}

// request is what the simulated Okta tells of one.
type request struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Error  string `json:"error"`
	Status int    `json:"status"`
}

// requests are those in a file so far.
func requests(file string) []request {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil // not begun
	}
	var all []request
	for line := range bytes.Lines(data) {
		var r request
		if bytes.HasSuffix(line, []byte("\n")) && json.Unmarshal(line, &r) == nil {
			all = append(all, r)
		}
	}
	return all
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
			g.Expect(held.Users).To(HaveLen(users))
			g.Expect(held.Persons).To(HaveLen(users))
		}
	}).Should(Succeed())
}

// revisionsOf are the revisions of all that the quiet tenant holds, by kind and name.
func revisionsOf(ctx context.Context, w *world.World) map[string]string {
	GinkgoHelper()
	revisions := map[string]string{}
	for _, kind := range []string{
		"ScimUser", "ScimGroup", "ScimGroupPage", "Person", "Organization", "Site", "AutomationRuleExecution", "AutomationRule",
	} {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
		Expect(w.Client.List(ctx, list, client.InNamespace(quiet))).To(Succeed())
		for i := range list.Items {
			revisions[kind+" "+list.Items[i].Name] = list.Items[i].ResourceVersion
		}
	}
	return revisions
}

// changed counts what was written since, by kind.
func changed(before, after map[string]string) map[string]int {
	counts := map[string]int{}
	for name := range maps.Keys(after) {
		if after[name] != before[name] {
			kind, _, _ := strings.Cut(name, " ")
			counts[kind]++
		}
	}
	for name := range before {
		if _, there := after[name]; !there {
			kind, _, _ := strings.Cut(name, " ")
			counts[kind+" gone"]++
		}
	}
	return counts
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
