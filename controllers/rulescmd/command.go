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

// errFindings says that what there is to say has been printed.
var errFindings = errors.New("there are findings")

// command is one run of the command line.
type command struct {
	out, err io.Writer
	flags    *flag.FlagSet
	// files are the values of -f.
	files paths
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
	c := &command{out: out, err: errOut}
	commands := map[string]func(context.Context, []string) error{"test": c.test, "lint": c.lint, "preview": c.preview}
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprint(errOut, usage)
		if len(args) > 0 && (args[0] == "-h" || args[0] == "-help" || args[0] == "--help" || args[0] == "help") {
			return ExitOK
		}
		return ExitError
	}
	c.flags = flag.NewFlagSet("manager rules "+args[0], flag.ContinueOnError)
	c.flags.SetOutput(errOut)
	c.flags.Var(&c.files, "f", "file or folder with AutomationRules; other resources in it are passed over. Can be given several times")
	err := commands[args[0]](ctx, args[1:])
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return ExitOK
	case errors.Is(err, errFindings):
		return ExitFindings
	}
	fmt.Fprintf(errOut, "manager rules %s: %s\n", args[0], printableLines(err.Error()))
	return ExitError
}

// parse reads the flags, which every command has -f among.
func (c *command) parse(args []string) error {
	if err := c.flags.Parse(args); err != nil {
		return err
	}
	if c.flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", c.flags.Arg(0))
	}
	if len(c.files) == 0 {
		return errors.New("name the rules with -f")
	}
	return nil
}

func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
