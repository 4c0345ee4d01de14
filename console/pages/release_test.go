package pages_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

// braked is a namespace in which the controllers run and the brake lets one person be disabled.
type braked struct {
	client.Client
	namespace string
	endpoint  *v1alpha1.ScimEndpoint
	users     []*v1alpha1.ScimUser
}

// newBraked makes one with so many users, each with its Person.
func newBraked(ctx SpecContext, count int) *braked {
	GinkgoHelper()
	namespace := env.Namespace(ctx, GinkgoT())
	b := &braked{Client: client.NewNamespacedClient(direct, namespace), namespace: namespace}
	b.endpoint = &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "okta"}, Spec: v1alpha1.ScimEndpointSpec{Safety: v1alpha1.ScimEndpointSafety{
		MinDisableCount: new(int32(1)), MinCountPerDay: new(int32(1)), MaxDisablePercent: new(int32(1)), MaxPercentPerDay: new(int32(1)),
	}}}
	Expect(b.Create(ctx, b.endpoint)).To(Succeed())
	rule := &v1alpha1.AutomationRule{}
	data, err := os.ReadFile(filepath.Join("..", "..", "config", "rules", "default-user-mapping.yaml"))
	Expect(err).NotTo(HaveOccurred())
	Expect(yaml.UnmarshalStrict(data, rule)).To(Succeed())
	Expect(b.Create(ctx, rule)).To(Succeed())
	manager := suite.NewManager(env.Config, []string{namespace})
	Expect(controllers.Setup(context.WithoutCancel(ctx), manager, controllers.Options{})).To(Succeed())
	suite.Start(ctx, manager)
	for i := range count {
		user := &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Name: uuid.Must(uuid.NewV7()).String(), Finalizers: []string{v1alpha1.FinalizerDeprovision}},
			Spec: v1alpha1.ScimUserSpec{
				UserName: fmt.Sprintf("user%d@example.com", i), DisplayName: "User", Active: new(true), LastModified: v1alpha1.NewTimestamp(time.Now()),
			},
		}
		Expect(b.Create(ctx, user)).To(Succeed())
		b.users = append(b.users, user)
	}
	for _, user := range b.users {
		Eventually(func(g Gomega) {
			g.Expect(b.Get(ctx, client.ObjectKeyFromObject(user), user)).To(Succeed())
			g.Expect(user.Status.Person).NotTo(BeNil())
		}).Should(Succeed())
	}
	return b
}

// deactivate has the client deactivate users, and returns the generation under which so many are held then.
func (b *braked) deactivate(ctx SpecContext, held int64, users ...*v1alpha1.ScimUser) int64 {
	GinkgoHelper()
	for _, user := range users {
		Eventually(func() error {
			if err := b.Get(ctx, client.ObjectKeyFromObject(user), user); err != nil {
				return err
			}
			user.Spec.Active = new(false)
			return b.Update(ctx, user)
		}).Should(Succeed())
	}
	Eventually(func(g Gomega) {
		g.Expect(b.Get(ctx, client.ObjectKeyFromObject(b.endpoint), b.endpoint)).To(Succeed())
		g.Expect(b.endpoint.Status.Held).To(HaveField("Count", held))
	}).Should(Succeed())
	return b.endpoint.Status.Held.Generation
}

// asked is the generation that the endpoint's annotation releases.
func (b *braked) asked(ctx SpecContext) string {
	GinkgoHelper()
	Expect(b.Get(ctx, client.ObjectKeyFromObject(b.endpoint), b.endpoint)).To(Succeed())
	return b.endpoint.Annotations[v1alpha1.AnnotationReleaseHeld]
}

// people are visitors by their roles of config/roles, each of which has what the one before it has.
func people(ctx SpecContext, namespace string) map[string]*visitor {
	GinkgoHelper()
	data, err := os.ReadFile(filepath.Join("..", "..", "config", "roles", "aggregate.yaml"))
	Expect(err).NotTo(HaveOccurred())
	found := map[string]*visitor{}
	var rules []rbacv1.PolicyRule
	for document := range strings.SplitSeq(string(data), "\n---\n") {
		part := &rbacv1.ClusterRole{}
		Expect(yaml.UnmarshalStrict([]byte(document), part)).To(Succeed())
		rules = append(rules, part.Rules...)
		role := strings.TrimPrefix(part.Name, "scim-aggregate-to-")
		found[role] = visit(having(ctx, namespace, role, rules...))
	}
	Expect(found).To(And(HaveLen(3), HaveKey("viewer"), HaveKey("editor"), HaveKey("account-owner")))
	return found
}

var _ = Describe("what the safety brake holds", func() {
	It("is let go by an account owner, as far as the form has shown it, and by nobody else", func(ctx SpecContext) {
		b := newBraked(ctx, 3)
		shown := b.deactivate(ctx, 1, b.users[0], b.users[1])
		overview, page := "/"+b.namespace+"/", "/"+b.namespace+"/endpoints/okta/release"
		who := people(ctx, b.namespace)

		for _, role := range []string{"viewer", "editor"} {
			By(role + ", to whom it is not offered")
			v := who[role]
			text := body(v.send(http.MethodGet, overview, ""))
			Expect(text).To(And(ContainSubstring("The safety brake holds 1 person"), ContainSubstring("You may not release them")), role)
			Expect(text).NotTo(ContainSubstring(page), role)
			Expect(v.send(http.MethodGet, page, "")).To(HaveHTTPStatus(http.StatusForbidden), role)
			form := url.Values{"form": {v.token()}, "generation": {strconv.FormatInt(shown, 10)}}
			Expect(v.send(http.MethodPost, page, form.Encode(), "Origin", "null", "Sec-Fetch-Site", "same-origin")).To(HaveHTTPStatus(http.StatusForbidden), role)
			Expect(b.asked(ctx)).To(BeEmpty(), role)
		}

		By("an owner, with a form that others are held since")
		v := who["account-owner"]
		Expect(body(v.send(http.MethodGet, overview, ""))).To(ContainSubstring(`href="` + page + `"`))
		newer := b.deactivate(ctx, 2, b.users[2])
		Expect(newer).To(BeNumerically(">", shown))
		for _, generation := range []string{strconv.FormatInt(shown, 10), strconv.FormatInt(newer+1, 10), ""} {
			Expect(v.post(page, page, "generation", generation)).To(HaveHTTPStatus(http.StatusConflict), generation)
			Expect(b.asked(ctx)).To(BeEmpty(), generation)
		}

		By("an owner, with the form as it is now")
		answer := v.post(page, page)
		Expect(answer).To(HaveHTTPStatus(http.StatusSeeOther))
		Expect(answer).To(HaveHTTPHeaderWithValue("Location", overview+"?done=release"))
		Expect(b.asked(ctx)).To(Equal(strconv.FormatInt(newer, 10)))
		Eventually(func(g Gomega) {
			persons := &v1alpha1.PersonList{}
			g.Expect(b.List(ctx, persons)).To(Succeed())
			g.Expect(persons.Items).To(HaveLen(3))
			g.Expect(persons.Items).To(HaveEach(HaveField("Spec.Disabled", true)))
			g.Expect(b.Get(ctx, client.ObjectKeyFromObject(b.endpoint), b.endpoint)).To(Succeed())
			g.Expect(b.endpoint.Status.Held.ReleasedGeneration).To(Equal(newer))
		}).Should(Succeed())
		Expect(v.send(http.MethodGet, page, "")).To(HaveHTTPStatus(http.StatusConflict), "nothing is held any more")
	})
})
