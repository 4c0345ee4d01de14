package sim

import (
	"context"
	"net/http"
	"strings"

	"rservice.dev/scim-operator/hack/oktasim/internal/okta"
	"rservice.dev/scim-operator/hack/oktasim/internal/report"
)

const usersPath = "/Users"

func (u *User) path() string { return usersPath + "/" + u.ID }

// testCredentials is the button of that name, and the same once more with a wrong token.
func (a *App) testCredentials(ctx context.Context) error {
	paths := []string{usersPath + "?startIndex=1&count=2"}
	if a.Mode == ModePut {
		// Once on test, once on save; then the groups, which are kept for group push.
		paths = append(paths, paths[0], groupsPath+"?startIndex=1&count=100")
	}
	return forEach(ctx, a.Sim, "test credentials", a.Mode, paths, func(ctx context.Context, step *report.Step, path string) error {
		answer, ok, err := a.send(ctx, step, http.MethodGet, path, nil, http.StatusOK)
		if err != nil || !ok {
			return err
		}
		checkList(step, path, answer)
		answer, err = a.Client.Do(ctx, step, okta.Request{Method: http.MethodGet, Path: path, Token: "not-the-token"})
		if err != nil {
			return err
		}
		checkStatus(step, "wrong token: GET", path, answer, http.StatusUnauthorized)
		return nil
	})
}

// assignAll assigns every user for the first time: looked up, not found, created.
func (a *App) assignAll(ctx context.Context) error {
	return forEach(ctx, a.Sim, "assign users", a.Mode, a.Users, a.assign)
}

func (a *App) assign(ctx context.Context, step *report.Step, u *User) error {
	found, ok, err := a.lookUp(ctx, step, usersPath, "userName", u.UserName)
	if err != nil || !ok {
		return err
	}
	if !step.Check(len(found) == 0, "assign %s: found before it was created", u.UserName) {
		return nil
	}
	answer, adopted, err := a.create(ctx, step, usersPath, u.create(), "userName")
	if err != nil {
		return err
	}
	if adopted != nil {
		u.ID = adopted.Text("id")
		a.checkUser(step, "assign after a lost answer", adopted, u)
		return nil
	}
	id := answer.Body.Text("id")
	if !checkStatus(step, http.MethodPost, usersPath, answer, http.StatusCreated) ||
		!step.Check(id != "", "POST %s: the answer has no id", u.UserName) {
		return nil
	}
	u.ID = id
	a.checkUser(step, http.MethodPost, answer.Body, u)
	checkSecret(step, http.MethodPost, answer, u)
	location := answer.Header.Get("Location")
	step.Check(strings.HasSuffix(location, u.path()) && location == answer.Body.Text("meta", "location"),
		"POST %s: Location %q and meta.location %q, want …%s", u.UserName, location, answer.Body.Text("meta", "location"), u.path())
	return nil
}

// assignTwice creates a user that is there already, in the same and in another spelling.
func (a *App) assignTwice(ctx context.Context) error {
	users := a.created()
	return forEach(ctx, a.Sim, "assign an existing name", a.Mode, users[:min(1, len(users))], func(ctx context.Context, step *report.Step, u *User) error {
		for _, name := range []string{u.UserName, strings.ToUpper(u.UserName)} {
			body := u.create()
			body["userName"] = name
			answer, ok, err := a.send(ctx, step, http.MethodPost, usersPath, body, http.StatusConflict)
			if err != nil {
				return err
			}
			if ok {
				step.Check(answer.Body.Text("scimType") == "uniqueness", "POST %s: scimType %q", name, answer.Body.Text("scimType"))
			}
		}
		return nil
	})
}

// get reads the user and compares it with the model. ok says that there is a user to go on with.
func (a *App) get(ctx context.Context, step *report.Step, u *User) (okta.Resource, bool, error) {
	answer, ok, err := a.read(ctx, step, u.path(), http.StatusOK, func(step *report.Step, answer *okta.Answer) {
		a.checkUser(step, http.MethodGet, answer.Body, u)
		checkSecret(step, http.MethodGet, answer, u)
	})
	if err != nil || !ok {
		return nil, false, err
	}
	return answer.Body, true, nil
}

// put reads the user and sends it back with a change.
func (a *App) put(ctx context.Context, step *report.Step, u *User, change func(*User)) error {
	got, ok, err := a.get(ctx, step, u)
	if err != nil || !ok {
		return err
	}
	next := *u
	change(&next)
	answer, ok, err := a.send(ctx, step, http.MethodPut, u.path(), next.replace(got), http.StatusOK)
	if err != nil || !ok {
		return err
	}
	u.take(&next)
	a.checkUser(step, http.MethodPut, answer.Body, u)
	checkSecret(step, http.MethodPut, answer, u)
	before, after := got.Text("meta", "version"), answer.Body.Text("meta", "version")
	step.Check(before == "" || before != after, "PUT %s: meta.version stayed %s although the user changed", u.UserName, after)
	return nil
}

// setActive activates or deactivates the user, and looks at the result: an inactive user stays readable.
func (a *App) setActive(ctx context.Context, step *report.Step, u *User, active bool) error {
	if a.Mode == ModePut {
		if err := a.put(ctx, step, u, func(next *User) { next.Active = active }); err != nil {
			return err
		}
	} else {
		body := patch(operation{Op: "replace", Value: map[string]any{"active": active}})
		answer, ok, err := a.send(ctx, step, http.MethodPatch, u.path(), body, http.StatusOK, http.StatusNoContent)
		if err != nil || !ok {
			return err
		}
		next := *u
		next.Active = active
		u.take(&next)
		if answer.Status == http.StatusOK {
			a.checkUser(step, http.MethodPatch, answer.Body, u)
			checkSecret(step, http.MethodPatch, answer, u)
		}
	}
	_, _, err := a.get(ctx, step, u)
	return err
}

// updateProfiles changes every user: a name and a phone number for all, a login for some, an empty value for some.
func (a *App) updateProfiles(ctx context.Context) error {
	return forEach(ctx, a.Sim, "update profiles", a.Mode, a.created(), func(ctx context.Context, step *report.Step, u *User) error {
		return a.put(ctx, step, u, func(next *User) {
			next.FamilyName += "-" + familyNames[(u.Number+5)%len(familyNames)]
			next.Phone = strings.Replace(next.Phone, "555", "777", 1)
			if u.Number%7 == 3 {
				next.Title = ""
			}
			if u.Number%10 == 4 {
				next.UserName = "renamed." + next.UserName
				next.Email = next.UserName
			}
		})
	})
}

// updateMissing updates a user that the server does not have. Okta stops at the 404.
func (a *App) updateMissing(ctx context.Context) error {
	missing := []string{usersPath + "/00000000-0000-7000-8000-000000000000"}
	return forEach(ctx, a.Sim, "update a missing user", a.Mode, missing, func(ctx context.Context, step *report.Step, path string) error {
		_, _, err := a.send(ctx, step, http.MethodGet, path, nil, http.StatusNotFound)
		return err
	})
}
