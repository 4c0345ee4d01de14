package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/scimserver/scim"
)

// Revision says how much of the history of users and groups is known, so that
// one replica can wait until it knows what another one knew.
type Revision struct {
	users, groups, pages int64
}

// String returns the text that ParseRevision reads, of digits, letters and "-".
func (r Revision) String() string {
	return strconv.FormatInt(r.users, 36) + "-" + strconv.FormatInt(r.groups, 36) + "-" + strconv.FormatInt(r.pages, 36)
}

// ParseRevision reads what String has written, also that of an operator from before there were pages of members.
func ParseRevision(text string) (Revision, error) {
	users, rest, _ := strings.Cut(text, "-")
	groups, pages, paged := strings.Cut(rest, "-")
	var r Revision
	var err error
	if r.users, err = strconv.ParseInt(users, 36, 64); err != nil {
		return Revision{}, fmt.Errorf("revision of users: %w", err)
	}
	if r.groups, err = strconv.ParseInt(groups, 36, 64); err != nil {
		return Revision{}, fmt.Errorf("revision of groups: %w", err)
	}
	if !paged {
		return r, nil
	}
	if r.pages, err = strconv.ParseInt(pages, 36, 64); err != nil {
		return Revision{}, fmt.Errorf("revision of pages: %w", err)
	}
	return r, nil
}

// seen returns what this replica knows now.
func (s *Store) seen() Revision {
	return Revision{users: s.users.order.newestEvent(), groups: s.groups.order.newestEvent(), pages: s.pages.order.newestEvent()}
}

// waitFor returns when this replica knows as much. What the API server does not know itself,
// because it has been restored to an older state, is an expired cursor.
func (s *Store) waitFor(ctx context.Context, r Revision) error {
	for _, wait := range []struct {
		index    *kindIndex
		revision int64
	}{{&s.users, r.users}, {&s.groups, r.groups}, {&s.pages, r.pages}} {
		err := s.wait(ctx, wait.index, wait.revision)
		if errors.Is(err, errUnknownRevision) {
			return scim.BadRequest(scim.TypeExpiredCursor, "the data has been restored to an older state; begin again with an empty cursor")
		}
		if err != nil {
			return fmt.Errorf("wait for what another replica knew: %w", err)
		}
	}
	return nil
}

// errUnknownRevision means that the API server has not come to a revision that was noted.
var errUnknownRevision = apierrors.NewServiceUnavailable("the API server is behind a revision that it has given out: has it been restored to an older state?")

// compareAfter is how long an event is waited for before the API server is asked.
const compareAfter = time.Second

// wait returns when the cache of a kind has come to the revision. As a rule an event tells
// so at once. None does if the object was deleted while this replica started, between the
// reading of floor and the informer's first list; so after a while the cache is compared with
// the API server's state.
func (s *Store) wait(ctx context.Context, k *kindIndex, revision int64) error {
	for {
		patient, cancel := context.WithTimeout(ctx, compareAfter)
		err := k.order.wait(patient, revision)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
		current, err := s.compare(ctx, k)
		if err != nil {
			return err
		}
		if current < revision {
			return errUnknownRevision
		}
	}
}

// compare returns the API server's revision. If the cache of the kind holds just what there
// is then, or newer, it has come to that revision.
func (s *Store) compare(ctx context.Context, k *kindIndex) (revision int64, err error) {
	unlock, err := s.locks.Lock(ctx, "compare/"+k.listKind.Kind)
	if err != nil {
		return 0, err
	}
	defer unlock()
	listed, same, next := make(map[string]bool), true, ""
	for {
		var page metav1.PartialObjectMetadataList
		page.SetGroupVersionKind(k.listKind)
		err := s.live.List(ctx, &page, client.InNamespace(s.namespace), client.Limit(sweepPage), client.Continue(next))
		if err != nil {
			return 0, fmt.Errorf("compare the cache with the API server: %w", err)
		}
		if revision, err = strconv.ParseInt(page.ResourceVersion, 10, 64); err != nil {
			return 0, fmt.Errorf("the API server's resourceVersion is no number: %w", err)
		}
		for i := range page.Items {
			item := &page.Items[i]
			listed[item.Namespace+"/"+item.Name] = true
			cached, err := s.cachedRevision(ctx, k, item.Namespace, item.Name)
			if err != nil {
				return 0, err
			}
			same = same && cached >= revisionOf(item)
		}
		if next = page.Continue; next == "" {
			break
		}
	}
	others, err := s.oldestOther(ctx, k, listed)
	if err == nil && same && others > revision {
		k.order.reach(revision)
	}
	return revision, err
}

// oldestOther returns the oldest revision of the objects that the cache has beyond those listed:
// they are newer than the list, or their deletion is not known here yet.
func (s *Store) oldestOther(ctx context.Context, k *kindIndex, listed map[string]bool) (int64, error) {
	oldest := int64(math.MaxInt64)
	for tenant, ids := range k.order.tenants() {
		for _, id := range ids {
			if listed[tenant+"/"+id] {
				continue
			}
			cached, err := s.cachedRevision(ctx, k, tenant, id)
			if err != nil {
				return 0, err
			}
			oldest = min(oldest, cached)
		}
	}
	return oldest, nil
}

// cachedRevision returns the resourceVersion that the cache has, or 0.
func (s *Store) cachedRevision(ctx context.Context, k *kindIndex, tenant, id string) (int64, error) {
	obj := k.newObject()
	err := s.client.Get(ctx, key(tenant, id), obj, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	return revisionOf(obj), err
}

// currentRevision returns the API server's revision before the cache is filled.
// What was written and deleted again before that is in no event, and waiting for
// it would not end.
func currentRevision(ctx context.Context, o Options, listKind schema.GroupVersionKind) (int64, error) {
	// Metadata can be read whatever is stored.
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(listKind)
	if err := o.Live.List(ctx, list, client.InNamespace(o.Namespace), client.Limit(1)); err != nil {
		return 0, fmt.Errorf("read the revision of %s: %w", listKind.Kind, err)
	}
	revision, err := strconv.ParseInt(list.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the API server's resourceVersion is no number: %w", err)
	}
	return revision, nil
}
