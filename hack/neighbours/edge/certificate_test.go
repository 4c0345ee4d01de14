package edge

import (
	"context"
	"crypto/tls"
	"net"
	"path/filepath"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/hack/e2e/world"
)

var _ = Describe("with a certificate of cert-manager", Ordered, func() {
	It("is served with a renewed one by the Gateway at once, and no request fails", func(ctx SpecContext) {
		before := serial(ctx, Default, gateway)
		cluster.UnderLoad(ctx, "certificate renewed", acme, func() {
			renew(ctx)
			Eventually(func(g Gomega) { g.Expect(serial(ctx, g, gateway)).NotTo(Equal(before)) }).Should(Succeed())
		})
	}, NodeTimeout(15*time.Minute))

	It("serves a renewed one in its pods without a restart, and no request fails", func(ctx SpecContext) {
		cluster.Kubectl(ctx, "apply", "-k", filepath.Join(here(), "operator-tls"))
		cluster.RolledOut(ctx)
		routeIsAccepted(ctx)
		cluster.Whole(ctx, acme)
		pods := addresses(ctx)
		Expect(pods).To(HaveLen(2))
		before, containers := serial(ctx, Default, pods[0]), cluster.Containers(ctx, Default)
		Expect(serial(ctx, Default, gateway)).To(Equal(before))
		cluster.UnderLoad(ctx, "certificate of pods renewed", acme, func() {
			renew(ctx)
			for _, address := range append(pods, gateway) {
				// kubelet looks at Secrets that are mounted about once a minute.
				Eventually(func(g Gomega) { g.Expect(serial(ctx, g, address)).NotTo(Equal(before)) }).
					WithTimeout(5*time.Minute).Should(Succeed(), address)
			}
		})
		Expect(cluster.Containers(ctx, Default)).To(Equal(containers))
	}, NodeTimeout(20*time.Minute))
})

// addresses are those of the pods' SCIM ports.
func addresses(ctx context.Context) []string {
	GinkgoHelper()
	var found []string
	for _, pod := range cluster.Pods(ctx, Default) {
		found = append(found, net.JoinHostPort(pod.Status.PodIP, "8080"))
	}
	return found
}

// serial is the number of the certificate that is served at an address.
func serial(ctx context.Context, g Gomega, address string) string {
	GinkgoHelper()
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: authority(), ServerName: host, MinVersion: tls.VersionTLS12}}
	connection, err := dialer.DialContext(ctx, "tcp", address)
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = connection.Close() }()
	return connection.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// renew has cert-manager issue the certificate anew, as `cmctl renew` does.
func renew(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		certificate := &unstructured.Unstructured{}
		certificate.SetGroupVersionKind(schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"})
		g.Expect(cluster.Client.Get(ctx, client.ObjectKey{Namespace: world.System, Name: world.Name}, certificate)).To(Succeed())
		conditions, _, err := unstructured.NestedSlice(certificate.Object, "status", "conditions")
		g.Expect(err).NotTo(HaveOccurred())
		conditions = slices.DeleteFunc(conditions, func(condition any) bool { return condition.(map[string]any)["type"] == "Issuing" })
		conditions = append(conditions, map[string]any{
			"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "The test asks for another one",
			"lastTransitionTime": metav1.Now().UTC().Format(time.RFC3339), "observedGeneration": certificate.GetGeneration(),
		})
		g.Expect(unstructured.SetNestedSlice(certificate.Object, conditions, "status", "conditions")).To(Succeed())
		g.Expect(cluster.Client.Status().Update(ctx, certificate)).To(Succeed())
	}).Should(Succeed())
}
