package store

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// pageCalls is how many pages of one group are read or written at the same time.
const pageCalls = 8

// selectGroup selects pages by the id of their group; it is a selectable field of the definition.
const selectGroup = "spec.group"

// storedGroup is a group with the pages that it lists.
type storedGroup struct {
	*v1alpha1.ScimGroup
	pages []*v1alpha1.ScimGroupPage
	// legacy are the members of a group that has not moved to pages.
	legacy []v1alpha1.GroupMember
}

// version is the entity tag of the group. A page is changed without its group, so the tag tells of just those revisions of the
// pages that are here: also of two of which no replica has ever seen one beside the other.
func (g *storedGroup) version() string {
	if len(g.pages) == 0 {
		return version(g.ScimGroup)
	}
	digest := fnv.New64a()
	for _, page := range g.pages {
		digest.Write([]byte(page.Name + " " + page.ResourceVersion + "\n"))
	}
	return `W/"` + strconv.FormatInt(g.Generation, 10) + "-" + strconv.FormatUint(digest.Sum64(), 36) + `"`
}

// modified is when the group or one of its pages was changed last.
func (g *storedGroup) modified() v1alpha1.Timestamp {
	last := g.Spec.LastModified
	for _, page := range g.pages {
		if page.Spec.LastModified.After(last.Time) {
			last = page.Spec.LastModified
		}
	}
	return last
}

// numbers are those of the pages that exist, of all that the group lists.
func (g *storedGroup) numbers() []int32 {
	return slices.DeleteFunc(slices.Clone(g.Spec.Pages), func(number int32) bool {
		name := membership.PageName(g.Name, number)
		return !slices.ContainsFunc(g.pages, func(page *v1alpha1.ScimGroupPage) bool { return page.Name == name })
	})
}

// lists are what holds the members, in no order. One may be in two of them.
func (g *storedGroup) lists() [][]v1alpha1.GroupMember {
	lists := [][]v1alpha1.GroupMember{g.Spec.Members, g.legacy}
	for _, page := range g.pages {
		lists = append(lists, page.Spec.Members)
	}
	return lists
}

// count is how many members there are at most: one may be in two pages, or not exist any more.
func (g *storedGroup) count() (count int) {
	for _, members := range g.lists() {
		count += len(members)
	}
	return count
}

// entries are the members, by id and each once.
func (g *storedGroup) entries() []v1alpha1.GroupMember {
	if !membership.InPages(g.ScimGroup) {
		return g.legacy
	}
	return membership.Merge(g.ScimGroup, g.pages)
}

// resource returns the group as a resource without members.
func (g *storedGroup) resource() (scim.Resource, error) {
	r, err := groupAttributes(&g.Spec)
	if err != nil {
		return nil, err
	}
	stamp(scim.Group, r, g.ScimGroup, g.version(), g.Spec.ProvisionedAt, g.modified())
	return r, nil
}

// withPages adds to a group what the cache has of its pages and, of those that another replica has made a moment ago, the API
// server. The pages are the cache's own: read only. A group that has been deleted is a 404.
func (s *Store) withPages(ctx context.Context, group *v1alpha1.ScimGroup) (*storedGroup, error) {
	stored := &storedGroup{ScimGroup: group}
	var err error
	if !membership.InPages(group) {
		if err := s.waitForLegacyMembers(ctx, group); err != nil {
			return nil, err
		}
		stored.legacy, err = membership.Of(ctx, s.cached, group)
		return stored, err
	}
	if stored.pages, err = membership.Pages(ctx, s.cached, group); err != nil || len(stored.pages) == len(group.Spec.Pages) {
		return stored, err
	}
	revisions := make(map[string]string, len(group.Spec.Pages))
	for _, number := range group.Spec.Pages {
		revisions[membership.PageName(group.Name, number)] = ""
	}
	if err := s.readPages(ctx, stored, revisions); err != nil || len(stored.pages) == len(group.Spec.Pages) {
		return stored, err
	}
	// Who deletes a group deletes its pages, which this replica may hear of first.
	current := &v1alpha1.ScimGroup{}
	if found, err := fetch(ctx, s, group.Namespace, group.Name, current, true); err != nil {
		return nil, err
	} else if !found {
		return nil, notFound(scim.Group, group.Name)
	}
	return stored, nil
}

// liveGroup returns a group and its pages as the API server has them, or nil; what it returns is read only. Of one that the cache
// knows to have pages both are read at the same time.
func (s *Store) liveGroup(ctx context.Context, tenant, id string) (*storedGroup, error) {
	cached, err := kube.Held[v1alpha1.ScimGroup](ctx, s.cached, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("read from the cache: %w", err)
	}
	if cached == nil || len(cached.Spec.Pages) == 0 {
		group := &v1alpha1.ScimGroup{}
		if found, err := fetch(ctx, s, tenant, id, group, true); !found || err != nil {
			return nil, err
		}
		return s.livePages(ctx, group)
	}
	var group *v1alpha1.ScimGroup
	var revisions map[string]string
	readers, readCtx := errgroup.WithContext(ctx)
	readers.Go(func() (err error) {
		group, err = s.freshGroup(readCtx, cached)
		return err
	})
	readers.Go(func() (err error) {
		revisions, err = s.pageRevisions(readCtx, tenant, id)
		return err
	})
	if err := readers.Wait(); group == nil || err != nil {
		return nil, err
	}
	for _, number := range group.Spec.Pages {
		if revisions[membership.PageName(id, number)] == "" {
			return s.livePages(ctx, group) // it was made after the pages were listed, and before the group was read
		}
	}
	return s.pagesAt(ctx, group, revisions)
}

// freshGroup returns a group as the API server has it, or nil. If the cache has the same only the metadata is read: the own list of a
// group with pages is long.
func (s *Store) freshGroup(ctx context.Context, cached *v1alpha1.ScimGroup) (*v1alpha1.ScimGroup, error) {
	stored := &metav1.PartialObjectMetadata{}
	stored.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("ScimGroup"))
	found, err := fetch(ctx, s, cached.Namespace, cached.Name, stored, true)
	if !found || err != nil {
		return nil, err
	}
	if stored.UID == cached.UID && stored.ResourceVersion == cached.ResourceVersion {
		return cached, nil
	}
	group := &v1alpha1.ScimGroup{}
	if found, err := fetch(ctx, s, cached.Namespace, cached.Name, group, true); !found || err != nil {
		return nil, err
	}
	return group, nil
}

// livePages adds its pages to a group as the API server has them.
func (s *Store) livePages(ctx context.Context, group *v1alpha1.ScimGroup) (*storedGroup, error) {
	if !membership.InPages(group) || len(group.Spec.Pages) == 0 {
		return &storedGroup{ScimGroup: group}, nil
	}
	revisions, err := s.pageRevisions(ctx, group.Namespace, group.Name)
	if err != nil {
		return nil, err
	}
	return s.pagesAt(ctx, group, revisions)
}

// pageRevisions returns the revisions of all pages that were ever made for a group, by name, as the API server has them.
func (s *Store) pageRevisions(ctx context.Context, tenant, group string) (map[string]string, error) {
	listed, err := s.listPages(ctx, tenant, group)
	revisions := make(map[string]string, len(listed))
	for i := range listed {
		revisions[listed[i].Name] = listed[i].ResourceVersion
	}
	return revisions, err
}

// pagesAt adds its pages to a group, those that have a revision. What the cache has in that revision is not read.
func (s *Store) pagesAt(ctx context.Context, group *v1alpha1.ScimGroup, revisions map[string]string) (*storedGroup, error) {
	stored := &storedGroup{ScimGroup: group}
	var err error
	if stored.pages, err = membership.Pages(ctx, s.cached, group); err != nil {
		return nil, err
	}
	return stored, s.readPages(ctx, stored, revisions)
}

// listPages returns the metadata of all pages that were ever made for a group, listed by it or not, from the API server.
func (s *Store) listPages(ctx context.Context, tenant, group string) ([]metav1.PartialObjectMetadata, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(s.pages.listKind)
	if err := s.live.List(ctx, list, client.InNamespace(tenant), client.MatchingFields{selectGroup: group}); err != nil {
		return nil, fmt.Errorf("list the pages of a group: %w", err)
	}
	return list.Items, nil
}

// readPages makes the pages of a group those that have a revision, and reads those from the API server that are not there in that
// one.
func (s *Store) readPages(ctx context.Context, stored *storedGroup, revisions map[string]string) error {
	have := make(map[string]*v1alpha1.ScimGroupPage, len(stored.pages))
	for _, page := range stored.pages {
		have[page.Name] = page
	}
	pages := make([]*v1alpha1.ScimGroupPage, len(stored.Spec.Pages))
	readers, readCtx := errgroup.WithContext(ctx)
	readers.SetLimit(pageCalls)
	for i, number := range stored.Spec.Pages {
		name := membership.PageName(stored.Name, number)
		revision, exists := revisions[name]
		if !exists {
			continue
		}
		if page := have[name]; page != nil && (revision == "" || page.ResourceVersion == revision) {
			pages[i] = page
			continue
		}
		readers.Go(func() error {
			page := &v1alpha1.ScimGroupPage{}
			err := s.live.Get(readCtx, key(stored.Namespace, name), page)
			if apierrors.IsNotFound(err) {
				return nil // somebody has deleted it by hand
			}
			pages[i] = page
			return err
		})
	}
	if err := readers.Wait(); err != nil {
		return fmt.Errorf("read the pages of a group: %w", err)
	}
	stored.pages = slices.DeleteFunc(pages, func(page *v1alpha1.ScimGroupPage) bool { return page == nil })
	return nil
}

// updatePage writes a page as it was changed since it was read. What has changed meanwhile is a conflict.
func (s *Store) updatePage(ctx context.Context, page *v1alpha1.ScimGroupPage, after v1alpha1.Timestamp) error {
	page.Spec.LastModified = now(after)
	stampRequest(ctx, page)
	writeCtx, cancel := s.writing(ctx, nil)
	defer cancel()
	err := s.update(ctx, writeCtx, page)
	switch {
	case err == nil:
		s.pages.noteWrite(page)
		return nil
	case apierrors.IsConflict(err) || apierrors.IsNotFound(err):
		return conflict(err)
	}
	return refused(err, "update the members")
}

// conflict makes a conflict of an error that says that something is gone.
func conflict(err error) error {
	if apierrors.IsConflict(err) {
		return err
	}
	return apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("scimgrouppages").GroupResource(), "", err)
}

// newGroupPage returns a page that is to be created.
func newGroupPage(ctx context.Context, tenant, group string, number int32, members []v1alpha1.GroupMember, after v1alpha1.Timestamp) *v1alpha1.ScimGroupPage {
	page := &v1alpha1.ScimGroupPage{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: membership.PageName(group, number)},
		Spec:       v1alpha1.ScimGroupPageSpec{Group: group, Members: members, LastModified: now(after)},
	}
	stampRequest(ctx, page)
	return page
}

// createPages makes pages with numbers that nobody has, from the given one on, and returns those numbers. They mean nothing until
// the group lists them, and nobody else writes them until then.
func (s *Store) createPages(
	ctx context.Context, group *v1alpha1.ScimGroup, first int32, chunks [][]v1alpha1.GroupMember,
) (made []*v1alpha1.ScimGroupPage, numbers []int32, err error) {
	made, numbers = make([]*v1alpha1.ScimGroupPage, len(chunks)), make([]int32, len(chunks))
	var makers errgroup.Group // whoever fails interrupts no other: what has become of that would be unknown
	makers.SetLimit(pageCalls)
	for i, members := range chunks {
		makers.Go(func() error {
			for number := first + int32(i); ; number += int32(len(chunks)) {
				page := newGroupPage(ctx, group.Namespace, group.Name, number, members, group.Spec.LastModified)
				err := s.client.Create(ctx, page)
				if apierrors.IsAlreadyExists(err) { // a leftover, or another request's
					continue
				}
				if err != nil {
					return refused(err, "create a page of members")
				}
				s.pages.noteWrite(page)
				made[i], numbers[i] = page, number
				return nil
			}
		})
	}
	err = makers.Wait()
	return slices.DeleteFunc(made, func(page *v1alpha1.ScimGroupPage) bool { return page == nil }), numbers, err
}

// deletePages deletes pages that no group lists.
func (s *Store) deletePages(ctx context.Context, tenant string, names []string) error {
	deleters, deleteCtx := errgroup.WithContext(ctx)
	deleters.SetLimit(pageCalls)
	for _, name := range names {
		deleters.Go(func() error {
			page := &v1alpha1.ScimGroupPage{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: name}}
			// A client that reads its own writes takes what its cache does not have yet for gone.
			if err := s.client.Delete(deleteCtx, page, client.DisableReadYourWritesConsistency); client.IgnoreNotFound(err) != nil {
				return fmt.Errorf("delete a page of members: %w", err)
			}
			return nil
		})
	}
	return deleters.Wait()
}
