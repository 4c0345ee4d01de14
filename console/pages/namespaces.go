package pages

import (
	"context"
	"maps"
	"net/http"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/access"
)

// maxNamespaces bounds the chooser: each name costs a question to the API server.
const maxNamespaces = 200

// home leads to the namespace to begin with, or to the only one, or to the chooser.
func (s *server) home(w http.ResponseWriter, r *http.Request, v *visit) error {
	if s.Namespace != "" {
		http.Redirect(w, r, "/"+s.Namespace+"/", http.StatusSeeOther)
		return nil
	}
	names, _, err := s.visible(r.Context(), v.Caller)
	if err != nil {
		return err
	}
	if len(names) == 1 {
		http.Redirect(w, r, "/"+names[0]+"/", http.StatusSeeOther)
		return nil
	}
	http.Redirect(w, r, own+"namespaces", http.StatusSeeOther)
	return nil
}

func (s *server) namespaces(w http.ResponseWriter, r *http.Request, v *visit) error {
	if named := r.URL.Query().Get("go"); named != "" {
		if err := checkNamespace(named); err != nil {
			return err
		}
		http.Redirect(w, r, "/"+named+"/", http.StatusSeeOther) //nolint:gosec // a namespace has no slash in its name
		return nil
	}
	names, more, err := s.visible(r.Context(), v.Caller)
	if err != nil {
		return err
	}
	p := s.newPage(r, v, "Namespaces")
	p.Content = struct {
		Names []string
		More  bool
	}{names, more}
	return s.render(w, http.StatusOK, "namespaces", p)
}

// visible returns the namespaces that the caller may see the connection of, in order, and whether there are more than these.
func (s *server) visible(ctx context.Context, caller access.Caller) (names []string, more bool, err error) {
	find := s.Namespaces
	if find == nil {
		find = withEndpoint
	}
	candidates, err := find(ctx, caller)
	if err != nil {
		return nil, false, err
	}
	if s.Namespace != "" && !slices.Contains(candidates, s.Namespace) {
		candidates = append(candidates, s.Namespace)
	}
	slices.Sort(candidates)
	for _, name := range candidates {
		if len(names) == maxNamespaces {
			return names, true, nil
		}
		allowed, err := caller.May(ctx, authorizationv1.ResourceAttributes{
			Namespace: name, Verb: "list", Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Resource: "scimendpoints",
		})
		if err != nil {
			return nil, false, err
		}
		if allowed {
			names = append(names, name)
		}
	}
	return names, false, nil
}

// withEndpoint returns the namespaces with a ScimEndpoint, none where the caller may not list these in all namespaces.
func withEndpoint(ctx context.Context, caller access.Caller) ([]string, error) {
	found := map[string]bool{}
	list := &v1alpha1.ScimEndpointList{}
	for {
		err := caller.Client().List(ctx, list, client.Limit(500), client.Continue(list.Continue))
		if apierrors.IsForbidden(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			found[list.Items[i].Namespace] = true
		}
		if list.Continue == "" {
			return slices.Sorted(maps.Keys(found)), nil
		}
	}
}
