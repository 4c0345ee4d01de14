// Command scale pushes very many users and groups through the whole system and measures what that takes: a real API server
// and etcd that waits for the disk, the operator as a process with its controllers and the default rules, and the simulated
// Okta. It prints one table, which ../README.md explains, and leaves nothing behind.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/hack/testenv/assets"
)

type options struct {
	users, groups, workers int
	dir                    string
	beside, besideConfig   string
	sizesOnly              bool
	rounds                 int
	profiles               string
	page                   bool
}

// build is an operator to measure, with the manifests that belong to it.
type build struct{ name, manager, config string }

func main() {
	log.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	o := options{}
	flag.IntVar(&o.users, "users", 100_000, "users to push, 100 at least")
	flag.IntVar(&o.groups, "groups", 200, "groups to push: one with all users, ten with a tenth of them, the others with a part each")
	flag.IntVar(&o.workers, "workers", 16, "requests that the simulated Okta has under way at once")
	flag.StringVar(&o.dir, "dir", "", "`folder` for etcd's data while this runs; unset: a new one among the temporary files")
	flag.StringVar(&o.beside, "beside", "", "another build of the operator, a `file`, that is measured after this one")
	flag.StringVar(&o.besideConfig, "beside-config", "", "its `folder` config, for definitions and roles; unset: this repository's")
	flag.StringVar(&o.profiles, "profiles", "", "`folder` for heap profiles of API server and operator with all users; unset: none are kept")
	flag.BoolVar(&o.sizesOnly, "sizes-only", false, "stop when it is measured what is stored and what it takes in memory")
	flag.BoolVar(&o.page, "page", false, "print the page of config/numbers.md, too")
	flag.IntVar(&o.rounds, "rounds", 1, "more than 1: only push, so often, the builds in turns, and tell the medians")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.users < 100 || o.groups < 12 || o.workers < 1 || o.rounds < 1 || flag.NArg() > 0 {
		return errors.New("want 100 users, 12 groups, a worker and a round at least, and no further arguments")
	}
	root, err := assets.RepositoryRoot()
	if err != nil {
		return err
	}
	binaries, err := assets.Ensure(ctx, os.Stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "scim-scale-")
	if err != nil {
		return fmt.Errorf("make a folder for the data: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for name, pkg := range map[string]string{"manager": ".", "oktasim": "./hack/oktasim"} {
		progress("building %s", name)
		command := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, name), pkg)
		command.Dir, command.Stdout, command.Stderr = root, os.Stderr, os.Stderr
		if err := command.Run(); err != nil {
			return fmt.Errorf("build %s: %w", name, err)
		}
	}
	builds := []build{{"this build", filepath.Join(dir, "manager"), filepath.Join(root, "config")}}
	if o.beside != "" {
		other := build{"beside", o.beside, o.besideConfig}
		if other.config == "" {
			other.config = builds[0].config
		}
		builds = append(builds, other)
	}
	rounds := make([][]*table, len(builds))
	for round := range o.rounds {
		for turn := range builds {
			i := (turn + round) % len(builds) // who comes first has a machine that did something else before
			result, err := measure(ctx, o, builds[i], binaries, dir)
			if err != nil {
				return fmt.Errorf("%s: %w", builds[i].name, err)
			}
			rounds[i] = append(rounds[i], result)
		}
	}
	results := make([]*table, len(builds))
	for i := range rounds {
		results[i] = median(rounds[i])
	}
	fmt.Printf("%d users, %d groups, %d workers; %s, %d cores, %s, %s\n\n", o.users, o.groups, o.workers,
		runtime.Version(), runtime.NumCPU(), runtime.GOARCH, time.Now().Format(time.DateOnly))
	write(os.Stdout, builds, results)
	if o.page {
		page(os.Stdout, results[0])
	}
	return nil
}

// measure runs everything with one build of the operator, on a control plane of its own.
func measure(ctx context.Context, o options, b build, binaries, dir string) (_ *table, err error) {
	w := &world{options: o, build: b, binaries: binaries, tools: dir, dir: filepath.Join(dir, strings.ReplaceAll(b.name, " ", "-"))}
	defer func() { err = errors.Join(err, w.stop(), os.RemoveAll(w.dir)) }()
	if err := w.start(ctx); err != nil {
		return nil, err
	}
	result := &table{}
	type step = func(context.Context, *table) error
	steps := []step{w.empty, w.push, w.sizes, w.reads, w.ruleEdits, w.dryRun, w.limit, w.starts}
	switch {
	case o.rounds > 1:
		steps = []step{w.push}
	case o.sizesOnly:
		steps = []step{w.empty, w.push, w.sizes, w.anew}
	}
	for _, step := range steps {
		if err := step(ctx, result); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// median has of each row the one in the middle of several rounds.
func median(rounds []*table) *table {
	middle := &table{}
	for i := range rounds[0].rows {
		var same []row
		for _, t := range rounds {
			same = append(same, t.rows[i])
		}
		slices.SortFunc(same, func(a, b row) int { return cmp.Compare(a.number, b.number) })
		middle.rows = append(middle.rows, same[len(same)/2])
	}
	return middle
}

// table is what was measured of one build.
type table struct{ rows []row }

// row is one value. Of a build beside, the ratio is that of number.
type row struct {
	name, text string
	number     float64
}

func (t *table) add(name string, number float64, format string) {
	t.rows = append(t.rows, row{name, fmt.Sprintf(format, number), number})
}

func (t *table) took(name string, d time.Duration) {
	t.rows = append(t.rows, row{name, d.Round(time.Millisecond).String(), d.Seconds()})
}

func write(to io.Writer, builds []build, results []*table) {
	fmt.Fprint(to, "| What |")
	for _, b := range builds {
		fmt.Fprintf(to, " %s |", b.name)
	}
	if len(results) > 1 {
		fmt.Fprint(to, " ratio |")
	}
	fmt.Fprintf(to, "\n|---|%s\n", strings.Repeat("---|", 2*len(results)-1))
	for _, r := range results[0].rows {
		fmt.Fprintf(to, "| %s | %s |", r.name, r.text)
		if len(results) > 1 {
			other, ratio := row{text: "–"}, "–"
			for _, candidate := range results[1].rows {
				if candidate.name == r.name {
					other, ratio = candidate, fmt.Sprintf("%.2f", r.number/candidate.number)
				}
			}
			fmt.Fprintf(to, " %s | %s |", other.text, ratio)
		}
		fmt.Fprintln(to)
	}
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "scale: %s "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}
