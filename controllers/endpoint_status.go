package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
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

// endpointsOfRule finds the endpoints of a namespace whose rules have come, gone or
// been switched on or off.
func (f finder) endpointsOfRule(ctx context.Context, old, current *v1alpha1.AutomationRule, into requestSet) error {
	if old != nil && current != nil && old.Spec.Disabled == current.Spec.Disabled {
		return nil
	}
	return f.endpoints(ctx, versions(old, current)[0].Namespace, into, func(*v1alpha1.ScimEndpoint) bool { return true })
}

// endpointsOfSiblings finds the other endpoints of a namespace in which one has come
// or gone, because the first one by name speaks for it, or lets its client or the safety brake do
// more or less, because the strictest counts.
func (f finder) endpointsOfSiblings(ctx context.Context, old, current *v1alpha1.ScimEndpoint, into requestSet) error {
	existing := versions(old, current)
	if len(existing) == 2 && old.DeletionTimestamp.IsZero() == current.DeletionTimestamp.IsZero() && directory.SameTrust(old, current) &&
		equality.Semantic.DeepEqual(old.Spec.Safety, current.Spec.Safety) {
		return nil
	}
	return f.endpoints(ctx, existing[0].Namespace, into, func(e *v1alpha1.ScimEndpoint) bool { return e.Name != existing[0].Name })
}

// onSubjectChange counts again for the endpoints of a namespace when a subject has
// come, gone, stopped or started being Ready, or being held: for what is held soon,
// for the mere numbers rarely.
func onSubjectChange[T client.Object](f finder, countInterval time.Duration, stateOf func(T) subjectState) handler.EventHandler {
	enqueue := func(ctx context.Context, object client.Object, q queue, delay time.Duration) {
		found := requestSet{}
		err := f.endpoints(ctx, object.GetNamespace(), found, func(*v1alpha1.ScimEndpoint) bool { return true })
		if err != nil {
			logf.FromContext(ctx).Error(err, "Could not look up the ScimEndpoints of a namespace")
		}
		for request := range found {
			addToQueue(q, request, wait.Jitter(delay, countJitter))
		}
	}
	delayOf := func(object client.Object) time.Duration {
		if typed, ok := object.(T); ok && stateOf(typed).held != 0 {
			return min(failureDelay, countInterval)
		}
		return countInterval
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) {
			if !e.IsInInitialList {
				enqueue(ctx, e.Object, q, delayOf(e.Object))
			}
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			old, oldOK := e.ObjectOld.(T)
			current, currentOK := e.ObjectNew.(T)
			if !oldOK || !currentOK {
				return
			}
			switch before, after := stateOf(old), stateOf(current); {
			case before.held != after.held:
				enqueue(ctx, current, q, min(failureDelay, countInterval))
			case before.class != after.class:
				enqueue(ctx, current, q, countInterval)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) {
			enqueue(ctx, e.Object, q, delayOf(e.Object))
		},
	}
}

// subjectState is what an endpoint's status counts of a subject.
type subjectState struct {
	class string
	held  int64
}

func stateOfUser(u *v1alpha1.ScimUser) subjectState {
	return subjectState{classOf(u.Status.Conditions), u.Status.HeldGeneration}
}

func stateOfGroup(g *v1alpha1.ScimGroup) subjectState {
	return subjectState{class: classOf(g.Status.Conditions)}
}

func stateOfPerson(p *v1alpha1.Person) subjectState {
	return subjectState{held: p.Status.HeldGeneration}
}

// keepLastUse keeps what the SCIM server has written of the tokens that still exist.
func keepLastUse(tokens, before []v1alpha1.TokenStatus) []v1alpha1.TokenStatus {
	for i := range tokens {
		for _, old := range before {
			if old.ID == tokens[i].ID {
				tokens[i].LastUsedAt = old.LastUsedAt
			}
		}
	}
	return tokens
}
