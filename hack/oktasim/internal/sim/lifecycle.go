package sim

import (
	"context"
	"net/http"

	"rservice.dev/scim-operator/hack/oktasim/internal/okta"
	"rservice.dev/scim-operator/hack/oktasim/internal/report"
)

// take copies what an accepted change has changed. ID and ExternalID never change.
func (u *User) take(next *User) {
	switch {
	case next.Active:
		u.lastActive = nil
	case u.Active:
		state := *u
		u.lastActive = &state
	}
	u.UserName, u.Email = next.UserName, next.Email
	u.GivenName, u.FamilyName = next.GivenName, next.FamilyName
	u.Title, u.Phone, u.Active = next.Title, next.Phone, next.Active
}

func (a *App) deactivateSome(ctx context.Context) error {
	users := filter(a.created(), func(u *User) bool { return u.Number%4 == 1 })
	return forEach(ctx, a.Sim, "deactivate", a.Mode, users, func(ctx context.Context, step *report.Step, u *User) error {
		return a.setActive(ctx, step, u, false)
	})
}

func (a *App) reactivateSome(ctx context.Context) error {
	users := filter(a.created(), func(u *User) bool { return u.Number%8 == 1 && !u.Active })
	return forEach(ctx, a.Sim, "reactivate", a.Mode, users, func(ctx context.Context, step *report.Step, u *User) error {
		return a.setActive(ctx, step, u, true)
	})
}

// unassignSome takes users from the app, for which Okta sends the same as for deactivation. It never deletes a user.
func (a *App) unassignSome(ctx context.Context) error {
	users := filter(a.created(), func(u *User) bool { return u.Number%5 == 2 && u.Active })
	return forEach(ctx, a.Sim, "unassign", a.Mode, users, func(ctx context.Context, step *report.Step, u *User) error {
		return a.setActive(ctx, step, u, false)
	})
}

// assignAgain assigns users that were unassigned: found, so activated and
// updated, never created. In PUT mode their groups are sent again afterwards.
func (a *App) assignAgain(ctx context.Context) error {
	users := filter(a.created(), func(u *User) bool { return u.Number%10 == 2 && !u.Active })
	if err := forEach(ctx, a.Sim, "assign existing users", a.Mode, users, a.assignExisting); err != nil || a.Mode != ModePut {
		return err
	}
	var groups []*Group
	for _, g := range a.pushed() {
		for _, u := range users {
			if g.Has(u) {
				groups = append(groups, g)
			}
		}
	}
	return forEach(ctx, a.Sim, "assign existing users", a.Mode, groups, func(ctx context.Context, step *report.Step, g *Group) error {
		return a.putGroup(ctx, step, g, g.DisplayName, g.Members)
	})
}

func (a *App) assignExisting(ctx context.Context, step *report.Step, u *User) error {
	right := false
	query := okta.Query(usersPath, "userName", u.UserName)
	_, _, err := a.read(ctx, step, query, http.StatusOK, func(step *report.Step, answer *okta.Answer) {
		found, _, ok := checkList(step, query, answer)
		right = ok && step.Check(len(found) == 1, "assign %s: %d users found, want the inactive one", u.UserName, len(found)) &&
			a.checkUser(step, "look up", found[0], u)
	})
	if err != nil || !right {
		return err
	}
	retitle := func(next *User) { next.Title = "Returning " + titles[u.Number%len(titles)] }
	if a.Mode == ModePut {
		return a.put(ctx, step, u, func(next *User) { next.Active = true; retitle(next) })
	}
	body := patch(operation{Op: "replace", Value: map[string]any{"active": true}})
	if _, ok, err := a.send(ctx, step, http.MethodPatch, u.path(), body, http.StatusOK, http.StatusNoContent); err != nil || !ok {
		return err
	}
	next := *u
	next.Active = true
	u.take(&next)
	return a.put(ctx, step, u, retitle)
}
