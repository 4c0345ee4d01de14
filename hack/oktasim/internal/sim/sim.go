// Package sim performs what administrators do in Okta, as the SCIM requests that
// Okta sends for it, and checks every answer against a model of its own.
package sim

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"rservice.dev/scim-operator/hack/oktasim/internal/okta"
	"rservice.dev/scim-operator/hack/oktasim/internal/report"
)

// Mode is the kind of Okta app, which decides how changes are sent.
type Mode string

const (
	// ModePatch is an app of the catalogue: PATCH for activation and for groups.
	ModePatch Mode = "patch"
	// ModePut is a custom app of the App Integration Wizard: GET and PUT for everything.
	ModePut Mode = "put"
)

// Config says what to simulate.
type Config struct {
	Users, Groups int
	// Modes are the apps; users and groups are divided among them.
	Modes []Mode
	// Workers is how many requests are under way at once.
	Workers int
	// Organizations are the names of groups that have an Organization.
	Organizations []string
	// GroupSizes are how many users the first groups of each app have, its first ones; further groups divide all users
	// among them, as all groups do without it.
	GroupSizes []int
	// PushOnly ends the run when users and groups are pushed.
	PushOnly bool
	// SettleFor is how long a change may take until every replica of the server shows it:
	// a GET whose checks fail is sent again for so long. Zero counts the first answer.
	SettleFor time.Duration
}

// Sim is one run.
type Sim struct {
	Client   *okta.Client
	Report   *report.Report
	Progress *report.Progress
	// Run is a short text that no other run has. It is in every e-mail address and group name, Organizations excepted.
	Run  string
	Apps []*App

	workers   int
	sizes     []int
	pushOnly  bool
	settleFor time.Duration
	before    *snapshot
}

// App is one app of the simulated Okta with its users and groups.
type App struct {
	*Sim
	Mode   Mode
	Users  []*User
	Groups []*Group
}

// New makes up the users and groups. It sends nothing.
func New(cfg Config, client *okta.Client, rep *report.Report, progress *report.Progress) *Sim {
	s := &Sim{Client: client, Report: rep, Progress: progress, Run: strings.ToLower(rand.Text()[:6]), workers: max(1, cfg.Workers), settleFor: cfg.SettleFor, sizes: cfg.GroupSizes, pushOnly: cfg.PushOnly}
	for _, mode := range cfg.Modes {
		s.Apps = append(s.Apps, &App{Sim: s, Mode: mode})
	}
	for n := range cfg.Users {
		app := s.Apps[n%len(s.Apps)]
		app.Users = append(app.Users, newUser(s.Run, app.Mode, len(app.Users)))
	}
	for n := range cfg.Groups {
		app := s.Apps[n%len(s.Apps)]
		g := newGroup(s.Run, app.Mode, len(app.Groups))
		if n < len(cfg.Organizations) {
			g.DisplayName, g.Organization = cfg.Organizations[n], true
		}
		app.Groups = append(app.Groups, g)
	}
	return s
}

// Perform runs every sequence, app by app. The error tells that the run could
// not go on; everything that the server did wrong is in the report.
func (s *Sim) Perform(ctx context.Context) error {
	if err := s.forApps(ctx, (*App).testCredentials); err != nil {
		return err
	}
	if err := s.importBefore(ctx); err != nil {
		return err
	}
	if s.pushOnly {
		return s.forApps(ctx, (*App).assignAll, (*App).pushGroups)
	}
	err := s.forApps(ctx, (*App).assignAll, (*App).assignTwice, (*App).pushGroups, (*App).updateProfiles,
		(*App).changeMembers, (*App).renameGroups, (*App).deactivateSome, (*App).reactivateSome,
		(*App).unassignSome, (*App).assignAgain, (*App).pushNow, (*App).updateMissing)
	if err != nil {
		return err
	}
	if err := s.importAndVerify(ctx, "import"); err != nil {
		return err
	}
	if err := s.forApps(ctx, (*App).unlinkGroups); err != nil {
		return err
	}
	return s.importAndVerify(ctx, "import at the end")
}

func (s *Sim) forApps(ctx context.Context, sequences ...func(*App, context.Context) error) error {
	for _, sequence := range sequences {
		for _, app := range s.Apps {
			if err := sequence(app, ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// groupsOf are the ids of the groups that a user is in, by the model.
func (s *Sim) groupsOf(u *User) map[string]bool {
	out := map[string]bool{}
	for _, app := range s.Apps {
		for _, g := range app.Groups {
			if g.ID != "" && !g.Deleted && g.Has(u) {
				out[g.ID] = true
			}
		}
	}
	return out
}

// AllUsers are the users of all apps that the server has accepted.
func (s *Sim) AllUsers() []*User {
	var out []*User
	for _, app := range s.Apps {
		out = append(out, app.created()...)
	}
	return out
}

// AllGroups are the groups of all apps that the server holds.
func (s *Sim) AllGroups() []*Group {
	var out []*Group
	for _, app := range s.Apps {
		out = append(out, app.pushed()...)
	}
	return out
}

func (a *App) created() []*User {
	return filter(a.Users, func(u *User) bool { return u.ID != "" })
}

func (a *App) pushed() []*Group {
	return filter(a.Groups, func(g *Group) bool { return g.ID != "" && !g.Deleted })
}

func filter[T any](items []T, keep func(T) bool) []T {
	var out []T
	for _, item := range items {
		if keep(item) {
			out = append(out, item)
		}
	}
	return out
}
