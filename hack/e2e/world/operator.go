package world

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// Pods are those of the operator that are not being deleted.
func (w *World) Pods(ctx context.Context, g Gomega) []corev1.Pod {
	var list corev1.PodList
	g.Expect(w.Client.List(ctx, &list, client.InNamespace(System), client.MatchingLabels{"app.kubernetes.io/name": Name})).To(Succeed())
	return slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
}

// Leader is the name of the pod that runs the controllers.
func (w *World) Leader(ctx context.Context, g Gomega) string {
	lease := &coordinationv1.Lease{}
	g.Expect(w.Client.Get(ctx, client.ObjectKey{Namespace: System, Name: Name + "." + v1alpha1.GroupVersion.Group}, lease)).To(Succeed())
	pod, _, _ := strings.Cut(ptr.Deref(lease.Spec.HolderIdentity, ""), "_")
	return pod
}

// Containers are the ids of the operator's containers, and how often each pod's has been restarted.
func (w *World) Containers(ctx context.Context, g Gomega) map[string]int {
	ids := map[string]int{}
	for _, pod := range w.Pods(ctx, g) {
		for _, status := range pod.Status.ContainerStatuses {
			if status.State.Running != nil {
				ids[strings.TrimPrefix(status.ContainerID, "containerd://")] = int(status.RestartCount)
			}
		}
	}
	return ids
}

// Restarts are how often the container of each pod has been started again.
func (w *World) Restarts(ctx context.Context) map[string]int32 {
	GinkgoHelper()
	counts := map[string]int32{}
	for _, pod := range w.Pods(ctx, Default) {
		for _, status := range pod.Status.ContainerStatuses {
			counts[pod.Name] += status.RestartCount
		}
	}
	return counts
}

// Whole waits until there are two replicas that serve, one of them leads, and a new user of the tenant becomes a Person.
func (w *World) Whole(ctx context.Context, tenant *Tenant) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		deployment := &appsv1.Deployment{}
		g.Expect(w.Client.Get(ctx, client.ObjectKey{Namespace: System, Name: Name}, deployment)).To(Succeed())
		status := deployment.Status
		g.Expect(status.ObservedGeneration).To(Equal(deployment.Generation))
		g.Expect([]int32{status.Replicas, status.UpdatedReplicas, status.ReadyReplicas}).To(HaveEach(int32(2)))
		running := w.Pods(ctx, g)
		g.Expect(running).To(HaveLen(2))
		g.Expect([]string{running[0].Name, running[1].Name}).To(ContainElement(w.Leader(ctx, g)))
	}).Should(Succeed())
	tenant.Provisions(ctx)
}

// Provisions makes a user and waits until the controllers have made a Person of it.
func (t *Tenant) Provisions(ctx context.Context) {
	GinkgoHelper()
	t.probes++
	userName := fmt.Sprintf("probe.%d@probe.example", t.probes)
	var id string
	Eventually(func(g Gomega) {
		got, err := t.Send(ctx, http.MethodPost, "/Users", NewUser(userName))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(got.Status).To(BeElementOf(http.StatusCreated, http.StatusConflict), "%v", got.Body) // an answer may have been lost
		id = got.ID()
	}).Should(Succeed())
	Eventually(func(g Gomega) {
		if id == "" {
			id = t.findUser(ctx, g, userName)
		}
		user := &v1alpha1.ScimUser{}
		g.Expect(t.world.Client.Get(ctx, client.ObjectKey{Namespace: t.Namespace, Name: id}, user)).To(Succeed())
		g.Expect(meta.IsStatusConditionTrue(user.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue(), "%+v", user.Status.Conditions)
	}).Should(Succeed())
}

func (t *Tenant) findUser(ctx context.Context, g Gomega, userName string) string {
	var users v1alpha1.ScimUserList
	g.Expect(t.world.Client.List(ctx, &users, client.InNamespace(t.Namespace))).To(Succeed())
	for _, user := range users.Items {
		if user.Spec.UserName == userName {
			return user.Name
		}
	}
	g.Expect(userName).To(BeEmpty(), "there is no such user")
	return ""
}
