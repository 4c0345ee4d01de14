// Package lego is where Traefik gets a client of a certificate authority. Here it gets none.
package lego

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"time"

	"github.com/go-acme/lego/v5/acme"
	"github.com/go-acme/lego/v5/certificate"
	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/registration"
)

// ErrAbsent is what everything fails with.
var ErrAbsent = errors.New("this Traefik was built without ACME, because the modules which that needs are not to be had: " +
	"take the certificate from a Secret")

// DirectoryURLLetsEncrypt names no authority.
const DirectoryURLLetsEncrypt = ""

// Config is of a client.
type Config struct {
	CADirURL, UserAgent string
	Certificate         struct{ Timeout time.Duration }
	HTTPClient          *http.Client
}

// NewConfig returns an empty one.
func NewConfig(any) *Config { return &Config{} }

// CreateCertPool fails.
func CreateCertPool([]string, bool) (*x509.CertPool, error) { return nil, ErrAbsent }

// Client has a method for each thing that Traefik wants, and there is none.
type Client struct {
	Challenge    Challenges
	Certificate  Certificates
	Registration Registrations
}

// NewClient fails.
func NewClient(*Config) (*Client, error) { return nil, ErrAbsent }

// Challenges would answer them.
type Challenges interface {
	SetDNS01Provider(p challenge.Provider, options ...challenge.Option) error
	SetHTTP01Provider(p challenge.Provider, options ...challenge.Option) error
	SetTLSALPN01Provider(p challenge.Provider, options ...challenge.Option) error
}

// Certificates would get them.
type Certificates interface {
	Obtain(ctx context.Context, request certificate.ObtainRequest) (*certificate.Resource, error)
	Renew(ctx context.Context, old certificate.Resource, options *certificate.RenewOptions) (*certificate.Resource, error)
}

// Registrations would make them.
type Registrations interface {
	Register(ctx context.Context, options registration.RegisterOptions) (*acme.ExtendedAccount, error)
	RegisterWithExternalAccountBinding(ctx context.Context, options registration.RegisterEABOptions) (*acme.ExtendedAccount, error)
}
