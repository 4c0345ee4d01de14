package controllers

import (
	"context"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/verdict"
)

// sweepInterval is how often Leases are looked for that tell of assertions which have expired.
const sweepInterval = time.Hour

// assertionSweeper deletes the Leases that say that an assertion has been used, when it has expired.
//
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=list;delete
type assertionSweeper struct {
	// live reads from the API server: Leases are in no cache.
	live   client.Reader
	writer client.Writer

	mu    sync.Mutex
	swept map[types.NamespacedName]time.Time
}

func newAssertionSweeper(live client.Reader, writer client.Writer) *assertionSweeper {
	return &assertionSweeper{live: live, writer: writer, swept: map[types.NamespacedName]time.Time{}}
}

// due reports whether the endpoint's Leases have not been looked at for long.
func (s *assertionSweeper) due(endpoint types.NamespacedName, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Sub(s.swept[endpoint]) >= sweepInterval
}

// done takes down that the endpoint's Leases have been looked at.
func (s *assertionSweeper) done(endpoint types.NamespacedName, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swept[endpoint] = now
}

// forget drops what is known of an endpoint that is gone.
func (s *assertionSweeper) forget(endpoint types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.swept, endpoint)
}

// sweep looks at an endpoint's Leases, once an hour at most: also where no client has assertions any more.
func (s *assertionSweeper) sweep(ctx context.Context, endpoint *v1alpha1.ScimEndpoint, now time.Time) error {
	key := client.ObjectKeyFromObject(endpoint)
	if !s.due(key, now) {
		return nil
	}
	var leases coordinationv1.LeaseList
	err := s.live.List(ctx, &leases, client.InNamespace(endpoint.Namespace), client.MatchingLabels{v1alpha1.LabelAssertion: endpoint.Name})
	if err != nil {
		return verdict.FailedTo("list the Leases of used assertions", err)
	}
	for i := range leases.Items {
		lease := &leases.Items[i]
		if lease.Spec.RenewTime == nil || lease.Spec.LeaseDurationSeconds == nil ||
			now.Before(lease.Spec.RenewTime.Add(time.Duration(*lease.Spec.LeaseDurationSeconds)*time.Second)) {
			continue
		}
		err := s.writer.Delete(ctx, lease, client.Preconditions{UID: &lease.UID}, client.DisableReadYourWritesConsistency)
		if client.IgnoreNotFound(err) != nil {
			return verdict.FailedTo("delete the Lease of an assertion that has expired", err)
		}
	}
	s.done(key, now)
	return nil
}
