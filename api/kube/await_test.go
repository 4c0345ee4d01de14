package kube

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"

	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
)

// TestAwaitAPIServer starts while the API server is away, then starting, then there.
func TestAwaitAPIServer(t *testing.T) {
	g := NewWithT(t)
	g.SetDefaultEventuallyTimeout(testenv.Patience)
	var answer atomic.Int64
	answer.Store(http.StatusServiceUnavailable)
	var kinds atomic.Pointer[string]
	kinds.Store(new(`{"name": "persons", "kind": "Person"}`))
	var asked atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		status := int(answer.Load())
		w.WriteHeader(status)
		if status != http.StatusOK {
			fmt.Fprintf(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": %d, "message": "not now"}`, status)
			return
		}
		fmt.Fprintf(w, `{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "provisioning.rservice.dev/v1alpha1", "resources": [%s]}`, *kinds.Load())
	}))
	health := freeAddress(t)
	ended := make(chan error, 1)
	go func() {
		ended <- AwaitAPIServer(t.Context(), &rest.Config{Host: "http://" + server.Listener.Addr().String()}, health, logr.Discard())
	}()
	probe := func(path string) func() int {
		return func() int {
			response, err := http.Get("http://" + health + path)
			if err != nil {
				return 0
			}
			defer response.Body.Close()
			return response.StatusCode
		}
	}
	server.Start() // until here connections wait in the listener's queue
	defer server.Close()
	g.Eventually(probe("/healthz")).Should(Equal(http.StatusOK))
	g.Expect(probe("/readyz")()).To(Equal(http.StatusServiceUnavailable))
	// As an API server answers that does not know the roles yet, then the definitions, then only some of them.
	for _, status := range []int64{http.StatusForbidden, http.StatusNotFound, http.StatusOK} {
		answer.Store(status)
		before := asked.Load()
		g.Eventually(asked.Load).Should(BeNumerically(">", before+1))
		g.Consistently(ended, 10*time.Millisecond).ShouldNot(Receive())
	}
	var all []string
	for _, kind := range []string{"Person", "Organization", "Site", "ScimUser", "ScimGroup", "ScimGroupPage", "ScimEndpoint", "AutomationRule", "AutomationRuleExecution"} {
		all = append(all, fmt.Sprintf(`{"name": "x", "kind": %q}`, kind))
	}
	kinds.Store(new(strings.Join(all, ",")))
	g.Eventually(ended).Should(Receive(BeNil()))
	g.Expect(probe("/healthz")()).To(BeZero(), "the address is the manager's by now")
}

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := controlplane.FreePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

func TestAwaitAPIServerThatIsNotThere(t *testing.T) {
	g := NewWithT(t)
	g.SetDefaultEventuallyTimeout(testenv.Patience)
	ctx, cancel := context.WithCancel(t.Context())
	var said atomic.Pointer[string]
	log := funcr.New(func(_, line string) { said.Store(&line) }, funcr.Options{})
	ended := make(chan error, 1)
	go func() {
		ended <- AwaitAPIServer(ctx, &rest.Config{Host: "http://127.0.0.1:1"}, "0", log)
	}()
	g.Eventually(said.Load).Should(HaveValue(ContainSubstring("Waiting for the API server")))
	cancel()
	g.Eventually(ended).Should(Receive(MatchError(context.Canceled)))
}

// TestAwaitEndsWithWhatDoesNotPass does not wait for a mistake in the configuration.
func TestAwaitEndsWithWhatDoesNotPass(t *testing.T) {
	g := NewWithT(t)
	unauthorized := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 401}`)
	}))
	defer unauthorized.Close()
	strange := httptest.NewTLSServer(http.NotFoundHandler())
	strange.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	defer strange.Close()
	for _, host := range []string{unauthorized.URL, strange.URL} {
		err := AwaitAPIServer(t.Context(), &rest.Config{Host: host}, "0", logr.Discard())
		g.Expect(err).To(HaveOccurred(), host)
	}
}
