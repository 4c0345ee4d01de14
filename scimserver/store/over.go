package store

import (
	"math"

	"golang.org/x/sync/semaphore"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// Over returns a Store that does to what c holds what the server's Store would do to what the API server holds: for a look at what a
// request would do. c is one process's own, shows its writes at once, and has the indexes of membership, of userindex and of Indexes.
// No one lists or searches through such a Store: it knows no order of ids.
func Over(c client.Client) *Store {
	s := &Store{
		client: c, live: c, cached: c, timing: defaultTiming, room: v1alpha1.MaxGroupMembers,
		claims:       claims{client: c, live: c, salts: kube.NewSalts(c, c), timing: defaultTiming},
		largeLookups: semaphore.NewWeighted(maxLargeLookups),
	}
	for _, index := range s.kinds() {
		index.order = newOrder()
		index.order.settle()
		index.order.reach(math.MaxInt64) // there is nothing to wait for
	}
	s.complete.Store(true)
	return s
}

// Indexes are those that Over needs besides membership's and userindex's: the Store's own, and the field by which it has the API
// server select a group's pages.
func Indexes() []membership.Index {
	return append(indexes(), membership.Index{Object: &v1alpha1.ScimGroupPage{}, Name: selectGroup, Keys: func(object client.Object) []string {
		page, ok := object.(*v1alpha1.ScimGroupPage)
		if !ok {
			return nil
		}
		return []string{page.Spec.Group}
	}})
}
