package store

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"rservice.dev/scim-operator/scimserver/scim"
)

// Change is what a request makes of a resource that exists: a *scim.Patch or a *scim.Replacement.
type Change interface {
	// Apply returns what the resource shall become. It gets the resource as it is, the members of a group as a
	// scim.Stream, and does not change it. A write that meets a concurrent one applies the change again.
	Apply(ctx context.Context, current scim.Resource) (scim.Resource, error)
}

// Create stores a new resource, or returns a 409 when its userName or
// displayName is taken.
func (s *Store) Create(ctx context.Context, tenant string, rt *scim.ResourceType, r scim.Resource) (scim.Resource, error) {
	if rt == scim.User {
		return s.createUser(ctx, tenant, r)
	}
	return s.createGroup(ctx, tenant, r)
}

// Updated is what has become of a resource.
type Updated struct {
	// Resource is as it is afterwards, but of a group it lacks the members: there may be very many, and not every answer
	// has them.
	Resource scim.Resource
	// Members is how many members a group has at most.
	Members int
	// Changed is false when there was nothing to write, and then nothing was written.
	Changed bool
	// WithMembers returns the same with the members of a group as a scim.Stream; nil for a user.
	WithMembers func(ctx context.Context) (scim.Resource, error)
}

// wantedVersion is what an If-Match header asks for, "" for nothing: that the resource exists, which "*" asks for, is
// asked of every request.
func wantedVersion(ifMatch string) string {
	if ifMatch == "*" {
		return ""
	}
	return ifMatch
}

// Update carries out a change. ifMatch is the value of the If-Match header, "" for none; a version that is
// not the current one is a 412.
func (s *Store) Update(
	ctx context.Context, tenant string, rt *scim.ResourceType, id, ifMatch string, change Change,
) (Updated, error) {
	ifMatch = wantedVersion(ifMatch)
	if rt == scim.User {
		return s.updateUser(ctx, tenant, id, ifMatch, change)
	}
	return s.updateGroup(ctx, tenant, id, ifMatch, change)
}

// Delete removes a resource. Its name is free again at once.
func (s *Store) Delete(ctx context.Context, tenant string, rt *scim.ResourceType, id, ifMatch string) error {
	ifMatch = wantedVersion(ifMatch)
	if rt == scim.User {
		return s.deleteUser(ctx, tenant, id, ifMatch)
	}
	return s.deleteGroup(ctx, tenant, id, ifMatch)
}

// errContended means that a write lost against others maxTries times.
var errContended = apierrors.NewTooManyRequests("many clients are changing the same resource", 1)

// backoff waits a little after a conflict, so that two replicas do not meet again.
func backoff(ctx context.Context, try int) error {
	return sleep(ctx, time.Duration(try+1)*5*time.Millisecond)
}
