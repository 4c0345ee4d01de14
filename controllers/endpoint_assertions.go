package controllers

import (
	"context"
	"fmt"
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

// due reports whether the endpoint's Leases have not been looked at for long, and counts as a look.
func (s *assertionSweeper) due(endpoint *v1alpha1.ScimEndpoint, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := client.ObjectKeyFromObject(endpoint)
	if now.Sub(s.swept[key]) < sweepInterval {
		return false
	}
	s.swept[key] = now
	return true
}

// sweep looks at an endpoint's Leases once an hour, if its clients may have made some.
func (s *assertionSweeper) sweep(ctx context.Context, endpoint *v1alpha1.ScimEndpoint, now time.Time) error {
	uses := false
	for _, oauthClient := range endpoint.Spec.Authentication.Clients {
		uses = uses || len(oauthClient.Assertions) > 0
	}
	if !uses || !s.due(endpoint, now) {
		return nil
	}
	var leases coordinationv1.LeaseList
	err := s.live.List(ctx, &leases, client.InNamespace(endpoint.Namespace), client.MatchingLabels{v1alpha1.LabelAssertion: endpoint.Name})
	if err != nil {
		return fmt.Errorf("list the Leases of used assertions: %w", err)
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
	return nil
}
