#!/usr/bin/env bash
# What counts as the same Event for the recorder of events.k8s.io, which controller-runtime's GetEventRecorder gives. The note does not, so that of three
# different ones with one reason the first is all that is ever stored: the second makes it a series of 2, from the third on the count is
# only kept in memory, and their notes are nowhere. The resourceVersion of the object does: the very same note, told
# again after the object was written, is no series but another Event. No error, no message.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require (
	k8s.io/api v0.37.2
	k8s.io/apimachinery v0.37.2
	k8s.io/client-go v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"sort"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
)

func main() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	client := fake.NewClientset()
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()})
	if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		panic(err)
	}
	recorder := broadcaster.NewRecorder(scheme.Scheme, "look")
	stored := func() []eventsv1.Event {
		list, err := client.EventsV1().Events("default").List(ctx, metav1.ListOptions{})
		if err != nil {
			panic(err)
		}
		sort.Slice(list.Items, func(i, j int) bool { return list.Items[i].EventTime.Before(&list.Items[j].EventTime) })
		return list.Items
	}
	tell := func(version, note string) {
		before := fmt.Sprint(stored())
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "jane", UID: "7", ResourceVersion: version}}
		recorder.Eventf(pod, nil, corev1.EventTypeWarning, "RuleFailed", "Evaluate", "%s", note)
		// Until something is stored; two seconds are enough to say that nothing is.
		_ = wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, 2*time.Second, true, func(context.Context) (bool, error) {
			return fmt.Sprint(stored()) != before, nil
		})
		fmt.Printf("version %s, told %q, stored", version, note)
		for _, event := range stored() {
			count := int32(1)
			if event.Series != nil {
				count = event.Series.Count
			}
			fmt.Printf(" %q x%d", event.Note, count)
		}
		fmt.Println()
	}
	tell("1", "rule a failed")
	tell("1", "rule b failed")
	tell("1", "rule c failed")
	tell("2", "rule a failed")
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
version 1, told "rule a failed", stored "rule a failed" x1
version 1, told "rule b failed", stored "rule a failed" x2
version 1, told "rule c failed", stored "rule a failed" x2
version 2, told "rule a failed", stored "rule a failed" x2 "rule a failed" x1
SEEN
echo "k8s.io/client-go v0.37.2: as stated"
