package scimserver_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	countUsers  = corev1.ResourceName("count/scimusers.provisioning.rservice.dev")
	countGroups = corev1.ResourceName("count/scimgroups.provisioning.rservice.dev")
	countLeases = corev1.ResourceName("count/leases.coordination.k8s.io")
)

// useUp lets the namespace have no more of what is counted, and returns a function that ends that. probe is one of them.
func useUp(ctx context.Context, namespace string, counted corev1.ResourceName, probe client.Object) (end func()) {
	GinkgoHelper()
	none := corev1.ResourceList{counted: {}}
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "small-"}, Spec: corev1.ResourceQuotaSpec{Hard: none},
	}
	Expect(direct.Create(ctx, quota)).To(Succeed())
	probe.SetNamespace(namespace)
	dryRun := func() error { return direct.Create(ctx, probe.DeepCopyObject().(client.Object), client.DryRunAll) }
	Eventually(func() error {
		// Else the controller manager does so when it has found out about the kinds that there are.
		if err := direct.Get(ctx, client.ObjectKeyFromObject(quota), quota); err != nil {
			return err
		}
		quota.Status = corev1.ResourceQuotaStatus{Hard: none, Used: none}
		if err := direct.Status().Update(ctx, quota); err != nil && !apierrors.IsConflict(err) {
			return err
		}
		return dryRun()
	}).Should(MatchError(ContainSubstring("exceeded quota")))
	return func() {
		GinkgoHelper()
		Expect(direct.Delete(ctx, quota)).To(Succeed())
		Eventually(dryRun).Should(Succeed())
	}
}

// beFull matches the answer for which there is no room.
func beFull() types.GomegaMatcher {
	return And(beError(http.StatusInsufficientStorage, ""), WithTransform(func(a answer) http.Header { return a.Header }, Not(HaveKey("Retry-After"))),
		HaveField("Body", HaveKeyWithValue("detail", ContainSubstring("quota"))))
}

var _ = Describe("A tenant without room", func() {
	leases := func(ctx context.Context, namespace string) []coordinationv1.Lease {
		GinkgoHelper()
		var list coordinationv1.LeaseList
		Expect(direct.List(ctx, &list, client.InNamespace(namespace), client.HasLabels{v1alpha1.LabelClaim})).To(Succeed())
		return list.Items
	}
	now := v1alpha1.NewTimestamp(time.Now())
	aUser := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: noID}, Spec: v1alpha1.ScimUserSpec{UserName: "probe", ProvisionedAt: now, LastModified: now}}
	aGroup := &v1alpha1.ScimGroup{ObjectMeta: metav1.ObjectMeta{Name: noID}, Spec: v1alpha1.ScimGroupSpec{DisplayName: "probe", ProvisionedAt: now, LastModified: now}}
	aLease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "probe"}}

	It("says so for users, changes nothing, and goes on when there is some", func(ctx SpecContext) {
		c, r, namespace := connect(ctx)
		id := c.create(ctx, "/Users", user("babs@example.com"))
		for _, counted := range []struct {
			resource corev1.ResourceName
			probe    client.Object
		}{{countUsers, aUser}, {countLeases, aLease}} {
			end := useUp(ctx, namespace, counted.resource, counted.probe)
			Expect(c.do(ctx, "POST", "/Users", user("anna@example.com"))).To(beFull())
			Expect(c.do(ctx, "POST", "/Bulk", bulk(0, operation("POST", "/Users", "a", user("anna@example.com")))).bulkStatuses()).To(Equal([]string{"507"}))
			Expect(leases(ctx, namespace)).To(HaveLen(1), "the claim on a name that nobody has is left: %s", counted.resource)
			Expect(c.do(ctx, "PATCH", "/Users/"+id, operations(op("replace", "title", string(counted.resource))))).To(haveStatus(200))
			end()
		}
		Expect(r.logs.String()).To(ContainSubstring("exceeded quota: small-"))
		Expect(r.logs.String()).NotTo(ContainSubstring("anna"))
		c.create(ctx, "/Users", user("anna@example.com"))

		By("renaming where no name can be claimed")
		end := useUp(ctx, namespace, countLeases, aLease)
		Expect(c.do(ctx, "PUT", "/Users/"+id, user("barbara@example.com"))).To(beFull())
		end()
		Expect(c.do(ctx, "PUT", "/Users/"+id, user("barbara@example.com"))).To(haveStatus(200))
	})

	It("says so for groups, of which nothing is left", func(ctx SpecContext) {
		c, _, namespace := connect(ctx)
		babs := c.create(ctx, "/Users", user("babs@example.com"))
		end := useUp(ctx, namespace, countGroups, aGroup)
		Expect(c.do(ctx, "POST", "/Groups", group("Guides", babs))).To(beFull())
		Expect(c.do(ctx, "POST", "/Groups", group("Nobody"))).To(beFull())
		Expect(leases(ctx, namespace)).To(HaveLen(1), "the user's claim")
		Expect(c.do(ctx, "GET", "/Users/"+babs, nil).Body).NotTo(HaveKey("groups"))
		end()
		id := c.create(ctx, "/Groups", group("Guides", babs))
		Expect(c.do(ctx, "GET", "/Groups/"+id, nil).members()).To(Equal([]string{babs}))
		c.create(ctx, "/Groups", group("Nobody"))
	})

	It("says so when etcd is full", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		newEndpoint(ctx, namespace, "okta", tokenFor(namespace))
		disk := &fullDisk{}
		r := startReplica(ctx, namespace, func(config *rest.Config) {
			config.Wrap(func(next http.RoundTripper) http.RoundTripper { disk.next = next; return disk })
		})
		c := scimClient{base: r.url + "/scim/v2", token: tokenFor(namespace)}
		id := c.create(ctx, "/Users", user("babs@example.com"))
		disk.full.Store(true)
		for _, a := range []answer{
			c.do(ctx, "POST", "/Users", user("anna@example.com")),
			c.do(ctx, "PATCH", "/Users/"+id, operations(op("replace", "title", "Guide"))),
			c.do(ctx, "POST", "/Groups", group("Guides", id)),
		} {
			Expect(a).To(beFull())
		}
		Expect(c.do(ctx, "GET", "/Users/"+id, nil)).To(haveStatus(200))
		disk.full.Store(false)
		c.create(ctx, "/Users", user("anna@example.com"))
		c.create(ctx, "/Groups", group("Guides", id))
	})

})

// fullDisk answers writes as an API server does whose etcd is full.
type fullDisk struct {
	full atomic.Bool
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (d *fullDisk) RoundTrip(r *http.Request) (*http.Response, error) {
	if !d.full.Load() || r.Method == http.MethodGet || r.Method == http.MethodDelete {
		return d.next.RoundTrip(r)
	}
	const message = "etcdserver: mvcc: database space exceeded"
	body := fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":%q,"code":500}`, message)
	return &http.Response{
		StatusCode: http.StatusInternalServerError, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader([]byte(body))), Request: r,
	}, nil
}
