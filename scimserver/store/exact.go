package store

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// annotationChanging is on a group while a request with If-Match writes its members: an id of the request's own, which
// also says when that began. Such a request decides that the version is the one that was asked for by writing the group
// before the members, so there is for a time a version of the group that does not have all of the change.
const annotationChanging = "provisioning.rservice.dev/changing"

// writeExactly writes a group and its members if nobody has changed the group since it was read; else the error is a
// conflict, and nothing is written.
func (s *Store) writeExactly(ctx context.Context, group *v1alpha1.ScimGroup, current groupState, writes *groupWrites) (Updated, error) {
	mark, err := s.win(ctx, group, current, writes)
	if err != nil {
		return Updated{}, err
	}
	return s.finish(ctx, group, writes, mark)
}

// win writes a group under the version that a request has asked for, which only one of several such requests can, and
// marks it until the members are written, too.
func (s *Store) win(ctx context.Context, group *v1alpha1.ScimGroup, current groupState, writes *groupWrites) (mark string, err error) {
	if mark, err = newID(); err != nil {
		return "", err
	}
	first := *writes
	first.members, first.digest = membership{}, digestOf(current.members)
	if _, err := s.carryOut(ctx, group, &first); err != nil {
		return "", err
	}
	if group.Annotations == nil {
		group.Annotations = make(map[string]string, 4)
	}
	group.Annotations[annotationChanging] = mark
	return mark, s.writeGroup(ctx, group, &first, 0)
}

// finish writes the members of a group for which win has decided, whatever others change of it by now, and then the
// group, without the mark. It does the latter also if not all members could be written.
func (s *Store) finish(ctx context.Context, group *v1alpha1.ScimGroup, writes *groupWrites, mark string) (Updated, error) {
	revision, err := s.writeMembers(ctx, group.Namespace, group.Name, writes.members, nil)
	if err == nil {
		return s.tell(ctx, group, writes.digest, revision, mark)
	}
	tellCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timing.claimedWrite)
	defer cancel()
	before, _ := notedMembers(group) // so that a repeated request sees that the version does not tell of all
	if _, tellErr := s.tell(tellCtx, group, before, revision, mark); tellErr != nil {
		log.FromContext(ctx).Error(tellErr, "A group stays marked as being changed, and refuses If-Match for some time", "group", group.Name)
	}
	return Updated{}, err
}

// tell lets the version of a group tell of its members, and takes the mark off.
func (s *Store) tell(ctx context.Context, group *v1alpha1.ScimGroup, digest membersDigest, revision int64, mark string) (Updated, error) {
	for try := range maxTries {
		if group.Annotations[annotationChanging] == mark {
			delete(group.Annotations, annotationChanging)
		}
		writes := &groupWrites{spec: group.Spec, oldName: group.Spec.DisplayName, digest: digest}
		err := s.writeGroup(ctx, group, writes, revision)
		if err == nil {
			res, err := groupResource(group)
			return Updated{Resource: res, Members: digest.count, Changed: true}, err
		}
		if !apierrors.IsConflict(err) {
			return Updated{}, err
		}
		if err := backoff(ctx, try); err != nil {
			return Updated{}, err
		}
		var current groupState
		if group, current, err = s.currentGroup(ctx, group.Namespace, group.Name, ""); err != nil {
			return Updated{}, err
		}
		digest = digestOf(current.members)
	}
	return Updated{}, errContended
}

// checkWhole refuses If-Match on a group that another request is in the middle of changing: whatever version the client
// has read, it has not seen all of that change. If that request is gone, it has left half of the change: then the version
// moves, so that a client who reads it has read what there is.
func (s *Store) checkWhole(ctx context.Context, ifMatch string, group *v1alpha1.ScimGroup) error {
	mark := group.Annotations[annotationChanging]
	if ifMatch == "" || mark == "" {
		return nil
	}
	if s.over(mark) {
		delete(group.Annotations, annotationChanging)
		group.Spec.LastModified = now(group.Spec.LastModified)
		if err := s.client.Update(ctx, group); err == nil {
			s.groups.noteWrite(group)
		} else if !apierrors.IsConflict(err) { // after which somebody else has moved it
			return refused(err, "update")
		}
	}
	return scim.NewError(http.StatusPreconditionFailed,
		"another request is changing the members of the group; read it again and repeat the change")
}

// over reports whether the request that has made a mark cannot be at work any more.
func (s *Store) over(mark string) bool {
	id, err := uuid.Parse(mark)
	return err != nil || time.Since(time.Unix(id.Time().UnixTime())) >= s.timing.claimForgotten
}
