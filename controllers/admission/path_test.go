package admission

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/client-go/util/cert"
)

func TestPathsAreNotGuessed(t *testing.T) {
	one, two := newPath(), newPath()
	if one == two || !secretPath(one) || !secretPath(two) {
		t.Errorf("the paths are %s and %s", one, two)
	}
	for _, path := range []string{"", "/", pathPrefix, "/validate-provisioning-rservice-dev-v1alpha1-automationrule",
		one[:len(one)-1], one + "a", strings.ToUpper(one), "/" + one} {
		if secretPath(path) {
			t.Errorf("%q passes for one", path)
		}
	}
}

func TestOnlyAdmittedPathsAreAnswered(t *testing.T) {
	var p paths
	inner := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	answer := func(path string) int {
		recorder := httptest.NewRecorder()
		p.guard(inner).ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, path, nil))
		return recorder.Code
	}
	one, two := newPath(), newPath()
	if answer(one) != http.StatusNotFound {
		t.Error("something is answered before the first look")
	}
	p.admit(start, time.Minute, one, "/", "")
	p.admit(start.Add(30*time.Second), time.Minute, two)
	for _, path := range []string{one, two} {
		if answer(path) != http.StatusTeapot {
			t.Error("a path that was said half a minute ago is not answered")
		}
	}
	for _, path := range []string{"/", newPath(), one[:len(one)-1], one + "/", pathPrefix} {
		if answer(path) != http.StatusNotFound {
			t.Errorf("%s is answered", path)
		}
	}
	p.admit(start.Add(70*time.Second), time.Minute, two)
	if answer(one) != http.StatusNotFound || answer(two) != http.StatusTeapot {
		t.Error("a path does not end when it is said no more")
	}
}

// TestWhatIsNotSettledStaysRight changes from one bundle to another.
func TestWhatIsNotSettledStaysRight(t *testing.T) {
	before, after := mustRenew(t, nil, names, start), mustRenew(t, nil, names, start)
	for name, config := range map[string]*admissionregistrationv1.WebhookClientConfig{
		"an address": {URL: new("https://127.0.0.1:9443")},
		"a Service":  {Service: &admissionregistrationv1.ServiceReference{}},
	} {
		t.Run(name, func(t *testing.T) {
			expect := func(step, path string, trusted ...*bundle) {
				t.Helper()
				if calledPath(config) != path {
					t.Errorf("%s: %s is called", step, calledPath(config))
				}
				read, err := cert.ParseCertsPEM(config.CABundle)
				if err != nil || len(read) != len(trusted) {
					t.Fatalf("%s: %d are trusted (%v)", step, len(read), err)
				}
				for _, b := range trusted {
					if !(&bundle{authorities: read}).trusts(b.serving.Leaf, start) {
						t.Errorf("%s: a certificate is not trusted", step)
					}
				}
			}
			before.announce(config, false)
			expect("what nobody can call is announced at once", before.path, before)
			for range 2 {
				after.announce(config, false)
				expect("not settled", before.path, after, before)
			}
			after.announce(config, true)
			expect("settled", after.path, after)
			config.CABundle = []byte("spoilt")
			after.announce(config, false)
			expect("of no use", after.path, after)
		})
	}
}

func TestCertificatesOfOthersAreLeftAlone(t *testing.T) {
	config := &admissionregistrationv1.WebhookClientConfig{CABundle: []byte("theirs"), URL: new("https://127.0.0.1:9443")}
	b := &bundle{path: newPath()}
	b.announce(config, true)
	if calledPath(config) != b.path || string(config.CABundle) != "theirs" {
		t.Errorf("the API server calls %s and trusts %q", calledPath(config), config.CABundle)
	}
}
