package pages_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/console/access"
	"rservice.dev/scim-operator/console/pages"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

var (
	env    *testenv.Env
	direct client.Client
)

func TestPages(t *testing.T) { suite.Run(t, "Pages") }

var _ = BeforeSuite(func() {
	env = testenv.StartFor(GinkgoT())
	direct = suite.Client(env.Config, rbacv1.AddToScheme)
})

// visitor is a browser without script, and the console that it looks at.
type visitor struct {
	*http.Client
	address string
	local   *pages.Local
	// stop ends its streams, as the console does when it ends.
	stop func()
}

// visit serves a console of these credentials, and opens its link.
func visit(cfg *rest.Config, change ...func(*pages.Options)) *visitor {
	GinkgoHelper()
	v := newVisitor(cfg, change...)
	answer, err := v.Get(v.local.Link())
	Expect(err).NotTo(HaveOccurred())
	Expect(answer.Body.Close()).To(Succeed())
	Expect(answer).To(HaveHTTPStatus(http.StatusOK))
	return v
}

func newVisitor(cfg *rest.Config, change ...func(*pages.Options)) *visitor {
	GinkgoHelper()
	lasts, end := context.WithCancel(context.Background())
	DeferCleanup(end)
	caller, err := access.NewLocal(lasts, cfg)
	Expect(err).NotTo(HaveOccurred())
	server := httptest.NewUnstartedServer(nil)
	address := server.Listener.Addr().String()
	local := pages.NewLocal(caller, address)
	stopping, stop := context.WithCancel(lasts)
	options := pages.Options{Sessions: local, Hosts: []string{address}, Logger: GinkgoLogr, Stopping: stopping.Done()}
	for _, apply := range change {
		apply(&options)
	}
	server.Config.Handler, err = pages.New(options)
	Expect(err).NotTo(HaveOccurred())
	server.Start()
	DeferCleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	jar, err := cookiejar.New(nil)
	Expect(err).NotTo(HaveOccurred())
	return &visitor{
		Client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		local:  local, address: "http://" + address, stop: stop,
	}
}

// roundTripper is a function in the place of a connection.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
