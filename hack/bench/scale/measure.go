package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	rule = "default-user-mapping"
	// apiMetricsAge is how often the API server counts what is stored.
	apiMetricsAge = time.Minute
)

// sizes measures what is stored, and what it takes in memory.
func (w *world) sizes(ctx context.Context, t *table) error {
	// The API server looks from time to time how much it has stored, of each kind at another moment; what it says is right when it
	// says so of all that every user has.
	var all []sample
	ofKind := func(labels map[string]string) bool { return labels["group"] == group }
	ofUsers := []string{"scimusers", "persons", "automationruleexecutions", "leases"}
	began := time.Now()
	err := w.wait(ctx, "the API server has counted what is stored", func(ctx context.Context) (_ bool, state string, err error) {
		all, err = w.apiMetrics(ctx)
		var states []string
		complete := time.Since(began) > apiMetricsAge // what it said before may be as many, but smaller
		for _, resource := range ofUsers {
			counted := sum(all, "apiserver_resource_objects", func(labels map[string]string) bool { return labels["resource"] == resource })
			states = append(states, fmt.Sprintf("%.0f %s", counted, resource))
			complete = complete && counted >= float64(w.users)
		}
		return complete, strings.Join(append(states, time.Since(began).Round(apiMetricsAge/2).String()), ", "), err
	})
	if err != nil {
		return err
	}
	bytes := sum(all, "apiserver_resource_size_estimate_bytes", ofKind)
	claims := sum(all, "apiserver_resource_size_estimate_bytes", func(labels map[string]string) bool { return labels["resource"] == "leases" })
	w.perUser(t, etcdUser, bytes+claims)
	for _, s := range all {
		if s.name == "apiserver_resource_objects" && ofKind(s.labels) && s.value >= float64(w.groups) {
			resource := s.labels["resource"]
			progress("%s: %.0f %s, %.1f KB each", w.build.name, s.value, resource,
				sum(all, "apiserver_resource_size_estimate_bytes", func(labels map[string]string) bool {
					return ofKind(labels) && labels["resource"] == resource
				})/s.value/1024)
		}
	}
	if err := w.parts(ctx); err != nil {
		return err
	}
	return w.memories(ctx, t)
}

// reads measures what people and clients look at.
func (w *world) reads(ctx context.Context, t *table) error {
	kubectl := filepath.Join(w.binaries, "kubectl")
	if _, err := os.Stat(kubectl); err == nil {
		began := time.Now()
		if err := w.command(ctx, kubectl, w.adminKubeconfig(), "get", "scimusers", "-n", namespace); err != nil {
			return err
		}
		t.took("`kubectl get scimusers`", time.Since(began))
	}
	for _, read := range []struct{ name, path string }{
		{"first 100 users", "/Users?count=100"},
		{"first 100 of a sorted list", "/Users?count=100&sortBy=name.familyName"},
		{"list of all groups with their members", "/Groups?count=" + fmt.Sprint(w.groups)},
	} {
		var times []time.Duration
		var failed error
		for range 5 {
			began := time.Now()
			if _, failed = w.scim(ctx, http.MethodGet, read.path, ""); failed != nil {
				break
			}
			times = append(times, time.Since(began))
		}
		if failed != nil {
			progress("%s: %s: %v", w.build.name, read.name, failed)
			continue
		}
		slices.Sort(times)
		t.took(read.name, times[len(times)/2])
	}
	return nil
}

// command runs a program whose output nobody needs, unless it fails.
func (w *world) command(ctx context.Context, program, kubeconfig string, args ...string) error {
	command := exec.CommandContext(ctx, program, args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	var problem strings.Builder
	command.Stderr = &problem
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(program), args[0], err, problem.String())
	}
	return nil
}

// ruleEdits measures how long a change of the default rule takes until all users are processed again.
func (w *world) ruleEdits(ctx context.Context, t *table) error {
	if err := w.edit(ctx, t, "rule edit that changes nothing", nil, func(r *v1alpha1.AutomationRule) { r.Spec.Description += " " }); err != nil {
		return err
	}
	overtake := func() error { return w.overtake(ctx, t) }
	if err := w.edit(ctx, t, "the same, with a push that overtakes", overtake, func(r *v1alpha1.AutomationRule) { r.Spec.Description += " " }); err != nil {
		return err
	}
	// Every second user has one of five departments.
	return w.edit(ctx, t, "rule edit that changes a tenth", nil, func(r *v1alpha1.AutomationRule) {
		for i := range r.Spec.Update.Set {
			if r.Spec.Update.Set[i].Field == "supportID" {
				r.Spec.Update.Set[i].Value = `user.enterprise.department == "Department A" ? "tenth" : ""`
			}
		}
	})
}

func (w *world) edit(ctx context.Context, t *table, name string, during func() error, change func(*v1alpha1.AutomationRule)) error {
	edited := &v1alpha1.AutomationRule{}
	key := client.ObjectKey{Namespace: namespace, Name: rule}
	if err := w.admin.Get(ctx, key, edited); err != nil {
		return fmt.Errorf("read the rule: %w", err)
	}
	before := edited.DeepCopy()
	change(edited)
	before0, err := w.apiMetrics(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := w.admin.Patch(ctx, edited, client.MergeFrom(before)); err != nil {
		return fmt.Errorf("edit the rule: %w", err)
	}
	if during != nil {
		if err := during(); err != nil {
			return err
		}
	}
	err = w.wait(ctx, "all users are processed again", func(ctx context.Context) (bool, string, error) {
		if err := w.admin.Get(ctx, key, edited); err != nil {
			return false, "", err
		}
		ready := condition(edited.Status.Conditions, "Ready")
		if ready != nil && ready.Status == metav1.ConditionTrue && edited.Status.ObservedGeneration == edited.Generation && edited.Generation > before.Generation {
			return true, "", nil
		}
		if ready != nil && ready.Status == metav1.ConditionFalse && edited.Status.ObservedGeneration == edited.Generation {
			return false, "", fmt.Errorf("the edited rule is %s: %s", ready.Reason, ready.Message)
		}
		all, err := w.operatorMetrics(ctx)
		return false, fmt.Sprintf("%.0f to look at", waiting(all)), err
	})
	if err != nil {
		return err
	}
	t.took(name, time.Since(began))
	after, err := w.apiMetrics(ctx)
	if err == nil && during == nil {
		t.add(name+", API writes", writes(after)-writes(before0), "%.0f")
	}
	return err
}

// overtake measures how long a new user takes while all others wait to be processed again.
func (w *world) overtake(ctx context.Context, t *table) error {
	began := time.Now()
	answer, err := w.scim(ctx, http.MethodPost, "/Users", `{"userName":"overtakes@scale.example.com","displayName":"Who overtakes",`+
		`"emails":[{"value":"overtakes@scale.example.com","primary":true}]}`)
	if err != nil {
		return err
	}
	var created struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(answer, &created); err != nil {
		return fmt.Errorf("read the new user: %w", err)
	}
	user := &v1alpha1.ScimUser{}
	for {
		if err := w.admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: created.ID}, user); err != nil {
			return fmt.Errorf("read the new user: %w", err)
		}
		if ready := condition(user.Status.Conditions, "Ready"); ready != nil && ready.Status == metav1.ConditionTrue {
			t.took("a new user's Person, during a rule edit", time.Since(began))
			return nil
		}
		if time.Since(began) > stall {
			return fmt.Errorf("the new user is not Ready after %s: %+v", stall, user.Status.Conditions)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(look / 50):
		}
	}
}

// dryRun plans the default rules for all users and groups, and writes nothing.
func (w *world) dryRun(ctx context.Context, t *table) error {
	began := time.Now()
	err := w.command(ctx, w.build.manager, w.adminKubeconfig(), "rules", "preview", "-f", filepath.Join(w.build.config, "rules", rule+".yaml"),
		"-n", namespace, "-timeout", "1h")
	if err != nil {
		return err
	}
	t.took("dry run of the default rule (`rules preview`)", time.Since(began))
	return nil
}

// starts measures how long the operator takes to start on what is stored.
func (w *world) starts(ctx context.Context, t *table) error {
	if err := w.stopOperator(); err != nil {
		return err
	}
	progress("%s: starting the operator on %d users", w.build.name, w.users)
	began := time.Now()
	served, err := w.startOperator(ctx)
	if err != nil {
		return err
	}
	t.took("start until a replica serves", served)
	var idle quiet
	err = w.wait(ctx, "the leader has looked at everything", func(ctx context.Context) (bool, string, error) {
		all, err := w.operatorMetrics(ctx)
		if err != nil {
			return false, "", err
		}
		looked := sum(all, "controller_runtime_reconcile_total", func(labels map[string]string) bool { return labels["controller"] == "scimuser" })
		done := idle.seen(looked >= float64(w.users) && waiting(all) == 0, time.Now())
		return done, fmt.Sprintf("%.0f of %d users", looked, w.users), nil
	})
	t.took("start until the leader has looked at everything", idle.since.Sub(began))
	return err
}
