// Command bench measures the SCIM server against a real API server on this
// machine: server, clients, API server and etcd share its cores. It prints the
// tables of README.md. Compare ratios and rows of one run; numbers of two machines
// or two moments say little.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type options struct {
	sizes    []int
	clients  int
	duration time.Duration
	writes   int
	profile  string
}

func main() {
	sizes := flag.String("users", "1000,10000,100000", "numbers of users to measure at, ascending")
	o := options{}
	flag.IntVar(&o.clients, "clients", 16, "clients at the same time")
	flag.DurationVar(&o.duration, "duration", 3*time.Second, "how long each kind of request is measured")
	flag.IntVar(&o.writes, "writes", 1000, "users created for each row of the table of creations")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of the requests at the last size to this file")
	flag.Parse()
	var err error
	if o.sizes, err = parseSizes(*sizes); err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = run(ctx, o)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseSizes(text string) ([]int, error) {
	var sizes []int
	for field := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 200 || (len(sizes) > 0 && n <= sizes[len(sizes)-1]) {
			return nil, fmt.Errorf("-users %q: ascending numbers of at least 200 are wanted", text)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

func run(ctx context.Context, o options) error {
	w, err := newWorld(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	fmt.Printf("%s, %d cores, %s, %s\n\n", runtime.Version(), runtime.NumCPU(), runtime.GOARCH, time.Now().Format(time.DateOnly))
	if err := measureCreations(ctx, w, o); err != nil {
		return err
	}
	return measureSizes(ctx, w, o)
}

// measureCreations compares POST /Users with a client that makes the same two
// objects without any SCIM server.
func measureCreations(ctx context.Context, w *world, o options) error {
	fmt.Printf("| Creations of %d users | bare client, 1/s | POST /Users, 1/s | ratio | CPU of a POST |\n|---|---|---|---|---|\n", o.writes)
	for _, writers := range []int{1, o.clients} {
		bare, err := w.rate(ctx, writers, o.writes, w.createBare)
		if err != nil {
			return err
		}
		posted, err := w.rate(ctx, writers, o.writes, w.post)
		if err != nil {
			return err
		}
		fmt.Printf("| %d at a time | %.0f | %.0f | %.2f | %s |\n", writers, bare.perSecond, posted.perSecond, posted.perSecond/bare.perSecond, posted.cpu)
	}
	fmt.Println()
	return nil
}

// measureSizes measures requests to a growing tenant.
func measureSizes(ctx context.Context, w *world, o options) error {
	names := make([]string, 0, len(requests))
	for _, r := range requests {
		names = append(names, r.name+", 1/s")
	}
	fmt.Printf("| Users | %s | memory a user |\n|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(names)+2))
	var costs []string
	for _, size := range o.sizes {
		if err := w.grow(ctx, size); err != nil {
			return err
		}
		profile := o.profile
		if size != o.sizes[len(o.sizes)-1] {
			profile = ""
		}
		var row []string
		var err error
		if row, costs, err = measureSize(ctx, w, o, size, profile); err != nil {
			return err
		}
		fmt.Printf("| %s |\n", strings.Join(row, " | "))
	}
	fmt.Printf("\n| One request, at the last size | CPU | allocations | allocated |\n|---|---|---|---|\n%s\n", strings.Join(costs, ""))
	return w.measureGroup(ctx)
}

// measureSize gives a row of the table, and one of the table of costs for each kind of request.
func measureSize(ctx context.Context, w *world, o options, size int, profile string) (row, costs []string, err error) {
	stop, err := startProfile(profile)
	if err != nil {
		return nil, nil, err
	}
	defer stop()
	row = []string{strconv.Itoa(size)}
	for _, r := range requests {
		m, err := w.throughput(ctx, o, r)
		if err != nil {
			return nil, nil, fmt.Errorf("%s at %d users: %w", r.name, size, err)
		}
		row = append(row, fmt.Sprintf("%.0f", m.perSecond))
		costs = append(costs, fmt.Sprintf("| %s | %s |\n", r.name, m.costs()))
	}
	return append(row, fmt.Sprintf("%.1f KB", w.memoryPerUser()/1024)), costs, nil
}

func startProfile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		if err := file.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}, nil
}
