package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// Tenants is the Stores of an operator that works in some namespaces only, one for each: revisions have an order along one
// watch, and each namespace has watches of its own. A tenant whose users and groups are not known yet is away for now; the
// others are served.
type Tenants struct {
	stores map[string]*Store
	cache  cache.Cache
}

// NewTenants makes a Store for each namespace, with Options.Cache the manager's. Without namespaces there is one, for all.
// Call it before the cache is started.
func NewTenants(ctx context.Context, o Options, namespaces []string) (*Tenants, error) {
	t := &Tenants{stores: make(map[string]*Store, len(namespaces)), cache: o.Cache}
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	for _, namespace := range namespaces {
		own := o
		own.Namespace, own.Cache = namespace, kube.CacheOf(o.Cache, namespace)
		var err error
		if t.stores[namespace], err = New(ctx, own); err != nil {
			return nil, fmt.Errorf("namespace %q: %w", namespace, err)
		}
	}
	return t, nil
}

// Sweepers are one for each Store, by namespace.
func (t *Tenants) Sweepers() []*Sweeper {
	var sweepers []*Sweeper
	for namespace, s := range t.stores {
		sweepers = append(sweepers, NewSweeper(s, namespace))
	}
	slices.SortFunc(sweepers, func(a, b *Sweeper) int { return strings.Compare(a.namespace, b.namespace) })
	return sweepers
}

// Migrators are one for each Store, by namespace.
func (t *Tenants) Migrators() []*Migrator {
	var migrators []*Migrator
	for namespace, s := range t.stores {
		migrators = append(migrators, NewMigrator(s, namespace))
	}
	slices.SortFunc(migrators, func(a, b *Migrator) int { return strings.Compare(a.namespace, b.namespace) })
	return migrators
}

// Synced reports whether all tenants can be served, but for those that could not be read when the cache was
// waited for. Until then nobody must be served.
func (t *Tenants) Synced() bool {
	away := kube.Unread(t.cache, &v1alpha1.ScimUser{}, &v1alpha1.ScimGroup{}, &v1alpha1.ScimGroupPage{})
	for namespace, s := range t.stores {
		if !s.Synced() && !slices.Contains(away, namespace) {
			return false
		}
	}
	return true
}

// of returns the Store of a tenant that can be served.
func (t *Tenants) of(tenant string) (*Store, error) {
	s := cmp.Or(t.stores[""], t.stores[tenant])
	if s == nil || !s.Synced() {
		return nil, apierrors.NewServiceUnavailable(fmt.Sprintf("the users and groups of namespace %s have not been read yet", tenant))
	}
	return s, nil
}

// Create calls the Store of the tenant.
func (t *Tenants) Create(ctx context.Context, tenant string, rt *scim.ResourceType, r scim.Resource) (scim.Resource, error) {
	s, err := t.of(tenant)
	if err != nil {
		return nil, err
	}
	return s.Create(ctx, tenant, rt, r)
}

// Get calls the Store of the tenant.
func (t *Tenants) Get(ctx context.Context, tenant string, rt *scim.ResourceType, id string, admit Gate) (scim.Resource, error) {
	s, err := t.of(tenant)
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, tenant, rt, id, admit)
}

// List calls the Store of the tenant.
func (t *Tenants) List(ctx context.Context, tenant string, rt *scim.ResourceType, q Query) (Page, error) {
	s, err := t.of(tenant)
	if err != nil {
		return Page{}, err
	}
	return s.List(ctx, tenant, rt, q)
}

// Update calls the Store of the tenant.
func (t *Tenants) Update(ctx context.Context, tenant string, rt *scim.ResourceType, id, ifMatch string, change Change) (Updated, error) {
	s, err := t.of(tenant)
	if err != nil {
		return Updated{}, err
	}
	return s.Update(ctx, tenant, rt, id, ifMatch, change)
}

// Delete calls the Store of the tenant.
func (t *Tenants) Delete(ctx context.Context, tenant string, rt *scim.ResourceType, id, ifMatch string) error {
	s, err := t.of(tenant)
	if err != nil {
		return err
	}
	return s.Delete(ctx, tenant, rt, id, ifMatch)
}

// Leave calls the Store of the tenant.
func (t *Tenants) Leave(ctx context.Context, tenant, id string) error {
	s, err := t.of(tenant)
	if err != nil {
		return err
	}
	return s.Leave(ctx, tenant, id)
}
