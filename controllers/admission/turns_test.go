package admission

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
)

// TestOneNamespaceKeepsNoOtherWaiting: however many wait in it, another one is next.
func TestOneNamespaceKeepsNoOtherWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		var order []string
		count := func(ctx context.Context, namespace string) {
			done, err := turns.take(ctx, namespace)
			if err != nil {
				return
			}
			defer done()
			order = append(order, namespace) // a race, were it not for the turns
		}
		release, err := turns.take(t.Context(), "busy")
		if err != nil {
			t.Fatal(err)
		}
		impatient, giveUp := context.WithCancel(t.Context())
		for range 20 {
			go count(t.Context(), "busy")
		}
		go count(impatient, "other")
		go count(impatient, "busy")
		synctest.Wait()
		giveUp()
		for _, namespace := range []string{"small", "other", "small"} {
			synctest.Wait()
			go count(t.Context(), namespace)
		}
		synctest.Wait()
		release()
		synctest.Wait()
		if first := slices.Sorted(slices.Values(order[:2])); !slices.Equal(first, []string{"other", "small"}) {
			t.Errorf("the first are %q, want those of other namespaces", first)
		}
		if at := slices.Index(order[2:], "small"); at < 0 || at > 1 {
			t.Errorf("the second one of a namespace is number %d after that, want it before the busy one's second", at)
		}
		if len(order) != 23 {
			t.Errorf("%d were counted, want all but those that gave up", len(order))
		}
		if len(turns.namespaces) != 0 {
			t.Errorf("%d namespaces are remembered", len(turns.namespaces))
		}
	})
}
