package keylock

import (
	"context"
	"errors"
	"sync"
	"testing"
)

func TestOneAtATime(t *testing.T) {
	var locks Locks
	counts := map[string]int{}
	var wait sync.WaitGroup
	for i := range 100 {
		wait.Go(func() {
			// In different orders, which must not make them wait for each other.
			keys := []string{"a", "b", "a"}
			if i%2 == 0 {
				keys = []string{"b", "a"}
			}
			release, err := locks.Lock(t.Context(), keys...)
			if err != nil {
				t.Error(err)
				return
			}
			defer release()
			counts["a"]++ // a race, were it not for the lock
		})
	}
	wait.Wait()
	if counts["a"] != 100 {
		t.Errorf("%d of 100 were let in", counts["a"])
	}
	if len(locks.locks) != 0 {
		t.Errorf("%d locks are left", len(locks.locks))
	}
}

func TestWhoGivesUpHoldsNothing(t *testing.T) {
	var locks Locks
	releaseB, err := locks.Lock(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := locks.Lock(ctx, "a", "b"); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	releaseA, err := locks.Lock(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	releaseA()
	releaseB()
	if len(locks.locks) != 0 {
		t.Errorf("%d locks are left", len(locks.locks))
	}
}
