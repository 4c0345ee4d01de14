package controllers

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/brake"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/execution"
	"rservice.dev/scim-operator/controllers/rules"
)

// personsOfPerson finds the Persons for which it matters that one has come, gone or
// got another e-mail address, and itself when it is protected from now on, or no longer.
func (f dependents) personsOfPerson(ctx context.Context, old, current *v1alpha1.Person, into requestSet) error {
	if old != nil && current != nil && rules.MatchKey(old) == rules.MatchKey(current) {
		if old.IsProtected() != current.IsProtected() {
			into.add(current.Namespace, current.Name)
		}
		return nil
	}
	for _, version := range versions(old, current) {
		if err := f.personsBy(ctx, version.Namespace, directory.PersonByEmail, rules.MatchKey(version), into); err != nil {
			return err
		}
	}
	if manager := comeOrGone(old, current); manager != nil {
		return f.personsBy(ctx, manager.Namespace, directory.PersonByManager, manager.Name, into)
	}
	return nil
}

// personsOfSite finds the Persons of a Site that has come or gone.
func (f dependents) personsOfSite(ctx context.Context, old, current *v1alpha1.Site, into requestSet) error {
	site := comeOrGone(old, current)
	if site == nil {
		return nil
	}
	return f.personsBy(ctx, site.Namespace, directory.PersonBySite, site.Name, into)
}

// personsOfOrganization finds the Persons of an Organization that has come or gone.
func (f dependents) personsOfOrganization(ctx context.Context, old, current *v1alpha1.Organization, into requestSet) error {
	organization := comeOrGone(old, current)
	if organization == nil {
		return nil
	}
	return f.personsBy(ctx, organization.Namespace, directory.PersonByOrganization, organization.Name, into)
}

func (f dependents) personsBy(ctx context.Context, namespace, index, key string, into requestSet) error {
	return f.addUnder(ctx, &v1alpha1.PersonList{}, namespace, index, key, into)
}

// personsOfUser finds the Persons of a user that is gone, or is there again, as by a restore.
func (f dependents) personsOfUser(ctx context.Context, old, current *v1alpha1.ScimUser, into requestSet) error {
	user := comeOrGone(old, current)
	if user == nil {
		return nil
	}
	return f.personsBy(ctx, user.Namespace, directory.PersonBySource, user.Name, into)
}

// personsOfEndpoint finds the held Persons that have no user.
func (f dependents) personsOfEndpoint(ctx context.Context, old, current *v1alpha1.ScimEndpoint, into requestSet) error {
	if !brake.ReleaseChanged(old, current) {
		return nil
	}
	return f.personsBy(ctx, versions(old, current)[0].Namespace, directory.PersonByHeld, directory.Held, into)
}

// organizationsOfOrganization finds the Organizations for which it matters that one
// has come, gone or been renamed.
func (f dependents) organizationsOfOrganization(ctx context.Context, old, current *v1alpha1.Organization, into requestSet) error {
	if old != nil && current != nil && rules.MatchKey(old) == rules.MatchKey(current) {
		return nil
	}
	for _, version := range versions(old, current) {
		if err := f.organizationsBy(ctx, version.Namespace, directory.OrganizationByName, rules.MatchKey(version), into); err != nil {
			return err
		}
	}
	if parent := comeOrGone(old, current); parent != nil {
		return f.organizationsBy(ctx, parent.Namespace, directory.OrganizationByParent, parent.Name, into)
	}
	return nil
}

// organizationsOfPerson finds the Organizations whose manager has come or gone.
func (f dependents) organizationsOfPerson(ctx context.Context, old, current *v1alpha1.Person, into requestSet) error {
	manager := comeOrGone(old, current)
	if manager == nil {
		return nil
	}
	return f.organizationsBy(ctx, manager.Namespace, directory.OrganizationByManager, manager.Name, into)
}

func (f dependents) organizationsBy(ctx context.Context, namespace, index, key string, into requestSet) error {
	return f.addUnder(ctx, &v1alpha1.OrganizationList{}, namespace, index, key, into)
}

// sitesOfSite finds the Sites for which it matters that one has come, gone or been
// renamed.
func (f dependents) sitesOfSite(ctx context.Context, old, current *v1alpha1.Site, into requestSet) error {
	if old != nil && current != nil && rules.MatchKey(old) == rules.MatchKey(current) {
		return nil
	}
	for _, version := range versions(old, current) {
		if err := f.addUnder(ctx, &v1alpha1.SiteList{}, version.Namespace, directory.SiteByName, rules.MatchKey(version), into); err != nil {
			return err
		}
	}
	return nil
}

// rulesOfRule finds the rules that run on the same subjects as one that was made, edited
// or deleted: what is odd about them can depend on it.
func (f dependents) rulesOfRule(ctx context.Context, old, current *v1alpha1.AutomationRule, into requestSet) error {
	if old != nil && current != nil && !changedSpec(old, current) {
		return nil
	}
	rule := versions(old, current)[0]
	list := &v1alpha1.AutomationRuleList{}
	if err := f.list(ctx, list, rule.Namespace); err != nil {
		return err
	}
	for i := range list.Items {
		if other := &list.Items[i]; other.Spec.Subject == rule.Spec.Subject && other.Name != rule.Name {
			into.add(other.Namespace, other.Name)
		}
	}
	return nil
}

// onExecutionChange counts a rule's executions again when one has come, gone or
// changed its result: soon for failures, rarely for the mere number.
func onExecutionChange(countInterval time.Duration) handler.EventHandler {
	enqueue := func(object client.Object, q queue, delay time.Duration) {
		if one, ok := object.(*v1alpha1.AutomationRuleExecution); ok {
			addToQueue(q, requestFor(one.Namespace, one.Spec.Rule), wait.Jitter(delay, countJitter))
		}
	}
	delayOf := func(object client.Object) time.Duration {
		if one, ok := object.(*v1alpha1.AutomationRuleExecution); ok && execution.Failed(one) {
			return min(failureDelay, countInterval)
		}
		return countInterval
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) {
			if !e.IsInInitialList {
				enqueue(e.Object, q, delayOf(e.Object))
			}
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			old, oldOK := e.ObjectOld.(*v1alpha1.AutomationRuleExecution)
			current, currentOK := e.ObjectNew.(*v1alpha1.AutomationRuleExecution)
			switch {
			case !oldOK || !currentOK:
			case (execution.Failed(old) || execution.Failed(current)) && execution.Reason(old) != execution.Reason(current):
				enqueue(current, q, min(failureDelay, countInterval))
			case execution.Changed(old) != execution.Changed(current), old.Status.RuleGeneration != current.Status.RuleGeneration:
				enqueue(current, q, countInterval)
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) {
			enqueue(e.Object, q, delayOf(e.Object))
		},
	}
}

// endpointsOfRule finds the endpoints of a namespace whose rules have come, gone or
// been switched on or off.
func (f dependents) endpointsOfRule(ctx context.Context, old, current *v1alpha1.AutomationRule, into requestSet) error {
	if old != nil && current != nil && old.Spec.Disabled == current.Spec.Disabled {
		return nil
	}
	return f.endpoints(ctx, versions(old, current)[0].Namespace, into, func(*v1alpha1.ScimEndpoint) bool { return true })
}

// endpointsOfSiblings finds the other endpoints of a namespace in which one has come
// or gone, because the first one by name speaks for it, or lets its client or the safety brake do
// more or less, because the strictest counts.
func (f dependents) endpointsOfSiblings(ctx context.Context, old, current *v1alpha1.ScimEndpoint, into requestSet) error {
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
func onSubjectChange[T client.Object](f dependents, countInterval time.Duration, stateOf func(T) subjectState) handler.EventHandler {
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

// endpointOfSecret finds the endpoint that a token Secret belongs to, and every one
// that waits for it.
func (f dependents) endpointOfSecret(ctx context.Context, old, current *corev1.Secret, into requestSet) error {
	for _, secret := range versions(old, current) {
		into.add(secret.Namespace, secret.Labels[v1alpha1.LabelEndpoint])
	}
	secret := versions(old, current)[0]
	return f.endpoints(ctx, secret.Namespace, into, func(e *v1alpha1.ScimEndpoint) bool { return e.UsesSecret(secret.Name) })
}

// endpointsOfEndpoint finds the endpoints that wait for a Secret of one that was
// changed or deleted.
func (f dependents) endpointsOfEndpoint(ctx context.Context, old, current *v1alpha1.ScimEndpoint, into requestSet) error {
	if old == nil || (current != nil && !changedSpec(old, current)) {
		return nil
	}
	return f.endpoints(ctx, old.Namespace, into, func(e *v1alpha1.ScimEndpoint) bool {
		return e.Name != old.Name && slices.ContainsFunc(old.SecretNames(), e.UsesSecret)
	})
}

// endpointsOfOrganization finds the endpoints whose default Organization has come or
// gone.
func (f dependents) endpointsOfOrganization(ctx context.Context, old, current *v1alpha1.Organization, into requestSet) error {
	organization := comeOrGone(old, current)
	if organization == nil {
		return nil
	}
	return f.endpoints(ctx, organization.Namespace, into, func(e *v1alpha1.ScimEndpoint) bool {
		return directory.ReferredName(e.Spec.DefaultOrganization) == organization.Name
	})
}

func (f dependents) endpoints(ctx context.Context, namespace string, into requestSet, wanted func(*v1alpha1.ScimEndpoint) bool) error {
	endpoints, err := directory.Of(f.reader, namespace).Endpoints(ctx)
	for _, endpoint := range endpoints {
		if wanted(endpoint) {
			into.add(namespace, endpoint.Name)
		}
	}
	return err
}
