package store

import (
	"crypto/sha256"
	"encoding/base32"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

var _ = Describe("claims that a crash left behind", func() {
	claimFor := func(ctx SpecContext, tenant, name, holder string, renewed metav1.MicroTime) {
		lease := claims{timing: patient}.newLease(claimUserName, tenant, leaseName(ctx, tenant, claimUserName, name), holder)
		lease.Spec.RenewTime = &renewed
		Expect(direct.Create(ctx, lease)).To(Succeed())
	}

	It("are taken over at once when they are old", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		holder, err := newID()
		Expect(err).NotTo(HaveOccurred())
		claimFor(ctx, tenant, "old@example.com", holder, metav1.NewMicroTime(metav1.Now().Add(-patient.claimForgotten)))
		_, err = s.Create(within(ctx), tenant, scim.User, user("OLD@example.com"))
		Expect(err).NotTo(HaveOccurred())
	})

	It("are taken over after the lease when they are fresh", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, quick)
		holder, err := newID()
		Expect(err).NotTo(HaveOccurred())
		claimFor(ctx, tenant, "fresh@example.com", holder, metav1.NowMicro())
		_, err = s.Create(within(ctx), tenant, scim.User, user("fresh@example.com"))
		Expect(err).NotTo(HaveOccurred())
	})

	It("are refused when their holder appears while the request waits", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		// A lease that does not run out, however busy the machine is.
		s := replica(ctx, tenant, patient)
		holder, err := newID()
		Expect(err).NotTo(HaveOccurred())
		claimFor(ctx, tenant, "slow@example.com", holder, metav1.NowMicro())
		outcome := make(chan error, 1)
		go func() {
			_, err := s.Create(within(ctx), tenant, scim.User, user("slow@example.com"))
			outcome <- err
		}()
		late := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: holder},
			Spec: v1alpha1.ScimUserSpec{UserName: "Slow@example.com", LastModified: v1alpha1.NewTimestamp(time.Now())}}
		Expect(direct.Create(ctx, late)).To(Succeed())
		Eventually(outcome).Should(Receive(haveStatus(http.StatusConflict)))
	})

	It("of a rename are taken over after the lease", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, quick)
		renamed, err := s.Create(within(ctx), tenant, scim.User, user("now@example.com"))
		Expect(err).NotTo(HaveOccurred())
		claimFor(ctx, tenant, "before@example.com", renamed.ID(), metav1.NowMicro())
		_, err = s.Create(within(ctx), tenant, scim.User, user("before@example.com"))
		Expect(err).NotTo(HaveOccurred())
	})

	It("are removed by the sweeper, and missing ones restored, once no request can be at work", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, forgetful)
		sweeper := NewSweeper(s, tenant)
		kept, err := s.Create(within(ctx), tenant, scim.User, user("kept@example.com"))
		Expect(err).NotTo(HaveOccurred())
		lost, err := s.Create(within(ctx), tenant, scim.User, user("lost@example.com"))
		Expect(err).NotTo(HaveOccurred())
		Expect(direct.Delete(ctx, claims{timing: patient}.newLease(claimUserName, tenant, leaseName(ctx, tenant, claimUserName, "lost@example.com"), ""))).To(Succeed())
		claimFor(ctx, tenant, "stale@example.com", kept.ID(), metav1.NowMicro())
		Expect(s.waitForWrites(within(ctx))).To(Succeed())
		Expect(sweeper.Sweep(within(ctx))).To(Equal(SweepResult{ClaimsRemoved: 1, ClaimsRestored: 1}))
		var leases coordinationv1.LeaseList
		Expect(direct.List(ctx, &leases, client.InNamespace(tenant))).To(Succeed())
		held := map[string]string{}
		for _, lease := range leases.Items {
			held[lease.Name] = ptr.Deref(lease.Spec.HolderIdentity, "")
		}
		Expect(held).To(Equal(map[string]string{
			leaseName(ctx, tenant, claimUserName, "kept@example.com"): kept.ID(), leaseName(ctx, tenant, claimUserName, "lost@example.com"): lost.ID(),
		}))
		Expect(sweeper.Sweep(within(ctx))).To(Equal(SweepResult{}))
	})

	It("of one tenant are removed where another one's cannot be looked at", func(ctx SpecContext) {
		broken, tenant := namespaceOf(ctx), namespaceOf(ctx)
		claimFor(ctx, broken, "stale@example.com", "nobody", metav1.NewMicroTime(time.Now().Add(-time.Hour)))
		claimFor(ctx, tenant, "stale@example.com", "nobody", metav1.NewMicroTime(time.Now().Add(-time.Hour)))
		salt := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: broken, Name: v1alpha1.SecretSalt}}
		Expect(direct.Delete(ctx, salt)).To(Succeed())
		salt.ResourceVersion, salt.Data = "", map[string][]byte{"other": []byte("x")}
		Expect(direct.Create(ctx, salt)).To(Succeed())
		s := replica(ctx, "", patient)
		_, err := NewSweeper(s, "").Sweep(within(ctx))
		Expect(err).To(MatchError(And(ContainSubstring("namespace "+broken), Not(ContainSubstring(tenant)))))
		Expect(holders(ctx, broken)).To(HaveLen(1))
		Expect(holders(ctx, tenant)).To(BeEmpty())
	})

	It("that the names were compared in another way for are made anew, and the names are not given twice", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, forgetful)
		const name = "Jane@example.com "
		jane, err := s.Create(within(ctx), tenant, scim.User, user(name))
		Expect(err).NotTo(HaveOccurred())
		sum := sha256.Sum256([]byte("rservice.dev/scim-operator/claim\x00username\x00jane@example.com "))
		before := claimPrefix(claimUserName) + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))
		now := leaseName(ctx, tenant, claimUserName, name)
		Expect(before).NotTo(Equal(now))
		Expect(direct.Delete(ctx, claims{timing: patient}.newLease(claimUserName, tenant, now, ""))).To(Succeed())
		Expect(direct.Create(ctx, claims{timing: patient}.newLease(claimUserName, tenant, before, jane.ID()))).To(Succeed())
		Expect(s.waitForWrites(within(ctx))).To(Succeed())

		_, err = s.Create(within(ctx), tenant, scim.User, user("jane@example.com"))
		Expect(err).To(haveStatus(http.StatusConflict))
		_, err = s.Update(within(ctx), tenant, scim.User, jane.ID(), "", set("title", "Chef"))
		Expect(err).NotTo(HaveOccurred())
		Expect(NewSweeper(s, tenant).Sweep(within(ctx))).To(Equal(SweepResult{ClaimsRemoved: 1, ClaimsRestored: 1}))
		Expect(holders(ctx, tenant)).To(Equal(map[string]string{now: jane.ID()}))
		_, err = s.Create(within(ctx), tenant, scim.User, user("ＪＡＮＥ@example.com"))
		Expect(err).To(haveStatus(http.StatusConflict))
		for _, text := range []string{`userName eq "JANE@example.com"`, `emails.value eq "\u3000jane@example.com"`, `userName sw "ｊane" and userName ew "com"`} {
			page, err := s.List(within(ctx), tenant, scim.User, filter(scim.User, text))
			Expect(err).NotTo(HaveOccurred())
			Expect(ids(page)).To(Equal([]string{jane.ID()}), text)
			Expect(page.Resources[0].String("userName")).To(Equal(name))
		}
	})

	It("of users who have the same name since names are compared in another way leave both of them usable", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, forgetful)
		one, err := s.Create(within(ctx), tenant, scim.User, user("jane@example.com"))
		Expect(err).NotTo(HaveOccurred())
		other, err := s.Create(within(ctx), tenant, scim.User, user("other@example.com"))
		Expect(err).NotTo(HaveOccurred())
		twin := &v1alpha1.ScimUser{}
		Expect(direct.Get(ctx, key(tenant, other.ID()), twin)).To(Succeed())
		twin.Spec.UserName = "jane@example.com "
		Expect(direct.Update(ctx, twin)).To(Succeed())
		find := func() []string {
			page, err := s.List(within(ctx), tenant, scim.User, filter(scim.User, `userName eq "Jane@example.com"`))
			Expect(err).NotTo(HaveOccurred())
			return ids(page)
		}
		Eventually(find).WithContext(ctx).Should(Equal([]string{one.ID(), other.ID()}))
		for _, id := range []string{one.ID(), other.ID()} {
			_, err = s.Update(within(ctx), tenant, scim.User, id, "", set("active", false))
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(NewSweeper(s, tenant).Sweep(within(ctx))).To(Equal(SweepResult{ClaimsRemoved: 1}))
		Expect(s.Delete(within(ctx), tenant, scim.User, one.ID(), "")).To(Succeed())
		Expect(NewSweeper(s, tenant).Sweep(within(ctx))).To(Equal(SweepResult{ClaimsRestored: 1}))
		Expect(holders(ctx, tenant)).To(Equal(map[string]string{leaseName(ctx, tenant, claimUserName, "jane@example.com"): other.ID()}))
	})

	It("of a deleted user are taken over at once, although its Person is still being disabled", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		gone, err := s.Create(within(ctx), tenant, scim.User, user("gone@example.com"))
		Expect(err).NotTo(HaveOccurred())
		// The finalizer keeps the object, and a crash has kept the claim.
		Expect(direct.Delete(ctx, &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: gone.ID()}})).To(Succeed())
		again, err := s.Create(within(ctx), tenant, scim.User, user("gone@example.com"))
		Expect(err).NotTo(HaveOccurred())
		Expect(again.ID()).NotTo(Equal(gone.ID()))
	})

	It("deleted by hand do not give a name twice", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		_, err := s.Create(within(ctx), tenant, scim.User, user("hand@example.com"))
		Expect(err).NotTo(HaveOccurred())
		Expect(direct.Delete(ctx, claims{timing: patient}.newLease(claimUserName, tenant, leaseName(ctx, tenant, claimUserName, "hand@example.com"), ""))).To(Succeed())
		_, err = s.Create(within(ctx), tenant, scim.User, user("hand@example.com"))
		Expect(err).To(haveStatus(http.StatusConflict))
	})
})
