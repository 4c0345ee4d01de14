package pages

import (
	"net/http"
	"net/url"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/access"
	"rservice.dev/scim-operator/console/listing"
)

// subjectsOf are the words of a list.
type words struct {
	// Section is the last part of the address, One and Many what a row and the rows are called.
	Section, One, Many string
	// Empty says how to begin, where there is none at all.
	Empty string
	// Searched says what the search looks at.
	Searched string
	// Active and Inactive are the states to choose from; "" where all are the same.
	Active, Inactive string
}

// listView is what the template of lists shows.
type listView struct {
	words
	Namespace string
	Query     url.Values
	Filters   filters
	Heads     []head
	Rows      []row
	Reasons   []choice
	// Begin and End are the places of the first and the last row among Matched; Total is how many there are without filters.
	Begin, End, Matched, Total int
	Previous, Next, First      string
	// GroupTitle is the display name of the group whose members are shown.
	GroupTitle string
}

// filters are the values of the form.
type filters struct{ Text, Reason, Active, Group string }

// head is the head of a column.
type head struct {
	Title string
	// Address sorts by the column; "" where that cannot be.
	Address string
	// Sorted is "ascending", "descending" or "".
	Sorted string
	Class  string
}

// choice is something to filter by.
type choice struct {
	Value, Text string
	Count       int
	Address     string
	Chosen      bool
}

// row is one object: the first cell is its heading.
type row struct{ Cells []cell }

// cell is a value. Kind says how it is shown: text, link, record, time, pill, outcome, number, mono.
type cell struct {
	Kind, Text, Address string
	Pill                pill
	Time                any
	Number              int64
}

func textCell(text string) cell          { return cell{Kind: "text", Text: text} }
func linkCell(text, address string) cell { return cell{Kind: "link", Text: text, Address: address} }
func timeCell(time any) cell             { return cell{Kind: "time", Time: time} }
func pillCell(tone, text string) cell    { return cell{Kind: "pill", Pill: newPill(tone, text)} }
func numberCell(n int64) cell            { return cell{Kind: "number", Number: n} }

// recordCell leads to a record that is referred to.
func recordCell(namespace, section string, reference *v1alpha1.RecordReference) cell {
	if reference == nil {
		return textCell("")
	}
	return linkCell(reference.Name, address(namespace, section, reference.Name))
}

// address is that of one object's page.
func address(namespace, section, name string) string {
	return "/" + namespace + "/" + section + "/" + url.PathEscape(name)
}

// readyCell says whether something is as it should be, and if not why.
func readyCell(conditions []metav1.Condition) cell {
	for i := range conditions {
		c := &conditions[i]
		if c.Type != v1alpha1.ConditionReady || c.Status == metav1.ConditionTrue {
			continue
		}
		return cell{Kind: "outcome", Pill: newPill(toneOf(c.Reason), c.Reason), Text: c.Message}
	}
	return pillCell("good", "Ready")
}

// toneOf is the tone of a reason of something that is not as it should be.
func toneOf(reason string) string {
	switch reason {
	case v1alpha1.ReasonPending, v1alpha1.ReasonRetrying, v1alpha1.ReasonReprocessing:
		return "busy"
	case v1alpha1.ReasonHeld, v1alpha1.ReasonNoRules, v1alpha1.ReasonSwitchedOff, v1alpha1.ReasonLimitsRaised, v1alpha1.ReasonEndsSoon,
		v1alpha1.ReasonKeysKept, v1alpha1.ReasonAboveOperatorLimits, v1alpha1.ReasonSubjectsFailed, v1alpha1.ReasonOwnerRefused:
		return "warn"
	case v1alpha1.ReasonDisabled:
		return "off"
	}
	return "bad"
}

// queryOf reads a list's address.
func queryOf(r *http.Request, defaultDesc bool) listing.Query {
	values := r.URL.Query()
	q := listing.Query{
		Sort: values.Get("sort"), Text: values.Get("q"), Reason: values.Get("reason"), Limit: atoi(values.Get("limit")),
		After: parseCursor(values.Get("after")), Before: parseCursor(values.Get("before")),
	}
	q.Desc = values.Get("desc") == "true" || !values.Has("sort") && defaultDesc
	switch values.Get("active") {
	case "true":
		q.Active = new(true)
	case "false":
		q.Active = new(false)
	}
	return q
}

// with is an address with some values changed; "" takes one out.
func with(r *http.Request, pairs ...string) string {
	values := r.URL.Query()
	values.Del("done")
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" { //nolint:gosec // they are pairs
			values.Del(pairs[i])
		} else {
			values.Set(pairs[i], pairs[i+1]) //nolint:gosec // they are pairs
		}
	}
	if len(values) == 0 {
		return r.URL.Path
	}
	return r.URL.Path + "?" + values.Encode()
}

// newHead is the head of a column that can be sorted by, the first time in its natural direction: times newest first.
func newHead(r *http.Request, q listing.Query, title, column, byDefault string) head {
	h := head{Title: title}
	newestFirst := column == listing.ByProvisioned || column == listing.ByUpdated || column == listing.ByMembers
	desc := newestFirst
	if sort := q.Sort; sort == column || sort == "" && column == byDefault {
		h.Sorted = "ascending"
		if q.Desc {
			h.Sorted = "descending"
		}
		desc = !q.Desc
	}
	flag := "false"
	if desc {
		flag = "true"
	}
	h.Address = with(r, "sort", column, "desc", flag, "after", "", "before", "")
	return h
}

// newListView has everything of a list but its rows.
func newListView[P any](r *http.Request, v *visit, w words, q listing.Query, p listing.Page[P]) *listView {
	values := r.URL.Query()
	view := &listView{
		words: w, Namespace: v.Namespace, Query: values, Matched: p.Matched, Total: p.Total, Begin: p.Earlier + 1, End: p.Earlier + len(p.Rows),
		Filters: filters{Text: values.Get("q"), Reason: values.Get("reason"), Active: values.Get("active"), Group: values.Get("group")},
	}
	if p.Next() {
		view.Next = with(r, "after", formatCursor(p.Last), "before", "")
	}
	if p.Earlier > 0 && len(p.Rows) > 0 {
		view.Previous = with(r, "before", formatCursor(p.First), "after", "")
		view.First = with(r, "before", "", "after", "")
	}
	failing := 0
	for _, count := range p.Reasons {
		if !count.Passing {
			failing += count.Count
		}
		view.Reasons = append(view.Reasons, choice{
			Value: count.Reason, Text: count.Reason, Count: count.Count, Chosen: q.Reason == count.Reason,
			Address: with(r, "reason", count.Reason, "after", "", "before", ""),
		})
	}
	if failing > 0 {
		failed := choice{
			Value: listing.AnyReason, Text: "Any error", Count: failing, Chosen: q.Reason == listing.AnyReason,
			Address: with(r, "reason", listing.AnyReason, "after", "", "before", ""),
		}
		view.Reasons = append([]choice{failed}, view.Reasons...)
	}
	return view
}

func (s *server) showList(w http.ResponseWriter, r *http.Request, v *visit, title string, view *listView, live ...string) error {
	p := s.newPage(r, v, title)
	p.Section, p.Content, p.Live, p.Done = view.Section, view, liveAt(v.Namespace, live...), doneText(r)
	return s.render(w, http.StatusOK, "list", p)
}

// membersOf are the ids of a group's direct members, and its name.
func membersOf(r *http.Request, v *visit, reader client.Reader, group string) (map[string]bool, string, error) {
	if _, err := access.Unguarded(r.Context(), reader, &v1alpha1.ScimGroup{}, &v1alpha1.ScimGroupPage{}, &v1alpha1.ScimUser{}); err != nil {
		return nil, "", err
	}
	found := &v1alpha1.ScimGroup{}
	if err := reader.Get(r.Context(), client.ObjectKey{Namespace: v.Namespace, Name: group}, found); err != nil {
		return nil, "", err
	}
	members, err := membership.Of(r.Context(), reader, found)
	ids := make(map[string]bool, len(members))
	for i := range members {
		ids[members[i].ID] = true
	}
	return ids, found.Spec.DisplayName, err
}

func (s *server) users(w http.ResponseWriter, r *http.Request, v *visit) error {
	reader, err := v.Caller.Reader(r.Context(), v.Namespace)
	if err != nil {
		return err
	}
	q := queryOf(r, true)
	groupTitle := ""
	if group := r.URL.Query().Get("group"); group != "" {
		if err := checkName(group); err != nil {
			return err
		}
		if q.Names, groupTitle, err = membersOf(r, v, reader, group); err != nil {
			return err
		}
	}
	page, err := listing.Users(r.Context(), reader, v.Namespace, q)
	if err != nil {
		return err
	}
	view := newListView(r, v, words{
		Section: "users", One: "user", Many: "users", Active: "Active", Inactive: "Inactive", Searched: "userName, names, addresses, external id, id",
		Empty: "No client has pushed a user yet. Type the base URL and the token of the connection into the client (the overview tells where they are), and assign somebody to its application.",
	}, q, page)
	view.GroupTitle = groupTitle
	view.Heads = []head{
		newHead(r, q, "User name", listing.ByName, listing.ByProvisioned), {Title: "Name"}, newHead(r, q, "State", listing.ByState, listing.ByProvisioned),
		newHead(r, q, "Outcome", listing.ByReason, listing.ByProvisioned), {Title: "Person"},
		newHead(r, q, "Provisioned At", listing.ByProvisioned, listing.ByProvisioned), newHead(r, q, "Updated At", listing.ByUpdated, listing.ByProvisioned),
	}
	for _, user := range page.Rows {
		state := pillCell("good", "Active")
		switch {
		case user.DeletionTimestamp != nil:
			state = pillCell("busy", "Being deleted")
		case !user.IsActive():
			state = pillCell("off", "Inactive")
		}
		cells := []cell{linkCell(user.Spec.UserName, address(v.Namespace, "users", user.Name)), textCell(fullName(user)), state}
		person := textCell("")
		if user.Status.Person != nil {
			person = cell{Kind: "record", Text: user.Spec.UserName, Address: address(v.Namespace, "persons", user.Status.Person.Name)}
		}
		view.Rows = append(view.Rows, row{append(cells, readyCell(user.Status.Conditions), person, timeCell(provisionedAt(user.Spec.ProvisionedAt, user)), timeCell(user.Spec.LastModified))})
	}
	return s.showList(w, r, v, "SCIM users", view, "users")
}

func fullName(user *v1alpha1.ScimUser) string {
	if name := user.Spec.Name; name != nil {
		if name.Formatted != "" {
			return name.Formatted
		}
		if full := strings.TrimSpace(name.GivenName + " " + name.FamilyName); full != "" {
			return full
		}
	}
	return user.Spec.DisplayName
}

// provisionedAt is when the client created something, also where an operator before did not write it down.
func provisionedAt(at v1alpha1.Timestamp, object client.Object) any {
	if at.IsZero() {
		return object.GetCreationTimestamp()
	}
	return at
}

func (s *server) groups(w http.ResponseWriter, r *http.Request, v *visit) error {
	reader, err := v.Caller.Reader(r.Context(), v.Namespace)
	if err != nil {
		return err
	}
	q := queryOf(r, true)
	page, err := listing.Groups(r.Context(), reader, v.Namespace, q)
	if err != nil {
		return err
	}
	view := newListView(r, v, words{
		Section: "groups", One: "group", Many: "groups", Searched: "display name, external id, id",
		Empty: "No client has pushed a group yet. In Okta: Push Groups of the application; in Entra: assign the group to it.",
	}, q, page)
	members := newHead(r, q, "Members", listing.ByMembers, listing.ByProvisioned)
	members.Class = "num"
	view.Heads = []head{
		newHead(r, q, "Display name", listing.ByName, listing.ByProvisioned), members, newHead(r, q, "Stands for", listing.ByStandsFor, listing.ByProvisioned),
		newHead(r, q, "Outcome", listing.ByReason, listing.ByProvisioned),
		newHead(r, q, "Provisioned At", listing.ByProvisioned, listing.ByProvisioned), newHead(r, q, "Updated At", listing.ByUpdated, listing.ByProvisioned),
	}
	for _, group := range page.Rows {
		count := textCell("")
		if n := group.Status.Members; n != nil {
			count = numberCell(int64(*n))
			count.Address = "/" + v.Namespace + "/users?group=" + url.QueryEscape(group.Name)
		}
		stands := textCell("")
		switch {
		case group.Status.Organization != nil:
			stands = recordCell(v.Namespace, "organizations", group.Status.Organization)
		case group.Status.Site != nil:
			stands = recordCell(v.Namespace, "sites", group.Status.Site)
		}
		view.Rows = append(view.Rows, row{[]cell{
			linkCell(group.Spec.DisplayName, address(v.Namespace, "groups", group.Name)), count, stands, readyCell(group.Status.Conditions),
			timeCell(provisionedAt(group.Spec.ProvisionedAt, group)), timeCell(group.Spec.LastModified),
		}})
	}
	return s.showList(w, r, v, "SCIM groups", view, "groups")
}
