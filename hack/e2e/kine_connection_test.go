package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var _ = Describe("an API server of one's own", func() {
	It("lets the operator in by a token of its service account, in a file", func(ctx SpecContext) {
		t := newTenant(ctx)
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: "scim-operator"}}
		Expect(direct.Create(ctx, account)).To(Succeed())
		token := &authenticationv1.TokenRequest{}
		Expect(direct.SubResource("token").Create(ctx, account, token)).To(Succeed())
		dir := GinkgoT().TempDir()
		file := filepath.Join(dir, "token")
		Expect(os.WriteFile(file, []byte(token.Status.Token), 0o600)).To(Succeed())

		kubeconfig, err := clientcmd.LoadFromFile(t.kubeconfig)
		Expect(err).NotTo(HaveOccurred())
		user := kubeconfig.AuthInfos["test"]
		user.ClientCertificateData, user.ClientKeyData, user.TokenFile = nil, nil, file
		t.kubeconfig = filepath.Join(dir, "kubeconfig")
		Expect(clientcmd.WriteToFile(*kubeconfig, t.kubeconfig)).To(Succeed())
		process := t.start(ctx, "--leader-elect=true", "--leader-election-namespace="+t.namespace)
		t.mapped(ctx, t.createUsers(ctx, "token", 1)[0])
		Expect(process.stop(syscall.SIGTERM)).To(Succeed())
	})

	It("takes objects that are too large for etcd, over kine", func(ctx SpecContext) {
		overKine()
		namespace := env.Namespace(ctx, GinkgoT())
		for _, size := range []int{1_400_000, 2_000_000} {
			large := &corev1.PodTemplate{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "large-"}}
			large.Template.Spec.Containers = []corev1.Container{{Name: "a", Image: "a", Args: []string{strings.Repeat("x", size)}}}
			Expect(direct.Create(ctx, large)).To(Succeed(), "%d bytes", size)
		}
	})
})

var _ = Describe("lists over kine", func() {
	BeforeEach(overKine)

	It("show what was created, and nothing that was deleted, before they were asked for", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		var workers sync.WaitGroup
		for worker := range 4 {
			workers.Go(func() {
				defer GinkgoRecover()
				label := client.MatchingLabels{"worker": strconv.Itoa(worker)}
				// A name that is used again and again, as those of claims are.
				for range 100 {
					claim := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "of-" + label["worker"], Labels: label}}
					Expect(direct.Create(ctx, claim)).To(Succeed())
					var list coordinationv1.LeaseList
					Expect(direct.List(ctx, &list, client.InNamespace(namespace), label)).To(Succeed())
					Expect(list.Items).To(ConsistOf(HaveField("UID", claim.UID)))
					Expect(direct.Delete(ctx, claim, client.Preconditions{UID: &claim.UID, ResourceVersion: &claim.ResourceVersion})).To(Succeed())
					Expect(direct.List(ctx, &list, client.InNamespace(namespace), label)).To(Succeed())
					Expect(list.Items).To(BeEmpty())
				}
			})
		}
		workers.Wait()
	})
})
