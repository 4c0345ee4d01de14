// Package clients runs SDKs of other companies against the SCIM server. It is a module of its own because of what they need.
package clients

import (
	"context"
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
	"rservice.dev/scim-operator/scimserver"
	"rservice.dev/scim-operator/scimserver/store"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var (
	env    *testenv.Env
	direct client.Client
	// address is the server's, host and port.
	address string
)

func TestClients(t *testing.T) { suite.Run(t, "Clients") }

var _ = BeforeSuite(func(ctx SpecContext) {
	env = testenv.StartFor(GinkgoT())
	direct = suite.Client(env.Config)
	address = serve(ctx)
})

// serve runs the SCIM server for all namespaces, as one replica of the operator has it.
func serve(ctx context.Context) string {
	GinkgoHelper()
	mgr := suite.NewManager(env.Config, nil)
	s, err := store.New(ctx, store.Options{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Cache: mgr.GetCache()})
	Expect(err).NotTo(HaveOccurred())
	server, err := scimserver.SetupWithManager(ctx, mgr, s, scimserver.Options{BindAddress: "127.0.0.1:0", Logger: GinkgoLogr})
	Expect(err).NotTo(HaveOccurred())
	suite.Start(ctx, mgr)
	Eventually(func() error { return server.Ready(nil) }).Should(Succeed())
	return server.Address()
}

// newTenant makes an endpoint in a namespace of its own, and returns its token when the server knows it.
func newTenant(ctx context.Context) string {
	GinkgoHelper()
	namespace := env.Namespace(ctx, GinkgoT())
	token := "scim_test-token-with-enough-characters-" + namespace
	endpoint := &v1alpha1.ScimEndpoint{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "client"},
		// Tests send as fast as they can.
		Spec: v1alpha1.ScimEndpointSpec{Limits: v1alpha1.ScimEndpointLimits{RequestsPerSecond: new(int32(0))}},
	}
	Expect(direct.Create(ctx, endpoint)).To(Succeed())
	Expect(direct.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "client-token", Labels: map[string]string{v1alpha1.LabelEndpoint: "client"}},
		StringData: map[string]string{v1alpha1.SecretKeyToken: token},
	})).To(Succeed())
	Eventually(func() (int, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/scim/v2/Users?count=0", http.NoBody)
		if err != nil {
			return 0, err
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0, err
		}
		return response.StatusCode, response.Body.Close()
	}).Should(Equal(http.StatusOK))
	return token
}

// rewriting is a proxy in front of the server: an SDK that is made for one product has the paths of that product in it. It
// puts the server's base path in their place, and the tenant's token where the SDK would sign for its own product.
type rewriting struct{ token, prefix string }

func (p rewriting) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Path = "/scim/v2" + strings.TrimPrefix(r.URL.Path, p.prefix)
	r.URL.RawPath = ""
	r.Header.Set("Authorization", "Bearer "+p.token)
	return http.DefaultTransport.RoundTrip(r)
}

// ids are the values of something that has one.
func ids[T any](items []T, id func(T) string) []string {
	all := []string{}
	for _, item := range items {
		all = append(all, id(item))
	}
	return all
}
