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

// annotationChanging is on a group with pages while a request with If-Match changes it: an id of the request's own, which also says
// when that began. A page is written without its group, so no single write can decide that the version is still the one that was
// asked for.
const annotationChanging = "provisioning.rservice.dev/changing"

// writeExactly changes a group with pages if nobody has changed it since it was read; else the error is a conflict or a 412, and
// nothing of the change is written.
func (s *Store) writeExactly(ctx context.Context, current *storedGroup, writes *groupWrites) (Updated, error) {
	mark, err := s.win(ctx, current)
	if err != nil {
		return Updated{}, err
	}
	updated, err := s.finish(ctx, current, writes, mark)
	if err != nil {
		s.unmark(ctx, current, mark)
	}
	return updated, err
}

// win marks a group, as it was read, which of several requests for the same version only one can. Then it looks whether the pages are
// still as they were read, too: from now on others only merge what they change into them.
func (s *Store) win(ctx context.Context, current *storedGroup) (mark string, err error) {
	asked := current.version()
	if mark, err = newID(); err != nil {
		return "", err
	}
	group := current.DeepCopy()
	if group.Annotations == nil {
		group.Annotations = make(map[string]string, 4)
	}
	group.Annotations[annotationChanging] = mark
	writes := &groupWrites{spec: group.Spec, oldName: group.Spec.DisplayName}
	if err := s.writeGroup(ctx, group, writes, "", current.modified()); err != nil {
		return "", err
	}
	now, err := s.livePages(ctx, group)
	if err == nil {
		pages := &storedGroup{ScimGroup: current.ScimGroup, pages: now.pages}
		err = checkVersion(asked, pages.version())
	}
	current.ScimGroup = group
	if err != nil {
		s.unmark(ctx, current, mark)
		return "", err
	}
	return mark, nil
}

// finish makes a change for which win has decided, whatever others change of the group by now.
func (s *Store) finish(ctx context.Context, current *storedGroup, writes *groupWrites, mark string) (Updated, error) {
	written := false
	for try := range maxTries {
		updated, err := s.writeMerged(ctx, current, writes, mark, &written)
		if !apierrors.IsConflict(err) {
			return updated, err
		}
		if err := backoff(ctx, try); err != nil {
			return Updated{}, err
		}
		anyVersion := ""
		if current, err = s.currentGroup(ctx, current.Namespace, current.Name, &anyVersion); err != nil {
			return Updated{}, err
		}
		writes.spec = mergeAttributes(&writes.base, &writes.spec, &current.Spec)
		writes.base, writes.same = current.Spec, sameGroup(&current.Spec, &writes.spec)
		writes.oldName, writes.oldClaim, writes.held = current.Spec.DisplayName, nil, nil
	}
	return Updated{}, errContended
}

// mergeAttributes returns what others have made of a group, with the attributes that a request has changed since it read base.
func mergeAttributes(base, own, others *v1alpha1.ScimGroupSpec) v1alpha1.ScimGroupSpec {
	merged := *others
	if own.DisplayName != base.DisplayName {
		merged.DisplayName = own.DisplayName
	}
	if own.ExternalID != base.ExternalID {
		merged.ExternalID = own.ExternalID
	}
	if own.GroupType != base.GroupType {
		merged.GroupType = own.GroupType
	}
	if !sameExtensions(own.Extensions, base.Extensions) {
		merged.Extensions = own.Extensions
	}
	return merged
}

// unmark takes a mark off a group whose change was not finished.
func (s *Store) unmark(ctx context.Context, current *storedGroup, mark string) {
	unmarkCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timing.claimedWrite)
	defer cancel()
	err := s.takeOff(unmarkCtx, current.ScimGroup, mark)
	if err != nil {
		log.FromContext(ctx).Error(err, "A group stays marked as being changed, and refuses If-Match for some time", "group", current.Name)
	}
}

func (s *Store) takeOff(ctx context.Context, group *v1alpha1.ScimGroup, mark string) error {
	for try := range maxTries {
		if group.Annotations[annotationChanging] != mark {
			return nil
		}
		group = group.DeepCopy()
		writes := &groupWrites{spec: group.Spec, oldName: group.Spec.DisplayName}
		err := s.writeGroup(ctx, group, writes, mark, group.Spec.LastModified)
		if !apierrors.IsConflict(err) {
			return err
		}
		if err := backoff(ctx, try); err != nil {
			return err
		}
		fresh := &v1alpha1.ScimGroup{}
		if found, err := fetch(ctx, s, group.Namespace, group.Name, fresh, true); err != nil || !found {
			return err
		}
		group = fresh
	}
	return errContended
}

// checkWhole refuses If-Match on a group that another request is in the middle of changing: whatever version the client
// has read, it has not seen all of that change. If that request is gone, it has left half of the change: then the version
// moves, so that a client who reads it has read what there is.
func (s *Store) checkWhole(ctx context.Context, ifMatch string, stored *storedGroup) error {
	mark := stored.Annotations[annotationChanging]
	if ifMatch == "" || mark == "" {
		return nil
	}
	if s.over(mark) {
		group := stored.DeepCopy()
		writes := &groupWrites{spec: group.Spec, oldName: group.Spec.DisplayName}
		if err := s.writeGroup(ctx, group, writes, mark, stored.modified()); err != nil && !apierrors.IsConflict(err) {
			return err // after a conflict somebody else has moved it
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
