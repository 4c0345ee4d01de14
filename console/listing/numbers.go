package listing

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/access"
	"rservice.dev/scim-operator/controllers/tally"
)

// Numbers knows how many objects caches hold, and how many of them are not Ready, by reason. It begins to count a kind in a cache
// when it is asked first, and follows the cache from then on: to know the numbers no object is looked at, however many there are.
// They may be behind what is read from the cache by the moment that an event takes. The zero value is ready for use.
type Numbers struct {
	mu      sync.Mutex
	tallies map[counted]*tally.Tally
}

// counted is a kind in a cache.
type counted struct {
	cache cache.Cache
	kind  reflect.Type
}

// Number is how many objects of a kind a namespace has.
type Number struct {
	Total int
	// Reasons are those of objects that are not Ready, the most frequent first.
	Reasons []Count
}

// Users is the number of those that the client has pushed.
func (n *Numbers) Users(ctx context.Context, reader client.Reader, namespace string) (Number, error) {
	return count(ctx, n, reader, namespace, &v1alpha1.ScimUser{}, users())
}

// Groups is the number of those that the client has pushed.
func (n *Numbers) Groups(ctx context.Context, reader client.Reader, namespace string) (Number, error) {
	return count(ctx, n, reader, namespace, &v1alpha1.ScimGroup{}, groups())
}

// Persons is the number of all of the namespace.
func (n *Numbers) Persons(ctx context.Context, reader client.Reader, namespace string) (Number, error) {
	return count(ctx, n, reader, namespace, &v1alpha1.Person{}, persons())
}

// count asks whether the caller may list the kind, if reader is a Guard.
func count[P client.Object](ctx context.Context, n *Numbers, reader client.Reader, namespace string, object P, k kind[P]) (Number, error) {
	reader, err := access.Unguarded(ctx, reader, object)
	if err != nil {
		return Number{}, err
	}
	held, ok := reader.(cache.Cache)
	if !ok {
		return Number{}, fmt.Errorf("count %T: %T is no cache", object, reader)
	}
	// It waits until the kind is known, or says at once that it is not: the cache of one of several namespaces does.
	if _, err := held.GetInformer(ctx, object); err != nil {
		return Number{}, fmt.Errorf("watch %T: %w", object, err)
	}
	following, err := follow(ctx, n, held, object, k)
	if err != nil {
		return Number{}, err
	}
	if err := following.Wait(ctx); err != nil {
		return Number{}, err
	}
	number, reasons := Number{}, following.Of(namespace)
	for _, count := range reasons {
		number.Total += count
	}
	delete(reasons, "") // those that are Ready
	number.Reasons = sortedCounts(reasons)
	return number, nil
}

// follow is the tally of a kind in a cache, which begins with the first who asks.
func follow[P client.Object](ctx context.Context, n *Numbers, held cache.Cache, object P, k kind[P]) (*tally.Tally, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	of := counted{held, reflect.TypeOf(object)}
	if found := n.tallies[of]; found != nil {
		return found, nil
	}
	made, err := tally.New(ctx, held, object, func(object P) string { return NotReady(k.conditions(object)) })
	if err != nil {
		return nil, err
	}
	if n.tallies == nil {
		n.tallies = map[counted]*tally.Tally{}
	}
	n.tallies[of] = made
	return made, nil
}
