package admission

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"time"

	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

const (
	caLifetime = 10 * 365 * 24 * time.Hour
	// caReserve is how long before its end a CA is replaced. It is longer than a
	// certificate lives, so the old CA vouches for what it signed until that is replaced.
	caReserve = 365 * 24 * time.Hour
	// servingLifetime is how long the certificate of the webhook is valid; it is
	// replaced when a third of that is left.
	servingLifetime = 90 * 24 * time.Hour
	// clockSkew is how much the clocks of the operator and the API server may differ.
	clockSkew = 5 * time.Minute
)

// Keys of the Secret.
const (
	keyCACertificates = "ca.crt"
	keyCAKey          = "ca.key"
	keyCertificate    = "tls.crt"
	keyKey            = "tls.key"
	keyPath           = "path"
)

// bundle is the path at which rules are reviewed, a CA, and the certificate that the webhook
// is served with. CA and certificate are missing where somebody else makes them.
type bundle struct {
	// path is the one that the API server is to call.
	path string
	// authorities are the CAs that vouch for certificates, the current one first.
	authorities []*x509.Certificate
	// caKey is the key of the first authority.
	caKey crypto.Signer
	// serving is what the webhook is served with.
	serving *tls.Certificate
}

// parseBundle reads the data of the Secret.
func parseBundle(data map[string][]byte) (*bundle, error) {
	b := &bundle{path: string(data[keyPath])}
	var err error
	if b.authorities, err = cert.ParseCertsPEM(data[keyCACertificates]); err != nil {
		return nil, fmt.Errorf("%s: %w", keyCACertificates, err)
	}
	if b.caKey, err = parseKey(data[keyCAKey]); err != nil {
		return nil, fmt.Errorf("%s: %w", keyCAKey, err)
	}
	public, ok := b.caKey.Public().(*ecdsa.PublicKey)
	if !ok || !public.Equal(b.authorities[0].PublicKey) {
		return nil, fmt.Errorf("%s is not the key of the first certificate in %s", keyCAKey, keyCACertificates)
	}
	serving, err := tls.X509KeyPair(data[keyCertificate], data[keyKey])
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", keyCertificate, keyKey, err)
	}
	b.serving = &serving
	return b, nil
}

// data is what the Secret holds.
func (b *bundle) data() (map[string][]byte, error) {
	if b.serving == nil {
		return map[string][]byte{keyPath: []byte(b.path)}, nil
	}
	caKey, err := keyutil.MarshalPrivateKeyToPEM(b.caKey)
	if err != nil {
		return nil, fmt.Errorf("encode the CA's key: %w", err)
	}
	key, err := keyutil.MarshalPrivateKeyToPEM(b.serving.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("encode the certificate's key: %w", err)
	}
	return map[string][]byte{
		keyCACertificates: b.caCertificates(),
		keyCAKey:          caKey,
		keyCertificate:    encodeCertificate(b.serving.Certificate[0]),
		keyKey:            key,
		keyPath:           []byte(b.path),
	}, nil
}

// caCertificates is what the API server is to trust.
func (b *bundle) caCertificates() []byte {
	var text []byte
	for _, ca := range b.authorities {
		text = append(text, encodeCertificate(ca.Raw)...)
	}
	return text
}

func encodeCertificate(raw []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: raw})
}

// trusts reports whether the bundle's CAs vouch for a certificate.
func (b *bundle) trusts(leaf *x509.Certificate, now time.Time) bool {
	roots := x509.NewCertPool()
	for _, ca := range b.authorities {
		roots.AddCert(ca)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now})
	return err == nil
}

// announcesSame reports whether the API server is told the same of two bundles.
func (b *bundle) announcesSame(other *bundle) bool {
	return b.path == other.path && slices.EqualFunc(b.authorities, other.authorities, (*x509.Certificate).Equal)
}

// describe adds to what is logged until when the certificates are valid.
func (b *bundle) describe(values ...any) []any {
	if b.serving == nil {
		return values
	}
	return append(values, "until", b.serving.Leaf.NotAfter, "caUntil", b.authorities[0].NotAfter)
}

// renewed gives a bundle that is good for these names for some time: the same one, or
// one with what had to be replaced. Current may be nil. A new CA does not replace the
// certificate, which the old one, still trusted, vouches for: so at no time does a
// replica serve what the API server does not trust yet.
func renewed(current *bundle, names []string, now time.Time) (*bundle, error) {
	if current == nil {
		next := &bundle{path: newPath()}
		if err := next.makeCA(now); err != nil {
			return nil, err
		}
		return next, next.makeServing(names, now)
	}
	next := *current
	var err error
	switch {
	case now.After(current.authorities[0].NotAfter.Add(-caReserve)):
		err = next.makeCA(now)
	case !current.serves(names, now):
		err = next.makeServing(names, now)
	case !secretPath(current.path):
		next.path = newPath()
	default:
		return current, nil
	}
	return &next, err
}

// serves reports whether the certificate is good for the names, trusted, and not about
// to end.
func (b *bundle) serves(names []string, now time.Time) bool {
	leaf := b.serving.Leaf
	if now.After(leaf.NotAfter.Add(-servingLifetime/3)) || now.Before(leaf.NotBefore) {
		return false
	}
	for _, name := range names {
		if leaf.VerifyHostname(name) != nil {
			return false
		}
	}
	return b.trusts(leaf, now)
}

// makeCA puts a new CA before those that are still valid.
func (b *bundle) makeCA(now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the CA's key: %w", err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "scim-operator webhook CA"},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(caLifetime),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	raw, err := sign(template, template, key.Public(), key)
	if err != nil {
		return err
	}
	ca, err := x509.ParseCertificate(raw)
	if err != nil {
		return fmt.Errorf("read the new CA: %w", err)
	}
	authorities := []*x509.Certificate{ca}
	for _, old := range b.authorities {
		if now.Before(old.NotAfter) {
			authorities = append(authorities, old)
		}
	}
	b.authorities, b.caKey = authorities, key
	return nil
}

// makeServing makes a new certificate for the names.
func (b *bundle) makeServing(names []string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the webhook's key: %w", err)
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "scim-operator webhook"},
		NotBefore:   now.Add(-clockSkew),
		NotAfter:    now.Add(servingLifetime),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	raw, err := sign(template, b.authorities[0], key.Public(), b.caKey)
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		return fmt.Errorf("read the new certificate: %w", err)
	}
	b.serving = &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
	return nil
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	template.SerialNumber = serial
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	return raw, nil
}

func parseKey(text []byte) (crypto.Signer, error) {
	key, err := keyutil.ParsePrivateKeyPEM(text)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("the key cannot sign")
	}
	return signer, nil
}
