package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// migrateInterval is the time between two rounds of a Migrator that has something left to do, or to look for.
	migrateInterval = time.Minute
	// migratePause is the time between two objects that a Migrator writes, so that it leaves the API server to requests.
	migratePause = 20 * time.Millisecond
	// migrateTimeout bounds the work on one object.
	migrateTimeout = time.Minute
	// stripAfter is how many rounds in a row no group has to move before ids of groups are taken out of their members. Until then a
	// replica of the older operator, which finds members by nothing else, may still serve, or even lead again: Deployments are replaced
	// bit by bit.
	stripAfter = 10
)

// Migrator moves groups that an operator from before there were pages has written last, and much later takes the ids of groups out of
// their members, where they mean nothing any more. Nothing waits for it: a request that changes such a group moves it first. It ends
// when there is nothing left.
type Migrator struct {
	store     *Store
	namespace string
	pause     time.Duration
	// stripAfter is the constant, except in tests; quiet is how many rounds in a row no group had to move.
	stripAfter, quiet int
}

// NewMigrator returns a Migrator for one namespace, or with "" for all.
func NewMigrator(s *Store, namespace string) *Migrator {
	return &Migrator{store: s, namespace: namespace, pause: migratePause, stripAfter: stripAfter}
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: one migrates.
func (m *Migrator) NeedLeaderElection() bool { return true }

// Start implements manager.Runnable.
func (m *Migrator) Start(ctx context.Context) error {
	logger := log.FromContext(ctx).WithName("migrator")
	ctxErr := wait.PollUntilContextCancel(ctx, migrateInterval, true, func(ctx context.Context) (bool, error) {
		if !m.store.Synced() {
			return false, nil // a namespace that cannot be read
		}
		done, err := m.Migrate(ctx)
		if err != nil {
			logger.Error(err, "Not all groups were moved to pages; the next round goes on")
		}
		return done, nil
	})
	if ctxErr != nil {
		logger.V(1).Info("Ended before all groups were known to have moved")
	}
	return nil
}

// Migrate does one round, and reports whether there is nothing left to do. This process has led in all rounds before, as it ends when
// it leads no more.
func (m *Migrator) Migrate(ctx context.Context) (done bool, err error) {
	var errs []error
	moved, left := 0, 0
	for tenant, ids := range m.store.groups.order.tenants() {
		for _, id := range ids {
			written, err := m.each(ctx, func(ctx context.Context) (bool, error) { return m.moveGroup(ctx, tenant, id) })
			if err != nil {
				left++
				errs = append(errs, fmt.Errorf("namespace %s: move group %s: %w", tenant, id, err))
			} else if written {
				moved++
			}
		}
	}
	var stripped, waiting int
	strip := m.quiet >= m.stripAfter && moved+left == 0
	if strip {
		var err error
		stripped, waiting, err = m.strip(ctx)
		errs = append(errs, err)
	}
	if m.quiet++; moved+left > 0 {
		m.quiet = 0
	}
	if moved+stripped > 0 {
		log.FromContext(ctx).WithName("migrator").Info("Moved groups to pages of members", "groups", moved, "membersFreed", stripped,
			"groupsLeft", left, "membersLeft", waiting)
	}
	return strip && stripped+waiting == 0, errors.Join(errs...)
}

// each does something with one object, and pauses if that was written.
func (m *Migrator) each(ctx context.Context, do func(context.Context) (bool, error)) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	written, err := do(limited)
	if written || err != nil {
		if sleepErr := sleep(ctx, m.pause); sleepErr != nil {
			return written, errors.Join(err, sleepErr)
		}
	}
	return written, err
}

// moveGroup moves a group if the cache has it as one that has not moved.
func (m *Migrator) moveGroup(ctx context.Context, tenant, id string) (bool, error) {
	cached := &v1alpha1.ScimGroup{}
	found, err := m.store.peek(ctx, tenant, id, cached, false)
	if err != nil || !found || membership.InPages(cached) {
		return false, err
	}
	unlock, err := m.store.locks.Lock(ctx, tenant+"/"+id)
	if err != nil {
		return false, err
	}
	defer unlock()
	anyVersion := ""
	_, err = m.store.currentGroup(ctx, tenant, id, &anyVersion)
	if isNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// strip takes the ids of groups out of the members of whose groups none counts there any more. A member loses all at once: the order
// of joining is that of the list as long as one of them does.
func (m *Migrator) strip(ctx context.Context) (stripped, waiting int, err error) {
	var errs []error
	for _, index := range []*kindIndex{&m.store.users, &m.store.groups} {
		for tenant, ids := range index.order.tenants() {
			for _, id := range ids {
				obj := index.newObject()
				var pending bool
				written, err := m.each(ctx, func(ctx context.Context) (written bool, err error) {
					written, pending, err = m.stripMember(ctx, tenant, id, obj)
					return written, err
				})
				switch {
				case err != nil:
					waiting++
					errs = append(errs, fmt.Errorf("namespace %s: take groups out of %s: %w", tenant, id, err))
				case pending:
					waiting++
				case written:
					stripped++
				}
			}
		}
	}
	return stripped, waiting, errors.Join(errs...)
}

// stripMember reports whether it has written a member, or whether one of its groups still counts there.
func (m *Migrator) stripMember(ctx context.Context, tenant, id string, obj client.Object) (written, pending bool, err error) {
	found, err := m.store.peek(ctx, tenant, id, obj, false)
	if err != nil || !found || len(*legacyGroupsOf(obj)) == 0 {
		return false, false, err
	}
	for _, named := range *legacyGroupsOf(obj) {
		group := &v1alpha1.ScimGroup{}
		found, err := m.store.peek(ctx, tenant, named, group, false)
		if err == nil && !found {
			// It may be about to be created, or the cache may not know it yet.
			found, err = m.store.peek(ctx, tenant, named, group, true)
			if !found && !m.store.oldEnough(named) {
				return false, true, err
			}
		}
		if err != nil || found && !membership.InPages(group) {
			return false, true, err
		}
	}
	obj = obj.DeepCopyObject().(client.Object)
	*legacyGroupsOf(obj) = nil
	if err := m.store.client.Update(ctx, obj); apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return false, true, nil
	} else if err != nil {
		return false, true, err
	}
	if _, isUser := obj.(*v1alpha1.ScimUser); isUser {
		m.store.users.noteWrite(obj)
	} else {
		m.store.groups.noteWrite(obj)
	}
	return true, false, nil
}
