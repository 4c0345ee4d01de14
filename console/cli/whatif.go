package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/whatif"
)

// maxRequest is the most bytes of a request that what-if reads: more than the SCIM server takes.
const maxRequest = 16 << 20

// whatIfOptions are the flags of what-if.
type whatIfOptions struct {
	output   format
	file     string
	endpoint string
	ifMatch  string
	limit    int
	timeout  time.Duration
}

func newWhatIf(s *session) *cobra.Command {
	var o whatIfOptions
	cmd := &cobra.Command{
		Use:   "what-if [METHOD PATH] [-f FILE]",
		Short: "Show what a SCIM request would do, with nothing written",
		Long: `Show what a SCIM request would do, with nothing written: whether the server would refuse it, and why, what would be
stored, which Person would change how, and what the safety brake would hold.

The file is a JSON object with method, path and body, and with ifMatch and endpoint if these matter; or the body alone,
with method and path as arguments. It reads the whole namespace page by page. What follows for others, such as those whose
manager a new user is, is not told.

The exit code is 1 if the request would be refused, a rule would fail, or something would be held.`,
		Example: `  # A request in a file: {"method": "PATCH", "path": "/Users/<id>", "body": {...}}
  kubectl scim what-if -f request.json

  # The body alone, from standard input
  echo '{"userName": "anna@example.com", "displayName": "Anna"}' | kubectl scim what-if POST /Users -f -

  # What would become of the Person if the client deleted the user
  kubectl scim what-if DELETE /Users/<id>`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 0 && len(args) != 2 {
				return fmt.Errorf("what-if takes a method and a path, such as PATCH /Users/<id>, or neither")
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"POST", "PUT", "PATCH", "DELETE"}, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.output.check(); err != nil {
				return err
			}
			return s.whatIf(cmd.Context(), args, o)
		},
	}
	o.output.bind(cmd, formatJSON, formatYAML)
	cmd.Flags().StringVarP(&o.file, "filename", "f", "", "File with the request or its body, - for standard input.")
	cmd.Flags().StringVar(&o.endpoint, "endpoint", "", "ScimEndpoint that the request comes to: its clientProfile counts. The first one by name unless set.")
	cmd.Flags().StringVar(&o.ifMatch, "if-match", "", "Value of the header If-Match.")
	cmd.Flags().IntVar(&o.limit, "limit", 20, "The most users to show whom a change of a group touches; 0 shows all.")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 2*time.Minute, "How long to read and plan.")
	return cmd
}

func (s *session) whatIf(ctx context.Context, args []string, o whatIfOptions) error {
	request, err := s.readRequest(args, o)
	if err != nil {
		return err
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	answer, err := whatif.Ask(ctx, c, c.namespace, request, whatif.Options{Now: now(), Limit: o.limit})
	if err != nil {
		return err
	}
	printed, err := o.output.data(s.Out, answer)
	if err != nil {
		return err
	}
	if !printed {
		s.printWhatIf(answer)
	}
	if answer.Wrong() {
		return errWrong
	}
	return nil
}

// readRequest is the request of a file, or that of the arguments with a file's body.
func (s *session) readRequest(args []string, o whatIfOptions) (whatif.Request, error) {
	var request whatif.Request
	whole := false
	if o.file != "" {
		data, err := s.readFile(o.file)
		if err != nil {
			return request, err
		}
		if request, whole, err = whatif.ParseRequest(data); err != nil {
			return request, err
		}
	}
	switch {
	case whole && len(args) > 0:
		return request, fmt.Errorf("%s has method and path: leave out the arguments", o.file)
	case !whole && len(args) == 0:
		return request, fmt.Errorf("say which request: -f with a file that has method, path and body, or METHOD PATH, such as PATCH /Users/<id>, with -f for the body")
	case !whole:
		request.Method, request.Path = strings.ToUpper(args[0]), args[1]
	}
	if o.endpoint != "" {
		request.Endpoint = o.endpoint
	}
	if o.ifMatch != "" {
		request.IfMatch = o.ifMatch
	}
	return request, nil
}

func (s *session) readFile(name string) ([]byte, error) {
	from := s.In
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }() // only read from
		from = file
	}
	data, err := io.ReadAll(io.LimitReader(from, maxRequest+1))
	if err == nil && len(data) > maxRequest {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxRequest)
	}
	return data, err
}

func (s *session) printWhatIf(answer *whatif.Answer) {
	if refused := answer.Refused; refused != nil {
		fmt.Fprintf(s.Out, "Refused: %s\n", strings.TrimSpace(fmt.Sprintf("%d %s", refused.Status, refused.ScimType)))
		fmt.Fprintf(s.Out, "  %s\n", fold.Printable(refused.Detail))
		return
	}
	what := "would stay as it is"
	switch {
	case answer.Created:
		what = "would be created"
	case answer.Deleted:
		what = "would be deleted"
	case answer.Changed:
		what = "would be changed"
	}
	fmt.Fprintf(s.Out, "%d: %s %s %s\n", answer.Status, answer.Subject.Kind, fold.Printable(answer.Title), what)
	if !answer.Deleted {
		s.printChanges(answer.Stored)
	}
	if answer.Joined > 0 || answer.Left > 0 {
		fmt.Fprintf(s.Out, "  members: %d more, %d fewer\n", answer.Joined, answer.Left)
	}
	for i := range answer.Effects {
		s.printEffect(&answer.Effects[i])
	}
	if answer.NotShown > 0 {
		fmt.Fprintf(s.Out, "\nand %s more, see --limit\n", plural(answer.NotShown, "user"))
	}
}

func (s *session) printEffect(effect *whatif.Effect) {
	fmt.Fprintf(s.Out, "\n%s %s\n", effect.Subject.Kind, fold.Printable(effect.Title))
	for _, rule := range effect.Rules {
		mark := " "
		if rule.Failed {
			mark = "!"
		}
		fmt.Fprintf(s.Out, "%s %s: %s: %s\n", mark, fold.Printable(rule.Rule), rule.Reason, fold.Printable(rule.Message))
	}
	for _, record := range effect.Records {
		if record.Created {
			fmt.Fprintf(s.Out, "  %s, created\n", record.Kind)
		} else {
			fmt.Fprintf(s.Out, "  %s %s\n", record.Kind, record.Name)
		}
		s.printChanges(record.Changes)
	}
	if held := effect.Held; held != nil {
		for _, e := range held.Effects {
			fmt.Fprintf(s.Out, "! the safety brake would hold: %s\n", e)
		}
		for _, e := range held.Open {
			fmt.Fprintf(s.Out, "  the safety brake may hold, because it is the rules' doing: %s\n", e)
		}
	}
}

// printChanges prints what was on a line with -, and what would be on one with +.
func (s *session) printChanges(changes []v1alpha1.FieldChange) {
	for _, change := range changes {
		if change.From != "" {
			fmt.Fprintf(s.Out, "  - %s: %s\n", fold.Printable(change.Field), fold.Printable(change.From))
		}
		if change.To != "" {
			fmt.Fprintf(s.Out, "  + %s: %s\n", fold.Printable(change.Field), fold.Printable(change.To))
		}
	}
}
