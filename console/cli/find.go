package cli

import (
	"context"
	"fmt"
	"strings"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/console/story"
)

// findOne is the one subject that a text means.
func (c *cluster) findOne(ctx context.Context, text string) (story.Subject, error) {
	found, err := story.Find(ctx, story.Live(c), c.namespace, text)
	switch {
	case err != nil:
		return story.Subject{}, err
	case len(found) == 0:
		return story.Subject{}, fmt.Errorf("nobody and nothing in namespace %s is called %s: no user has it as userName, e-mail address, externalId, "+
			"name or id, no group as display name, no record as name. Another namespace: -n", c.namespace, fold.Printable(text))
	case len(found) > 1:
		names := []string{}
		for _, subject := range found[:min(len(found), maxExamples)] {
			name := subject.Kind + " " + subject.Name
			if subject.Called != subject.Name {
				name += " (" + fold.Printable(subject.Called) + ")"
			}
			names = append(names, name)
		}
		if more := len(found) - len(names); more > 0 {
			names = append(names, fmt.Sprintf("and %d more", more))
		}
		return story.Subject{}, fmt.Errorf("%s means several; take the name of one of them: %s", fold.Printable(text), strings.Join(names, ", "))
	}
	return found[0].Subject, nil
}
