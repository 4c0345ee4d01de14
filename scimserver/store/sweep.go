package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// sweepInterval is the time between two sweeps.
	sweepInterval = 10 * time.Minute
	// sweepTimeout bounds one sweep.
	sweepTimeout = 5 * time.Minute
	// sweepPage is the number of Leases read with one request.
	sweepPage = 500
)

// Sweeper removes what crashes leave behind: claims that stand for nothing, and
// mentions of groups that do not exist. It makes claims anew that somebody has
// deleted by hand. None of this is urgent: requests get along with leftovers.
type Sweeper struct {
	store     *Store
	namespace string
}

// NewSweeper returns a Sweeper for one namespace, or with "" for all.
func NewSweeper(s *Store, namespace string) *Sweeper { return &Sweeper{store: s, namespace: namespace} }

// NeedLeaderElection implements manager.LeaderElectionRunnable: one sweeps.
func (w *Sweeper) NeedLeaderElection() bool { return true }

// Start implements manager.Runnable.
func (w *Sweeper) Start(ctx context.Context) error {
	logger := log.FromContext(ctx).WithName("sweeper")
	wait.JitterUntilWithContext(ctx, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
		defer cancel()
		result, err := w.Sweep(ctx)
		result.measure()
		if err != nil {
			logger.Error(err, "The sweep was not finished; the next one goes on")
		}
		if result != (SweepResult{}) {
			logger.Info("Cleaned up after interrupted requests", "claimsRemoved", result.ClaimsRemoved,
				"claimsRestored", result.ClaimsRestored, "membershipsRemoved", result.MembershipsRemoved)
		}
	}, sweepInterval, 0.2, true)
	return nil
}

// SweepResult counts what a sweep has done.
type SweepResult struct {
	ClaimsRemoved      int
	ClaimsRestored     int
	MembershipsRemoved int
}

// Sweep does one round.
func (w *Sweeper) Sweep(ctx context.Context) (SweepResult, error) {
	var result SweepResult
	live, err := w.sweepClaims(ctx, &result)
	if err != nil {
		return result, err
	}
	return result, w.sweepObjects(ctx, live, &result)
}

// liveClaims are the claims that a sweep has left alone: their names and their holders, with
// their namespace. A group that is only about to be created is a holder, too.
type liveClaims struct {
	names, holders map[string]bool
}

// sweepClaims removes stale claims and returns the others.
func (w *Sweeper) sweepClaims(ctx context.Context, result *SweepResult) (*liveClaims, error) {
	live := &liveClaims{names: make(map[string]bool), holders: make(map[string]bool)}
	next := ""
	for {
		var page coordinationv1.LeaseList
		err := w.store.live.List(ctx, &page, client.InNamespace(w.namespace), client.HasLabels{v1alpha1.LabelClaim},
			client.Limit(sweepPage), client.Continue(next))
		if err != nil {
			return nil, fmt.Errorf("list claims: %w", err)
		}
		for i := range page.Items {
			lease := &page.Items[i]
			stale, err := w.stale(ctx, lease)
			if err != nil {
				return nil, err
			}
			gone := false
			if stale {
				// One that has changed meanwhile is in use again.
				if gone, err = w.store.claims.remove(ctx, lease); err != nil {
					return nil, err
				}
			}
			if gone {
				result.ClaimsRemoved++
				continue
			}
			live.names[lease.Namespace+"/"+lease.Name] = true
			live.holders[lease.Namespace+"/"+holderOf(lease)] = true
		}
		if next = page.Continue; next == "" {
			return live, nil
		}
	}
}

// stale reports whether a claim stands for nothing and is old enough that no
// request can be at work on it. The API server is asked only where the cache
// does not explain the claim: there are as many claims as users. Claims of another
// version, whose names are made in another way, are not ours to judge.
func (w *Sweeper) stale(ctx context.Context, lease *coordinationv1.Lease) (bool, error) {
	age := w.store.claims.age(lease)
	if age < w.store.timing.claimForgotten || lease.Annotations[annotationBegun] != "" && age < w.store.timing.danglingAge {
		return false, nil
	}
	kind := claimKind(lease.Labels[v1alpha1.LabelClaim])
	if !strings.HasPrefix(lease.Name, claimPrefix(kind)) {
		return false, nil
	}
	holder := kind.newHolder()
	found, err := w.store.peek(ctx, lease.Namespace, holderOf(lease), holder, false)
	if err != nil || (found && claimName(kind, claimedName(holder)) == lease.Name) {
		return false, err
	}
	state, err := w.store.claims.holderState(ctx, kind, lease.Namespace, lease, "", 0)
	return state == holderGone, err
}

// sweepObjects looks at every user and group in the cache.
func (w *Sweeper) sweepObjects(ctx context.Context, claims *liveClaims, result *SweepResult) error {
	for tenant, ids := range w.store.users.order.tenants() {
		for _, id := range ids {
			user := &v1alpha1.ScimUser{}
			found, err := w.store.peek(ctx, tenant, id, user, false)
			if err == nil && found {
				err = w.sweepObject(ctx, claims, claimUserName, user, user.Spec.UserName, user.Spec.Groups, result)
			}
			if err != nil {
				return err
			}
		}
	}
	for tenant, ids := range w.store.groups.order.tenants() {
		for _, id := range ids {
			group := &v1alpha1.ScimGroup{}
			found, err := w.store.peek(ctx, tenant, id, group, false)
			if err == nil && found {
				err = w.sweepObject(ctx, claims, claimDisplayName, group, group.Spec.DisplayName, group.Spec.Groups, result)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Sweeper) sweepObject(
	ctx context.Context, claims *liveClaims, kind claimKind, obj client.Object, name string, groups []string, result *SweepResult,
) error {
	if err := w.restore(ctx, claims, kind, obj, name, result); err != nil {
		return err
	}
	m := member{id: obj.GetName(), isGroup: kind == claimDisplayName}
	return w.leaveMissing(ctx, claims, m, obj.GetNamespace(), groups, result)
}

// restore makes the claim of a user or group anew when it is missing.
func (w *Sweeper) restore(
	ctx context.Context, claims *liveClaims, kind claimKind, obj client.Object, name string, result *SweepResult,
) error {
	lease := w.store.claims.newLease(kind, obj.GetNamespace(), claimName(kind, name), obj.GetName())
	if claims.names[lease.Namespace+"/"+lease.Name] || time.Since(obj.GetCreationTimestamp().Time) < w.store.timing.claimForgotten {
		return nil
	}
	err := w.store.client.Create(ctx, lease, client.DisableReadYourWritesConsistency)
	switch {
	case apierrors.IsAlreadyExists(err):
		return nil
	case err != nil:
		return fmt.Errorf("restore claim: %w", err)
	}
	result.ClaimsRestored++
	return nil
}

// leaveMissing takes mentions of groups that do not exist out of a member. How
// old a mention can be at most is in the group's id; but a group whose creation has been
// begun, which a repeated request may go on with, has a claim.
func (w *Sweeper) leaveMissing(
	ctx context.Context, claims *liveClaims, m member, tenant string, groups []string, result *SweepResult,
) error {
	for _, id := range slices.Clone(groups) {
		if claims.holders[tenant+"/"+id] {
			continue
		}
		if parsed, err := uuid.Parse(id); err != nil || time.Since(time.Unix(parsed.Time().UnixTime())) < w.store.timing.danglingAge {
			continue
		}
		exists, err := fetch(ctx, w.store, tenant, id, &v1alpha1.ScimGroup{}, false, client.UnsafeDisableDeepCopy)
		if err != nil {
			return err
		}
		if exists {
			continue
		}
		if _, err := w.store.writeMember(ctx, tenant, id, m, false); err != nil {
			return err
		}
		result.MembershipsRemoved++
	}
	return nil
}
