package issuers

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"gopkg.in/go-jose/go-jose.v2"
)

const (
	// maxDiscovery bounds an issuer's configuration. Those of the large providers have 1 to 3 KiB.
	maxDiscovery = 64 << 10
	// maxKeySet bounds a key set. With certificates, Microsoft Entra ID's has 20 KiB.
	maxKeySet = 256 << 10
	// maxKeys bounds the keys of a set.
	maxKeys = 100
	// minRSABits and maxRSABits bound RSA keys: shorter ones are not safe (RFC 7518 section 3.3), longer ones take long.
	minRSABits, maxRSABits = 2048, 4096
	// maxRSAExponent is what issuers use: a longer one makes each verification many times as long.
	maxRSAExponent = 65537
)

// wellKnown is where an issuer's configuration is (OpenID Connect Discovery 1.0 section 4).
const wellKnown = "/.well-known/openid-configuration"

// fault is why keys could not be fetched: what an owner may be told of it, which is nothing that came as an answer and
// no address that a name has.
type fault struct {
	message, remedy string
	cause           error
}

func (f *fault) Error() string { return f.message }
func (f *fault) Unwrap() error { return f.cause }

func faulty(cause error, remedy, message string, args ...any) *fault {
	return &fault{message: fmt.Sprintf(message, args...), remedy: remedy, cause: cause}
}

// fetchKeys asks an issuer for its configuration, and then for its keys.
func fetchKeys(ctx context.Context, client *http.Client, from source) ([]key, error) {
	address := from.discoveryURL
	if address == "" {
		address = strings.TrimSuffix(from.url, "/") + wellKnown
	}
	var discovery struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := get(ctx, client, address, maxDiscovery, &discovery); err != nil {
		return nil, err
	}
	if discovery.Issuer != from.url {
		return nil, faulty(nil, "Write issuer.url letter by letter as the issuer calls itself there, in field issuer.",
			"%s is the configuration of an issuer other than %s", address, strconv.Quote(from.url))
	}
	where, err := url.Parse(discovery.Keys)
	if err != nil || where.Scheme != "https" || where.Host == "" || where.User != nil {
		return nil, faulty(err, "Let the issuer name an https URL there.", "%s has no jwks_uri that is an https URL", address)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := get(ctx, client, discovery.Keys, maxKeySet, &set); err != nil {
		return nil, err
	}
	if len(set.Keys) > maxKeys {
		return nil, faulty(nil, "Let the issuer take away keys that it does not use.", "the key set has %d keys, and %d are the most", len(set.Keys), maxKeys)
	}
	var keys []key
	for _, data := range set.Keys {
		if k, ok := parseKey(data); ok {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, faulty(nil, "Let the issuer publish an RSA key of 2048 bits, or an EC key on P-256, P-384 or P-521.",
			"the key set has no key that tokens may be signed with")
	}
	return keys, nil
}

// get reads a JSON object. What the answer holds is told to nobody.
func get(ctx context.Context, client *http.Client, address string, limit int64, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return faulty(err, "Correct the URL.", "%s is no URL", address)
	}
	// Kubernetes' API server publishes keys as this kind of JSON only, and answers 406 to whoever does not take it.
	request.Header.Set("Accept", "application/json, application/jwk-set+json, */*;q=0.1")
	request.Header.Set("User-Agent", "scim-operator")
	answer, err := client.Do(request)
	if err != nil {
		return unreachable(request.URL, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden {
		return faulty(nil, "Let everybody read that; of a Kubernetes cluster: kubectl create clusterrolebinding issuer-discovery "+
			"--clusterrole system:service-account-issuer-discovery --group system:unauthenticated",
			"%s answers with status %d", address, answer.StatusCode)
	}
	if answer.StatusCode != http.StatusOK {
		return faulty(nil, "Correct issuer.url or issuer.discoveryURL, or see to the issuer.", "%s answers with status %d", address, answer.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err != nil {
		return unreachable(request.URL, err)
	}
	if int64(len(data)) > limit {
		return faulty(nil, "Let the issuer publish less there.", "what %s answers is larger than %d KiB", address, limit>>10)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return faulty(errors.New("not JSON"), "Correct issuer.url or issuer.discoveryURL.", "what %s answers is not the JSON object that belongs there", address)
	}
	return nil
}

// unreachable says why an issuer did not answer, in words that tell nothing of the network that the operator is in.
func unreachable(to *url.URL, err error) *fault {
	host := to.Hostname()
	var (
		unresolved *net.DNSError
		authority  x509.UnknownAuthorityError
		hostname   x509.HostnameError
		invalid    x509.CertificateInvalidError
	)
	switch {
	case errors.Is(err, errNotPublic), errors.As(err, &unresolved):
		return faulty(err, "Correct the host. If it is one of your own network, whoever runs the operator allows it: --private-issuers="+host,
			"host %s has no public address", host)
	case errors.Is(err, errRedirect):
		return faulty(err, "Set issuer.discoveryURL to where it leads.", "%s leads elsewhere: more than %d times, or not to https", host, maxRedirects)
	case errors.As(err, &authority):
		return faulty(err, "Set issuer.certificateAuthority to the certificates, in PEM, that have signed it.", "the certificate of %s is signed by nobody who is known", host)
	case errors.As(err, &hostname), errors.As(err, &invalid):
		return faulty(err, "Let the issuer have a certificate that is valid for its host.", "the certificate of %s is not valid for it, or not now", host)
	}
	return faulty(err, "See to the issuer, and to what the operator may reach.", "%s does not answer as it should, or not in time", host)
}

// key is a public key of an issuer.
type key struct {
	id, algorithm string
	jose          jose.JSONWebKey
}

// parseKey reads a key that tokens may be signed with; false for any other. Of two keys one may be of a kind that is not
// known, and the other is good all the same. Certificates beside a key are not read.
func parseKey(data []byte) (key, bool) {
	var raw struct {
		Type      string `json:"kty"`
		ID        string `json:"kid,omitempty"`
		Use       string `json:"use,omitempty"`
		Algorithm string `json:"alg,omitempty"`
		Modulus   string `json:"n,omitempty"`
		Exponent  string `json:"e,omitempty"`
		Curve     string `json:"crv,omitempty"`
		X         string `json:"x,omitempty"`
		Y         string `json:"y,omitempty"`
	}
	if json.Unmarshal(data, &raw) != nil || (raw.Type != "RSA" && raw.Type != "EC") || (raw.Use != "" && raw.Use != "sig") {
		return key{}, false
	}
	k := key{id: raw.ID, algorithm: raw.Algorithm}
	if len(raw.Modulus) > maxRSABits/4 || len(raw.Exponent) > 8 {
		return key{}, false
	}
	public, err := json.Marshal(raw)
	if err != nil || k.jose.UnmarshalJSON(public) != nil {
		return key{}, false
	}
	switch p := k.jose.Key.(type) {
	case *rsa.PublicKey:
		bits := p.N.BitLen()
		return k, bits >= minRSABits && bits <= maxRSABits && p.E > 2 && p.E <= maxRSAExponent && p.E%2 == 1
	case *ecdsa.PublicKey:
		return k, p.Curve != nil && curves[p.Curve.Params().Name] != ""
	}
	return key{}, false
}

// curves are those of EC keys, with the algorithm of each (RFC 7518 section 3.4).
var curves = map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}

// fits reports whether a token may be signed by the key.
func (k *key) fits(t *parsed) bool {
	if (t.keyID != "" && k.id != t.keyID) || (k.algorithm != "" && k.algorithm != t.algorithm) {
		return false
	}
	switch p := k.jose.Key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(t.algorithm, "RS") || strings.HasPrefix(t.algorithm, "PS")
	case *ecdsa.PublicKey:
		return curves[p.Curve.Params().Name] == t.algorithm
	}
	return false
}
