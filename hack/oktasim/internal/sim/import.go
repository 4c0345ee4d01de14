package sim

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"rservice.dev/scim-operator/hack/oktasim/internal/okta"
	"rservice.dev/scim-operator/hack/oktasim/internal/report"
)

// pageSize is how many resources Okta asks for at once.
const pageSize = 100

// snapshot is everything that one import has read, in the server's order.
type snapshot struct {
	users, groups []okta.Resource
}

// groupNamed finds a group in the list that a PUT mode app has kept.
func (s *snapshot) groupNamed(name string) (string, bool) {
	for _, g := range s.groups {
		if strings.EqualFold(g.Text("displayName"), name) {
			return g.Text("id"), true
		}
	}
	return "", false
}

// importBefore reads what the server holds before the run; nothing of it may be gone at the end.
func (s *Sim) importBefore(ctx context.Context) error {
	return forEach(ctx, s, "import at the start", "", []int{1}, func(ctx context.Context, step *report.Step, _ int) error {
		var err error
		s.before, err = s.importAll(ctx, step)
		return err
	})
}

// importAndVerify imports twice, compares the order, and compares the content with the model.
func (s *Sim) importAndVerify(ctx context.Context, name string) error {
	return forEach(ctx, s, name, "", []int{1}, func(ctx context.Context, step *report.Step, _ int) error {
		var first, second *snapshot
		verify := func(step *report.Step) {
			checkOrder(step, usersPath, first.users, second.users)
			checkOrder(step, groupsPath, first.groups, second.groups)
			s.verifyUsers(step, second)
			s.verifyGroups(step, second)
		}
		return s.settle(ctx, step, verify, func() (err error) {
			if first, err = s.importAll(ctx, step); err == nil {
				second, err = s.importAll(ctx, step)
			}
			return err
		})
	})
}

func (s *Sim) importAll(ctx context.Context, step *report.Step) (*snapshot, error) {
	users, err := s.pages(ctx, step, usersPath)
	if err != nil {
		return nil, err
	}
	groups, err := s.pages(ctx, step, groupsPath)
	if err != nil {
		return nil, err
	}
	return &snapshot{users: users, groups: groups}, nil
}

// pages reads a collection page by page, while there is more by totalResults.
func (s *Sim) pages(ctx context.Context, step *report.Step, path string) ([]okta.Resource, error) {
	var all []okta.Resource
	seen := map[string]bool{}
	for start := 1; ; start += pageSize {
		query := fmt.Sprintf("%s?startIndex=%d&count=%d", path, start, pageSize)
		answer, ok, err := s.send(ctx, step, http.MethodGet, query, nil, http.StatusOK)
		if err != nil || !ok {
			return all, err
		}
		page, total, ok := checkList(step, query, answer)
		want := max(0, min(pageSize, total-start+1))
		index, _ := answer.Body.Int("startIndex")
		if !step.Check(len(page) == want, "GET %s: %d resources, want %d of %d", query, len(page), want, total) ||
			!step.Check(index == start, "GET %s: startIndex %d", query, index) || !ok {
			return all, nil
		}
		step.Check(!strings.Contains(string(answer.Raw), `"password"`), "GET %s: the answer has a password", query)
		for _, r := range page {
			id := r.Text("id")
			step.Check(id != "" && !seen[id], "GET %s: id %q is missing or came before", query, id)
			seen[id] = true
		}
		all = append(all, page...)
		if start+pageSize > total {
			return all, nil
		}
	}
}

// checkOrder checks that what both imports have read has the same order.
func checkOrder(step *report.Step, path string, first, second []okta.Resource) {
	common := func(list, other []okta.Resource) []string {
		index := byID(other)
		var ids []string
		for _, r := range list {
			if _, ok := index[r.Text("id")]; ok {
				ids = append(ids, r.Text("id"))
			}
		}
		return ids
	}
	step.Check(slices.Equal(common(first, second), common(second, first)), "import %s: the order changed between two imports", path)
}

func byID(list []okta.Resource) map[string]okta.Resource {
	out := make(map[string]okta.Resource, len(list))
	for _, r := range list {
		out[r.Text("id")] = r
	}
	return out
}

// verifyUsers checks every user of the run, that there is none else of it, and that no older one is gone.
func (s *Sim) verifyUsers(step *report.Step, got *snapshot) {
	have := byID(got.users)
	mine := map[string]bool{}
	for _, u := range s.AllUsers() {
		mine[u.ID] = true
		if r, ok := have[u.ID]; step.Check(ok, "import: user %s (%s) is missing", u.UserName, u.ID) {
			s.checkUser(step, "import", r, u)
		}
	}
	for _, r := range got.users {
		step.Check(mine[r.Text("id")] || !strings.HasSuffix(strings.ToLower(r.Text("userName")), "@"+s.Run+".example"),
			"import: %s (%s) was never acknowledged", r.Text("userName"), r.Text("id"))
	}
	checkKept(step, usersPath, s.before.users, have)
}

func (s *Sim) verifyGroups(step *report.Step, got *snapshot) {
	have := byID(got.groups)
	mine := map[string]bool{}
	for _, g := range s.AllGroups() {
		mine[g.ID] = true
		if r, ok := have[g.ID]; step.Check(ok, "import: group %s (%s) is missing", g.DisplayName, g.ID) {
			checkGroup(step, "import", r, g)
		}
	}
	for _, r := range got.groups {
		step.Check(mine[r.Text("id")] || !strings.Contains(r.Text("displayName"), "("+s.Run+")"),
			"import: group %s (%s) should not be there", r.Text("displayName"), r.Text("id"))
	}
	checkKept(step, groupsPath, s.before.groups, have)
}

func checkKept(step *report.Step, path string, before []okta.Resource, have map[string]okta.Resource) {
	gone := map[string]bool{}
	for _, r := range before {
		if _, ok := have[r.Text("id")]; !ok {
			gone[r.Text("id")] = true
		}
	}
	step.Check(len(gone) == 0, "import: %d of the %s from before the run are gone: %s",
		len(gone), path, some(slices.Sorted(maps.Keys(gone))))
}
