package action

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
)

// EventReason is the reason of the Event that tells of an action.
const EventReason = "ConsoleAction"

// Announce writes an Event about an object to which somebody has done something, in words such as "asked for the rules to run again".
// The client is of whoever may write Events: the operator, or the person.
func Announce(ctx context.Context, c client.Client, object client.Object, user, what string) error {
	gvk, err := c.GroupVersionKindFor(object)
	if err != nil {
		return fmt.Errorf("find the kind of %T: %w", object, err)
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "unknown"
	}
	event := &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: object.GetNamespace(), GenerateName: "console-action-"},
		EventTime:  metav1.NowMicro(), Type: corev1.EventTypeNormal, Reason: EventReason, Action: EventReason,
		Note:                note(user, what),
		ReportingController: "scim-console", ReportingInstance: host,
		Regarding: corev1.ObjectReference{
			APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind, Namespace: object.GetNamespace(), Name: object.GetName(),
			UID: object.GetUID(), ResourceVersion: object.GetResourceVersion(),
		},
	}
	ctx, cancel := context.WithTimeout(ctx, announceTimeout)
	defer cancel()
	return c.Create(ctx, event, client.DisableReadYourWritesConsistency)
}

// announceTimeout bounds how long somebody who has done something waits for the Event.
const announceTimeout = 5 * time.Second

// maxNote is the most bytes of a note that the API server takes.
const maxNote = 1024

// note says who did what. A name comes from whoever runs the provider, and from people themselves: it cannot be as long as to hide
// what was done, and is shown with quotes and escapes if it has characters that would make it, or what follows it, read as another
// one.
func note(user, what string) string {
	done := " " + what + " in the console."
	user = fold.Printable(user)
	if room := maxNote - len(done); len(user) > room {
		const cut = "…"
		user = strings.ToValidUTF8(user[:max(room-len(cut), 0)], "") + cut
	}
	return user + done
}
