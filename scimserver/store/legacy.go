package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// annotationMembers is what an operator from before there were pages notes on a group: a digest of its members. If it finds others, it
// writes the group although there is nothing else to write.
const annotationMembers = "provisioning.rservice.dev/members-digest"

// noLegacyMembers returns annotations by which such an operator, should it still run while this one does, takes no group of this one
// for one that is as a client wants it: no set of members has this digest. It then writes the group, without its members, which
// the definition refuses.
func noLegacyMembers() map[string]string { return map[string]string{annotationMembers: "0-1"} }

// legacyRevision is the revision of users that such an operator's version of a group tells of, 0 if of none. It wrote the
// group after its members. A revision that is newer than the group is therefore one of another API server, from which the group was
// brought here, and says nothing.
func legacyRevision(group *v1alpha1.ScimGroup) int64 {
	revision, err := strconv.ParseInt(group.Spec.MembersRevision, 10, 64)
	if err != nil || revision > revisionOf(group) {
		return 0
	}
	return revision
}

// waitForLegacyMembers returns when the cache has every change of membership that the group's version includes. For nested groups the
// group's own revision is enough, because they were written before it, in the same history.
func (s *Store) waitForLegacyMembers(ctx context.Context, group *v1alpha1.ScimGroup) error {
	if err := s.wait(ctx, &s.groups, revisionOf(group)); err != nil {
		return fmt.Errorf("wait for the newest nested groups: %w", err)
	}
	if err := s.wait(ctx, &s.users, legacyRevision(group)); err != nil {
		return fmt.Errorf("wait for the newest members: %w", err)
	}
	return nil
}

// move brings the members of a group that has none yet, because an operator from before there were pages has written it last, into
// the group and its pages. They count from the moment on in which the group is written, as it was read: a conflict says that
// somebody has changed or moved it meanwhile, and then nothing is as if it had moved. Who is a member does not change by it, nor
// since when.
func (s *Store) move(ctx context.Context, group *v1alpha1.ScimGroup) (*storedGroup, error) {
	if err := s.waitForLegacyMembers(ctx, group); err != nil {
		return nil, err
	}
	members, err := membership.Of(ctx, s.cached, group)
	if err != nil {
		return nil, err
	}
	moved := group.DeepCopy()
	own := min(len(members), s.room)
	made, numbers, err := s.createPages(ctx, moved, 1, slices.Collect(slices.Chunk(members[own:], s.room)))
	if err != nil {
		s.unmake(ctx, group, made)
		return nil, err
	}
	moved.Spec.Members, moved.Spec.Pages, moved.Spec.MembersRevision = members[:own:own], numbers, ""
	if moved.Annotations == nil {
		moved.Annotations = make(map[string]string, 1)
	}
	moved.Annotations[annotationMembers] = noLegacyMembers()[annotationMembers]
	writeCtx, cancel := s.writing(ctx, nil)
	defer cancel()
	if err := s.update(ctx, writeCtx, moved); err != nil {
		if definite(err) { // else the group may come to list them
			s.unmake(ctx, group, made)
		}
		if apierrors.IsNotFound(err) {
			return nil, conflict(err)
		}
		return nil, err
	}
	membershipsMovedTotal.Add(float64(len(members)))
	s.groups.noteWrite(moved)
	return &storedGroup{ScimGroup: moved, pages: made}, nil
}

// legacyGroupsOf returns spec.groups of a user or group.
func legacyGroupsOf(obj client.Object) *[]string {
	if group, ok := obj.(*v1alpha1.ScimGroup); ok {
		return &group.Spec.Groups
	}
	return &obj.(*v1alpha1.ScimUser).Spec.Groups
}

// oldEnough reports whether the creation of a group, which its id tells of, is certainly over.
func (s *Store) oldEnough(id string) bool {
	parsed, err := uuid.Parse(id)
	return err != nil || time.Since(time.Unix(parsed.Time().UnixTime())) >= s.timing.danglingAge
}

func isNotFound(err error) bool {
	refused, ok := errors.AsType[*scim.Error](err)
	return ok && refused.Status == http.StatusNotFound
}
