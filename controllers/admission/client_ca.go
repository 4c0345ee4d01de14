package admission

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// requireClient makes a server take only clients with a certificate that a CA in the file
// has signed for clients. The file is read for each connection, which are few, so a new CA
// needs no restart.
func requireClient(file string) (func(*tls.Config), error) {
	if _, err := readClientCAs(file); err != nil {
		return nil, err
	}
	return func(c *tls.Config) {
		c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			authorities, err := readClientCAs(file)
			if err != nil {
				return nil, err
			}
			strict := c.Clone()
			strict.GetConfigForClient = nil
			strict.ClientAuth, strict.ClientCAs = tls.RequireAndVerifyClientCert, authorities
			// Else who was let in once comes again after the CA has gone.
			strict.SessionTicketsDisabled = true
			return strict, nil
		}
	}, nil
}

func readClientCAs(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the CAs of the webhook's clients: %w", err)
	}
	certificates, err := parseCertificates(text)
	if err != nil {
		return nil, fmt.Errorf("read the CAs of the webhook's clients, %s: %w", file, err)
	}
	authorities := x509.NewCertPool()
	for _, certificate := range certificates {
		authorities.AddCert(certificate)
	}
	return authorities, nil
}
