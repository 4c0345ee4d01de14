package issuers

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv/issuer"
)

func TestKeysAreKeptWhileTheIssuerIsAway(t *testing.T) {
	f := newFixture(t)
	if _, refused := f.bearer(t, f.good()); refused != nil {
		t.Fatalf("refused: %+v", refused)
	}
	f.issuer.Serve(issuer.Away)
	f.refreshNow(t)
	eventually(t, "the outage is known", func() bool { return len(f.Outages(f.endpoint)) == 1 })
	outage := f.Outages(f.endpoint)[0]
	if outage.Fetched.IsZero() || outage.Until.Sub(outage.Fetched) != f.limits.kept || !strings.Contains(outage.Message, "503") {
		t.Errorf("outage %+v", outage)
	}
	if _, refused := f.bearer(t, f.good()); refused != nil {
		t.Fatalf("refused while the issuer is away: %+v", refused)
	}

	t.Run("but not for ever", func(t *testing.T) {
		f.ahead.Store(int64(f.limits.kept + time.Minute))
		defer f.ahead.Store(0)
		_, refused := f.bearer(t, f.good(func(c map[string]any) { c["exp"] = time.Now().Add(48 * time.Hour).Unix() }))
		refused.must(t, v1alpha1.RefusalIssuerUnavailable, "503")
	})
	f.issuer.Serve(nil)
	eventually(t, "the outage is over", func() bool { return len(f.Outages(f.endpoint)) == 0 })
}

// refreshNow has the keys be fetched as if their time had come.
func (f *fixture) refreshNow(t *testing.T) {
	t.Helper()
	f.configured(f.endpoint).elements[0].set.wake <- struct{}{}
}

func TestAnIssuerThatWasNeverThere(t *testing.T) {
	f := newFixture(t)
	f.issuer.Serve(issuer.Away)
	_, refused := f.bearer(t, f.good())
	refused.must(t, v1alpha1.RefusalIssuerUnavailable, "status 503")
	f.issuer.Serve(nil)
	eventually(t, "it is there", func() bool { _, refused := f.bearer(t, f.good()); return refused == nil })
}

func TestNewKeysAreFoundAtABoundedRate(t *testing.T) {
	f := newFixture(t)
	if _, refused := f.bearer(t, f.good()); refused != nil {
		t.Fatalf("refused: %+v", refused)
	}
	fetched := f.issuer.Fetches.Load()
	unknown := issuer.NewKey("unknown", "RS256")
	for range 50 {
		_, refused := f.bearer(t, unknown.Sign(f.issuer.Claims(audience, subject)))
		refused.must(t, v1alpha1.RefusalUnknownKey, `"unknown"`)
	}
	if again := f.issuer.Fetches.Load() - fetched; again != 0 {
		t.Errorf("%d fetches for 50 unknown keys right after one", again)
	}
	f.ahead.Store(int64(f.limits.unknownKey))
	for range 50 {
		_, refused := f.bearer(t, unknown.Sign(f.issuer.Claims(audience, subject)))
		refused.must(t, v1alpha1.RefusalUnknownKey)
	}
	if again := f.issuer.Fetches.Load() - fetched; again != 1 {
		t.Errorf("%d fetches for 50 unknown keys, want 1", again)
	}

	f.issuer.Remove("RS256")
	f.issuer.Add(unknown)
	f.ahead.Store(2 * int64(f.limits.unknownKey))
	if _, refused := f.bearer(t, unknown.Sign(f.issuer.Claims(audience, subject))); refused != nil {
		t.Errorf("the new key is refused: %+v", refused)
	}
	gone := issuer.NewKey("RS256", "RS256")
	_, refused := f.bearer(t, gone.Sign(f.issuer.Claims(audience, subject)))
	refused.must(t, v1alpha1.RefusalUnknownKey)
}

func TestAnswersOfIssuersAreBounded(t *testing.T) {
	keys := func(n int, key string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/keys" {
				_, _ = fmt.Fprintf(w, `{"issuer":"https://%s","jwks_uri":%q}`, r.Host, "https://"+r.Host+"/keys")
				return
			}
			_, _ = fmt.Fprintf(w, `{"keys":[%s]}`, strings.TrimSuffix(strings.Repeat(key+",", n), ","))
		}
	}
	secret := "what-the-issuer-answers"
	tests := map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"an endless answer":     {issuer.Endless, "larger than 64 KiB"},
		"an endless key set":    {keys(10_000, `{"kty":"oct","k":"`+secret+`"}`), "larger than 256 KiB"},
		"too many keys":         {keys(maxKeys+1, `{"kty":"RSA"}`), "has 101 keys"},
		"only symmetric keys":   {keys(2, `{"kty":"oct","k":"c2VjcmV0","alg":"HS256"}`), "no key"},
		"only short keys":       {keys(1, `{"kty":"RSA","e":"AQAB","n":"`+strings.Repeat("x", 171)+`"}`), "no key"},
		"a key that takes long": {keys(1, `{"kty":"RSA","e":"AQAB","n":"`+strings.Repeat("x", 40_000)+`"}`), "no key"},
		"no key at all":         {keys(0, ""), "no key"},
		"no JSON":               {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>" + secret)) }, "not the JSON object"},
		"an error with text":    {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, secret, http.StatusInternalServerError) }, "status 500"},
		"a redirect off https": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://"+r.Host+"/"+secret, http.StatusFound)
		}, "leads elsewhere"},
		"redirects without end": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/"+secret, http.StatusFound) }, "leads elsewhere"},
		"a redirect to the metadata": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://169.254.169.254/latest/meta-data", http.StatusFound)
		}, "has no public address"},
		"the configuration of another issuer": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"issuer":"https://` + secret + `"}`))
		}, "an issuer other than"},
		"keys at a private address": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, `{"issuer":"https://%s","jwks_uri":%q}`, r.Host, "https://localhost/keys")
		}, "host localhost has no public address"},
		"keys without TLS": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, `{"issuer":"https://%s","jwks_uri":%q}`, r.Host, "http://"+r.Host+"/keys")
		}, "no jwks_uri that is an https URL"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.issuer.Serve(tt.answer)
			_, refused := f.bearer(t, f.good())
			refused.must(t, v1alpha1.RefusalIssuerUnavailable, tt.says)
			if told := fmt.Sprint(refused.Told, f.Outages(f.endpoint)); strings.Contains(told, secret) {
				t.Errorf("what came is told: %s", told)
			}
		})
	}
}

func TestAnIssuerWithAnotherCertificate(t *testing.T) {
	f := newFixture(t, func(e *v1alpha1.ScimEndpoint) { e.Spec.Authentication.JWT[0].Issuer.CertificateAuthority = "" })
	_, refused := f.bearer(t, f.good())
	refused.must(t, v1alpha1.RefusalIssuerUnavailable, "issuer.certificateAuthority")
}

func TestAnIssuerThatDoesNotAnswerInTime(t *testing.T) {
	f := newFixture(t)
	f.limits.fetch = 50 * time.Millisecond
	f.issuer.Serve(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	_, refused := f.bearer(t, f.good())
	refused.must(t, v1alpha1.RefusalIssuerUnavailable, "not in time")
}

func TestFetchingEndsWithTheConfiguration(t *testing.T) {
	f := newFixture(t)
	if _, refused := f.bearer(t, f.good()); refused != nil {
		t.Fatalf("refused: %+v", refused)
	}
	second := issuer.New(t, "RS256")
	next := changed(f.endpoint, func(e *v1alpha1.ScimEndpoint) {
		e.Spec.Authentication.JWT[0].Issuer.URL, e.Spec.Authentication.JWT[0].Issuer.CertificateAuthority = second.URL, second.CA
	})
	first := f.configured(f.endpoint).elements[0].set
	f.see(next)
	if len(f.sets) != 1 || f.sets[first.source] != nil {
		t.Errorf("sets: %v", f.sets)
	}
	f.forget(next.UID)
	if len(f.sets) != 0 || len(f.tenants) != 0 || len(f.endpoints) != 0 {
		t.Errorf("something is kept: %v %v %v", f.sets, f.tenants, f.endpoints)
	}
	// A request that had found the endpoint a moment before.
	_, refused := f.bearer(t, f.good(), next)
	refused.must(t, v1alpha1.RefusalUntrustedIssuer)
	if len(f.sets) != 0 {
		t.Errorf("keys of an endpoint that is gone are fetched: %v", f.sets)
	}
}

func TestIssuersAreBoundedInNumber(t *testing.T) {
	f := newFixture(t)
	for n := range 3 {
		many := endpointFor(f.issuer, "acme", func(e *v1alpha1.ScimEndpoint) {
			e.UID, e.Name = "many-"+e.UID+"-"+e.UID[:1+n], fmt.Sprint("many-", n)
			element := e.Spec.Authentication.JWT[0]
			e.Spec.Authentication.JWT = nil
			for m := range 16 {
				element.Issuer.URL = fmt.Sprintf("%s/%d/%d", f.issuer.URL, n, m)
				e.Spec.Authentication.JWT = append(e.Spec.Authentication.JWT, element)
			}
		})
		f.see(many)
		if n == 2 {
			outages := f.Outages(many)
			if len(outages) != 16 || !strings.Contains(outages[0].Message, "more than 32 issuers") {
				t.Errorf("outages: %+v", outages)
			}
		}
	}
	if len(f.sets) != maxSetsPerNamespace {
		t.Errorf("%d key sets, want %d", len(f.sets), maxSetsPerNamespace)
	}
}

func TestHostsOfTheFlag(t *testing.T) {
	if hosts, err := ParseHosts("idp.corp.example, 10.0.0.7"); err != nil || fmt.Sprint(hosts) != "[idp.corp.example 10.0.0.7]" {
		t.Errorf("%v, %v", hosts, err)
	}
	for _, text := range []string{"", "a,,b", "https://a", "a:443", "*.example", "[::1]"} {
		if _, err := ParseHosts(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestKeysInAnotherOrderAreTheSame(t *testing.T) {
	f := newFixture(t)
	of := issuer.New(t, "RS256", "ES256")
	endpoint := endpointFor(of, "globex")
	if _, refused := f.bearer(t, of.Token("ES256", of.Claims(audience, subject)), endpoint); refused != nil {
		t.Fatalf("refused: %+v", refused)
	}
	keys := f.configured(endpoint).elements[0].set.keys
	if len(keys) != 2 || !sameKeys(keys, []key{keys[1], keys[0]}) {
		t.Error("a set whose keys come in another order counts as another one")
	}
	if sameKeys(keys, keys[:1]) || sameKeys(keys, []key{keys[0], keys[0]}) {
		t.Error("other keys count as the same")
	}
}

func TestKeysTriedForOneTokenAreFewAlsoIfManyEndpointsTrustItsIssuer(t *testing.T) {
	f := newFixture(t)
	of := issuer.New(t, "ES256")
	for n := range 2 * maxTries {
		of.Add(issuer.NewKey(fmt.Sprint(n), "ES256"))
	}
	var endpoints []*v1alpha1.ScimEndpoint
	for n := range maxCandidates {
		endpoints = append(endpoints, endpointFor(of, fmt.Sprint("tenant-", n)))
	}
	parsed, _ := f.read(issuer.NewKey("stranger", "ES256").SignWith(map[string]any{"alg": "ES256"}, of.Claims(audience, subject)))
	v := f.verification(parsed, use{})
	v.checkSignatures(t.Context(), endpoints...)
	if len(v.signed) != maxCandidates || v.tries < maxCandidates || v.tries > maxTries+maxCandidates {
		t.Errorf("%d keys of %d sets were tried", v.tries, len(v.signed))
	}
	for set, s := range v.signed {
		if s.failure == nil || s.failure.reason != v1alpha1.RefusalSignature {
			t.Errorf("the set of %s says %+v", set.namespace, s.failure)
		}
	}
}

func TestKeysThatComeWhileATokenIsLookedAtCount(t *testing.T) {
	f := newFixture(t)
	set := f.configured(f.endpoint).elements[0].set
	eventually(t, "keys are there", func() bool {
		_, _, failure := set.current("")
		return failure == nil
	})
	// As seen by a request that looked for keys a moment before they came.
	if !set.refetch(0)(t.Context()) {
		t.Error("the keys that have come are not looked at")
	}
	if set.refetch(1)(t.Context()) {
		t.Error("keys are fetched again right after they came")
	}
}
