// Package cli is `kubectl scim`: what happened to a user, a group or a record, what is wrong and what to do about it,
// in a terminal. It acts with the caller's kubeconfig and rights, and adds none of its own.
package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// Exit codes of Run.
const (
	// ExitOK says that the command did what it was asked for, and that nothing is wrong with what was asked about.
	ExitOK = 0
	// ExitWrong says that the command did its work, and that something is wrong with what was asked about.
	ExitWrong = 1
	// ExitError says that the command could not do its work: wrong arguments, no cluster, no such user, a missing right.
	ExitError = 2
)

// Names of the operator's binary by which it is the plugin, and what completes the plugin's arguments.
const (
	Plugin         = "kubectl-scim"
	PluginComplete = "kubectl_complete-scim"
)

// errWrong says that what there is to say has been printed, and that something is wrong.
var errWrong = errors.New("something is wrong with what was asked about")

// Arguments returns what the command line of the operator's binary asks of this package, and whether it asks for it: by
// the name of the binary, as kubectl starts its plugins, or by "manager scim".
func Arguments(commandLine []string) ([]string, bool) {
	if len(commandLine) == 0 {
		return nil, false
	}
	switch strings.TrimSuffix(filepath.Base(commandLine[0]), ".exe") {
	case Plugin:
		return commandLine[1:], true
	case PluginComplete:
		return append([]string{cobra.ShellCompRequestCmd}, commandLine[1:]...), true
	}
	if len(commandLine) > 1 && commandLine[1] == "scim" {
		return commandLine[2:], true
	}
	return nil, false
}

// Run carries out a command line, and returns the exit code.
func Run(ctx context.Context, args []string, streams genericiooptions.IOStreams) int {
	root := New(streams) //nolint:contextcheck // completion gets the context that the root is executed with
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errWrong):
		return ExitWrong
	}
	fmt.Fprintln(streams.ErrOut, "error: "+explain(err))
	return ExitError
}

// New returns the command with all that are below it.
func New(streams genericiooptions.IOStreams) *cobra.Command {
	root := &cobra.Command{
		Use:   "scim",
		Short: "See what happened to people and groups that a SCIM client has pushed",
		Long: `See what happened to people and groups that a SCIM client has pushed, why, and what to do about it.

It works in one namespace, with your kubeconfig and rights.`,
		Example: `  # Why has Anna no organization?
  kubectl scim why anna@example.com

  # What is wrong in the namespace, most frequent first
  kubectl scim errors -n acme

  # What to type into Okta or Entra
  kubectl scim connection -n acme`,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl scim"},
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	s := &session{IOStreams: streams, flags: genericclioptions.NewConfigFlags(true)}
	s.flags.AddFlags(root.PersistentFlags())
	setHelp(root)
	root.AddCommand(newWhy(s), newErrors(s), newConnection(s), newRelease(s), newRerun(s), newRules(s), newWhatIf(s), newConsole(s), newVersion(s))
	return root
}
