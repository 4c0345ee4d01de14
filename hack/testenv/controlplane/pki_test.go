package controlplane

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheAuthorityIsMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	first, err := loadOrCreateAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := loadOrCreateAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.certPEM(), second.certPEM()) {
		t.Error("the second start made another CA: kubeconfigs from the first one are worthless")
	}
	info, err := os.Stat(filepath.Join(dir, "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("ca.key has mode %v", info.Mode())
	}
}

func TestADamagedAuthorityIsAnErrorThatSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	if _, err := loadOrCreateAuthority(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadOrCreateAuthority(dir); err == nil || !strings.Contains(err.Error(), "delete both") {
		t.Errorf("got %v", err)
	}
}

func TestClientCertificatesCarryUserAndGroups(t *testing.T) {
	ca, err := loadOrCreateAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.issueClient("alice", "group-1", "group-2")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(pair.cert)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if cert.Subject.CommonName != "alice" || strings.Join(cert.Subject.Organization, " ") != "group-1 group-2" {
		t.Errorf("the subject is %v", cert.Subject)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
}
