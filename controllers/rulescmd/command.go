// Package rulescmd is the operator's command for people who write AutomationRules:
// it tests and checks rules without a cluster, and shows what a rule would do in one.
package rulescmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
)

// Exit codes of Run.
const (
	// ExitOK says that there is nothing to complain about.
	ExitOK = 0
	// ExitFindings says that rules are wrong or a test has failed.
	ExitFindings = 1
	// ExitError says that the command could not do its work: wrong flags, unreadable
	// files, no cluster.
	ExitError = 2
)

const usage = `Usage: manager rules <command> [flags]

  test     run rules against test cases, without a cluster
  lint     say what is wrong with rules, or probably a mistake, without a cluster
  preview  show what changed rules would do in a cluster, without doing it

"manager rules <command> -help" lists the flags.
`

// ErrFindings says that what there is to say has been printed.
var ErrFindings = errors.New("there are findings")

// Command is one run of test, lint or preview.
type Command struct {
	name string
	out  io.Writer
	// files are the values of -f, cases those of --cases, junit is that of --junit.
	files, cases paths
	junit        string
	preview      previewOptions
}

// New returns a command, which prints to out, for a program that has it among its own.
func New(name string, out io.Writer) *Command { return &Command{name: name, out: out} }

// Bind adds the command's flags, but for those of the cluster and the namespace that preview works in.
func (c *Command) Bind(flags *flag.FlagSet) {
	flags.Var(&c.files, "f", "file or folder with AutomationRules; other resources in it are passed over. Can be given several times")
	switch c.name {
	case commandTest:
		c.bindTest(flags)
	case commandPreview:
		c.preview.bind(flags)
	}
}

// Connect returns a client that reads from the API server, and the namespace to work in.
type Connect = func() (client.Client, string, error)

// Run carries out the command, whose flags are set by now. The error is ErrFindings if there is something to complain about; others
// say why the command could not do its work.
func (c *Command) Run(ctx context.Context, connect Connect) error {
	if len(c.files) == 0 {
		return errors.New("name the rules with -f")
	}
	switch c.name {
	case commandTest:
		return c.test(ctx)
	case commandLint:
		return c.lint(ctx)
	}
	return c.showPreview(ctx, connect)
}

// Names of the commands.
const (
	commandTest    = "test"
	commandLint    = "lint"
	commandPreview = "preview"
)

// Commands are the names of all commands with what they are for.
func Commands() map[string]string {
	return map[string]string{
		commandTest:    "Run rules against test cases, without a cluster",
		commandLint:    "Say what is wrong with rules, or probably a mistake, without a cluster",
		commandPreview: "Show what changed rules would do in a cluster, without doing it",
	}
}

// paths is a flag that can be given several times.
type paths []string

// String implements flag.Value.
func (p *paths) String() string { return strings.Join(*p, ",") }

// Set implements flag.Value.
func (p *paths) Set(value string) error {
	*p = append(*p, value)
	return nil
}

// Run carries out the arguments after "manager rules" and returns the exit code.
func Run(ctx context.Context, args []string, out, errOut io.Writer) int {
	if len(args) == 0 || Commands()[args[0]] == "" {
		fmt.Fprint(errOut, usage)
		if len(args) > 0 && (args[0] == "-h" || args[0] == "-help" || args[0] == "--help" || args[0] == "help") {
			return ExitOK
		}
		return ExitError
	}
	err := run(ctx, args[0], args[1:], out, errOut)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return ExitOK
	case errors.Is(err, ErrFindings):
		return ExitFindings
	}
	fmt.Fprintf(errOut, "manager rules %s: %s\n", args[0], printableLines(err.Error()))
	return ExitError
}

// run reads the flags and carries out a command.
func run(ctx context.Context, name string, args []string, out, errOut io.Writer) error {
	flags := flag.NewFlagSet("manager rules "+name, flag.ContinueOnError)
	flags.SetOutput(errOut)
	c := New(name, out)
	c.Bind(flags)
	var cluster kube.Kubeconfig
	if name == commandPreview {
		cluster.Bind(flags)
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	return c.Run(ctx, cluster.Connect)
}

func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
