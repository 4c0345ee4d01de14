package server_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/console/server"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/issuer"
	"rservice.dev/scim-operator/hack/testenv/manifests"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

var (
	env    *testenv.Env
	direct client.Client
)

// operator is the account of the installation, with the rights of config/rbac and config/console and no others.
const operator = "system:serviceaccount:scim-system:scim-operator"

func TestServer(t *testing.T) { suite.Run(t, "Console") }

var _ = BeforeSuite(func(ctx SpecContext) {
	env = testenv.StartFor(GinkgoT())
	direct = suite.Client(env.Config, rbacv1.AddToScheme)
	applyRoles(ctx, direct)
	meta := metav1.ObjectMeta{Name: "test-console-office"}
	Expect(client.IgnoreAlreadyExists(direct.Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"userextras/example.com/office"}, Verbs: []string{"impersonate:user-info"}},
	}}))).To(Succeed())
	Expect(client.IgnoreAlreadyExists(direct.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
		Subjects: []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: operator}},
	}))).To(Succeed())
	Eventually(func(g Gomega) {
		role := &rbacv1.ClusterRole{}
		g.Expect(direct.Get(ctx, client.ObjectKey{Name: "scim-account-owner"}, role)).To(Succeed())
		g.Expect(role.Rules).To(ContainElement(HaveField("Resources", ContainElement("scimusers"))))
		g.Expect(env.May(ctx, operator, "scim-system", "impersonate-on:user-info:patch", group("scimusers"))).To(BeTrue())
		g.Expect(env.May(ctx, operator, "scim-system", "list", group("scimusers"))).To(BeTrue())
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: operator, ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: "authentication.k8s.io", Resource: "userextras", Subresource: "example.com/office", Verb: "impersonate:user-info",
		}}}
		g.Expect(direct.Create(ctx, review)).To(Succeed())
		g.Expect(review.Status.Allowed).To(BeTrue())
	}).Should(Succeed())
})

// applyRoles applies the roles of people, and those that the operator has for the console.
func applyRoles(ctx context.Context, c client.Client) {
	GinkgoHelper()
	for _, file := range []string{"manager/namespace.yaml", "rbac/role.yaml", "rbac/role_binding.yaml", "roles/aggregate.yaml", "roles/roles.yaml", "console/role.yaml", "console/role_binding.yaml"} {
		apply(ctx, c, file)
	}
}

// apply applies one file of config.
func apply(ctx context.Context, c client.Client, file string) {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	content, err := os.ReadFile(filepath.Join("..", "..", "config", file))
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(filepath.Join(folder, "one.yaml"), content, 0o600)).To(Succeed())
	_, err = manifests.Apply(ctx, c, manifests.Options{FieldManager: "test"}, folder)
	Expect(err).NotTo(HaveOccurred())
}

func group(resource string) schema.GroupResource {
	return schema.GroupResource{Group: "provisioning.rservice.dev", Resource: resource}
}

const clientID, clientSecret = "scim-console", "not-a-real-one"

// console is one replica, as browsers reach it through the ingress.
type console struct {
	*httptest.Server
	provider *issuer.Provider
}

const jwt = `
  claimMappings:
    username: {claim: email, prefix: ""}
    groups: {claim: groups, prefix: ""}
    uid: {claim: sub}
    extra: [{key: example.com/office, valueExpression: "claims.?office.orValue('')"}]
  claimValidationRules:
    - {expression: "claims.?company.orValue('acme') == 'acme'", message: an account of acme}
`

// start runs replicas of the operator with a console of the provider.
func start(p *issuer.Provider, replicas int, session string) []*console {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	Expect(os.WriteFile(filepath.Join(folder, "secret"), []byte(clientSecret+"\n"), 0o600)).To(Succeed())
	edge := httptest.NewUnstartedServer(nil)
	edge.StartTLS()
	DeferCleanup(edge.Close)
	ca, err := json.Marshal(p.CA)
	Expect(err).NotTo(HaveOccurred())
	configuration := "apiVersion: console.provisioning.rservice.dev/v1alpha1\nkind: ConsoleConfiguration\nbaseURL: " + edge.URL +
		"\nclientID: " + clientID + "\nclientSecretFile: " + filepath.Join(folder, "secret") +
		"\njwt:\n  issuer: {url: \"" + p.URL + "\", certificateAuthority: " + string(ca) + "}" + jwt + "session: " + session + "\n"
	file := filepath.Join(folder, "console.yaml")
	Expect(os.WriteFile(file, []byte(configuration), 0o600)).To(Succeed())
	var all []*console
	for range replicas {
		cfg, err := env.User(operator, "system:serviceaccounts", "system:serviceaccounts:scim-system")
		Expect(err).NotTo(HaveOccurred())
		mgr := suite.NewManager(cfg, nil)
		lasts, end := context.WithCancel(context.Background())
		DeferCleanup(end)
		s, err := server.New(lasts, mgr, server.Options{BindAddress: "127.0.0.1:0", Config: file, Namespace: "scim-system", Logger: GinkgoLogr})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(suite.Start(lasts, mgr))
		if edge.Config.Handler == nil {
			edge.Config.Handler = s.Handler()
			all = append(all, &console{Server: edge, provider: p})
			continue
		}
		all = append(all, &console{Server: &httptest.Server{URL: edge.URL, Config: &http.Server{Handler: s.Handler()}}, provider: p})
	}
	return all
}

// through has a console's requests answered by another replica.
func (c *console) through(replica *console) { c.Config.Handler = replica.Config.Handler }

// browser keeps cookies, follows redirects, and shows pages.
func (c *console) browser() *http.Client {
	GinkgoHelper()
	jar, err := cookiejar.New(nil)
	Expect(err).NotTo(HaveOccurred())
	roots := x509.NewCertPool()
	roots.AddCert(c.Certificate())
	Expect(roots.AppendCertsFromPEM([]byte(c.provider.CA))).To(BeTrue())
	transport, ok := c.Client().Transport.(*http.Transport)
	Expect(ok).To(BeTrue())
	own := transport.Clone()
	own.TLSClientConfig.RootCAs = roots
	return &http.Client{Jar: jar, Transport: navigating{own}}
}

// navigating sends what a browser sends when a person opens a page.
type navigating struct{ http.RoundTripper }

func (n navigating) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet && r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Sec-Fetch-Mode", "navigate")
	}
	return n.RoundTripper.RoundTrip(r)
}
