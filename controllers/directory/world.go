package directory

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/preview"
	"rservice.dev/scim-operator/controllers/rules"
)

// NewWorld gives a namespace as the controllers see it, for a preview. The reader needs
// their indexes and those of membership: it is the cache of their manager.
// Nothing that it hands out may be changed.
func NewWorld(reader client.Reader, namespace string) preview.World {
	return world{Of(reader, namespace)}
}

// NewObjectWorld gives a namespace that holds these objects and no others.
func NewObjectWorld(namespace string, objects ...client.Object) preview.World {
	return NewWorld(NewObjects(objects...), namespace)
}

type world struct{ View }

// Inputs implements preview.World.
func (w world) Inputs(ctx context.Context, kind v1alpha1.SubjectKind) (int, iter.Seq2[rules.Input, error], error) {
	endpoints, err := w.Endpoints(ctx)
	if err != nil {
		return 0, nil, err
	}
	organization, err := w.defaultOrganization(ctx, endpoints)
	if err != nil {
		return 0, nil, err
	}
	if kind == v1alpha1.SubjectScimGroup {
		return w.groupInputs(ctx, organization)
	}
	return w.userInputs(ctx, endpoints, organization)
}

func (w world) userInputs(ctx context.Context, endpoints []*v1alpha1.ScimEndpoint, organization string) (int, iter.Seq2[rules.Input, error], error) {
	users := &v1alpha1.ScimUserList{}
	if err := w.reader.List(ctx, users, client.InNamespace(w.namespace), client.UnsafeDisableDeepCopy); err != nil {
		return 0, nil, fmt.Errorf("list ScimUsers: %w", err)
	}
	present := inOrder(users.Items, func(u *v1alpha1.ScimUser) client.Object { return u })
	return len(present), func(yield func(rules.Input, error) bool) {
		for _, user := range present {
			groups, err := w.groupsOf(ctx, user)
			if !yield(rules.Input{User: user, Groups: groups, DefaultOrganization: organization, Trust: trustIn(endpoints, user)}, err) || err != nil {
				return
			}
		}
	}, nil
}

func (w world) groupInputs(ctx context.Context, organization string) (int, iter.Seq2[rules.Input, error], error) {
	groups := &v1alpha1.ScimGroupList{}
	if err := w.reader.List(ctx, groups, client.InNamespace(w.namespace), client.UnsafeDisableDeepCopy); err != nil {
		return 0, nil, fmt.Errorf("list ScimGroups: %w", err)
	}
	present := inOrder(groups.Items, func(g *v1alpha1.ScimGroup) client.Object { return g })
	return len(present), func(yield func(rules.Input, error) bool) {
		for _, group := range present {
			if !yield(rules.Input{Group: group, DefaultOrganization: organization}, nil) {
				return
			}
		}
	}, nil
}

// inOrder gives those that are not being deleted, in the order of their names.
func inOrder[T any](items []T, object func(*T) client.Object) []*T {
	var present []*T
	for i := range items {
		if object(&items[i]).GetDeletionTimestamp().IsZero() {
			present = append(present, &items[i])
		}
	}
	slices.SortFunc(present, func(a, b *T) int { return strings.Compare(object(a).GetName(), object(b).GetName()) })
	return present
}
