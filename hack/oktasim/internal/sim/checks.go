package sim

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"rservice.dev/scim-operator/hack/oktasim/internal/okta"
	"rservice.dev/scim-operator/hack/oktasim/internal/report"
)

// checkList checks the envelope of a list answer and returns its resources and totalResults.
func checkList(step *report.Step, query string, answer *okta.Answer) (resources []okta.Resource, total int, ok bool) {
	body := answer.Body
	ok = step.Check(body.HasSchema(okta.ListURN), "GET %s: schemas lacks the ListResponse URN", query)
	total, isInt := body.Int("totalResults")
	ok = step.Check(isInt, "GET %s: totalResults is %v, want an integer", query, body["totalResults"]) && ok
	_, isInt = body.Int("startIndex")
	ok = step.Check(isInt, "GET %s: startIndex is %v, want an integer", query, body["startIndex"]) && ok
	resources = body.List("Resources")
	perPage, isInt := body.Int("itemsPerPage")
	ok = step.Check(isInt && perPage == len(resources), "GET %s: itemsPerPage is %v, want %d, the number of Resources",
		query, body["itemsPerPage"], len(resources)) && ok
	return resources, total, ok
}

// checkUser compares a user from an answer with the model.
func (s *Sim) checkUser(step *report.Step, what string, got okta.Resource, u *User) bool {
	ok := true
	for _, e := range u.expect() {
		value := got.Get(e.path...)
		if value == nil && e.want == "" {
			value = ""
		}
		ok = step.Check(value == e.want, "%s %s: %s is %v, want %v", what, u.UserName, strings.Join(e.path, "."), value, e.want) && ok
	}
	ok = step.Check(len(got.List("emails")) == 1, "%s %s: %d emails, want 1", what, u.UserName, len(got.List("emails"))) && ok
	ok = step.Check(got.HasSchema(okta.UserURN), "%s %s: schemas lacks the User URN", what, u.UserName) && ok
	if u.Enterprise != nil {
		ok = step.Check(got.HasSchema(okta.EnterpriseURN), "%s %s: schemas lacks the enterprise URN", what, u.UserName) && ok
	}
	return s.checkGroupsOf(step, what, got, u) && ok
}

// checkGroupsOf checks that the user's groups attribute lists exactly the groups that the user has been pushed into.
func (s *Sim) checkGroupsOf(step *report.Step, what string, got okta.Resource, u *User) bool {
	want, have := s.groupsOf(u), map[string]bool{}
	for _, g := range got.List("groups") {
		have[g.Text("value")] = true
	}
	return step.Check(maps.Equal(have, want), "%s %s: groups are %v, want %v", what, u.UserName, keys(have), keys(want))
}

// checkSecret checks that no answer has the password, which Okta would send back with the next PUT.
func checkSecret(step *report.Step, what string, answer *okta.Answer, u *User) {
	leaked := bytes.Contains(answer.Raw, []byte(`"password"`)) || bytes.Contains(answer.Raw, []byte(u.password))
	step.Check(!leaked, "%s %s: the answer has the password", what, u.UserName)
}

// checkGroup compares a group from an answer with the model. The members have
// to be exactly the pushed ones, whatever their order.
func checkGroup(step *report.Step, what string, got okta.Resource, g *Group) {
	step.Check(got.Text("id") == g.ID, "%s %s: id is %q, want %q", what, g.DisplayName, got.Text("id"), g.ID)
	step.Check(got.Text("displayName") == g.DisplayName, "%s %s: displayName is %q", what, g.DisplayName, got.Text("displayName"))
	step.Check(got.HasSchema(okta.GroupURN), "%s %s: schemas lacks the Group URN", what, g.DisplayName)
	kind := got.Text("meta", "resourceType")
	step.Check(kind == "Group", "%s %s: meta.resourceType is %q", what, g.DisplayName, kind)
	checkMembers(step, what, got, g)
}

func checkMembers(step *report.Step, what string, got okta.Resource, g *Group) {
	have, want := map[string]bool{}, map[string]bool{}
	list := got.List("members")
	for _, m := range list {
		have[m.Text("value")] = true
	}
	for _, u := range g.Members {
		want[u.ID] = true
	}
	missing, extra := difference(want, have), difference(have, want)
	step.Check(len(list) == len(have), "%s %s: a member is listed twice", what, g.DisplayName)
	step.Check(len(missing)+len(extra) == 0, "%s %s: %d members, want %d; missing %s; not pushed %s",
		what, g.DisplayName, len(have), len(want), some(missing), some(extra))
}

// difference lists what is in a and not in b.
func difference(a, b map[string]bool) []string {
	return filter(keys(a), func(id string) bool { return !b[id] })
}

func keys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// some lists the first of many ids.
func some(ids []string) string {
	if len(ids) == 0 {
		return "none"
	}
	const most = 3
	if len(ids) <= most {
		return strings.Join(ids, ", ")
	}
	return strings.Join(ids[:most], ", ") + ", …"
}
