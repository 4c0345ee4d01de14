package e2e

import (
	"context"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/manifests"
)

// neighbour is another tenant of the same operator, without a right of the operator there.
func (t *tenant) neighbour(ctx SpecContext) *tenant {
	GinkgoHelper()
	n := &tenant{namespace: env.Namespace(ctx, GinkgoT()), identity: t.identity}
	_, err := manifests.Apply(ctx, direct, manifests.Options{FieldManager: "test", Namespace: n.namespace}, config+"/rules", config+"/samples")
	Expect(err).NotTo(HaveOccurred())
	return n
}

// admit binds the tenant's operator to its ClusterRole in the neighbour's namespace, as config/rbac/tenant does.
func (t *tenant) admit(ctx context.Context, n *tenant) *rbacv1.RoleBinding {
	GinkgoHelper()
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: "scim-operator"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: t.namespace},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: t.identity}},
	}
	Expect(direct.Create(ctx, binding)).To(Succeed())
	return binding
}

// provisions shows that the tenant is served, and that its rules run.
func (t *tenant) provisions(ctx SpecContext, name string) string {
	GinkgoHelper()
	body := bodyOf(strings.ReplaceAll(contentOfBabs, "babs@", name+"@"))
	id := t.expect(ctx, http.StatusCreated, http.MethodPost, "/Users", body).id()
	user, person := t.mapped(ctx, id)
	Expect(user.Namespace).To(Equal(t.namespace))
	Expect(person.Spec.PrimaryEmail).To(Equal(name + "@example.com"))
	return id
}

var _ = Describe("an operator of several namespaces", func() {
	It("serves those that it can read, and each other one from when it can", func(ctx SpecContext) {
		t := newTenant(ctx)
		second, shut := t.neighbour(ctx), t.neighbour(ctx)
		t.admit(ctx, second)
		probes, metrics := testenv.FreeAddress(ctx, GinkgoT()), testenv.FreeAddress(ctx, GinkgoT())
		const missing = "a-namespace-that-does-not-exist"
		// The bare start waits until what cannot be read is given up, after half a minute.
		t.start(ctx, "--namespaces="+strings.Join([]string{t.namespace, second.namespace, shut.namespace, missing}, ","),
			"--health-probe-bind-address="+probes, "--metrics-bind-address="+metrics)
		second.address, shut.address = t.address, t.address
		second.readToken(ctx)
		t.provisions(ctx, "one")
		second.provisions(ctx, "two")
		Expect(t.expect(ctx, http.StatusOK, http.MethodGet, "/Users", "").body).To(HaveKeyWithValue("totalResults", BeEquivalentTo(1)))

		By("saying what it cannot read, where that is to be seen")
		Eventually(func() (int, error) { return status(ctx, "http://"+probes+"/readyz") }).Should(Equal(http.StatusOK))
		for _, namespace := range []string{shut.namespace, missing} {
			Eventually(func() (string, error) { return textOf(ctx, "http://"+metrics+"/metrics") }).Should(
				ContainSubstring(`scim_unreadable_kinds{kind="ScimUser",namespace="` + namespace + `",reason="Refused"} 1`))
		}
		for _, n := range []*tenant{t, second} {
			endpoint := &v1alpha1.ScimEndpoint{}
			Expect(direct.Get(ctx, client.ObjectKey{Namespace: n.namespace, Name: "okta"}, endpoint)).To(Succeed())
			Expect(meta.FindStatusCondition(endpoint.Status.Conditions, v1alpha1.ConditionUnreadable)).To(BeNil())
		}

		By("not telling a client that its token is wrong, which may be one that cannot be read")
		shut.token = "scim_a-token-that-nobody-has-so-far-0000000000"
		told := shut.expect(ctx, http.StatusServiceUnavailable, http.MethodGet, "/Users?count=0", "")
		Expect(told.header.Get("Retry-After")).NotTo(BeEmpty())

		By("going on with a namespace that gets its RoleBinding later, without a restart")
		t.admit(ctx, shut)
		shut.readToken(ctx)
		shut.provisions(ctx, "three")
		t.provisions(ctx, "four")
	})

	It("loses a tenant without the others", func(ctx SpecContext) {
		t := newTenant(ctx)
		second := t.neighbour(ctx)
		binding := t.admit(ctx, second)
		t.start(ctx, "--namespaces="+t.namespace+","+second.namespace)
		second.address = t.address
		second.readToken(ctx)
		second.provisions(ctx, "two")

		By("deleting what the client left and then the namespace, in the order that config/secure.md says")
		Expect(direct.DeleteAllOf(ctx, &v1alpha1.ScimUser{}, client.InNamespace(second.namespace))).To(Succeed())
		Eventually(func() ([]v1alpha1.ScimUser, error) {
			users := &v1alpha1.ScimUserList{}
			err := direct.List(ctx, users, client.InNamespace(second.namespace))
			return users.Items, err
		}).Should(BeEmpty())
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: second.namespace}}
		Expect(direct.Delete(ctx, binding)).To(Succeed())
		Expect(direct.Delete(ctx, namespace)).To(Succeed())
		Eventually(func() bool {
			return apierrors.IsNotFound(direct.Get(ctx, client.ObjectKeyFromObject(namespace), namespace))
		}).Should(BeTrue())
		Eventually(func() int { return second.send(ctx, http.MethodGet, "/Users?count=0", "").status }).Should(Equal(http.StatusUnauthorized))
		t.provisions(ctx, "one")
	})
})
