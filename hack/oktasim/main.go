// Command oktasim acts as Okta against a SCIM server: it assigns, changes and
// unassigns users, pushes groups, imports, and checks every answer.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/term"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/hack/oktasim/internal/demo"
	"rservice.dev/scim-operator/hack/oktasim/internal/okta"
	"rservice.dev/scim-operator/hack/oktasim/internal/report"
	"rservice.dev/scim-operator/hack/oktasim/internal/sim"
	"rservice.dev/scim-operator/hack/oktaspec"
)

type options struct {
	connection    string
	mode          string
	organizations string
	config        sim.Config
	retryFor      time.Duration
	demo          bool
	spec          bool
	convergeFor   time.Duration
	attempts      string
}

func main() {
	log.SetLogger(logr.Discard()) // the client of the custom resources complains about having none
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, term.IsTerminal(int(os.Stdout.Fd())))
	stop()
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "oktasim:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("oktasim", flag.ContinueOnError)
	flags.StringVar(&o.connection, "connection", "bin/dev/connection.json", "`file` with baseURL, token, kubeconfig and namespace")
	flags.IntVar(&o.config.Users, "users", 200, "how many users to assign")
	flags.IntVar(&o.config.Groups, "groups", 10, "how many groups to push")
	flags.StringVar(&o.mode, "mode", "both", "kind of Okta app: patch (catalogue), put (custom app) or both, with half of the users and groups each")
	flags.IntVar(&o.config.Workers, "workers", 4, "how many requests to have under way at once")
	flags.StringVar(&o.organizations, "organizations", "Engineering,Support", "names of the first groups, which have an Organization; empty for none")
	flags.DurationVar(&o.retryFor, "retry-for", 60*time.Second, "how long to try a request again while the server gives no answer")
	flags.DurationVar(&o.config.SettleFor, "settle-for", 0, "how long a change may take until all replicas of the server show it; 0 for a server of one replica")
	flags.BoolVar(&o.demo, "demo", false, "check the custom resources afterwards and show them with kubectl")
	flags.BoolVar(&o.spec, "spec", false, "run Okta's own SPEC test afterwards; the server's first user has to be a complete one")
	flags.DurationVar(&o.convergeFor, "converge-for", 30*time.Second, "how long the custom resources may stay short of what they should be in -demo without coming nearer")
	flags.BoolVar(&o.config.PushOnly, "push-only", false, "end when users and groups are pushed: change, deactivate, import nothing")
	flags.Func("group-sizes", "how many users the first groups of each app have, `numbers` with commas between them; further groups divide all users among them", func(text string) error {
		for number := range strings.SplitSeq(text, ",") {
			size, err := strconv.Atoi(strings.TrimSpace(number))
			if err != nil || size < 0 {
				return fmt.Errorf("%q is no number of users", number)
			}
			o.config.GroupSizes = append(o.config.GroupSizes, size)
		}
		return nil
	})
	flags.StringVar(&o.attempts, "attempts", "", "`file` to write every HTTP request and what came of it to, one JSON object a line")
	if err := flags.Parse(args); err != nil {
		return o, flag.ErrHelp
	}
	switch o.mode {
	case "both":
		o.config.Modes = []sim.Mode{sim.ModePatch, sim.ModePut}
	case string(sim.ModePatch), string(sim.ModePut):
		o.config.Modes = []sim.Mode{sim.Mode(o.mode)}
	default:
		return o, fmt.Errorf("-mode %s: want patch, put or both", o.mode)
	}
	if o.config.Users < len(o.config.Modes) || o.config.Groups < 0 || o.config.Workers < 1 || flags.NArg() > 0 {
		return o, fmt.Errorf("want a user for each mode, no negative -groups, a worker, and no further arguments")
	}
	if o.organizations != "" {
		o.config.Organizations = strings.Split(o.organizations, ",")
	}
	return o, nil
}

func run(ctx context.Context, args []string, out io.Writer, terminal bool) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	conn, err := readConnection(o.connection)
	if err != nil {
		return err
	}
	transport, err := conn.transport(o.config.Workers)
	if err != nil {
		return err
	}
	client := okta.New(conn.BaseURL, conn.Token, transport, o.retryFor)
	client.Ingress, client.OAuth = conn.Ingress, conn.oauth(client.HTTP)
	if o.attempts != "" {
		file, err := os.Create(o.attempts)
		if err != nil {
			return fmt.Errorf("-attempts: %w", err)
		}
		defer func() { _ = file.Close() }() // each line is written at once
		client.Observe = recorder(file)
	}
	rep := &report.Report{}
	s := sim.New(o.config, client, rep, &report.Progress{Out: out, Terminal: terminal})
	if err := conn.check(ctx, client.HTTP, client.OAuth); err != nil {
		return err
	}
	fmt.Fprintf(out, "run %s against %s\n", s.Run, conn.BaseURL)
	start := time.Now()
	err = s.Perform(ctx)
	if err == nil && o.spec {
		err = runSpec(ctx, conn, client, rep, out)
	}
	if err == nil && o.demo {
		err = showDemo(ctx, o, conn, rep, s, out)
	}
	if writeErr := rep.Write(out, time.Since(start)); writeErr != nil {
		return errors.Join(err, writeErr)
	}
	if err != nil {
		return fmt.Errorf("the run ended early: %w", err)
	}
	if n := rep.Failed(); n > 0 {
		return fmt.Errorf("%d checks failed", n)
	}
	return nil
}

// runSpec puts every request of Okta's SPEC test into the report as a check.
func runSpec(ctx context.Context, conn connection, client *okta.Client, rep *report.Report, out io.Writer) error {
	token, err := conn.bearer(ctx, client.OAuth)
	if err != nil {
		return err
	}
	result, err := oktaspec.Run(ctx, client.HTTP, oktaspec.Config{BaseURL: conn.BaseURL, Auth: "Bearer " + token})
	if err != nil {
		return fmt.Errorf("Okta's SPEC test: %w", err)
	}
	step := rep.Step("Okta's SPEC test", "")
	for _, s := range result.Steps {
		step.Answered(s.Elapsed)
		failures := s.Failures()
		step.Check(len(failures) == 0, "step %d, %s: %s", s.Number, s.Note, strings.Join(failures, "; "))
	}
	fmt.Fprintf(out, "\n%s", result)
	return nil
}

func showDemo(ctx context.Context, o options, conn connection, rep *report.Report, s *sim.Sim, out io.Writer) error {
	d, err := demo.New(conn.Kubeconfig, conn.Namespace, o.convergeFor, out)
	if err != nil {
		return err
	}
	failing, err := s.Provoke(ctx)
	if err != nil {
		return err
	}
	if err := d.Verify(ctx, rep, s, failing); err != nil {
		return err
	}
	return d.Show(ctx, failing)
}
