package kube

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// errApply is returned for a method of the client that no part of the operator calls.
var errApply = errors.New("server-side apply is not routed to a namespace here")

// tenantsClient has a client for each namespace of a tenants. One that reads what it wrote compares revisions, which have an
// order along one watch only: with several namespaces behind it, an event of one would end the wait for another's.
type tenantsClient struct {
	client.Client // of no namespace, for scheme and mapper
	cache         *tenants
	spaces        map[string]client.Client
}

// newTenantsClient is manager.Options.NewClient of a manager with such a cache.
func newTenantsClient(cfg *rest.Config, o client.Options) (client.Client, error) {
	t, ok := o.Cache.Reader.(*tenants)
	if !ok {
		return nil, fmt.Errorf("%T is no cache of several namespaces", o.Cache.Reader)
	}
	direct := o
	direct.Cache = nil
	base, err := client.New(cfg, direct)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	c := &tenantsClient{Client: base, cache: t, spaces: make(map[string]client.Client, len(t.names))}
	for namespace, s := range t.spaces {
		own, cached := o, *o.Cache
		cached.Reader = s
		own.Cache = &cached
		if c.spaces[namespace], err = newConsistentClient(cfg, own); err != nil {
			return nil, fmt.Errorf("make the client of namespace %s: %w", namespace, err)
		}
	}
	return c, nil
}

func (c *tenantsClient) of(namespace string) (client.Client, error) {
	if _, err := c.cache.of(namespace); err != nil {
		return nil, err
	}
	return c.spaces[namespace], nil
}

// Get implements client.Reader.
func (c *tenantsClient) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	own, err := c.of(key.Namespace)
	if err != nil {
		return err
	}
	return own.Get(ctx, key, obj, opts...)
}

// List implements client.Reader.
func (c *tenantsClient) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return c.cache.list(ctx, list, opts, func(namespace string) client.Reader { return c.spaces[namespace] })
}

// Create implements client.Writer.
func (c *tenantsClient) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	own, err := c.of(obj.GetNamespace())
	if err != nil {
		return err
	}
	return own.Create(ctx, obj, opts...)
}

// Update implements client.Writer.
func (c *tenantsClient) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	own, err := c.of(obj.GetNamespace())
	if err != nil {
		return err
	}
	return own.Update(ctx, obj, opts...)
}

// Patch implements client.Writer.
func (c *tenantsClient) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	own, err := c.of(obj.GetNamespace())
	if err != nil {
		return err
	}
	return own.Patch(ctx, obj, patch, opts...)
}

// Delete implements client.Writer.
func (c *tenantsClient) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	own, err := c.of(obj.GetNamespace())
	if err != nil {
		return err
	}
	return own.Delete(ctx, obj, opts...)
}

// DeleteAllOf implements client.Writer.
func (c *tenantsClient) DeleteAllOf(ctx context.Context, obj client.Object, opts ...client.DeleteAllOfOption) error {
	own, err := c.of((&client.DeleteAllOfOptions{}).ApplyOptions(opts).Namespace)
	if err != nil {
		return err
	}
	return own.DeleteAllOf(ctx, obj, opts...)
}

// Apply implements client.Writer.
func (c *tenantsClient) Apply(context.Context, runtime.ApplyConfiguration, ...client.ApplyOption) error {
	return errApply
}

// Status implements client.StatusClient.
func (c *tenantsClient) Status() client.SubResourceWriter { return c.SubResource("status") }

// SubResource implements client.SubResourceClientConstructor.
func (c *tenantsClient) SubResource(name string) client.SubResourceClient {
	return &tenantsSubResource{c, name}
}

type tenantsSubResource struct {
	client *tenantsClient
	name   string
}

func (s *tenantsSubResource) of(obj client.Object) (client.SubResourceClient, error) {
	own, err := s.client.of(obj.GetNamespace())
	if err != nil {
		return nil, err
	}
	return own.SubResource(s.name), nil
}

// Get implements client.SubResourceReader.
func (s *tenantsSubResource) Get(ctx context.Context, obj, sub client.Object, opts ...client.SubResourceGetOption) error {
	own, err := s.of(obj)
	if err != nil {
		return err
	}
	return own.Get(ctx, obj, sub, opts...)
}

// Create implements client.SubResourceWriter.
func (s *tenantsSubResource) Create(ctx context.Context, obj, sub client.Object, opts ...client.SubResourceCreateOption) error {
	own, err := s.of(obj)
	if err != nil {
		return err
	}
	return own.Create(ctx, obj, sub, opts...)
}

// Update implements client.SubResourceWriter.
func (s *tenantsSubResource) Update(ctx context.Context, obj client.Object, opts ...client.SubResourceUpdateOption) error {
	own, err := s.of(obj)
	if err != nil {
		return err
	}
	return own.Update(ctx, obj, opts...)
}

// Patch implements client.SubResourceWriter.
func (s *tenantsSubResource) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	own, err := s.of(obj)
	if err != nil {
		return err
	}
	return own.Patch(ctx, obj, patch, opts...)
}

// Apply implements client.SubResourceWriter.
func (s *tenantsSubResource) Apply(context.Context, runtime.ApplyConfiguration, ...client.SubResourceApplyOption) error {
	return errApply
}
