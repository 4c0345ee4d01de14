package store

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/scimserver/scim"
)

var _ = Describe("a claim whose revision is not the one that its creation told", func() {
	var tenant, member string
	var network *lossy
	var s *Store
	BeforeEach(func(ctx SpecContext) {
		tenant = namespaceOf(ctx)
		network = &lossy{}
		s = replica(ctx, tenant, patient, network.wrap)
		created, err := s.Create(within(ctx), tenant, scim.User, user("member@example.com"))
		Expect(err).NotTo(HaveOccurred())
		member = created.ID()
	})
	// revise gives every new claim another revision before its creation is answered, as kine does for a name that was given up.
	revise := func(ctx context.Context, also func(*coordinationv1.Lease)) {
		network.through(func(r *http.Request, send sender) (*http.Response, error) {
			res, err := send()
			if err == nil && r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/leases") {
				var leases coordinationv1.LeaseList
				Expect(direct.List(ctx, &leases, client.InNamespace(tenant))).To(Succeed())
				for i := range leases.Items {
					metav1.SetMetaDataLabel(&leases.Items[i].ObjectMeta, "test", "revised")
					also(&leases.Items[i])
					Expect(direct.Update(ctx, &leases.Items[i])).To(Succeed())
				}
			}
			return res, err
		})
	}
	as := func(*coordinationv1.Lease) {}

	It("is still the request's own, which answers no 409", func(ctx SpecContext) {
		s.room = 1 // only with pages the claim is looked at again
		other, err := s.Create(within(ctx), tenant, scim.User, user("other@example.com"))
		Expect(err).NotTo(HaveOccurred())
		revise(ctx, as)
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Staff", member, other.ID()))
		Expect(err).NotTo(HaveOccurred())
		Expect(holders(ctx, tenant)).To(HaveKeyWithValue(leaseName(ctx, tenant, claimDisplayName, "staff"), created.ID()))
	})

	It("is given up with the request that fails", func(ctx SpecContext) {
		before := holders(ctx, tenant)
		revise(ctx, as)
		broken := user("broken@example.com")
		broken["urn:example:too:large"] = map[string]any{"text": strings.Repeat("x", 2_300_000)}
		_, err := s.Create(within(ctx), tenant, scim.User, broken)
		Expect(err).To(haveStatus(http.StatusBadRequest))
		Expect(holders(ctx, tenant)).To(Equal(before))
	})

	It("is another's when another has changed it", func(ctx SpecContext) {
		s.room = 1 // only with pages the claim is looked at again
		other, err := s.Create(within(ctx), tenant, scim.User, user("other@example.com"))
		Expect(err).NotTo(HaveOccurred())
		revise(ctx, func(lease *coordinationv1.Lease) { lease.Spec.RenewTime = new(metav1.NowMicro()) })
		_, err = s.Create(within(ctx), tenant, scim.Group, group("Staff", member, other.ID()))
		Expect(err).To(haveStatus(http.StatusConflict))
	})
})

var _ = Describe("a deletion whose outcome is unknown", func() {
	for _, rt := range []*scim.ResourceType{scim.User, scim.Group} {
		It("is of something that is not found where it is gone, and its name is free: "+rt.Name, func(ctx SpecContext) {
			tenant := namespaceOf(ctx)
			network := &lossy{}
			s := replica(ctx, tenant, patient, network.wrap)
			sent := user("gone")
			if rt == scim.Group {
				sent = group("gone")
			}
			created, err := s.Create(within(ctx), tenant, rt, sent)
			Expect(err).NotTo(HaveOccurred())
			network.through(func(r *http.Request, send sender) (*http.Response, error) {
				res, err := send()
				if err == nil && r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, "/"+created.ID()) {
					return answer(r, http.StatusInternalServerError, "InternalError", http.Header{}), res.Body.Close()
				}
				return res, err
			})
			err = s.Delete(within(ctx), tenant, rt, created.ID(), "")
			Expect(err).To(haveStatus(http.StatusNotFound))
			network.spoil.Store(nil)
			_, err = s.Create(within(ctx), tenant, rt, sent)
			Expect(err).NotTo(HaveOccurred())
		})
	}
})

var _ = Describe("an update of a claim that was repeated, and so met itself", func() {
	var tenant, member string
	var network *lossy
	var s *Store
	BeforeEach(func(ctx SpecContext) {
		tenant = namespaceOf(ctx)
		network = &lossy{}
		s = replica(ctx, tenant, patient, network.wrap)
		created, err := s.Create(within(ctx), tenant, scim.User, user("member@example.com"))
		Expect(err).NotTo(HaveOccurred())
		member = created.ID()
	})
	// repeat sends the next update of a claim twice, as who has lost the first answer does.
	repeat := func() *atomic.Bool {
		var repeated atomic.Bool
		network.through(func(r *http.Request, send sender) (*http.Response, error) {
			if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "/leases/") || repeated.Swap(true) {
				return send()
			}
			body, err := io.ReadAll(r.Body)
			Expect(err).NotTo(HaveOccurred())
			r.Body = io.NopCloser(bytes.NewReader(body))
			first, err := send()
			Expect(err).NotTo(HaveOccurred())
			Expect(first.StatusCode).To(Equal(http.StatusOK))
			Expect(first.Body.Close()).To(Succeed())
			r.Body = io.NopCloser(bytes.NewReader(body))
			return send()
		})
		return &repeated
	}

	It("is the request's own where it renews the claim", func(ctx SpecContext) {
		s.room = 1 // only with pages the claim is renewed
		other, err := s.Create(within(ctx), tenant, scim.User, user("other@example.com"))
		Expect(err).NotTo(HaveOccurred())
		repeated := repeat()
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Staff", member, other.ID()))
		Expect(err).NotTo(HaveOccurred())
		Expect(repeated.Load()).To(BeTrue())
		Expect(holders(ctx, tenant)).To(HaveKeyWithValue(leaseName(ctx, tenant, claimDisplayName, "staff"), created.ID()))
	})

	It("is the request's own where it takes the claim over, which is free again after a request that fails", func(ctx SpecContext) {
		before := holders(ctx, tenant)
		left := claims{timing: patient}.newLease(claimUserName, tenant, leaseName(ctx, tenant, claimUserName, "broken@example.com"), "nobody")
		left.Spec.RenewTime = new(metav1.NewMicroTime(metav1.Now().Add(-patient.claimForgotten)))
		Expect(direct.Create(ctx, left)).To(Succeed())
		repeated := repeat()
		broken := user("broken@example.com")
		broken["urn:example:too:large"] = map[string]any{"text": strings.Repeat("x", 2_300_000)}
		_, err := s.Create(within(ctx), tenant, scim.User, broken)
		Expect(err).To(haveStatus(http.StatusBadRequest))
		Expect(repeated.Load()).To(BeTrue())
		Expect(holders(ctx, tenant)).To(Equal(before))
	})
})
