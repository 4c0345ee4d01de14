package brake

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
)

// maxHeldNames is the most names of held subjects that a ScimEndpoint shows.
const maxHeldNames = 10

// Reasons of Events about the safety brake.
const (
	eventReleased  = "Released"
	eventHoldEnded = "HoldEnded"
	eventRestored  = "BrakeRestored"
)

// heldSubjects are what a namespace's subjects say of the safety brake.
type heldSubjects struct {
	// newest is the newest generation among them.
	newest int64
	names  []string
	// of is how many of them are held for each effect.
	of map[effect]int
}

// heldIn collects the subjects that are held under a generation that is not released.
func heldIn(ctx context.Context, reader client.Reader, namespace string, released int64) (heldSubjects, error) {
	found := heldSubjects{of: map[effect]int{}}
	add := func(name string, h Hold) {
		if h.Generation > released {
			found.names = append(found.names, name)
			found.newest = max(found.newest, h.Generation)
			for _, e := range h.effects {
				found.of[e]++
			}
		}
	}
	users, persons := &v1alpha1.ScimUserList{}, &v1alpha1.PersonList{}
	if err := directory.List(ctx, reader, users, namespace, directory.UserByHeld, directory.Held, client.UnsafeDisableDeepCopy); err != nil {
		return found, fmt.Errorf("list held ScimUsers: %w", err)
	}
	if err := directory.List(ctx, reader, persons, namespace, directory.PersonByHeld, directory.Held, client.UnsafeDisableDeepCopy); err != nil {
		return found, fmt.Errorf("list held Persons: %w", err)
	}
	for i := range users.Items {
		add(users.Items[i].Name, HoldOf(&users.Items[i]))
	}
	for i := range persons.Items {
		add(persons.Items[i].Name, holdOfOrphan(&persons.Items[i]))
	}
	slices.Sort(found.names)
	return found, nil
}

// Describe makes the endpoint's status tell what the safety brake holds and whether it is
// weakened. It returns the Events to send once that is written. Of several endpoints in a
// namespace one speaks for it.
func (b *Brake) Describe(ctx context.Context, endpoint *v1alpha1.ScimEndpoint) ([]Event, error) {
	speaker, err := directory.Of(b.client, endpoint.Namespace).Speaker(ctx)
	if err != nil {
		return nil, err
	}
	if speaker == nil || speaker.Name != endpoint.Name {
		meta.RemoveStatusCondition(&endpoint.Status.Conditions, v1alpha1.ConditionHeld)
		meta.RemoveStatusCondition(&endpoint.Status.Conditions, v1alpha1.ConditionBrakeWeakened)
		endpoint.Status.Held = nil
		return nil, nil
	}
	held, err := b.describeHold(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	weakened, err := b.describeWeakness(ctx, endpoint)
	return []Event{held, weakened}, err
}

// describeWeakness makes the endpoint's status tell whether the brake would hold anything.
func (b *Brake) describeWeakness(ctx context.Context, endpoint *v1alpha1.ScimEndpoint) (event Event, err error) {
	if err := kube.WaitFor(ctx, b.persons.synced); err != nil {
		return event, err
	}
	s, err := SafetyIn(ctx, b.client, endpoint.Namespace)
	if err != nil {
		return event, err
	}
	conditions := &endpoint.Status.Conditions
	before := meta.FindStatusCondition(*conditions, v1alpha1.ConditionBrakeWeakened)
	reason, message := s.weakness(b.persons.persons(endpoint.Namespace))
	if reason == "" {
		if meta.RemoveStatusCondition(conditions, v1alpha1.ConditionBrakeWeakened) {
			event = Event{corev1.EventTypeNormal, eventRestored, "The safety brake is on, with limits that hold."}
		}
		return event, nil
	}
	if before == nil || before.Reason != reason {
		event = Event{corev1.EventTypeWarning, v1alpha1.ConditionBrakeWeakened, message}
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: v1alpha1.ConditionBrakeWeakened, Status: metav1.ConditionTrue, Reason: reason, Message: message,
		ObservedGeneration: endpoint.Generation, LastTransitionTime: metav1.NewTime(b.clock.Now()),
	})
	return event, nil
}

// describeHold lets go of what the annotation names and makes the endpoint's status
// tell what is held. It returns the Event to send once that is written.
func (b *Brake) describeHold(ctx context.Context, endpoint *v1alpha1.ScimEndpoint) (event Event, err error) {
	conditions, status := &endpoint.Status.Conditions, &endpoint.Status
	if b.releaseHeld(endpoint) {
		event = Event{corev1.EventTypeNormal, eventReleased, fmt.Sprintf(
			"Generation %d of what the safety brake held is released.", status.Held.ReleasedGeneration)}
	}
	held, err := heldIn(ctx, b.client, endpoint.Namespace, safetyOf(endpoint).released)
	if err != nil {
		return event, err
	}
	wasHeld := meta.IsStatusConditionTrue(*conditions, v1alpha1.ConditionHeld)
	if status.Held == nil && len(held.names) == 0 {
		return event, nil
	}
	if status.Held == nil {
		status.Held = &v1alpha1.HeldPersons{}
	}
	status.Held.Generation = max(status.Held.Generation, held.newest)
	status.Held.Count = int64(len(held.names))
	status.Held.First = held.names[:min(len(held.names), maxHeldNames)]
	if len(held.names) == 0 {
		meta.RemoveStatusCondition(conditions, v1alpha1.ConditionHeld)
		if wasHeld && event.Reason == "" {
			event = Event{corev1.EventTypeNormal, eventHoldEnded, "The safety brake holds nothing any more: the cause is gone."}
		}
		return event, nil
	}
	narrowest, err := b.narrowest(ctx, endpoint.Namespace, held)
	if err != nil {
		return event, err
	}
	message := heldMessage(endpoint, held, narrowest)
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: v1alpha1.ConditionHeld, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonHeld, Message: message,
		ObservedGeneration: endpoint.Generation, LastTransitionTime: metav1.NewTime(b.clock.Now()),
	})
	if !wasHeld {
		event = Event{corev1.EventTypeWarning, v1alpha1.ReasonHeld, message}
	}
	return event, nil
}

// Event is an Event about the safety brake; none if it has no reason.
type Event struct{ Kind, Reason, Message string }

// releaseHeld does what the annotation asks for, if it names something that the status
// has told of and that is not released yet.
func (b *Brake) releaseHeld(endpoint *v1alpha1.ScimEndpoint) bool {
	generation, err := strconv.ParseInt(endpoint.Annotations[v1alpha1.AnnotationReleaseHeld], 10, 64)
	held := endpoint.Status.Held
	if err != nil || held == nil || generation > held.Generation || generation <= held.ReleasedGeneration {
		return false
	}
	held.ReleasedGeneration = generation
	held.ReleasedAt = new(v1alpha1.NewTimestamp(b.clock.Now()))
	return true
}

// narrowest names the limits that leave least now for what is held: with what has been done by
// then the day's may be narrower than the one that is usually met first.
func (b *Brake) narrowest(ctx context.Context, namespace string, found heldSubjects) ([]string, error) {
	if err := kube.WaitFor(ctx, b.persons.synced); err != nil {
		return nil, err
	}
	s, err := SafetyIn(ctx, b.client, namespace)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range Effects {
		if name := b.persons.narrowest(namespace, e, b.clock.Now(), s); found.of[e] > 0 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

func heldMessage(endpoint *v1alpha1.ScimEndpoint, found heldSubjects, narrowest []string) string {
	held := endpoint.Status.Held
	var parts []string
	for _, e := range Effects {
		if n := found.of[e]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, inWords[e]))
		}
	}
	message := fmt.Sprintf("%d Persons are held: %s, because that was to happen to more at once than spec.safety allows. Least is left now by %s. The first: %s. "+
		"If the cause is a mistake, repair it: the hold then ends by itself. To let it happen all the same: "+
		"kubectl annotate -n %s scimendpoint %s --overwrite %s=%d", held.Count, strings.Join(parts, ", "), strings.Join(narrowest, " and by "), strings.Join(held.First[:min(len(held.First), 3)], ", "),
		endpoint.Namespace, endpoint.Name, v1alpha1.AnnotationReleaseHeld, held.Generation)
	if value, asked := endpoint.Annotations[v1alpha1.AnnotationReleaseHeld]; asked && value != strconv.FormatInt(held.ReleasedGeneration, 10) {
		message += ". The annotation has another value now, which names nothing that is held"
	}
	return message
}

// inWords says of a number of Persons what does not happen to them.
var inWords = map[effect]string{
	v1alpha1.HeldDisable: "not disabled", v1alpha1.HeldEnable: "not enabled", v1alpha1.HeldChangePrimaryEmail: "without their new primaryEmail",
}

// ReleaseChanged reports whether an endpoint lets go of more than before.
func ReleaseChanged(old, current *v1alpha1.ScimEndpoint) bool {
	if old == nil || current == nil {
		return true
	}
	before, after := safetyOf(old), safetyOf(current)
	return before.released != after.released || before.off != after.off
}
