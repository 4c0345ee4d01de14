package cli

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/controllers/rulescmd"
)

// newRules has the commands of "manager rules" with the flags by which all of kubectl finds the cluster.
func newRules(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rules", Short: "Test and check rules, and show what they would do", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	commands := rulescmd.Commands()
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		command := rulescmd.New(name, s.Out)
		below := &cobra.Command{
			Use: name + " -f FILE", Short: commands[name],
			Args: func(_ *cobra.Command, args []string) error {
				if len(args) > 0 {
					return fmt.Errorf("name the rules by -f, as in: kubectl scim rules %s -f %s", name, fold.Printable(args[0]))
				}
				return nil
			},
			Long:    commands[name] + ".\n\nThe exit code is 1 for findings and failed cases.",
			Example: "  kubectl scim rules " + name + " -f rules/",
			RunE: func(cmd *cobra.Command, _ []string) error {
				err := command.Run(cmd.Context(), func() (client.Client, string, error) {
					c, err := s.connect()
					if err != nil {
						return nil, "", err
					}
					return c, c.namespace, nil
				})
				if errors.Is(err, rulescmd.ErrFindings) {
					return errWrong
				}
				return err
			},
		}
		flags := flag.NewFlagSet(name, flag.ContinueOnError)
		command.Bind(flags)
		below.Flags().AddFlagSet(asKubectl(flags))
		cmd.AddCommand(below)
	}
	return cmd
}

// asKubectl are the flags with kubectl's long names for those of one letter.
func asKubectl(flags *flag.FlagSet) *pflag.FlagSet {
	named := pflag.NewFlagSet(flags.Name(), pflag.ContinueOnError)
	flags.VisitAll(func(f *flag.Flag) {
		converted := pflag.PFlagFromGoFlag(f)
		if long, ok := map[string]string{"f": "filename", "o": "output"}[f.Name]; ok {
			converted.Name = long
		}
		named.AddFlag(converted)
	})
	return named
}
