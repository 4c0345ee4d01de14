package pages

import (
	"net/http"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// right is something that people do in a namespace, and what it takes.
type right struct {
	What, Verb, Resource string
	Allowed              bool
}

// rights are what Me tells of, in words of the pages.
func rights() []right {
	return []right{
		{What: "See users", Verb: "list", Resource: "scimusers"},
		{What: "See groups", Verb: "list", Resource: "scimgroups"},
		{What: "See persons", Verb: "list", Resource: "persons"},
		{What: "See organizations", Verb: "list", Resource: "organizations"},
		{What: "See sites", Verb: "list", Resource: "sites"},
		{What: "See automation rules", Verb: "list", Resource: "automationrules"},
		{What: "See executions", Verb: "list", Resource: "automationruleexecutions"},
		{What: "See the connection", Verb: "list", Resource: "scimendpoints"},
		{What: "Run the rules again for a user", Verb: "patch", Resource: "scimusers"},
		{What: "Run the rules again for a group", Verb: "patch", Resource: "scimgroups"},
		{What: "Change automation rules", Verb: "patch", Resource: "automationrules"},
		{What: "Release what the safety brake holds", Verb: "patch", Resource: "scimendpoints"},
		{What: "Delete the record of a user", Verb: "delete", Resource: "scimusers"},
		{What: "Delete the record of a group", Verb: "delete", Resource: "scimgroups"},
	}
}

// may asks for a right to a resource of the operator's, on the object of that name or, with "", on all.
func (v *visit) may(r *http.Request, verb, resource, name string) (bool, error) {
	return v.Caller.May(r.Context(), authorizationv1.ResourceAttributes{
		Namespace: v.Namespace, Verb: verb, Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Resource: resource, Name: name,
	})
}

func (s *server) me(w http.ResponseWriter, r *http.Request, v *visit) error {
	v.Namespace = r.URL.Query().Get("namespace")
	if err := checkNamespace(v.Namespace); err != nil {
		return err
	}
	content := struct {
		User      authenticationv1.UserInfo
		Namespace string
		Rights    []right
	}{User: v.Caller.User(), Namespace: v.Namespace}
	if v.Namespace != "" {
		content.Rights = rights()
		for i := range content.Rights {
			one := &content.Rights[i]
			var err error
			if one.Allowed, err = v.may(r, one.Verb, one.Resource, ""); err != nil {
				return err
			}
		}
	}
	p := s.newPage(r, v, "My rights")
	p.Section, p.Content = "me", content
	return s.render(w, http.StatusOK, "me", p)
}
