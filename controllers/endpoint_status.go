package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/tally"
)

// classReady is the class of subjects that are Ready; the others are counted by the
// reason why they are not.
const classReady = ""

// classOf is the class of a subject in a tally.
func classOf(conditions []metav1.Condition) string {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		return v1alpha1.ReasonPending
	case ready.Status == metav1.ConditionTrue:
		return classReady
	}
	return ready.Reason
}

// subjectTallies count users and groups by class.
type subjectTallies struct{ users, groups *tally.Tally }

func newSubjectTallies(ctx context.Context, s *setup) (subjectTallies, error) {
	users, err := tally.New(ctx, s.mgr.GetCache(), &v1alpha1.ScimUser{}, func(u *v1alpha1.ScimUser) string { return classOf(u.Status.Conditions) })
	if err != nil {
		return subjectTallies{}, err
	}
	groups, err := tally.New(ctx, s.mgr.GetCache(), &v1alpha1.ScimGroup{}, func(g *v1alpha1.ScimGroup) string { return classOf(g.Status.Conditions) })
	return subjectTallies{users: users, groups: groups}, err
}

// count writes the numbers of a namespace into the status of its endpoint.
func (t subjectTallies) count(ctx context.Context, endpoint *v1alpha1.ScimEndpoint) error {
	var errors int64
	for _, kind := range []struct {
		tally *tally.Tally
		total *int64
	}{{t.users, &endpoint.Status.Users}, {t.groups, &endpoint.Status.Groups}} {
		if err := kind.tally.Wait(ctx); err != nil {
			return err
		}
		*kind.total = 0
		for class, n := range kind.tally.Of(endpoint.Namespace) {
			*kind.total += int64(n)
			if class != classReady && class != v1alpha1.ReasonPending && class != v1alpha1.ReasonRetrying {
				errors += int64(n)
			}
		}
	}
	endpoint.Status.Errors = errors
	return nil
}

// noRules says that nobody's Person follows the client, "" when one may.
func (r *endpointReconciler) noRules(ctx context.Context, namespace string) (string, error) {
	set, err := r.rules.Load(ctx, r.client, namespace, v1alpha1.SubjectScimUser)
	if err != nil || !set.Empty() {
		return "", err
	}
	return "The token works, but there is no enabled AutomationRule with subject ScimUser in this namespace, so nothing becomes of " +
		"what the client sends. Persons stay as they are. kubectl apply -k config/rules brings back the default rules.", nil
}

// keepLastUse keeps what the SCIM server has written of the tokens that still exist.
func keepLastUse(tokens, before []v1alpha1.TokenStatus) []v1alpha1.TokenStatus {
	for i := range tokens {
		for _, old := range before {
			if old.ID == tokens[i].ID {
				tokens[i].LastUsedAt, tokens[i].LastSource = old.LastUsedAt, old.LastSource
			}
		}
	}
	return tokens
}
