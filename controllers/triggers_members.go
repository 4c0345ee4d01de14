package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// Groups and their pages come from two informers, in any order. Whose groups differ between two states of the two is told by the
// event of the one that made the difference, since that is looked at when both have changed: by the group's for the pages that
// are there, by the page's for all others.

// membersDelay is how long the count in a group's status may be behind its members, so that a push of thousands, which are many
// pages, costs few writes.
const membersDelay = 2 * time.Second

// membersOfGroup finds the users who have joined a group or left it: all of a group that has come or gone.
func (f dependents) membersOfGroup(ctx context.Context, old, current *v1alpha1.ScimGroup, into requestSet) error {
	if old != nil && current != nil && !changedSpec(old, current) {
		return nil
	}
	ids, err := membership.Affected(ctx, f.reader, old, current)
	into.addEach(versions(old, current)[0].Namespace, ids)
	return err
}

// membersOfPage finds the users who have come into a page or left it. What is in a new page that its group does not list yet counts
// from when it does. Who leaves one is found in any case: the group may have listed it until just now.
func (f dependents) membersOfPage(ctx context.Context, old, current *v1alpha1.ScimGroupPage, into requestSet) error {
	if old == nil {
		if counts, err := membership.Counts(ctx, f.reader, current); !counts || err != nil {
			return err
		}
	}
	var held [2][]v1alpha1.GroupMember
	for i, version := range []*v1alpha1.ScimGroupPage{old, current} {
		if version != nil {
			held[i] = version.Spec.Members
		}
	}
	into.addEach(versions(old, current)[0].Namespace, membership.Changed(held[0], held[1]))
	return nil
}

// usersOfGroup finds the members of a group of which rules now see something else. One that has come or gone is for
// membersOfGroup.
func (f dependents) usersOfGroup(ctx context.Context, old, current *v1alpha1.ScimGroup, into requestSet) error {
	if old == nil || current == nil || !groupViewChanged(old, current) {
		return nil
	}
	return f.membersOf(ctx, current, into)
}

// membersOf adds all members of a group.
func (f dependents) membersOf(ctx context.Context, group *v1alpha1.ScimGroup, into requestSet) error {
	members, err := membership.Of(ctx, f.reader, group)
	for i := range members {
		into.add(group.Namespace, members[i].ID)
	}
	return err
}

// groupOfPage finds the group that counts the members of a page.
func (f dependents) groupOfPage(_ context.Context, old, current *v1alpha1.ScimGroupPage, into requestSet) error {
	if old == nil || current == nil || changedSpec(old, current) {
		page := versions(old, current)[0]
		into.add(page.Namespace, page.Spec.Group)
	}
	return nil
}

// groupOfMembers finds a group of which nothing has changed but its members.
func (f dependents) groupOfMembers(_ context.Context, old, current *v1alpha1.ScimGroup, into requestSet) error {
	if old != nil && current != nil && onlyMembersChanged(old, current) {
		into.add(current.Namespace, current.Name)
	}
	return nil
}

// onlyMembersChanged reports whether a change of a group's spec is none for its rules, which do not see its members.
func onlyMembersChanged(old, current *v1alpha1.ScimGroup) bool {
	return changedSpec(old, current) && old.UID == current.UID && old.DeletionTimestamp.IsZero() == current.DeletionTimestamp.IsZero() &&
		equality.Semantic.DeepEqual(withoutMembers(old), withoutMembers(current))
}

func withoutMembers(group *v1alpha1.ScimGroup) v1alpha1.ScimGroupSpec {
	spec := group.Spec
	spec.Members, spec.Pages, spec.Groups = nil, nil, nil
	spec.MembersRevision, spec.LastModified = "", v1alpha1.Timestamp{}
	return spec
}

// moreThanMembers leaves out changes of a group's members alone, which groupOfMembers gathers.
var moreThanMembers = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	old, oldOK := e.ObjectOld.(*v1alpha1.ScimGroup)
	current, currentOK := e.ObjectNew.(*v1alpha1.ScimGroup)
	return !oldOK || !currentOK || !onlyMembersChanged(old, current)
}}
