package e2e

import (
	"context"
	"net/http"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/e2e/invariants"
)

// kinds are those of a tenant's data, in the order in which Velero restores them: Secrets first, all else by name.
var kinds = []schema.GroupVersionKind{
	{Version: "v1", Kind: "Secret"},
	v1alpha1.GroupVersion.WithKind("AutomationRuleExecution"), v1alpha1.GroupVersion.WithKind("AutomationRule"),
	{Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"},
	v1alpha1.GroupVersion.WithKind("Organization"), v1alpha1.GroupVersion.WithKind("Person"),
	v1alpha1.GroupVersion.WithKind("ScimEndpoint"), v1alpha1.GroupVersion.WithKind("ScimGroupPage"),
	v1alpha1.GroupVersion.WithKind("ScimGroup"), v1alpha1.GroupVersion.WithKind("ScimUser"), v1alpha1.GroupVersion.WithKind("Site"),
}

// withoutStatus are kinds whose status is nothing that only the operator knows, or that Velero cannot write.
var withoutStatus = map[string]bool{"AutomationRuleExecution": true, "AutomationRule": true, "ScimEndpoint": true}

var _ = Describe("a restore object by object, as Velero makes it", func() {
	for name, statuses := range map[string]bool{"with statuses": true, "without statuses": false} {
		It("keeps what the SCIM client knows, "+name, func(ctx SpecContext) {
			t := newTenant(ctx)
			o := t.start(ctx)
			first := t.simulate(ctx, "-users", "30", "-groups", "4")
			<-first.ended
			Expect(first.err).NotTo(HaveOccurred())
			t.whole(ctx)
			token, resources := t.token, t.answers(ctx)
			Expect(o.stop(syscall.SIGTERM)).To(Succeed())
			objects := t.objects(ctx)
			before := told(objects, statuses)
			t.clear(ctx, objects)
			t.restore(ctx, objects, statuses)

			t.start(ctx)
			Expect(t.token).To(Equal(token))
			t.whole(ctx)
			Expect(invariants.Differences(resources, t.answers(ctx))).To(BeEmpty())
			Eventually(func() []string { return invariants.Differences(before, told(t.objects(ctx), statuses)) }).Should(BeEmpty())
			second := t.simulate(ctx, "-users", "10", "-groups", "2")
			<-second.ended
			Expect(second.err).NotTo(HaveOccurred())
			for path := range resources {
				if strings.HasPrefix(path, "/Users/") {
					t.expect(ctx, http.StatusNoContent, http.MethodDelete, path, "")
					break
				}
			}
			t.whole(ctx) // the user's executions have gone with it
		}, NodeTimeout(10*time.Minute))
	}
})

// objects are those of a kind of data in the namespace, in the order of a restore.
func (t *tenant) objects(ctx context.Context) []unstructured.Unstructured {
	GinkgoHelper()
	var all []unstructured.Unstructured
	for _, kind := range kinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		Expect(direct.List(ctx, list, client.InNamespace(t.namespace))).To(Succeed())
		all = append(all, list.Items...)
	}
	return all
}

// clear takes all of it away, as what deletes a namespace does.
func (t *tenant) clear(ctx context.Context, objects []unstructured.Unstructured) {
	GinkgoHelper()
	for i := range objects {
		object := objects[i].DeepCopy()
		if len(object.GetFinalizers()) > 0 {
			object.SetFinalizers(nil)
			Expect(direct.Update(ctx, object)).To(Succeed())
		}
		Expect(client.IgnoreNotFound(direct.Delete(ctx, object))).To(Succeed()) // an execution may have gone with its user
	}
	Eventually(func() int { return len(t.objects(ctx)) }).Should(BeZero())
}

// restore makes the objects anew as Velero 1.18 does: without owners and status; the status follows where it is asked for and
// is a subresource.
func (t *tenant) restore(ctx context.Context, objects []unstructured.Unstructured, statuses bool) {
	GinkgoHelper()
	for i := range objects {
		object := objects[i].DeepCopy()
		status := object.Object["status"]
		delete(object.Object, "status")
		object.SetUID("")
		object.SetResourceVersion("")
		object.SetGeneration(0)
		object.SetManagedFields(nil)
		object.SetOwnerReferences(nil)
		unstructured.RemoveNestedField(object.Object, "metadata", "creationTimestamp")
		Expect(direct.Create(ctx, object)).To(Succeed())
		if statuses && status != nil && object.GetKind() != "AutomationRuleExecution" {
			object.Object["status"] = status
			Expect(direct.Status().Update(ctx, object)).To(Succeed())
		}
	}
}

// told is what has to be as it was, by kind and name, without the operator's own counts.
func told(objects []unstructured.Unstructured, statuses bool) map[string]string {
	all := map[string]string{}
	for i := range objects {
		kind := objects[i].GetKind()
		if kind == "Lease" {
			continue
		}
		is := invariants.Kept(&objects[i])
		if !statuses || withoutStatus[kind] {
			delete(is, "status")
		}
		all[kind+" "+objects[i].GetName()] = invariants.Text(is)
	}
	return all
}

// answers are all users and groups as the server tells them.
func (t *tenant) answers(ctx context.Context) map[string]string {
	GinkgoHelper()
	all, err := invariants.Served(func(path string) map[string]any { return t.expect(ctx, http.StatusOK, http.MethodGet, path, "").body })
	Expect(err).NotTo(HaveOccurred())
	return all
}
