package pages

import (
	"context"
	"fmt"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"

	"rservice.dev/scim-operator/console/access"
)

// asked counts the questions about somebody's rights.
type asked struct {
	access.Caller
	may       func(namespace string) bool
	questions int
}

func (a *asked) May(_ context.Context, what authorizationv1.ResourceAttributes) (bool, error) {
	a.questions++
	return a.may(what.Namespace), nil
}

func TestTheChooserAsksAFewQuestionsHoweverManyTenantsThereAre(t *testing.T) {
	s := &server{Options: Options{Namespaces: func(context.Context, access.Caller) ([]string, error) {
		names := make([]string, 5000)
		for i := range names {
			names[i] = fmt.Sprintf("tenant-%04d", i)
		}
		return names, nil
	}}}
	for who, of := range map[string]struct {
		may       func(string) bool
		questions int
		names     int
	}{
		"somebody who may see nothing": {func(string) bool { return false }, 1 + maxAsked, 0},
		"somebody of two tenants":      {func(n string) bool { return n == "tenant-0007" || n == "tenant-0042" }, 1 + maxAsked, 2},
		"somebody who may see all":     {func(string) bool { return true }, 1, maxNamespaces},
		"somebody of every tenant":     {func(n string) bool { return n != "" }, 1 + maxNamespaces, maxNamespaces},
	} {
		t.Run(who, func(t *testing.T) {
			caller := &asked{may: of.may}
			names, more, err := s.visible(t.Context(), caller)
			if err != nil || len(names) != of.names || !more || caller.questions != of.questions {
				t.Errorf("%d names by %d questions, more: %v, error: %v", len(names), caller.questions, more, err)
			}
		})
	}
}
