package admission

import (
	"crypto/x509"
	"maps"
	"testing"
	"time"
)

var (
	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	names = []string{"127.0.0.1", "scim-operator-webhook.scim-system.svc"}
)

func mustRenew(t *testing.T, current *bundle, names []string, now time.Time) *bundle {
	t.Helper()
	next, err := renewed(current, names, now)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// trusts reports whether who trusts a bundle's CAs trusts what another one serves.
func trusts(trusting, serving *bundle, name string, now time.Time) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(trusting.caCertificates())
	_, err := serving.serving.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now})
	return err
}

func TestANewBundleIsTrustedByItsNames(t *testing.T) {
	b := mustRenew(t, nil, names, start)
	for _, name := range names {
		if err := trusts(b, b, name, start); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if trusts(b, b, "other.scim-system.svc", start) == nil {
		t.Error("another name is trusted, too")
	}
}

func TestABundleSurvivesTheSecret(t *testing.T) {
	b := mustRenew(t, nil, names, start)
	data, err := b.data()
	if err != nil {
		t.Fatal(err)
	}
	read, err := parseBundle(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := trusts(b, read, names[0], start); err != nil {
		t.Error(err)
	}
	if mustRenew(t, read, names, start.Add(time.Hour)) != read {
		t.Error("what is good was renewed")
	}
}

func TestWhatIsOfNoUseIsFoundOut(t *testing.T) {
	one, err := mustRenew(t, nil, names, start).data()
	if err != nil {
		t.Fatal(err)
	}
	two, err := mustRenew(t, nil, names, start).data()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(map[string][]byte){
		"no CA":                      func(d map[string][]byte) { delete(d, keyCACertificates) },
		"no key of the CA":           func(d map[string][]byte) { delete(d, keyCAKey) },
		"the key of another CA":      func(d map[string][]byte) { d[keyCAKey] = two[keyCAKey] },
		"text instead of a key":      func(d map[string][]byte) { d[keyCAKey] = []byte("key") },
		"no certificate":             func(d map[string][]byte) { delete(d, keyCertificate) },
		"another certificate's key":  func(d map[string][]byte) { d[keyKey] = two[keyKey] },
		"text instead of everything": func(d map[string][]byte) { d[keyCACertificates] = []byte("-") },
	} {
		t.Run(name, func(t *testing.T) {
			data := maps.Clone(one)
			change(data)
			if _, err := parseBundle(data); err == nil {
				t.Error("it was accepted")
			}
		})
	}
}

func TestTheCertificateIsReplacedBeforeItEnds(t *testing.T) {
	b := mustRenew(t, nil, names, start)
	if early := start.Add(servingLifetime * 3 / 5); mustRenew(t, b, names, early) != b {
		t.Error("it was replaced long before its end")
	}
	late := start.Add(servingLifetime * 7 / 10)
	next := mustRenew(t, b, names, late)
	if !next.serving.Leaf.NotAfter.After(b.serving.Leaf.NotAfter) {
		t.Fatal("it was not replaced")
	}
	if err := trusts(b, next, names[0], late); err != nil {
		t.Errorf("who trusts the bundle from before does not trust the new certificate: %v", err)
	}
}

func TestTheCertificateIsReplacedWhenTheNamesChange(t *testing.T) {
	b := mustRenew(t, nil, names[:1], start)
	next := mustRenew(t, b, names, start)
	if err := trusts(b, next, names[1], start); err != nil {
		t.Error(err)
	}
}

// TestNothingIsServedThatIsNotTrustedYet follows a bundle for 25 years, a week at a time:
// what is served is always vouched for by what was published the week before.
func TestNothingIsServedThatIsNotTrustedYet(t *testing.T) {
	b := mustRenew(t, nil, names, start)
	authorities, certificates := 0, 0
	for now := start; now.Before(start.AddDate(25, 0, 0)); now = now.AddDate(0, 0, 7) {
		next := mustRenew(t, b, names, now)
		if err := trusts(b, next, names[0], now); err != nil {
			t.Fatalf("%s: %v", now, err)
		}
		if next.authorities[0] != b.authorities[0] {
			authorities++
		}
		if next.serving != b.serving {
			certificates++
		}
		if len(next.authorities) > 2 {
			t.Fatalf("%s: %d CAs", now, len(next.authorities))
		}
		b = next
	}
	if authorities < 2 || certificates < 100 {
		t.Errorf("%d new CAs and %d new certificates", authorities, certificates)
	}
}
