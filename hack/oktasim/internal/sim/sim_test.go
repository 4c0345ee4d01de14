package sim

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"rservice.dev/scim-operator/hack/oktasim/internal/okta"
	"rservice.dev/scim-operator/hack/oktasim/internal/report"
)

// clock is a clock that only sleeping moves.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	waits []time.Duration
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) sleep(_ context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits = append(c.waits, d)
	c.now = c.now.Add(d)
	return nil
}

// perform runs all sequences against the server, with a clock that waits for nothing.
func perform(t *testing.T, handler http.Handler, token string, users, workers int) (*Sim, *report.Report, []time.Duration) {
	t.Helper()
	return performSettled(t, handler, token, users, workers, 0)
}

func performSettled(
	t *testing.T, handler http.Handler, token string, users, workers int, settleFor time.Duration,
) (*Sim, *report.Report, []time.Duration) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	cfg := Config{Users: users, Groups: 10, Modes: []Mode{ModePatch, ModePut}, Workers: workers, Organizations: []string{"Engineering", "Support"}, SettleFor: settleFor}
	client := okta.New(server.URL, token, http.DefaultTransport, time.Minute)
	clock := &clock{now: time.Now()}
	client.Now, client.Sleep = clock.read, clock.sleep
	rep := &report.Report{}
	s := New(cfg, client, rep, &report.Progress{})
	if err := s.Perform(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Provoke(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, rep, clock.waits
}

func TestAServerThatIsRightPassesEveryCheck(t *testing.T) {
	server := newFake("")
	for run, workers := range []int{1, 8} {
		_, rep, waits := perform(t, server, "good", 220, workers)
		if rep.Failed() > 0 || len(waits) > 0 {
			t.Errorf("run %d, with what earlier ones have left: %d checks failed, %d waits: %q", run+1, rep.Failed(), len(waits), rep.Failures())
		}
	}
	if n := len(server.objects[usersPath]); n != 2*221 {
		t.Errorf("the server has %d users after two runs, want %d: none is ever deleted", n, 2*221)
	}
}

func TestARunThatOnlyPushes(t *testing.T) {
	fake := newFake("")
	server := httptest.NewServer(fake)
	defer server.Close()
	rep := &report.Report{}
	cfg := Config{Users: 30, Groups: 5, Modes: []Mode{ModePatch}, Workers: 2, PushOnly: true, GroupSizes: []int{40, 3}}
	s := New(cfg, okta.New(server.URL, "good", http.DefaultTransport, time.Minute), rep, &report.Progress{})
	if err := s.Perform(t.Context()); err != nil || rep.Failed() > 0 {
		t.Fatalf("%v, %q", err, rep.Failures())
	}
	for i, want := range []int{30, 3, 6, 6, 0} {
		if got := len(s.Apps[0].Groups[i].Members); got != want {
			t.Errorf("group %d has %d members, want %d", i, got, want)
		}
	}
	for _, u := range s.Apps[0].Users {
		if !u.Active || fake.objects[usersPath][u.ID]["userName"] != u.UserName {
			t.Errorf("user %s was changed after the push", u.UserName)
		}
	}
}

func TestTheModelEndsWithEveryKindOfUserAndGroup(t *testing.T) {
	s, _, _ := perform(t, newFake(""), "good", 30, 1)
	counts := map[string]int{}
	for _, app := range s.Apps {
		for _, u := range app.Users {
			switch {
			case !u.Active:
				counts["inactive"]++
			case u.Title == "":
				counts["cleared"]++
			case strings.HasPrefix(u.UserName, "renamed."):
				counts["renamed"]++
			case strings.HasPrefix(u.Title, "Returning"):
				counts["returned"]++
			}
		}
		for _, g := range app.Groups {
			switch {
			case g.Deleted:
				counts["deleted group"]++
			case len(g.Members) == 0:
				counts["empty group"]++
			case strings.HasPrefix(g.DisplayName, "Renamed"):
				counts["renamed group"]++
			case g.Organization:
				counts["organization"]++
			}
		}
	}
	for _, kind := range []string{"inactive", "cleared", "renamed", "returned", "deleted group", "empty group", "renamed group", "organization"} {
		if counts[kind] == 0 {
			t.Errorf("no %s in %v", kind, counts)
		}
	}
}

func TestAnUnreliableServerThatIsRightPassesToo(t *testing.T) {
	t.Run("a busy server's Retry-After is waited for", func(t *testing.T) {
		_, rep, waits := perform(t, newFake("busy with Retry-After"), "good", 30, 1)
		if rep.Failed() > 0 {
			t.Errorf("failed: %q", rep.Failures())
		}
		for _, wait := range waits {
			if wait != 7*time.Second {
				t.Fatalf("waited %s, want the 7 seconds that the server asked for", wait)
			}
		}
		if len(waits) == 0 {
			t.Error("the server was never busy, so nothing was tested")
		}
	})
	t.Run("requests whose answer was lost are recovered", func(t *testing.T) {
		server := newFake("answers get lost")
		_, rep, waits := perform(t, server, "good", 30, 1)
		if rep.Failed() > 0 {
			t.Errorf("failed: %q", rep.Failures())
		}
		if len(waits) == 0 {
			t.Error("no answer was lost, so nothing was tested")
		}
		if n := len(server.objects[usersPath]); n != 31 {
			t.Errorf("%d users, want 31: none twice", n)
		}
	})
}

func TestAReplicaThatIsBehindIsLookedAtAgainForAsLongAsItMayTake(t *testing.T) {
	_, rep, waits := performSettled(t, newFake("a replica is behind"), "good", 30, 1, time.Second)
	if rep.Failed() > 0 || len(waits) == 0 {
		t.Errorf("%d waits, failed: %q", len(waits), rep.Failures())
	}
	_, rep, waits = performSettled(t, newFake("a path-less PATCH is ignored"), "good", 30, 1, time.Second)
	if rep.Failed() == 0 || len(waits) < int(time.Second/settlePause) {
		t.Errorf("%d waits and %d failures of a server that is wrong, want it to be looked at for a second", len(waits), rep.Failed())
	}
}

func TestWhatAServerDoesWrongIsNoticed(t *testing.T) {
	// The value is a step that has to have failed, and perhaps others.
	tests := map[fault]string{
		"any token is accepted":             "test credentials",
		"totals as text":                    "test credentials",
		"errors in plain text":              "test credentials",
		"the password is returned":          "assign users",
		"names are taken twice":             "assign an existing name",
		"names differ by case":              "assign an existing name",
		"versions stand still":              "update profiles",
		"the last added member is lost":     "push groups",
		"members are never removed":         "change members",
		"PUT adds members but removes none": "change members",
		"renaming empties a group":          "update profiles",
		"an empty member list is ignored":   "push now",
		"a path-less PATCH is ignored":      "deactivate",
		"deactivation deletes":              "deactivate",
		"inactive users vanish from lists":  "import",
		"the order changes":                 "import",
		"a user is listed twice":            "import",
		"pages of 25":                       "import",
		"busy without Retry-After":          "assign users",
		"a replica is behind":               "deactivate",
	}
	for f, step := range tests {
		t.Run(string(f), func(t *testing.T) {
			_, rep, _ := perform(t, newFake(f), "good", 30, 1)
			if rep.Failed() == 0 {
				t.Fatal("no check failed")
			}
			failed := rep.Steps()
			for _, s := range failed {
				if s.Name == step && s.Failed > 0 {
					return
				}
			}
			t.Errorf("no check of %q failed, but: %q", step, rep.Failures())
		})
	}
}

func TestAWrongTokenFailsTheRun(t *testing.T) {
	_, rep, _ := perform(t, newFake(""), "bad", 30, 1)
	if rep.Failed() == 0 {
		t.Error("want failed checks")
	}
}

func TestTheRunEndsWhenTheServerStaysAway(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	client := okta.New(server.URL, "good", http.DefaultTransport, time.Minute)
	clock := &clock{now: time.Now()}
	client.Now, client.Sleep = clock.read, clock.sleep
	s := New(Config{Users: 2, Modes: []Mode{ModePut}}, client, &report.Report{}, &report.Progress{})
	if err := s.Perform(t.Context()); err == nil || !strings.Contains(err.Error(), "no answer for 1m0s") {
		t.Errorf("error %v, want one that says how long there was no answer", err)
	}
}

func TestLastActive(t *testing.T) {
	u := &User{GivenName: "Ada", FamilyName: "Byron", Active: true}
	for _, step := range []struct {
		family string
		active bool
		want   string
	}{
		{"King", true, "King"}, {"Lovelace", false, "King"}, {"Hopper", false, "King"}, {"Turing", true, "Turing"}, {"Turing", false, "Turing"},
	} {
		next := *u
		next.FamilyName, next.Active = step.family, step.active
		u.take(&next)
		if got := u.LastActive().FamilyName; got != step.want {
			t.Errorf("called %s, active %t: was last active as %s, want %s", step.family, step.active, got, step.want)
		}
	}
}
