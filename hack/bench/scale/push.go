package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// group is the API group of the project's kinds.
const group = "provisioning.rservice.dev"

// counted are how many users and Persons there were at a time.
type counted struct {
	at             time.Time
	users, persons int64
}

// push lets the simulated Okta push everything, and waits until nothing is left to do.
func (w *world) push(ctx context.Context, t *table) error {
	before, err := w.apiMetrics(ctx)
	if err != nil {
		return err
	}
	sizes := []string{strconv.Itoa(w.users)}
	for range 10 {
		sizes = append(sizes, strconv.Itoa(w.users/10))
	}
	okta := exec.CommandContext(ctx, filepath.Join(w.tools, "oktasim"), "-connection", w.connection(), "-mode", "patch", "-push-only",
		"-users", strconv.Itoa(w.users), "-groups", strconv.Itoa(w.groups), "-group-sizes", strings.Join(sizes, ","),
		"-workers", strconv.Itoa(w.workers), "-organizations", "", "-retry-for", "1h")
	okta.Stdout, okta.Stderr = os.Stderr, os.Stderr
	okta.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	progress("%s: the simulated Okta pushes %d users and %d groups", w.build.name, w.users, w.groups)
	if err := okta.Start(); err != nil {
		return fmt.Errorf("start the simulated Okta: %w", err)
	}
	pushed := make(chan error, 1)
	go func() { pushed <- okta.Wait() }()
	p := &pushing{world: w, pushed: pushed}
	err = w.wait(ctx, "everything is pushed and mapped", p.look)
	if !p.ended {
		_ = okta.Process.Kill()
		progress("%s: the simulated Okta was stopped: %v", w.build.name, <-pushed)
	}
	if err != nil {
		return err
	}
	after, err := w.apiMetrics(ctx)
	if err != nil {
		return err
	}
	w.usersPerSecond = float64(w.users) / p.mapped.Sub(p.first).Seconds()
	t.add(usersMapped, w.usersPerSecond, "%.1f")
	t.add(largestGroup, float64(w.users), "%.0f")
	t.add("users a second, first POST until last answer", float64(w.users)/p.answered.Sub(p.first).Seconds(), "%.1f")
	t.took("mapping behind the pushing, at most", p.behind)
	t.took("groups pushed, after the last user", p.allPushed.Sub(p.answered))
	t.took("until nothing is left to do, after the last push", p.settled.Sub(p.allPushed))
	t.add("API writes a user, groups included", (writes(after)-writes(before))/float64(w.users), "%.2f")
	return w.verify(ctx)
}

// pushing follows a push.
type pushing struct {
	*world
	pushed <-chan error
	ended  bool
	series []counted
	behind time.Duration
	quiet  quiet
	// written were the writes when the API server was asked.
	written float64
	asked   time.Time
	// first is when there was a user, answered when all were there, mapped when all had a Person, allPushed when the
	// simulated Okta was done, settled when the operator was.
	first, answered, mapped, allPushed, settled time.Time
}

// look is for wait.
func (p *pushing) look(ctx context.Context) (done bool, state string, err error) {
	select {
	case err := <-p.pushed:
		p.ended, p.pushed, p.allPushed = true, nil, time.Now()
		if err != nil {
			return false, "", fmt.Errorf("the simulated Okta: %w", err)
		}
	default:
	}
	now := counted{at: time.Now()}
	if now.users, err = p.count(ctx, "ScimUser"); err != nil {
		return false, "", err
	}
	if now.persons, err = p.count(ctx, "Person"); err != nil {
		return false, "", err
	}
	p.note(now)
	if p.ended && now.persons >= int64(p.users) {
		all, err := p.operatorMetrics(ctx)
		if err != nil {
			return false, "", err
		}
		if p.quiet.seen(waiting(all) == 0, now.at) {
			p.settled = p.quiet.since
			return true, "", nil
		}
	}
	// Within a large group only the writes move. To ask for all that the API server counts takes it a while.
	if time.Since(p.asked) > tell/2 {
		server, err := p.apiMetrics(ctx)
		if err != nil {
			return false, "", err
		}
		p.asked, p.written = time.Now(), writes(server)
	}
	return false, fmt.Sprintf("%d users, %d Persons, %.0f writes", now.users, now.persons, p.written), nil
}

// quiet is since when there is nothing to do. Between a write and the event that tells of it that is so for a moment.
type quiet struct {
	since time.Time
	looks int
}

// seen reports whether there was nothing to do several times in a row.
func (q *quiet) seen(nothing bool, now time.Time) bool {
	if !nothing {
		q.looks = 0
		return false
	}
	if q.looks++; q.looks == 1 {
		q.since = now
	}
	return q.looks == 4
}

// note adds what was counted. The work that Persons are behind users is the time since there were as many users.
func (p *pushing) note(now counted) {
	if p.first.IsZero() && now.users > 0 {
		p.first = now.at
	}
	if p.answered.IsZero() && now.users >= int64(p.users) {
		p.answered = now.at
	}
	if p.mapped.IsZero() && now.persons >= int64(p.users) {
		p.mapped = now.at
	}
	p.series = append(p.series, now)
	for len(p.series) > 1 && p.series[1].users <= now.persons {
		p.series = p.series[1:]
	}
	if now.persons < now.users {
		p.behind = max(p.behind, now.at.Sub(p.series[0].at))
	}
}

// count is how many objects of a kind there are in the namespace, whatever they hold.
func (w *world) count(ctx context.Context, kind string) (int64, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: group, Version: "v1alpha1", Kind: kind + "List"})
	if err := w.admin.List(ctx, list, client.InNamespace(namespace), client.Limit(1)); err != nil {
		return 0, fmt.Errorf("count %s: %w", kind, err)
	}
	n := int64(len(list.Items))
	if more := list.GetRemainingItemCount(); more != nil {
		n += *more
	}
	return n, nil
}

// verify fails if a user is not mapped.
func (w *world) verify(ctx context.Context) error {
	users := &v1alpha1.ScimUserList{}
	for {
		if err := w.admin.List(ctx, users, client.InNamespace(namespace), client.Limit(500), client.Continue(users.Continue)); err != nil {
			return fmt.Errorf("list users: %w", err)
		}
		for i := range users.Items {
			if ready := condition(users.Items[i].Status.Conditions, "Ready"); ready == nil || ready.Status != metav1.ConditionTrue {
				return fmt.Errorf("user %s is not Ready: %+v", users.Items[i].Name, ready)
			}
		}
		if users.Continue == "" {
			return nil
		}
	}
}

func condition(conditions []metav1.Condition, kind string) *metav1.Condition {
	for i := range conditions {
		if conditions[i].Type == kind {
			return &conditions[i]
		}
	}
	return nil
}
