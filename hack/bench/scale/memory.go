package main

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
)

// settledLooks is for how many looks the memory of a program has to stay the same until it counts as what the program holds.
const settledLooks = 10

// memory is what a program takes, in bytes: what Go has live after a garbage collection, and what the system has given it.
type memory struct{ live, resident float64 }

// program is one whose memory is measured.
type program struct {
	name    string
	client  *http.Client
	profile string // where its pprof answers
	metrics func(context.Context) ([]sample, error)
}

func (w *world) programs() []program {
	return []program{
		{"API server", w.api, w.config.Host, w.apiMetrics},
		{"operator (leader)", http.DefaultClient, "http://" + address(w.ports.pprof), w.operatorMetrics},
	}
}

// empty measures what the programs take before there is a user. What they take later is more by what the users cost.
func (w *world) empty(ctx context.Context, _ *table) error {
	w.before = map[string]memory{}
	for _, p := range w.programs() {
		m, err := w.memoryOf(ctx, p, "empty")
		if err != nil {
			return err
		}
		w.before[p.name] = m
		progress("%s: %s without users: %.1f MB live", w.build.name, p.name, m.live/(1<<20))
	}
	return nil
}

// memories measures what the programs take with all users.
func (w *world) memories(ctx context.Context, t *table) error {
	for _, p := range w.programs() {
		m, err := w.memoryOf(ctx, p, "full")
		if err != nil {
			return err
		}
		w.perUser(t, p.name+", live heap a user", m.live)
		w.perUser(t, p.name+", live heap a user"+beyondEmpty, m.live-w.before[p.name].live)
		w.perUser(t, p.name+", resident a user", m.resident)
	}
	return nil
}

// anew measures what the API server takes for what is stored alone. It keeps the last changes of each kind, each with the object
// as it was before, until further ones take their place; one that has just been started has none.
func (w *world) anew(ctx context.Context, t *table) error {
	if err := w.stopOperator(); err != nil {
		return err
	}
	if err := w.cp.StopProgram(controlplane.APIServer, operatorGrace); err != nil {
		return err
	}
	if err := w.cp.StartAPIServer(ctx); err != nil {
		return err
	}
	kinds := []client.Object{
		&v1alpha1.ScimUser{}, &v1alpha1.ScimGroup{}, &v1alpha1.ScimGroupPage{}, &v1alpha1.Person{}, &v1alpha1.AutomationRuleExecution{},
		&coordinationv1.Lease{},
	}
	for _, kind := range kinds {
		// Whoever asks for the first object of a kind has the API server read all of it.
		err := w.admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "none"}, kind, &client.GetOptions{Raw: &metav1.GetOptions{ResourceVersion: "0"}})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("let the API server read %T: %w", kind, err)
		}
	}
	p := w.programs()[0]
	var last, now memory
	still := 0
	err := w.wait(ctx, "the API server has read everything", func(ctx context.Context) (_ bool, state string, err error) {
		if now, err = w.memoryOf(ctx, p, "anew"); err != nil {
			return false, "", err
		}
		if still++; math.Abs(now.live-last.live) > 0.01*now.live {
			still = 0
		}
		last = now
		return still >= settledLooks, fmt.Sprintf("%.0f MB", now.live/(1<<20)), nil
	})
	if err != nil {
		return err
	}
	w.perUser(t, p.name+" started anew, live heap a user"+beyondEmpty, now.live-w.before[p.name].live)
	return nil
}

func (w *world) perUser(t *table, name string, bytes float64) {
	t.add(name, bytes/float64(w.users)/1024, "%.2f KB")
}

// memoryOf lets a program collect garbage, keeps a heap profile of that moment if it was asked to, and asks what the program
// takes then.
func (w *world) memoryOf(ctx context.Context, p program, moment string) (memory, error) {
	profile, err := get(ctx, p.client, p.profile+"/debug/pprof/heap?gc=1")
	if err != nil {
		return memory{}, fmt.Errorf("let the %s collect garbage: %w", p.name, err)
	}
	if w.profiles != "" {
		if err := os.MkdirAll(w.profiles, 0o700); err != nil {
			return memory{}, fmt.Errorf("make the folder for profiles: %w", err)
		}
		name := strings.ReplaceAll(strings.Join([]string{w.build.name, p.name, moment}, "-"), " ", "-") + ".heap"
		if err := os.WriteFile(filepath.Join(w.profiles, name), profile, 0o600); err != nil {
			return memory{}, fmt.Errorf("keep a profile: %w", err)
		}
	}
	all, err := p.metrics(ctx)
	if err != nil {
		return memory{}, err
	}
	return memory{sum(all, "go_memstats_heap_alloc_bytes", nil), sum(all, "process_resident_memory_bytes", nil)}, nil
}
