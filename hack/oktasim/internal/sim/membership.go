package sim

import (
	"context"
	"net/http"
	"slices"

	"rservice.dev/scim-operator/hack/oktasim/internal/okta"
	"rservice.dev/scim-operator/hack/oktasim/internal/report"
)

// memberChange is what one group's next push removes and adds.
type memberChange struct {
	group          *Group
	removed, added []*User
}

// changeMembers takes a third of each group's members out and puts users of the next group in.
func (a *App) changeMembers(ctx context.Context) error {
	var changes []memberChange
	groups := a.pushed()
	for i, g := range groups {
		c := memberChange{group: g, removed: slices.Clone(g.Members[:len(g.Members)/3])}
		for _, u := range groups[(i+1)%len(groups)].Members {
			if len(c.added) <= len(c.removed) && !g.Has(u) {
				c.added = append(c.added, u)
			}
		}
		if len(c.removed)+len(c.added) > 0 {
			changes = append(changes, c)
		}
	}
	return forEach(ctx, a.Sim, "change members", a.Mode, changes, a.changeMembership)
}

func (a *App) changeMembership(ctx context.Context, step *report.Step, c memberChange) error {
	g := c.group
	next := &Group{Members: slices.Clone(g.Members)}
	next.remove(c.removed...)
	next.add(c.added...)
	if a.Mode == ModePut {
		return a.putGroup(ctx, step, g, g.DisplayName, next.Members)
	}
	ok, err := a.patchGroup(ctx, step, g, change(c.removed, c.added))
	if err != nil || !ok {
		return err
	}
	g.Members = next.Members
	if _, err := a.patchGroup(ctx, step, g, patch(g.link())); err != nil {
		return err
	}
	_, _, err = a.getGroup(ctx, step, g)
	return err
}

// renameGroups renames every other group, which changes nothing else of it. An Organization's name is left alone.
func (a *App) renameGroups(ctx context.Context) error {
	groups := filter(a.pushed(), func(g *Group) bool { return !g.Organization && g.Number%2 == 0 })
	return forEach(ctx, a.Sim, "rename groups", a.Mode, groups, func(ctx context.Context, step *report.Step, g *Group) error {
		name := "Renamed " + g.DisplayName
		if a.Mode == ModePut {
			return a.putGroup(ctx, step, g, name, g.Members)
		}
		next := *g
		next.DisplayName = name
		ok, err := a.patchGroup(ctx, step, g, patch(next.link()))
		if err != nil || !ok {
			return err
		}
		g.DisplayName = name
		_, _, err = a.getGroup(ctx, step, g)
		return err
	})
}

// pushNow is the button of that name: the whole member list is sent again. One group has become empty by then.
func (a *App) pushNow(ctx context.Context) error {
	return forEach(ctx, a.Sim, "push now", a.Mode, a.pushed(), func(ctx context.Context, step *report.Step, g *Group) error {
		want := g.Members
		if a.startsEmpty(g) {
			want = nil
		}
		if a.Mode == ModePatch {
			return a.overwrite(ctx, step, g, want)
		}
		for range 2 {
			if err := a.putGroup(ctx, step, g, g.DisplayName, want); err != nil {
				return err
			}
		}
		return nil
	})
}

// overwrite replaces all members, in one of the two forms that Okta has used.
func (a *App) overwrite(ctx context.Context, step *report.Step, g *Group, want []*User) error {
	body := patch(operation{Op: "replace", Path: "members", Value: members(want)})
	if g.Number%2 == 1 {
		body = patch(operation{Op: "replace", Value: map[string]any{"id": g.ID, "displayName": g.DisplayName, "members": members(want)}})
	}
	ok, err := a.patchGroup(ctx, step, g, body)
	if err != nil || !ok {
		return err
	}
	g.Members = want
	_, _, err = a.getGroup(ctx, step, g)
	return err
}

// unlinkGroups ends the push of all groups but those of Organizations: every other one is deleted, the rest is left.
// "Leave" sends nothing; the import at the end shows that those groups are still there.
func (a *App) unlinkGroups(ctx context.Context) error {
	groups := filter(a.pushed(), func(g *Group) bool { return !g.Organization && g.Number%2 == 1 })
	return forEach(ctx, a.Sim, "unlink and delete", a.Mode, groups, func(ctx context.Context, step *report.Step, g *Group) error {
		deleted, err := a.deleteGroup(ctx, step, g)
		if err != nil || !deleted {
			return err
		}
		g.Deleted = true
		_, _, err = a.read(ctx, step, g.path(), http.StatusNotFound, func(*report.Step, *okta.Answer) {})
		return err
	})
}

// deleteGroup deletes the group. After a lost answer 404 means that it is gone, as wanted.
func (a *App) deleteGroup(ctx context.Context, step *report.Step, g *Group) (bool, error) {
	answer, err := a.Client.Do(ctx, step, okta.Request{Method: http.MethodDelete, Path: g.path()})
	if err != nil {
		return false, err
	}
	if answer.Unsure && answer.Status == http.StatusNotFound {
		return true, nil
	}
	return checkStatus(step, http.MethodDelete, g.path(), answer, http.StatusNoContent), nil
}
