package admission

import (
	"net/url"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/client-go/util/cert"
)

// pathsIn are the paths that the configuration has the API server call.
func pathsIn(configuration *admissionregistrationv1.ValidatingWebhookConfiguration) []string {
	var called []string
	for i := range configuration.Webhooks {
		called = append(called, calledPath(&configuration.Webhooks[i].ClientConfig))
	}
	return called
}

// calledPath is the path of one webhook, "" where it has none.
func calledPath(config *admissionregistrationv1.WebhookClientConfig) string {
	switch {
	case config.Service != nil && config.Service.Path != nil:
		return *config.Service.Path
	case config.URL != nil:
		if address, err := url.Parse(*config.URL); err == nil {
			return address.Path
		}
	}
	return ""
}

// callPath has the API server call a path.
func callPath(config *admissionregistrationv1.WebhookClientConfig, path string) {
	if config.Service != nil {
		config.Service.Path = &path
	}
	if config.URL == nil {
		return
	}
	if address, err := url.Parse(*config.URL); err == nil {
		address.Path = path
		config.URL = new(address.String())
	}
}

// announce tells the API server what a webhook is called and served with. Until that is
// settled, what it was told before is still right.
func (b *bundle) announce(config *admissionregistrationv1.WebhookClientConfig, settled bool) {
	if settled || !secretPath(calledPath(config)) {
		callPath(config, b.path)
	}
	if b.serving == nil {
		return
	}
	trusted := &bundle{authorities: slices.Clone(b.authorities)}
	if before, err := cert.ParseCertsPEM(config.CABundle); err == nil && !settled {
		for _, ca := range before {
			if !slices.ContainsFunc(trusted.authorities, ca.Equal) {
				trusted.authorities = append(trusted.authorities, ca)
			}
		}
	}
	config.CABundle = trusted.caCertificates()
}
