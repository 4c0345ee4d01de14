package cli

import (
	"errors"
	"flag"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
			Use: name + " -f FILE", Short: commands[name], Args: cobra.NoArgs,
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
		below.Flags().AddGoFlagSet(flags)
		cmd.AddCommand(below)
	}
	return cmd
}
