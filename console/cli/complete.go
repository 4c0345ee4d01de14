package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// maxCompletions is the most arguments that are offered: more than a screen of them helps nobody.
	maxCompletions = 100
	// completionTime is how long somebody who presses Tab waits; users have no order by name, so with many of them not all
	// are looked at.
	completionTime = 2 * time.Second
)

// completion is how cobra asks for the arguments that could be meant.
type completion = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// completeNames completes what objects of some kinds are called: users by userName, groups by display name, others by the
// name of the object.
func (s *session) completeNames(lists ...func() client.ObjectList) completion {
	return func(cmd *cobra.Command, given []string, begun string) ([]string, cobra.ShellCompDirective) {
		c, err := s.connect()
		if err != nil {
			cobra.CompErrorln(explain(err))
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		var found []string
		for _, list := range lists {
			err := c.each(ctx, list(), func(object client.Object) (bool, error) {
				name := calledName(object)
				if strings.HasPrefix(fold.String(name), fold.String(begun)) && fold.IsLine(name) && !slices.Contains(given, name) {
					found = append(found, name)
				}
				return len(found) < maxCompletions, nil
			})
			if err != nil && ctx.Err() == nil {
				cobra.CompErrorln(explain(err))
			}
		}
		slices.Sort(found)
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// calledName is what people call an object.
func calledName(object client.Object) string {
	switch typed := object.(type) {
	case *v1alpha1.ScimUser:
		return typed.Spec.UserName
	case *v1alpha1.ScimGroup:
		return typed.Spec.DisplayName
	case *v1alpha1.Person:
		return typed.Spec.PrimaryEmail
	}
	return object.GetName()
}

// Lists that arguments are completed from.
func userList() client.ObjectList     { return &v1alpha1.ScimUserList{} }
func groupList() client.ObjectList    { return &v1alpha1.ScimGroupList{} }
func endpointList() client.ObjectList { return &v1alpha1.ScimEndpointList{} }
func ruleList() client.ObjectList     { return &v1alpha1.AutomationRuleList{} }
