package pages

import (
	"errors"
	"net/http"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/story"
)

// kindOf are the kinds of subjects by the part of the address that tells them.
var kindOf = map[string]string{
	"users": story.KindUser, "groups": story.KindGroup, "persons": story.KindPerson, "organizations": story.KindOrganization, "sites": story.KindSite,
	"rules": story.KindRule, "executions": story.KindExecution,
}

// sectionOf is the part of the address that tells a kind, "" for one that has no page.
func sectionOf(kind string) string {
	for section, known := range kindOf {
		if known == kind {
			return section
		}
	}
	return ""
}

// where is the address of something that a story tells of; "" where it has no page.
func where(subject story.Subject) string {
	section := sectionOf(subject.Kind)
	switch {
	case subject.Kind == story.KindEndpoint:
		return "/" + subject.Namespace + "/"
	case section == "" || subject.Name == "":
		return ""
	}
	return address(subject.Namespace, section, subject.Name)
}

// source is where a visitor's stories are read from.
func (v *visit) source(r *http.Request) (story.Source, error) {
	reader, err := v.Caller.Reader(r.Context(), v.Namespace)
	if err != nil {
		return story.Source{}, err
	}
	return story.Cached(reader, v.Caller.Client()), nil
}

// subjectView is the story of a subject, and what the visitor may do.
type subjectView struct {
	*story.Story
	Section string
	// Base is the page's address.
	Base string
	// MayRerun and MayDelete say what is offered. MayShow says that executions may be seen.
	MayRerun, MayDelete bool
	// Kind is what it is called.
	Kind string
	// Runs are those of all rules, newest first.
	Runs []runView
}

// runView is a run on the time line.
type runView struct {
	story.Run
	Rule, Execution string
	Last            bool
}

// nounOf is what a kind is called in headings.
var nounOf = map[string]string{
	story.KindUser: "SCIM user", story.KindGroup: "SCIM group", story.KindPerson: "Person", story.KindOrganization: "Organization", story.KindSite: "Site",
}

func (s *server) subject(section string) handler {
	return func(w http.ResponseWriter, r *http.Request, v *visit) error {
		source, err := v.source(r)
		if err != nil {
			return err
		}
		told, err := story.Tell(r.Context(), source, story.Subject{Kind: kindOf[section], Namespace: v.Namespace, Name: r.PathValue("name")})
		if errors.Is(err, story.ErrNotFound) {
			return goneNotice(v.Namespace, section)
		}
		if err != nil {
			return err
		}
		view := &subjectView{Story: told, Section: section, Base: address(v.Namespace, section, told.Subject.Name), Kind: nounOf[told.Subject.Kind], Runs: runsOf(told)}
		if section == "users" || section == "groups" {
			if view.MayRerun, err = v.may(r, "patch", resourceOf[section], told.Subject.Name); err != nil {
				return err
			}
			if view.MayDelete, err = v.may(r, "delete", resourceOf[section], told.Subject.Name); err != nil {
				return err
			}
		}
		p := s.newPage(r, v, told.Title)
		p.Section, p.Content, p.Live, p.Done = section, view, liveAt(v.Namespace, section), doneText(r)
		return s.render(w, http.StatusOK, "subject", p)
	}
}

// resourceOf are the resources by the part of the address.
var resourceOf = map[string]string{"users": "scimusers", "groups": "scimgroups", "rules": "automationrules", "endpoints": "scimendpoints"}

// newSubject is an empty object of what an address tells.
func newSubject(section string) client.Object {
	switch section {
	case "users":
		return &v1alpha1.ScimUser{}
	case "groups":
		return &v1alpha1.ScimGroup{}
	}
	return &v1alpha1.AutomationRule{}
}

func goneNotice(namespace, section string) *Notice {
	return &Notice{
		Status: http.StatusNotFound, Title: "It is not there (any more)",
		Text:  "It may have been deleted since the page that led here was made: by the client, or by somebody who deleted a record to link it anew. What the client sends again has another id.",
		Links: []Link{{Text: "Show what is there", Address: "/" + namespace + "/" + section}},
	}
}

// runsOf are the runs of all rules on a subject, newest first.
func runsOf(told *story.Story) []runView {
	var runs []runView
	for i := range told.Rules {
		rule := &told.Rules[i]
		for j, run := range rule.Runs {
			runs = append(runs, runView{Run: run, Rule: rule.Name, Execution: rule.Execution, Last: j == 0})
		}
	}
	slices.SortStableFunc(runs, func(a, b runView) int { return b.Time.Compare(a.Time) })
	return runs
}

// find leads to the one thing that a text means, or shows what it may mean.
func (s *server) find(w http.ResponseWriter, r *http.Request, v *visit) error {
	text := r.URL.Query().Get("q")
	source, err := v.source(r)
	if err != nil {
		return err
	}
	found, err := story.Find(r.Context(), source, v.Namespace, text)
	if err != nil {
		return err
	}
	if len(found) == 1 {
		if to := where(found[0].Subject); to != "" {
			http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // a page of the console
			return nil
		}
	}
	type hit struct{ Kind, Name, Called, Address string }
	var hits []hit
	for _, subject := range found {
		hits = append(hits, hit{nounOf[subject.Kind], subject.Name, subject.Called, where(subject.Subject)})
	}
	p := s.newPage(r, v, "Find")
	p.Query = text
	p.Content = struct {
		Namespace, Text string
		Hits            []hit
	}{v.Namespace, text, hits}
	return s.render(w, http.StatusOK, "find", p)
}
