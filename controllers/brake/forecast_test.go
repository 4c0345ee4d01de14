package brake

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/rulecache"
)

// slowReader lists nothing before somebody lets it.
type slowReader struct {
	client.Reader
	asked chan struct{}
	let   chan error
}

func (r *slowReader) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	r.asked <- struct{}{}
	if err := <-r.let; err != nil {
		return err
	}
	return r.Reader.List(ctx, list, options...)
}

func TestNobodyWaitsForAForecast(t *testing.T) {
	reader := &slowReader{Reader: directory.NewObjects(), asked: make(chan struct{}), let: make(chan error)}
	f := newForecaster(reader, clock.RealClock{})
	persons := windowOf(time.Now(), 12)
	ask := func() (bool, error) {
		return f.allows(t.Context(), "tenant", rulecache.Set{}, v1alpha1.HeldDisable, safetyOf(&v1alpha1.ScimEndpoint{}), persons)
	}
	// The first one fails, the second one succeeds.
	for _, end := range []error{errors.New("no connection"), nil} {
		first := make(chan error)
		go func() {
			_, err := ask()
			first <- err
		}()
		<-reader.asked
		if _, err := ask(); !errors.Is(err, errForecasting) {
			t.Errorf("while one is made: %v", err)
		}
		reader.let <- end
		if err := <-first; !errors.Is(err, end) {
			t.Errorf("who makes it gets %v, want %v", err, end)
		}
	}
	if allowed, err := ask(); !allowed || err != nil {
		t.Errorf("after it was made: %v, %v", allowed, err)
	}
}
