// Command fairness measures what one tenant's worst requests do to another tenant of the same operator. It needs a
// running one ("make run"): the tenant of its connection.json is the hostile one, and a second one is made beside it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

type options struct {
	connection, metrics, only string
	duration                  time.Duration
	users, clients            int
}

func main() {
	o := options{}
	flag.StringVar(&o.connection, "connection", "bin/dev/connection.json", "`file` that the dev runner writes")
	flag.StringVar(&o.metrics, "metrics", "http://127.0.0.1:8081/metrics", "`URL` of the operator's metrics")
	flag.StringVar(&o.only, "only", "", "measure these kinds of requests alone, such as bulk,group")
	flag.DurationVar(&o.duration, "for", time.Minute, "how long each kind of request is sent")
	flag.IntVar(&o.users, "users", 60, "users of one run of the simulated Okta")
	flag.IntVar(&o.clients, "clients", 16, "connections of the hostile client")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fairness:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	hostile, err := readConnection(o.connection)
	if err != nil {
		return err
	}
	victim, err := newTenant(ctx, hostile)
	if err != nil {
		return err
	}
	defer victim.close()
	attack := attacker{connection: hostile, clients: o.clients}
	attack.serial.Store(time.Now().UnixMicro()) // so that no name is one of an earlier run
	if err := attack.prepare(ctx); err != nil {
		return err
	}
	fmt.Println("| Meanwhile | sent | done | p50 | p95 | beside none | user to Person, p50 | worst | memory | CPU |\n|---|---|---|---|---|---|---|---|---|---|")
	var alone time.Duration
	for _, k := range append([]kind{{name: "nothing"}}, kinds...) {
		if o.only != "" && k.name != "nothing" && !slices.Contains(strings.Split(o.only, ","), k.name) {
			continue
		}
		row, err := measure(ctx, o, victim, &attack, k)
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		if k.send == nil {
			alone = row.requests.quantile(0.95)
		}
		fmt.Println(row.render(alone))
	}
	return nil
}

// row is what was measured during one kind of requests.
type row struct {
	name             string
	sent, done       int
	requests, people durations
	memory           float64
	cpu, took        time.Duration
}

func (r row) render(alone time.Duration) string {
	round := func(d time.Duration) time.Duration { return d.Round(time.Millisecond / 10) }
	p95 := r.requests.quantile(0.95)
	return fmt.Sprintf("| %s | %d | %d | %s | %s | %.1f | %s | %s | %.0f MiB | %.0f %% |", r.name, r.sent, r.done, round(r.requests.quantile(0.5)), round(p95),
		float64(p95)/float64(alone), r.people.quantile(0.5).Round(time.Millisecond), r.people.quantile(1).Round(time.Millisecond),
		r.memory/(1<<20), 100*r.cpu.Seconds()/r.took.Seconds())
}

// measure runs the simulated Okta in one tenant while the other sends requests of a kind.
func measure(ctx context.Context, o options, victim *tenant, attack *attacker, k kind) (row, error) {
	during, stop := context.WithCancel(ctx)
	defer stop()
	watched := watchProcess(during, o.metrics)
	attacked := make(chan error, 1)
	go func() { attacked <- attack.run(during, k) }()
	people := make(chan durations, 1)
	go func() { people <- victim.pushUsers(during) }()
	began := time.Now()
	requests, err := victim.simulate(ctx, o.users, o.duration)
	took := time.Since(began)
	stop()
	if attackErr := <-attacked; err == nil {
		err = attackErr
	}
	found := row{name: k.name, requests: requests, people: <-people, took: took, sent: int(attack.sent.Swap(0)), done: int(attack.done.Swap(0))}
	process := <-watched
	found.memory, found.cpu = process.memory, process.cpu
	return found, err
}
