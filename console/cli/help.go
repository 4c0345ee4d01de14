package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// usageTemplate shows a command as kubectl shows its own: examples, commands and the command's own flags. Those that all
// commands have would fill a screen, and are a command away.
const usageTemplate = `{{if .HasExample}}Examples:
{{.Example}}

{{end}}{{if .HasAvailableSubCommands}}Available Commands:
{{range .Commands}}{{if .IsAvailableCommand}}  {{rpad .Name .NamePadding}} {{.Short}}
{{end}}{{end}}
{{end}}{{if .HasAvailableLocalFlags}}{{with localFlags .}}Options:
{{.}}

{{end}}{{end}}Usage:
  {{.UseLine}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} [command]

Use "{{.CommandPath}} <command> --help" for more about a command.{{end}}
Use "kubectl scim options" for the flags that all commands have.
`

const helpTemplate = `{{with or .Long .Short}}{{. | trimTrailingWhitespaces}}

{{end}}{{.UsageString}}`

// setHelp makes help look as kubectl's, and adds the command that lists the flags of all commands.
func setHelp(root *cobra.Command) {
	cobra.AddTemplateFunc("localFlags", localFlags)
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpTemplate(helpTemplate)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(&cobra.Command{
		Use: "options", Short: "List the flags that all commands have", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "These flags can be passed to any command:\n\n%s", cmd.InheritedFlags().FlagUsages())
			return err
		},
	})
}

// localFlags are the flags of a command that the others do not have.
func localFlags(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return ""
	}
	return strings.TrimRight(cmd.LocalNonPersistentFlags().FlagUsages(), "\n")
}

// atLeastOne refuses a command without arguments, and says which it needs.
func atLeastOne(needed string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return errors.New(needed)
		}
		return nil
	}
}
