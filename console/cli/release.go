package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/action"
)

// releaseOptions are the flags of release.
type releaseOptions struct {
	yes, dryRun bool
	output      format
}

func newRelease(s *session) *cobra.Command {
	o := releaseOptions{}
	cmd := &cobra.Command{
		Use:   "release [ENDPOINT]",
		Short: "Let happen what the safety brake holds",
		Long: `Show what the safety brake holds, and let it happen after asking.

The brake holds what would disable or enable many Persons, or change the addresses of many, within a short time. Released
is exactly what was shown: what is held meanwhile stays held. If the cause is a mistake, correct it at the client or in the
rule instead: the hold then ends by itself.

The exit code is 1 if something is held and was not released.`,
		Example: `  # What is held
  kubectl scim release --dry-run -n acme

  # Release it, after asking
  kubectl scim release -n acme`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: s.completeNames(endpointList),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.output.check(); err != nil {
				return err
			}
			return s.release(cmd.Context(), args, o)
		},
	}
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "Do not ask.")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "Show what is held, and release nothing.")
	o.output.bind(cmd, formatJSON, formatYAML)
	return cmd
}

func (s *session) release(ctx context.Context, names []string, o releaseOptions) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	endpoints, err := c.endpoints(ctx, names)
	if err != nil {
		return err
	}
	all := []*action.Held{}
	each := func(ctx context.Context, list client.ObjectList, visit func(client.Object) (bool, error)) error {
		return c.each(ctx, list, visit)
	}
	for i := range endpoints {
		held, err := action.Holds(ctx, &endpoints[i], each)
		if err != nil {
			return err
		}
		if held != nil {
			all = append(all, held)
		}
	}
	if done, err := o.output.data(s.Out, all); err != nil || done && !o.yes {
		return wrongIf(err, len(all) > 0)
	}
	if len(all) == 0 {
		fmt.Fprintf(s.ErrOut, "The safety brake holds nothing in namespace %s.\n", c.namespace)
		return nil
	}
	for _, held := range all {
		if err := s.releaseOne(ctx, c, held, o); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) releaseOne(ctx context.Context, c *cluster, held *action.Held, o releaseOptions) error {
	if o.output.value == "" {
		printHeld(s.Out, held)
	}
	if o.dryRun {
		return errWrong
	}
	if !o.yes {
		if agreed, err := s.ask(fmt.Sprintf("Let this happen (generation %d)? [y/N] ", held.Generation)); err != nil || !agreed {
			return wrongIf(err, true)
		}
	}
	if err := action.Release(ctx, c, held.Namespace, held.Endpoint, held.Generation); err != nil {
		return fmt.Errorf("release generation %d: %w", held.Generation, err)
	}
	fmt.Fprintf(s.ErrOut, "scimendpoint.provisioning.rservice.dev/%s: generation %d released\n", held.Endpoint, held.Generation)
	return nil
}

// ask asks a question that is answered with y or n. Without somebody to answer, it is n.
func (s *session) ask(question string) (bool, error) {
	fmt.Fprint(s.ErrOut, question)
	answer, err := bufio.NewReader(s.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	if errors.Is(err, io.EOF) {
		fmt.Fprintln(s.ErrOut)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	}
	fmt.Fprintln(s.ErrOut, "Nothing was released.")
	return false, nil
}

// effects say what becomes of a number of Persons.
var effects = map[v1alpha1.HeldEffect]string{
	v1alpha1.HeldDisable: "will be disabled", v1alpha1.HeldEnable: "will be enabled", v1alpha1.HeldChangePrimaryEmail: "will get another primary e-mail address",
}

var causes = map[v1alpha1.HeldCause]string{
	v1alpha1.HeldByClient: "because the SCIM client said so", v1alpha1.HeldByRules: "because rules say so",
}

func printHeld(out io.Writer, held *action.Held) {
	fmt.Fprintf(out, "ScimEndpoint %s/%s, generation %d: the safety brake holds %s.\n", held.Namespace, held.Endpoint, held.Generation, plural(held.Count, "Person"))
	fmt.Fprintln(out, "If you release it:")
	for _, effect := range slices.Sorted(maps.Keys(held.Effects)) {
		fmt.Fprintf(out, "  %d %s\n", held.Effects[effect], effects[effect])
	}
	for _, cause := range slices.Sorted(maps.Keys(held.Causes)) {
		fmt.Fprintf(out, "  %d %s\n", held.Causes[cause], causes[cause])
	}
	fmt.Fprintln(out, "Among them:")
	for _, subject := range held.First {
		fmt.Fprintf(out, "  %s (%s)\n", fold.Printable(subject.Title), strings.Join(texts(subject.Effects), ", "))
	}
	if more := held.Count - len(held.First); more > 0 {
		fmt.Fprintf(out, "  and %d more\n", more)
	}
}

// texts are values as texts.
func texts[T ~string](values []T) []string {
	var found []string
	for _, value := range values {
		found = append(found, string(value))
	}
	return found
}
