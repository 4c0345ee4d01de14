package login

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/apis/apiserver"
	apiserverv1 "k8s.io/apiserver/pkg/apis/apiserver/v1"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"
	"sigs.k8s.io/yaml"
)

// What a configuration calls itself.
const (
	APIVersion = "console.provisioning.rservice.dev/v1alpha1"
	Kind       = "ConsoleConfiguration"
)

// How long what lasts where a configuration does not say so.
const (
	DefaultConfirmWithin = 10 * time.Minute
	DefaultIdleTimeout   = time.Hour
	DefaultLifetime      = 12 * time.Hour
)

// Configuration is the file of --console-config.
type Configuration struct {
	metav1.TypeMeta `json:",inline"`
	// BaseURL is where people find the console, such as https://console.example.com. Requests of another host are refused. The
	// provider must allow <baseURL>/-/callback as a redirect URI, and, for a logout there, <baseURL>/-/logged-out.
	BaseURL string `json:"baseURL"`
	// ClientID is how the provider knows the console.
	ClientID string `json:"clientID"`
	// ClientSecretFile holds the client's secret; it is read at each login. Empty for a public client: PKCE alone.
	ClientSecretFile string `json:"clientSecretFile,omitempty"`
	// Scopes are what is asked for beside openid. Unset: profile, email. With offline_access the provider is asked again
	// without the browser.
	Scopes []string `json:"scopes,omitempty"`
	// JWT is an element of jwt of Kubernetes' own AuthenticationConfiguration. With the element that the API server has, people
	// have the names and groups here that they have with kubectl. Without audiences it is clientID.
	JWT apiserverv1.JWTAuthenticator `json:"jwt"`
	// Session says how long sessions last.
	Session SessionConfiguration `json:"session,omitzero"`
}

// SessionConfiguration says how long sessions last.
type SessionConfiguration struct {
	// ConfirmWithin bounds how long the provider's last word on a person counts: so long somebody who was removed there keeps
	// what the cluster's roles give. 0: 10m. At least a minute.
	ConfirmWithin metav1.Duration `json:"confirmWithin,omitzero"`
	// IdleTimeout ends a session that nobody uses. 0: 1h.
	IdleTimeout metav1.Duration `json:"idleTimeout,omitzero"`
	// Lifetime ends every session. 0: 12h. At most a week.
	Lifetime metav1.Duration `json:"lifetime,omitzero"`
}

// compiler compiles expressions. It is made once, as that takes long.
var compiler = sync.OnceValue(authenticationcel.NewDefaultCompiler)

// ReadConfiguration reads, completes and checks a file. The error names each field that is not as it should be.
func ReadConfiguration(path string) (*Configuration, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the console's configuration: %w", err)
	}
	c, err := ParseConfiguration(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// ParseConfiguration completes and checks what a file holds.
func ParseConfiguration(data []byte) (*Configuration, error) {
	c := &Configuration{}
	if err := yaml.UnmarshalStrict(data, c); err != nil {
		return nil, fmt.Errorf("this is no %s: %w", Kind, err)
	}
	c.complete()
	_, err := c.authenticator()
	if err := errors.Join(c.check().ToAggregate(), err); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Configuration) complete() {
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
	if c.Scopes == nil {
		c.Scopes = []string{"profile", "email"}
	}
	c.Scopes = slices.DeleteFunc(c.Scopes, func(s string) bool { return s == "openid" })
	if len(c.JWT.Issuer.Audiences) == 0 && c.ClientID != "" {
		c.JWT.Issuer.Audiences = []string{c.ClientID}
	}
	for duration, standard := range map[*metav1.Duration]time.Duration{
		&c.Session.ConfirmWithin: DefaultConfirmWithin, &c.Session.IdleTimeout: DefaultIdleTimeout, &c.Session.Lifetime: DefaultLifetime,
	} {
		duration.Duration = cmp.Or(duration.Duration, standard)
	}
}

func (c *Configuration) check() field.ErrorList {
	var errs field.ErrorList
	if c.APIVersion != APIVersion || c.Kind != Kind {
		errs = append(errs, field.Invalid(field.NewPath("kind"), c.APIVersion+" "+c.Kind, "has to be "+APIVersion+" "+Kind))
	}
	base, err := url.Parse(c.BaseURL)
	if err != nil || base.Host == "" || base.User != nil || base.Path != "" || base.RawQuery != "" || base.Fragment != "" ||
		base.Scheme != "https" && (base.Scheme != "http" || !isLoopback(base.Hostname())) {
		errs = append(errs, field.Invalid(field.NewPath("baseURL"), c.BaseURL, "has to be https://, a host and nothing else, such as https://console.example.com"))
	}
	if c.ClientID == "" {
		errs = append(errs, field.Required(field.NewPath("clientID"), "the provider shows it where you registered the console"))
	} else if !slices.Contains(c.JWT.Issuer.Audiences, c.ClientID) {
		errs = append(errs, field.Invalid(field.NewPath("jwt", "issuer", "audiences"), c.JWT.Issuer.Audiences, "has to hold clientID: ID tokens are for it"))
	}
	if slices.Contains(c.Scopes, "") {
		errs = append(errs, field.Invalid(field.NewPath("scopes"), c.Scopes, "no scope is empty"))
	}
	return append(errs, c.Session.check(field.NewPath("session"))...)
}

func (s *SessionConfiguration) check(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	within := func(name string, value, least, most time.Duration) {
		if value < least || value > most {
			errs = append(errs, field.Invalid(path.Child(name), value.String(), fmt.Sprintf("has to be from %s to %s", least, most)))
		}
	}
	within("lifetime", s.Lifetime.Duration, time.Minute, 7*24*time.Hour)
	within("confirmWithin", s.ConfirmWithin.Duration, time.Minute, max(s.Lifetime.Duration, time.Minute))
	within("idleTimeout", s.IdleTimeout.Duration, time.Minute, max(s.Lifetime.Duration, time.Minute))
	return errs
}

func isLoopback(host string) bool { return host == "127.0.0.1" || host == "::1" || host == "localhost" }

// authenticator is what Kubernetes' authenticator is told.
func (c *Configuration) authenticator() (apiserver.JWTAuthenticator, error) {
	var internal apiserver.JWTAuthenticator
	if err := apiserverv1.Convert_v1_JWTAuthenticator_To_apiserver_JWTAuthenticator(&c.JWT, &internal, nil); err != nil {
		return internal, fmt.Errorf("jwt: %w", err)
	}
	if internal.Issuer.EgressSelectorType != "" {
		return internal, field.Forbidden(field.NewPath("jwt", "issuer", "egressSelectorType"), "only an API server has these; leave it out")
	}
	_, errs := validation.CompileAndValidateJWTAuthenticator(compiler(), internal, nil)
	for _, err := range errs {
		err.Field = "jwt." + err.Field
	}
	return internal, errs.ToAggregate()
}

// clientSecret reads the client's secret.
func (c *Configuration) clientSecret() (string, error) {
	if c.ClientSecretFile == "" {
		return "", nil
	}
	data, err := os.ReadFile(c.ClientSecretFile)
	if err != nil {
		return "", fmt.Errorf("read the client's secret: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}
