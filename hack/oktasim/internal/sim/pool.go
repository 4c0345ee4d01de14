package sim

import (
	"context"
	"fmt"
	"sync"

	"rservice.dev/scim-operator/hack/oktasim/internal/report"
)

// forEach does one step for every item, a number of them at once, and stops at the first error.
// Without items the step is not in the report: nothing was shown of it.
func forEach[T any](ctx context.Context, s *Sim, name string, mode Mode, items []T, do func(context.Context, *report.Step, T) error) error {
	if len(items) == 0 {
		return nil
	}
	step := s.Report.Step(name, string(mode))
	title := name
	if mode != "" {
		title += " (" + string(mode) + ")"
	}
	s.Progress.Start(title, len(items))
	defer s.Progress.End()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan T)
	var workers sync.WaitGroup
	for range min(s.workers, len(items)) {
		workers.Go(func() {
			for item := range queue {
				if err := do(ctx, step, item); err != nil {
					cancel(err)
					return
				}
				s.Progress.Done()
			}
		})
	}
	for _, item := range items {
		select {
		case queue <- item:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(queue)
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("%s: %w", title, err)
	}
	return nil
}
