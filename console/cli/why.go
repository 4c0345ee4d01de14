package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"rservice.dev/scim-operator/console/story"
)

// Widths of what is printed.
const (
	defaultWidth  = 80
	smallestWidth = 40
	// largestWidth is beyond what is read with ease.
	largestWidth = 120
)

func newWhy(s *session) *cobra.Command {
	var output format
	cmd := &cobra.Command{
		Use:   "why (USER | GROUP | PERSON)...",
		Short: "Say what happened to a user, a group or a record, what is wrong and what to do",
		Long: `Say what happened to a user, a group or a record: what is wrong and what to do about it, what the SCIM client sent, what
each rule made of it, what the record holds, and who set it.

Somebody is named by userName, e-mail address, externalId, display name, SCIM id or the name of the object; a group by
its display name; a Person, Organization or Site by its name. Only values that the API server can select, which are
userName, externalId, display name of a group and primary address as they are stored, are found without reading page by
page.

The exit code is 1 if something is wrong that somebody has to see to.`,
		Example: `  # Why has Anna no organization?
  kubectl scim why anna@example.com

  # With the values of all expressions, and earlier runs
  kubectl scim why anna@example.com -o wide

  # What a field was set by
  kubectl scim why anna@example.com -o json | jq '.records[].fields[] | select(.name == "jobTitle")'`,
		Args:              atLeastOne("say who or what: a userName, e-mail address, externalId or SCIM id, the display name of a group, or the name of a record"),
		ValidArgsFunction: s.completeNames(userList, groupList),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := output.check(); err != nil {
				return err
			}
			return s.why(cmd.Context(), args, output)
		},
	}
	output.bind(cmd, formatJSON, formatYAML, formatWide)
	return cmd
}

func (s *session) why(ctx context.Context, names []string, output format) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	var stories []*story.Story
	wrong := false
	for _, name := range names {
		subject, err := c.findOne(ctx, name)
		if err != nil {
			return err
		}
		told, err := story.Tell(ctx, story.Live(c), subject)
		if err != nil {
			return err
		}
		stories = append(stories, told)
		for _, problem := range told.Problems {
			wrong = wrong || problem.Severity == story.SeverityError
		}
	}
	var data any = stories
	if len(stories) == 1 {
		data = stories[0] // as `kubectl get` has one object and a list of several
	}
	if done, err := output.data(s.Out, data); done || err != nil {
		return wrongIf(err, wrong)
	}
	for i, told := range stories {
		p := &page{out: s.Out, width: s.width()}
		if i > 0 {
			p.blank()
		}
		p.story(told, output.value == formatWide)
	}
	return wrongIf(nil, wrong)
}

// width is that of the terminal, or 80.
func (s *session) width() int {
	file, ok := s.Out.(*os.File)
	if !ok {
		return defaultWidth
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return defaultWidth
	}
	return min(max(width, smallestWidth), largestWidth)
}
