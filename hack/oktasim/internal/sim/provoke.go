package sim

import (
	"context"
	"crypto/rand"
	"net/http"

	"rservice.dev/scim-operator/hack/oktasim/internal/okta"
	"rservice.dev/scim-operator/hack/oktasim/internal/report"
)

// FailingResources names resources that the server accepts and that no mapping can do anything with.
type FailingResources struct {
	// UserID is a user without any e-mail address and without a name.
	UserID string
	// GroupID is a group that no Organization has the name of.
	GroupID string
}

// Provoke pushes a user and a group whose mapping has to fail. SCIM itself has to accept both.
func (s *Sim) Provoke(ctx context.Context) (FailingResources, error) {
	user := map[string]any{
		"schemas": []string{okta.UserURN}, "userName": "badge-" + s.Run, "externalId": "00u" + rand.Text()[:17],
		"active": true, "password": rand.Text()[:8], "groups": []any{},
	}
	group := map[string]any{"schemas": []string{okta.GroupURN}, "displayName": "No organization (" + s.Run + ")", "members": []any{}}
	var out FailingResources
	requests := []struct {
		path, unique string
		body         map[string]any
		id           *string
	}{{usersPath, "userName", user, &out.UserID}, {groupsPath, "displayName", group, &out.GroupID}}
	for _, r := range requests {
		err := forEach(ctx, s, "provoke failing mappings", "", []string{r.path}, func(ctx context.Context, step *report.Step, path string) error {
			answer, adopted, err := s.create(ctx, step, path, r.body, r.unique)
			if err != nil {
				return err
			}
			if adopted != nil {
				*r.id = adopted.Text("id")
			} else if checkStatus(step, http.MethodPost, path, answer, http.StatusCreated) {
				*r.id = answer.Body.Text("id")
			}
			return nil
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}
