package sim

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"rservice.dev/scim-operator/hack/oktasim/internal/okta"
	"rservice.dev/scim-operator/hack/oktasim/internal/report"
)

const groupsPath = "/Groups"

func (g *Group) path() string { return groupsPath + "/" + g.ID }

// startsEmpty says that the group is pushed without members: an app's last one, if it has others.
func (a *App) startsEmpty(g *Group) bool {
	return g.Number > 0 && g.Number == len(a.Groups)-1 && !g.Organization
}

// pushGroups pushes every group, with the users divided among them.
func (a *App) pushGroups(ctx context.Context) error {
	users := a.created()
	return forEach(ctx, a.Sim, "push groups", a.Mode, a.Groups, func(ctx context.Context, step *report.Step, g *Group) error {
		want := a.firstMembers(g, users)
		if a.Mode == ModePut {
			return a.pushPut(ctx, step, g, want)
		}
		return a.pushPatch(ctx, step, g, want)
	})
}

// firstMembers are those of the users whom a group is pushed with.
func (a *App) firstMembers(g *Group, users []*User) []*User {
	switch {
	case g.Number < len(a.sizes):
		return slices.Clone(users[:min(a.sizes[g.Number], len(users))])
	case a.startsEmpty(g):
		return nil
	}
	return filter(users, func(u *User) bool { return u.Number%len(a.Groups) == g.Number })
}

// pushPatch creates the group empty and adds the members, or links the one that is there and overwrites its members.
func (a *App) pushPatch(ctx context.Context, step *report.Step, g *Group, want []*User) error {
	if g.Organization {
		found, ok, err := a.lookUp(ctx, step, groupsPath, "displayName", g.DisplayName)
		if err != nil || !ok {
			return err
		}
		if len(found) > 0 {
			g.ID = found[0].Text("id")
			if _, err := a.patchGroup(ctx, step, g, patch(g.link())); err != nil {
				return err
			}
			return a.overwrite(ctx, step, g, want)
		}
	}
	if ok, err := a.postGroup(ctx, step, g, nil); err != nil || !ok {
		return err
	}
	if len(want) > 0 {
		ok, err := a.patchGroup(ctx, step, g, change(nil, want))
		if err != nil || !ok {
			return err
		}
		g.Members = want
	}
	if _, _, err := a.getGroup(ctx, step, g); err != nil {
		return err
	}
	_, err := a.patchGroup(ctx, step, g, patch(g.link()))
	return err
}

// pushPut creates the group with its members and sends the same again. It knows existing groups from the import.
func (a *App) pushPut(ctx context.Context, step *report.Step, g *Group, want []*User) error {
	if id, ok := a.before.groupNamed(g.DisplayName); ok && g.Organization {
		g.ID = id
		return a.putUnread(ctx, step, g, want)
	}
	ok, err := a.postGroup(ctx, step, g, want)
	if err != nil || !ok {
		return err
	}
	got, ok, err := a.getGroup(ctx, step, g)
	if err != nil || !ok {
		return err
	}
	answer, ok, err := a.send(ctx, step, http.MethodPut, g.path(), g.body(members(g.Members)), http.StatusOK)
	if err != nil || !ok {
		return err
	}
	before, after := got.Text("meta", "version"), answer.Body.Text("meta", "version")
	step.Check(before == after, "PUT %s: meta.version went from %s to %s although nothing changed", g.DisplayName, before, after)
	return nil
}

// postGroup creates the group. After a lost answer an existing one may lack members; what follows completes it.
func (a *App) postGroup(ctx context.Context, step *report.Step, g *Group, want []*User) (bool, error) {
	answer, adopted, err := a.create(ctx, step, groupsPath, g.body(members(want)), "displayName")
	if err != nil {
		return false, err
	}
	if adopted != nil {
		g.ID = adopted.Text("id")
		return true, a.putUnread(ctx, step, g, want)
	}
	id := answer.Body.Text("id")
	if !checkStatus(step, http.MethodPost, groupsPath, answer, http.StatusCreated) ||
		!step.Check(id != "", "POST %s: the answer has no id", g.DisplayName) {
		return false, nil
	}
	g.ID, g.Members = id, want
	step.Check(answer.Body.Text("displayName") == g.DisplayName, "POST %s: displayName %q", g.DisplayName, answer.Body.Text("displayName"))
	step.Check(strings.HasSuffix(answer.Header.Get("Location"), g.path()), "POST %s: Location %q", g.DisplayName, answer.Header.Get("Location"))
	return true, nil
}

// putUnread replaces a group whose present members are unknown, and checks the result.
func (a *App) putUnread(ctx context.Context, step *report.Step, g *Group, want []*User) error {
	_, ok, err := a.send(ctx, step, http.MethodPut, g.path(), g.body(members(want)), http.StatusOK)
	if err != nil || !ok {
		return err
	}
	g.Members = want
	_, _, err = a.getGroup(ctx, step, g)
	return err
}

// getGroup reads the group and compares it with the model.
func (a *App) getGroup(ctx context.Context, step *report.Step, g *Group) (okta.Resource, bool, error) {
	answer, ok, err := a.read(ctx, step, g.path(), http.StatusOK, func(step *report.Step, answer *okta.Answer) {
		checkGroup(step, http.MethodGet, answer.Body, g)
	})
	if err != nil || !ok {
		return nil, false, err
	}
	return answer.Body, true, nil
}

// putGroup reads the group, sends the whole of it with a name and members, and looks at the result.
func (a *App) putGroup(ctx context.Context, step *report.Step, g *Group, name string, want []*User) error {
	if _, ok, err := a.getGroup(ctx, step, g); err != nil || !ok {
		return err
	}
	next := *g
	next.DisplayName = name
	answer, ok, err := a.send(ctx, step, http.MethodPut, g.path(), next.body(members(want)), http.StatusOK)
	if err != nil || !ok {
		return err
	}
	g.DisplayName, g.Members = name, want
	step.Check(answer.Body.Text("id") == g.ID, "PUT %s: id %q, want %q", name, answer.Body.Text("id"), g.ID)
	_, _, err = a.getGroup(ctx, step, g)
	return err
}

// patchGroup sends a PATCH. A server answers with the group, or with nothing if it has very many members.
func (a *App) patchGroup(ctx context.Context, step *report.Step, g *Group, body map[string]any) (bool, error) {
	answer, ok, err := a.send(ctx, step, http.MethodPatch, g.path(), body, http.StatusOK, http.StatusNoContent)
	if err != nil || !ok {
		return false, err
	}
	if answer.Status == http.StatusOK {
		step.Check(answer.Body.Text("id") == g.ID, "PATCH %s: id is %q, want %q", g.DisplayName, answer.Body.Text("id"), g.ID)
		step.Check(answer.Body.HasSchema(okta.GroupURN), "PATCH %s: schemas lacks the Group URN", g.DisplayName)
	}
	return true, nil
}
