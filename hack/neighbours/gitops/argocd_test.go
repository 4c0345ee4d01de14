package gitops

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv/assets"
)

// judged is what Argo CD says of an object: is it as Git has it, and how does it fare?
type judged struct {
	OutOfSync bool   `json:"outOfSync"`
	Predicted string `json:"predicted"`
	Health    string `json:"health"`
	Message   string `json:"message"`
}

// pair is an object in the cluster, and as Git has it; without that only its health is asked for.
type pair struct {
	Live   *unstructured.Unstructured `json:"live"`
	Target *unstructured.Unstructured `json:"target,omitempty"`
}

// judge asks Argo CD's own logic, with the settings of the ConfigMap in the cluster.
func judge(ctx context.Context, pairs []pair) []judged {
	GinkgoHelper()
	folder, err := assets.EnsureNeighbour(ctx, "argocd", GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	input, err := json.Marshal(pairs)
	Expect(err).NotTo(HaveOccurred())
	command := exec.CommandContext(ctx, filepath.Join(folder, "judge"), "-kubeconfig", cluster.Node.Kubeconfig)
	command.Stdin, command.Stderr = bytes.NewReader(input), GinkgoWriter
	output, err := command.Output()
	Expect(err).NotTo(HaveOccurred())
	var verdicts []judged
	Expect(json.Unmarshal(output, &verdicts)).To(Succeed())
	Expect(verdicts).To(HaveLen(len(pairs)))
	return verdicts
}

// desired are the objects of a folder of the repository.
func desired(ctx context.Context, folder, namespace string) []*unstructured.Unstructured {
	GinkgoHelper()
	var objects []*unstructured.Unstructured
	built := cluster.Kubectl(ctx, "kustomize", filepath.Join(repository.folder, folder))
	for document := range strings.SplitSeq(built, "\n---\n") {
		object := &unstructured.Unstructured{}
		Expect(yaml.Unmarshal([]byte(document), object)).To(Succeed())
		if namespace != "" && object.GetNamespace() != "" {
			object.SetNamespace(namespace)
		}
		objects = append(objects, object)
	}
	return objects
}

func live(ctx context.Context, object *unstructured.Unstructured) *unstructured.Unstructured {
	GinkgoHelper()
	found := &unstructured.Unstructured{}
	found.SetGroupVersionKind(object.GroupVersionKind())
	Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(object), found)).To(Succeed())
	return found
}

// inState is an object of one of our kinds, of generation 2, with this status.
func inState(kind, status string) *unstructured.Unstructured {
	GinkgoHelper()
	object := &unstructured.Unstructured{}
	Expect(yaml.Unmarshal([]byte(status), &object.Object)).To(Succeed())
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	object.SetName("x")
	object.SetGeneration(2)
	return object
}

var _ = Describe("Argo CD", Ordered, func() {
	BeforeAll(func(ctx SpecContext) {
		Expect(cluster.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "argocd"}})).To(Succeed())
		Expect(cluster.Client.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Namespace: "argocd", Name: "argocd-cm", Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"},
		}})).To(Succeed())
		cluster.Kubectl(ctx, "-n", "argocd", "patch", "configmap", "argocd-cm", "--type", "merge",
			"--patch-file", filepath.Join(cluster.Root, "config", "argocd", "argocd-cm.yaml"))
		Eventually(func(g Gomega) { g.Expect(flux.outcome(ctx, g, operatorFolder).ready).To(Equal("True")) }).Should(Succeed())
	})

	It("finds the installation and a tenant that it has applied as they are in Git, and healthy", func(ctx SpecContext) {
		const namespace = "argo"
		Expect(cluster.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
		var pairs []pair
		for _, object := range desired(ctx, "installation", "") {
			pairs = append(pairs, pair{Live: live(ctx, object), Target: object})
		}
		for _, object := range desired(ctx, tenant, namespace) {
			if object.GetKind() == "Namespace" {
				continue
			}
			text, err := json.Marshal(object)
			Expect(err).NotTo(HaveOccurred())
			file := filepath.Join(GinkgoT().TempDir(), "object.json")
			Expect(os.WriteFile(file, text, 0o600)).To(Succeed())
			Eventually(func() error {
				_, err := cluster.TryKubectl(ctx, "apply", "--field-manager=argocd-controller", "-f", file)
				return err
			}).Should(Succeed())
			pairs = append(pairs, pair{Live: object, Target: object})
		}
		Eventually(func(g Gomega) {
			for i := range pairs {
				pairs[i].Live = live(ctx, pairs[i].Target)
			}
			for i, found := range judge(ctx, pairs) {
				of := pairs[i].Target.GetKind() + " " + pairs[i].Target.GetName()
				g.Expect(found.OutOfSync).To(BeFalse(), "%s would become %s", of, found.Predicted)
				if pairs[i].Target.GroupVersionKind().Group == v1alpha1.GroupVersion.Group {
					g.Expect(found.Health).To(Equal("Healthy"), "%s: %s", of, found.Message)
				}
			}
		}).Should(Succeed())
	})

	It("sees what somebody has changed", func(ctx SpecContext) {
		target := inState("AutomationRule", "spec: {subject: ScimUser, update: {kind: Person, set: [{field: name, value: a}]}}")
		changed := target.DeepCopy()
		Expect(unstructured.SetNestedField(changed.Object, "ScimGroup", "spec", "subject")).To(Succeed())
		Expect(judge(ctx, []pair{{Live: changed, Target: target}})[0].OutOfSync).To(BeTrue())
	})

	It("knows how healthy each kind is in each state", func(ctx SpecContext) {
		states := []struct{ status, health string }{
			{"", "Healthy"}, // a Person with which nothing was ever wrong
			{"conditions: [{type: Ready, status: Unknown}]", "Progressing"},
			{"observedGeneration: 2, conditions: [{type: Ready, status: 'True'}]", "Healthy"},
			{"observedGeneration: 1, conditions: [{type: Ready, status: 'True'}]", "Progressing"},
			{"observedGeneration: 2, conditions: [{type: Ready, status: 'False'}]", "Progressing"},
			{"observedGeneration: 2, conditions: [{type: Ready, status: 'True'}, {type: Reconciling, status: 'True'}]", "Progressing"},
			{"observedGeneration: 2, conditions: [{type: Ready, status: 'False'}, {type: Stalled, status: 'True'}]", "Degraded"},
			{"observedGeneration: 2, conditions: [{type: Ready, status: 'True'}, {type: SubjectsHealthy, status: 'False'}]", "Healthy"},
		}
		for _, kind := range []string{"AutomationRule", "Organization", "Person", "ScimEndpoint", "Site"} {
			var pairs []pair
			for _, state := range states {
				pairs = append(pairs, pair{Live: inState(kind, "status: {"+state.status+"}")})
			}
			deleted := inState(kind, "status: {}")
			deleted.SetDeletionTimestamp(&metav1.Time{Time: time.Now()})
			verdicts := judge(ctx, append(pairs, pair{Live: deleted}))
			for i, state := range states {
				Expect(verdicts[i].Health).To(Equal(state.health), "%s with %s", kind, state.status)
			}
			Expect(verdicts[len(states)].Health).To(Equal("Progressing"), "%s that is being deleted", kind)
		}
	})
})
