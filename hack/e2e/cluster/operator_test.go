package cluster

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

// pods are those of the operator that are not being deleted.
func pods(ctx context.Context, g Gomega) []corev1.Pod {
	var list corev1.PodList
	g.Expect(cluster.List(ctx, &list, client.InNamespace(system), client.MatchingLabels{"app.kubernetes.io/name": name})).To(Succeed())
	return slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
}

// leader is the name of the pod that runs the controllers.
func leader(ctx context.Context, g Gomega) string {
	lease := &coordinationv1.Lease{}
	g.Expect(cluster.Get(ctx, client.ObjectKey{Namespace: system, Name: name + "." + v1alpha1.GroupVersion.Group}, lease)).To(Succeed())
	pod, _, _ := strings.Cut(ptr.Deref(lease.Spec.HolderIdentity, ""), "_")
	return pod
}

// containers are the ids of the operator's containers, and how often each pod's has been restarted.
func containers(ctx context.Context, g Gomega) map[string]int {
	ids := map[string]int{}
	for _, pod := range pods(ctx, g) {
		for _, status := range pod.Status.ContainerStatuses {
			if status.State.Running != nil {
				ids[strings.TrimPrefix(status.ContainerID, "containerd://")] = int(status.RestartCount)
			}
		}
	}
	return ids
}

// restarts are how often the container of each pod has been started again.
func restarts(ctx context.Context) map[string]int32 {
	GinkgoHelper()
	counts := map[string]int32{}
	for _, pod := range pods(ctx, Default) {
		for _, status := range pod.Status.ContainerStatuses {
			counts[pod.Name] += status.RestartCount
		}
	}
	return counts
}

// whole waits until there are two replicas that serve, one of them leads, and a new user becomes a Person.
func whole(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		deployment := &appsv1.Deployment{}
		g.Expect(cluster.Get(ctx, client.ObjectKey{Namespace: system, Name: name}, deployment)).To(Succeed())
		status := deployment.Status
		g.Expect(status.ObservedGeneration).To(Equal(deployment.Generation))
		g.Expect([]int32{status.Replicas, status.UpdatedReplicas, status.ReadyReplicas}).To(HaveEach(int32(2)))
		running := pods(ctx, g)
		g.Expect(running).To(HaveLen(2))
		g.Expect([]string{running[0].Name, running[1].Name}).To(ContainElement(leader(ctx, g)))
	}).Should(Succeed())
	provisions(ctx)
}

var probes int

// provisions makes a user and waits until the controllers have made a Person of it.
func provisions(ctx context.Context) {
	GinkgoHelper()
	probes++
	userName := fmt.Sprintf("probe.%d@probe.example", probes)
	var id string
	Eventually(func(g Gomega) {
		got, err := acme.send(ctx, http.MethodPost, "/Users", newUser(userName))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(got.status).To(BeElementOf(http.StatusCreated, http.StatusConflict), "%v", got.body) // an answer may have been lost
		id = got.id()
	}).Should(Succeed())
	Eventually(func(g Gomega) {
		if id == "" {
			id = findUser(ctx, g, userName)
		}
		user := &v1alpha1.ScimUser{}
		g.Expect(cluster.Get(ctx, client.ObjectKey{Namespace: acme.namespace, Name: id}, user)).To(Succeed())
		g.Expect(meta.IsStatusConditionTrue(user.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue(), "%+v", user.Status.Conditions)
	}).Should(Succeed())
}

func findUser(ctx context.Context, g Gomega, userName string) string {
	var users v1alpha1.ScimUserList
	g.Expect(cluster.List(ctx, &users, client.InNamespace(acme.namespace))).To(Succeed())
	for _, user := range users.Items {
		if user.Spec.UserName == userName {
			return user.Name
		}
	}
	g.Expect(userName).To(BeEmpty(), "there is no such user")
	return ""
}
