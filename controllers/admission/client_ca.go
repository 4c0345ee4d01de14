package admission

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"k8s.io/client-go/util/cert"
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
	authorities, err := cert.NewPool(file)
	if err != nil {
		return nil, fmt.Errorf("read the CAs of the webhook's clients, %s: %w", file, err)
	}
	return authorities, nil
}
