package pages

import (
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/console/listing"
)

func (s *server) persons(w http.ResponseWriter, r *http.Request, v *visit) error {
	reader, err := v.Caller.Reader(r.Context(), v.Namespace)
	if err != nil {
		return err
	}
	q := queryOf(r, false)
	page, err := listing.Persons(r.Context(), reader, v.Namespace, q)
	if err != nil {
		return err
	}
	view := newListView(r, v, words{
		Section: "persons", One: "person", Many: "persons", Active: "Enabled", Inactive: "Disabled", Searched: "name, addresses, employee ID, id of the user",
		Empty: "There is no person yet. Rules make one for each user that a client pushes; others are made with kubectl or come from Git.",
	}, q, page)
	view.Heads = []head{
		newHead(r, q, "Name", listing.ByName, listing.ByName), newHead(r, q, "Primary e-mail", listing.ByEmail, listing.ByName),
		newHead(r, q, "State", listing.ByState, listing.ByName), newHead(r, q, "Organization", listing.ByOrganization, listing.ByName),
		newHead(r, q, "Site", listing.BySite, listing.ByName), {Title: "Source"}, newHead(r, q, "Outcome", listing.ByReason, listing.ByName),
	}
	for _, person := range page.Rows {
		name := person.Spec.Name
		if name == "" {
			name = person.Spec.PrimaryEmail
		}
		cells := []cell{
			linkCell(name, address(v.Namespace, "persons", person.Name)), textCell(person.Spec.PrimaryEmail), enabledCell(person.Spec.Disabled),
			recordCell(v.Namespace, "organizations", person.Spec.Organization), recordCell(v.Namespace, "sites", person.Spec.Site),
			sourceCell(v.Namespace, "users", person.Spec.Source, person.Spec.SourceID), readyCell(person.Status.Conditions),
		}
		view.Rows = append(view.Rows, row{cells})
	}
	return s.showList(w, r, v, "Persons", view, "persons")
}

func enabledCell(disabled bool) cell {
	if disabled {
		return pillCell("off", "Disabled")
	}
	return pillCell("good", "Enabled")
}

// sourceCell leads to the user or group that a record is linked to, which may be gone.
func sourceCell(namespace, section, source, id string) cell {
	if id == "" {
		return textCell(source)
	}
	return linkCell(source, address(namespace, section, id))
}

func (s *server) organizations(w http.ResponseWriter, r *http.Request, v *visit) error {
	reader, err := v.Caller.Reader(r.Context(), v.Namespace)
	if err != nil {
		return err
	}
	q := queryOf(r, false)
	page, err := listing.Organizations(r.Context(), reader, v.Namespace, q)
	if err != nil {
		return err
	}
	view := newListView(r, v, words{
		Section: "organizations", One: "organization", Many: "organizations", Active: "Enabled", Inactive: "Disabled", Searched: "name, financial ID, id of the group",
		Empty: "There is no organization yet. Make them with kubectl or from Git (config/samples has one): a pushed group of the same name is linked to it, and its members belong to it.",
	}, q, page)
	view.Heads = placeHeads(r, q)
	for _, organization := range page.Rows {
		view.Rows = append(view.Rows, placeRow(v.Namespace, "organizations", organization.Name, organization.Spec.Name, organization.Spec.Disabled,
			organization.Spec.Source, organization.Spec.SourceID, organization.Status.Conditions))
	}
	return s.showList(w, r, v, "Organizations", view, "organizations")
}

func (s *server) sites(w http.ResponseWriter, r *http.Request, v *visit) error {
	reader, err := v.Caller.Reader(r.Context(), v.Namespace)
	if err != nil {
		return err
	}
	q := queryOf(r, false)
	page, err := listing.Sites(r.Context(), reader, v.Namespace, q)
	if err != nil {
		return err
	}
	view := newListView(r, v, words{
		Section: "sites", One: "site", Many: "sites", Active: "Enabled", Inactive: "Disabled", Searched: "name, id of the group",
		Empty: "There is no site yet. Make them with kubectl or from Git (config/samples has one): users whose client names the site work there.",
	}, q, page)
	view.Heads = placeHeads(r, q)
	for _, site := range page.Rows {
		view.Rows = append(view.Rows, placeRow(v.Namespace, "sites", site.Name, site.Spec.Name, site.Spec.Disabled, site.Spec.Source, site.Spec.SourceID, site.Status.Conditions))
	}
	return s.showList(w, r, v, "Sites", view, "sites")
}

func placeHeads(r *http.Request, q listing.Query) []head {
	return []head{
		newHead(r, q, "Name", listing.ByName, listing.ByName), {Title: "Object"}, newHead(r, q, "State", listing.ByState, listing.ByName),
		{Title: "Source"}, newHead(r, q, "Outcome", listing.ByReason, listing.ByName),
	}
}

func placeRow(namespace, section, object, name string, disabled bool, source, id string, conditions []metav1.Condition) row {
	return row{[]cell{
		linkCell(name, address(namespace, section, object)), {Kind: "mono", Text: object}, enabledCell(disabled), sourceCell(namespace, "groups", source, id),
		readyCell(conditions),
	}}
}
