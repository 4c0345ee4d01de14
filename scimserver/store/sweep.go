package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/membership"
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

// Sweeper removes what crashes leave behind: claims that stand for nothing, members that do not exist, and pages that no group
// lists. It makes claims anew that somebody has deleted by hand. None of this is urgent: requests get along with leftovers.
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
		if !w.store.Synced() {
			return // a namespace that cannot be read
		}
		ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
		defer cancel()
		result, err := w.Sweep(ctx)
		result.measure()
		if err != nil {
			logger.Error(err, "The sweep was not finished; the next one goes on")
		}
		if result != (SweepResult{}) {
			logger.Info("Cleaned up after interrupted requests", "claimsRemoved", result.ClaimsRemoved,
				"claimsRestored", result.ClaimsRestored, "membershipsRemoved", result.MembershipsRemoved, "pagesRemoved", result.PagesRemoved)
		}
	}, sweepInterval, 0.2, true)
	return nil
}

// SweepResult counts what a sweep has done.
type SweepResult struct {
	ClaimsRemoved      int
	ClaimsRestored     int
	MembershipsRemoved int
	PagesRemoved       int
}

// Sweep does one round. A tenant in which something fails, such as for a quota, is left at
// that until the next one; the error tells of all of them.
func (w *Sweeper) Sweep(ctx context.Context) (SweepResult, error) {
	var result SweepResult
	live, err := w.sweepClaims(ctx, &result)
	if err != nil {
		return result, err
	}
	w.sweepObjects(ctx, live, &result)
	return result, errors.Join(slices.Collect(maps.Values(live.failed))...)
}

// liveClaims are the claims that a sweep has left alone: their names and their holders, with
// their namespace. A group that is only about to be created is a holder, too.
type liveClaims struct {
	names, holders map[string]bool
	// failed are the tenants in which something went wrong.
	failed map[string]error
}

func (c *liveClaims) fail(tenant string, err error) {
	c.failed[tenant] = fmt.Errorf("namespace %s: %w", tenant, err)
}

// sweepClaims removes stale claims and returns the others.
func (w *Sweeper) sweepClaims(ctx context.Context, result *SweepResult) (*liveClaims, error) {
	live := &liveClaims{names: make(map[string]bool), holders: make(map[string]bool), failed: make(map[string]error)}
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
			if live.failed[lease.Namespace] != nil {
				continue
			}
			switch gone, err := w.sweepClaim(ctx, lease); {
			case err != nil:
				live.fail(lease.Namespace, err)
			case gone:
				result.ClaimsRemoved++
			default:
				live.names[lease.Namespace+"/"+lease.Name] = true
				live.holders[lease.Namespace+"/"+holderOf(lease)] = true
			}
		}
		if next = page.Continue; next == "" {
			return live, nil
		}
	}
}

// sweepClaim removes a claim if it is stale.
func (w *Sweeper) sweepClaim(ctx context.Context, lease *coordinationv1.Lease) (gone bool, err error) {
	stale, err := w.stale(ctx, lease)
	if err != nil || !stale {
		return false, err
	}
	// One that has changed meanwhile is in use again.
	return w.store.claims.remove(ctx, lease)
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
	if err != nil {
		return false, err
	}
	claimed, err := w.store.claims.leaseName(ctx, uniqueName{kind, lease.Namespace, claimedName(holder)})
	if err != nil || (found && claimed == lease.Name) {
		return false, err
	}
	state, err := w.store.claims.holderState(ctx, kind, lease, "", 0)
	return state == holderGone, err
}

// sweepObjects looks at every user, group and page in the cache.
func (w *Sweeper) sweepObjects(ctx context.Context, claims *liveClaims, result *SweepResult) {
	sweep := func(index *kindIndex, one func(tenant, id string) error) {
		for tenant, ids := range index.order.tenants() {
			for _, id := range ids {
				if claims.failed[tenant] != nil {
					break
				}
				if err := one(tenant, id); err != nil {
					claims.fail(tenant, err)
				}
			}
		}
	}
	sweep(&w.store.users, func(tenant, id string) error {
		user := &v1alpha1.ScimUser{}
		found, err := w.store.peek(ctx, tenant, id, user, false)
		if err != nil || !found {
			return err
		}
		return w.restore(ctx, claims, claimUserName, user, user.Spec.UserName, result)
	})
	sweep(&w.store.groups, func(tenant, id string) error {
		group := &v1alpha1.ScimGroup{}
		found, err := w.store.peek(ctx, tenant, id, group, false)
		if err != nil || !found {
			return err
		}
		if err := w.restore(ctx, claims, claimDisplayName, group, group.Spec.DisplayName, result); err != nil {
			return err
		}
		return w.takeOutGone(ctx, tenant, group.Spec.Members, result, func(gone map[string]bool) error {
			return w.store.takeOut(ctx, group.DeepCopy(), gone)
		})
	})
	sweep(&w.store.pages, func(tenant, id string) error { return w.sweepPage(ctx, claims, tenant, id, result) })
}

// restore makes the claim of a user or group anew when it is missing.
func (w *Sweeper) restore(
	ctx context.Context, claims *liveClaims, kind claimKind, obj client.Object, name string, result *SweepResult,
) error {
	claimed, err := w.store.claims.leaseName(ctx, uniqueName{kind, obj.GetNamespace(), name})
	if err != nil {
		return err
	}
	lease := w.store.claims.newLease(kind, obj.GetNamespace(), claimed, obj.GetName())
	if claims.names[lease.Namespace+"/"+lease.Name] || time.Since(obj.GetCreationTimestamp().Time) < w.store.timing.claimForgotten {
		return nil
	}
	err = w.store.client.Create(ctx, lease, client.DisableReadYourWritesConsistency)
	switch {
	case apierrors.IsAlreadyExists(err):
		return nil
	case err != nil:
		return fmt.Errorf("restore claim: %w", err)
	}
	result.ClaimsRestored++
	return nil
}

// sweepPage deletes a page that no group lists, and takes out of others who does not exist. A group whose creation has been begun,
// which a repeated request may go on with, has a claim.
func (w *Sweeper) sweepPage(ctx context.Context, claims *liveClaims, tenant, name string, result *SweepResult) error {
	page := &v1alpha1.ScimGroupPage{}
	if found, err := w.cachedPage(ctx, tenant, name, page); err != nil || !found {
		return err
	}
	_, listed, err := w.listed(ctx, page, false)
	if err != nil {
		return err
	}
	if listed {
		return w.takeOutGone(ctx, tenant, page.Spec.Members, result, func(gone map[string]bool) error {
			return w.store.takeOut(ctx, page.DeepCopy(), gone)
		})
	}
	if time.Since(page.CreationTimestamp.Time) < w.store.timing.danglingAge {
		return nil
	}
	exists, listed, err := w.listed(ctx, page, true)
	if err != nil || listed || !exists && claims.holders[tenant+"/"+page.Spec.Group] {
		return err
	}
	if err := w.store.remove(ctx, page.DeepCopy()); apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("delete a page of members: %w", err)
	}
	result.PagesRemoved++
	return nil
}

func (w *Sweeper) cachedPage(ctx context.Context, tenant, name string, page *v1alpha1.ScimGroupPage) (bool, error) {
	err := w.store.cached.Get(ctx, key(tenant, name), page, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// listed reports whether the group of a page exists and lists it, by the cache or by the API server.
func (w *Sweeper) listed(ctx context.Context, page *v1alpha1.ScimGroupPage, live bool) (exists, listed bool, err error) {
	group := &v1alpha1.ScimGroup{}
	exists, err = w.store.peek(ctx, page.Namespace, page.Spec.Group, group, live)
	return exists, exists && membership.Lists(group, page), err
}

// takeOutGone finds out which members do not exist, by the cache and the API server, and has those taken out that joined so long ago
// that they are not about to be known.
func (w *Sweeper) takeOutGone(
	ctx context.Context, tenant string, entries []v1alpha1.GroupMember, result *SweepResult, takeOut func(gone map[string]bool) error,
) error {
	members, err := w.store.describe(ctx, tenant, entries)
	if err != nil || len(members) == len(entries) {
		return err
	}
	exist := make(map[string]bool, len(members))
	for i := range members {
		exist[members[i].id] = true
	}
	gone := make(map[string]bool)
	for i := range entries {
		id, joined := entries[i].ID, time.Unix(entries[i].Joined, 0)
		if !exist[id] && w.store.gone.has(tenant, id) && time.Since(joined) >= w.store.timing.danglingAge {
			gone[id] = true
		}
	}
	if len(gone) == 0 {
		return nil
	}
	if err := takeOut(gone); err != nil {
		return err
	}
	result.MembershipsRemoved += len(gone)
	return nil
}
