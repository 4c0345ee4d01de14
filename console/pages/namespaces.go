package pages

import (
	"context"
	"maps"
	"net/http"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/access"
)

const (
	// maxNamespaces bounds the names of the chooser.
	maxNamespaces = 200
	// maxAsked bounds the names that somebody is asked about who may not see all: each costs a question to the API server.
	maxAsked = 500
)

// home leads to the namespace to begin with, or to the only one, or to the chooser.
func (s *server) home(w http.ResponseWriter, r *http.Request, v *visit) error {
	if s.Namespace != "" {
		http.Redirect(w, r, "/"+s.Namespace+"/", http.StatusSeeOther)
		return nil
	}
	names, more, err := s.visible(r.Context(), v.Caller)
	if err != nil {
		return err
	}
	if len(names) == 1 && !more {
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
	all, err := mayList(ctx, caller, metav1.NamespaceAll)
	if err != nil {
		return nil, false, err
	}
	for i, name := range candidates {
		if len(names) == maxNamespaces || i == maxAsked {
			return names, true, nil
		}
		allowed := all
		if !all {
			if allowed, err = mayList(ctx, caller, name); err != nil {
				return nil, false, err
			}
		}
		if allowed {
			names = append(names, name)
		}
	}
	return names, false, nil
}

// mayList reports whether somebody may see the connection of a namespace, or of all.
func mayList(ctx context.Context, caller access.Caller, namespace string) (bool, error) {
	return caller.May(ctx, authorizationv1.ResourceAttributes{
		Namespace: namespace, Verb: "list", Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Resource: "scimendpoints",
	})
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
