package issuers

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/issuer"
)

const (
	audience = "api://scim"
	subject  = "3f1c9b1e-client"
	clientID = "entra"
)

// fixture is an Issuers with one endpoint that trusts one issuer.
type fixture struct {
	*Issuers
	issuer   *issuer.Issuer
	endpoint *v1alpha1.ScimEndpoint
	// ahead is by how much the clock is.
	ahead *atomic.Int64
}

func newFixture(t *testing.T, change ...func(*v1alpha1.ScimEndpoint)) *fixture {
	t.Helper()
	f := &fixture{issuer: issuer.New(t, "RS256"), ahead: &atomic.Int64{}}
	f.Issuers = New(t.Context(), Options{
		PrivateHosts: []string{"127.0.0.1"}, Logger: logr.Discard(),
		Now: func() time.Time { return time.Now().Add(time.Duration(f.ahead.Load())) },
	})
	f.limits.retry, f.limits.patience = 20*time.Millisecond, testenv.Patience
	f.endpoint = endpointFor(f.issuer, "acme", change...)
	return f
}

// endpointFor is an endpoint that lets in bearers, and a client by its assertion.
func endpointFor(of *issuer.Issuer, namespace string, change ...func(*v1alpha1.ScimEndpoint)) *v1alpha1.ScimEndpoint {
	endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: "scim", UID: types.UID(namespace), Generation: 1,
	}}
	endpoint.Spec.Authentication = v1alpha1.ScimEndpointAuthentication{
		JWT: []v1alpha1.JWTAuthenticator{{
			Issuer: v1alpha1.JWTIssuer{URL: of.URL, CertificateAuthority: of.CA, Audiences: []string{audience}},
			Scope:  v1alpha1.ScopeAll,
		}},
		Clients: []v1alpha1.OAuthClient{{ClientID: clientID, Assertions: []v1alpha1.ClientAssertion{{Issuer: of.URL, Subject: subject}}}},
	}
	for _, apply := range change {
		apply(endpoint)
	}
	return endpoint
}

// changed is a new generation of an endpoint.
func changed(endpoint *v1alpha1.ScimEndpoint, change func(*v1alpha1.ScimEndpoint)) *v1alpha1.ScimEndpoint {
	next := endpoint.DeepCopy()
	next.Generation++
	change(next)
	return next
}

// bearer decides about a bearer token, as Bearer does when it has found the endpoints.
func (f *fixture) bearer(t *testing.T, token string, endpoints ...*v1alpha1.ScimEndpoint) (*Identity, *Refusal) {
	t.Helper()
	if endpoints == nil {
		endpoints = []*v1alpha1.ScimEndpoint{f.endpoint}
	}
	parsed, refused := f.read(token)
	if refused != nil {
		return nil, refused
	}
	accepted, refused := f.decide(t.Context(), parsed, use{}, endpoints)
	if refused != nil {
		return nil, refused
	}
	return accepted.identity, nil
}

func (f *fixture) good(change ...func(map[string]any)) string {
	claims := f.issuer.Claims(audience, subject)
	for _, apply := range change {
		apply(claims)
	}
	return f.issuer.Token("RS256", claims)
}

// must fails the test unless the refusal is for this reason, and tells one endpoint something that has all these texts.
func (r *Refusal) must(t *testing.T, reason v1alpha1.RefusalReason, texts ...string) {
	t.Helper()
	if r == nil {
		t.Fatalf("accepted; want %s", reason)
	}
	told := r.Message + "\n" + r.Remedy
	for _, each := range r.Told {
		told += "\n" + each.Message + "\n" + each.Remedy
	}
	if r.Reason != reason {
		t.Fatalf("refused for %s, want %s: %s", r.Reason, reason, told)
	}
	for _, text := range texts {
		if !strings.Contains(told, text) {
			t.Errorf("the refusal does not say %q: %s", text, told)
		}
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	if !gomega.NewWithT(t).Eventually(done).WithTimeout(testenv.Patience).WithPolling(5 * time.Millisecond).Should(gomega.BeTrue()) {
		t.Fatalf("still not: %s", what)
	}
}

func withUserRule(expression, message string) func(*v1alpha1.ScimEndpoint) {
	return func(e *v1alpha1.ScimEndpoint) {
		e.Spec.Authentication.JWT[0].UserValidationRules = []v1alpha1.UserValidationRule{{Expression: expression, Message: message}}
	}
}

func withClaimRules(rules ...v1alpha1.ClaimValidationRule) func(*v1alpha1.ScimEndpoint) {
	return func(e *v1alpha1.ScimEndpoint) { e.Spec.Authentication.JWT[0].ClaimValidationRules = rules }
}

func quoted(format string, args ...any) string { return fmt.Sprintf(format, args...) }
