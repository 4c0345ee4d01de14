package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"rservice.dev/scim-operator/api/kube"
)

func newVersion(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version of this program", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(s.Out, kube.ReadBuild())
			return err
		},
	}
}
