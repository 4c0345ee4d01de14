package cli

import (
	"context"
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
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
			names = append(names, c.tellApart(ctx, subject))
		}
		if more := len(found) - len(names); more > 0 {
			names = append(names, fmt.Sprintf("and %d more", more))
		}
		return story.Subject{}, fmt.Errorf("%s means several; take the name of one of them: %s", fold.Printable(text), strings.Join(names, ", "))
	}
	return found[0], nil
}

// tellApart names one of several subjects of the same name so that people know which it is.
func (c *cluster) tellApart(ctx context.Context, subject story.Subject) string {
	name := subject.Kind + " " + subject.Name
	made, err := c.Scheme().New(v1alpha1.GroupVersion.WithKind(subject.Kind))
	object, ok := made.(client.Object)
	if err != nil || !ok || c.Get(ctx, client.ObjectKey{Namespace: subject.Namespace, Name: subject.Name}, object) != nil {
		return name // which is enough to go on with, for whoever may not read it, too
	}
	called := fold.Printable(calledName(object))
	if called == subject.Name {
		return name
	}
	if user, ok := object.(*v1alpha1.ScimUser); ok && !user.Spec.IsActive() {
		called += ", not active"
	}
	return name + " (" + called + ")"
}
