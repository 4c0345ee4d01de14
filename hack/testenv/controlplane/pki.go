package controlplane

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

const (
	caValidity   = 10 * 365 * 24 * time.Hour
	leafValidity = 365 * 24 * time.Hour
)

// authority is a certificate authority whose key stays in one folder, so that kubeconfigs outlive a restart.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  crypto.PrivateKey
}

// keyPair is a PEM certificate with its PEM key.
type keyPair struct {
	cert, key []byte
}

// loadOrCreateAuthority reads ca.crt and ca.key from dir, and makes them when they are missing or would end before a
// certificate issued now.
func loadOrCreateAuthority(dir string) (*authority, error) {
	ca, err := loadAuthority(dir)
	if err == nil && time.Until(ca.cert.NotAfter) > leafValidity {
		return ca, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the certificates' folder: %w", err)
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template, err := newTemplate("scim-operator local CA", caValidity)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("signing the CA's certificate: %w", err)
	}
	pair, err := encode(der, key)
	if err != nil {
		return nil, err
	}
	if err := pair.write(dir, "ca"); err != nil {
		return nil, err
	}
	return loadAuthority(dir)
}

func loadAuthority(dir string) (*authority, error) {
	certPEM, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("reading the CA: %w", err)
	}
	keyPEM, err := os.ReadFile(filepath.Join(dir, "ca.key"))
	if err != nil {
		return nil, fmt.Errorf("reading the CA: %w", err)
	}
	certs, err := cert.ParseCertsPEM(certPEM)
	if err != nil {
		return nil, fmt.Errorf("parsing %s/ca.crt, delete both it and ca.key to have them made again: %w", dir, err)
	}
	key, err := keyutil.ParsePrivateKeyPEM(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("parsing %s/ca.key, delete both it and ca.crt to have them made again: %w", dir, err)
	}
	return &authority{dir: dir, cert: certs[0], key: key}, nil
}

// certPEM returns the CA's own certificate.
func (a *authority) certPEM() []byte {
	return encodeCert(a.cert.Raw)
}

// issueClient returns a certificate that authenticates a Kubernetes user of these groups.
func (a *authority) issueClient(user string, groups ...string) (keyPair, error) {
	template, err := newTemplate(user, leafValidity)
	if err != nil {
		return keyPair{}, err
	}
	template.Subject.Organization = groups
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.sign(template)
}

// issueServer returns a certificate for a server on this machine's loopback addresses, at one more address, and at the
// first address of a range of Services, which is that of the Service "kubernetes".
func (a *authority) issueServer(name, address, serviceRange string) (keyPair, error) {
	services, err := netip.ParsePrefix(serviceRange)
	if err != nil {
		return keyPair{}, fmt.Errorf("the range of Services: %w", err)
	}
	template, err := newTemplate(name, leafValidity)
	if err != nil {
		return keyPair{}, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	template.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, net.ParseIP(address), services.Masked().Addr().Next().AsSlice()}
	return a.sign(template)
}

func (a *authority) sign(template *x509.Certificate) (keyPair, error) {
	key, err := newKey()
	if err != nil {
		return keyPair{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return keyPair{}, fmt.Errorf("signing the certificate of %s: %w", template.Subject.CommonName, err)
	}
	return encode(der, key)
}

// write stores the pair as name.crt and name.key in dir.
func (p keyPair) write(dir, name string) error {
	if err := os.WriteFile(filepath.Join(dir, name+".crt"), p.cert, 0o600); err != nil {
		return fmt.Errorf("writing a certificate: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".key"), p.key, 0o600); err != nil {
		return fmt.Errorf("writing a key: %w", err)
	}
	return nil
}

// ensureSigningKey makes the key that signs service account tokens, once, so that tokens outlive a restart.
func ensureSigningKey(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	key, err := newKey()
	if err != nil {
		return err
	}
	text, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return fmt.Errorf("encoding a key: %w", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("writing the service accounts' key: %w", err)
	}
	return nil
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return key, nil
}

func newTemplate(name string, validity time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("making a serial number: %w", err)
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour), // clocks may be set back a little
		NotAfter:     time.Now().Add(validity),
	}, nil
}

func encode(der []byte, key *ecdsa.PrivateKey) (keyPair, error) {
	text, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return keyPair{}, fmt.Errorf("encoding a key: %w", err)
	}
	return keyPair{cert: encodeCert(der), key: text}, nil
}

func encodeCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: der})
}
