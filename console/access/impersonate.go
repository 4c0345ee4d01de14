package access

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// callersLast is how long a person is remembered: what the cluster takes it for, and answers about its rights.
	callersLast = 5 * time.Minute
	// maxCallers bounds how many are.
	maxCallers = 256
	// reserved is what names begin with that are the cluster's own.
	reserved = "system:"
	// authenticated is the group that the API server gives to everybody it knows.
	authenticated = "system:authenticated"
)

// ReservedNameError is of a person whom nobody may be by what somebody else's login says.
type ReservedNameError struct{ Name string }

func (e *ReservedNameError) Error() string {
	return fmt.Sprintf("%q is a name that nobody has by a login: it is the cluster's own, or not one line without blanks at its ends", e.Name)
}

// CheckNames returns a ReservedNameError unless user and groups are ones that a login may have: names of one line, and none of the
// cluster's own. Blanks at their ends get lost on the way to the API server, and what is left is another name.
func CheckNames(user authenticationv1.UserInfo) error {
	for _, name := range append([]string{user.Username}, user.Groups...) {
		if name == "" || strings.HasPrefix(name, reserved) || name != strings.TrimSpace(name) || !fold.IsLine(name) {
			return &ReservedNameError{name}
		}
	}
	return nil
}

// Impersonator makes callers for people who have logged in to the operator. It acts as them with its own credentials: what it may
// impersonate, and to do what, is the cluster's to say (config/console).
type Impersonator struct {
	cfg    *rest.Config
	base   http.RoundTripper
	scheme *runtime.Scheme
	mapper meta.RESTMapper
	cache  cache.Cache
	// namespaces are those that the cache holds; empty: all.
	namespaces []string

	mu    sync.Mutex
	known map[[sha256.Size]byte]*impersonated
}

// Manager is what an Impersonator needs of a manager.
type Manager interface {
	GetConfig() *rest.Config
	GetHTTPClient() *http.Client
	GetScheme() *runtime.Scheme
	GetRESTMapper() meta.RESTMapper
	GetCache() cache.Cache
}

// NewImpersonator acts with a manager's connection, and reads its cache, which has to hold all that Held names; namespaces are those
// that the manager works in, none for all.
func NewImpersonator(mgr Manager, namespaces []string) *Impersonator {
	return &Impersonator{
		cfg: mgr.GetConfig(), base: mgr.GetHTTPClient().Transport, scheme: mgr.GetScheme(), mapper: mgr.GetRESTMapper(), cache: mgr.GetCache(),
		namespaces: namespaces, known: map[[sha256.Size]byte]*impersonated{},
	}
}

// Held are the kinds that a cache has to hold for the console.
func Held() []client.Object {
	return []client.Object{
		&v1alpha1.ScimEndpoint{}, &v1alpha1.ScimUser{}, &v1alpha1.ScimGroup{}, &v1alpha1.ScimGroupPage{}, &v1alpha1.AutomationRule{},
		&v1alpha1.Person{}, &v1alpha1.Organization{}, &v1alpha1.Site{},
	}
}

// impersonated is a person for whom the operator acts.
type impersonated struct {
	*Reviews
	of     *Impersonator
	user   authenticationv1.UserInfo
	client client.Client
	until  time.Time
}

var _ Caller = (*impersonated)(nil)

// Caller returns who acts as a person, after the cluster was asked whom it takes that for. The error is Forbidden where the operator
// may not impersonate the person, and a ReservedNameError where nobody may.
func (i *Impersonator) Caller(ctx context.Context, user authenticationv1.UserInfo) (Caller, error) {
	if err := CheckNames(user); err != nil {
		return nil, err
	}
	described, err := json.Marshal(user)
	if err != nil {
		return nil, fmt.Errorf("describe a person: %w", err)
	}
	key := sha256.Sum256(described)
	now := time.Now()
	i.mu.Lock()
	found := i.known[key]
	i.mu.Unlock()
	if found != nil && now.Before(found.until) {
		return found, nil
	}
	made, err := i.impersonate(ctx, user)
	if err != nil {
		return nil, err
	}
	made.until = now.Add(callersLast)
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.known) >= maxCallers {
		clear(i.known)
	}
	i.known[key] = made
	return made, nil
}

func (i *Impersonator) impersonate(ctx context.Context, user authenticationv1.UserInfo) (*impersonated, error) {
	as := transport.ImpersonationConfig{UserName: user.Username, UID: user.UID, Groups: user.Groups, Extra: map[string][]string{}}
	for name, values := range user.Extra {
		as.Extra[name] = values
	}
	c, err := client.New(i.cfg, client.Options{
		Scheme: i.scheme, Mapper: i.mapper, HTTPClient: &http.Client{Transport: transport.NewImpersonatingRoundTripper(as, i.base)},
	})
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	taken, err := WhoAmI(ctx, c)
	if err != nil {
		return nil, err
	}
	// Whatever lies between here and the API server: it has to act as this person and nobody else.
	groups := slices.DeleteFunc(slices.Clone(taken.Groups), func(group string) bool { return group == authenticated })
	if taken.Username != user.Username || taken.UID != user.UID || !slices.Equal(groups, user.Groups) {
		return nil, apierrors.NewForbidden(schema.GroupResource{Group: authenticationv1.GroupName, Resource: "users"}, user.Username,
			fmt.Errorf("the cluster takes the operator's calls as this person for calls of %q", taken.Username))
	}
	return &impersonated{Reviews: NewReviews(c), of: i, user: taken, client: c}, nil
}

// User implements Caller.
func (c *impersonated) User() authenticationv1.UserInfo { return c.user }

// Client implements Caller.
func (c *impersonated) Client() client.Client { return c.client }

// Reader implements Caller. In other namespaces than the operator's nothing is found.
func (c *impersonated) Reader(_ context.Context, namespace string) (client.Reader, error) {
	if len(c.of.namespaces) > 0 && !slices.Contains(c.of.namespaces, namespace) {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, namespace)
	}
	return NewGuard(c, namespace, kube.CacheOf(c.of.cache, namespace)), nil
}
