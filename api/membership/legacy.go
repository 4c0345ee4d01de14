package membership

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// maxLegacyGroups is the limit of spec.groups.
const maxLegacyGroups = 5000

// legacyGroups returns spec.groups of a user or group.
func legacyGroups(member client.Object) []string {
	switch member := member.(type) {
	case *v1alpha1.ScimUser:
		return member.Spec.Groups
	case *v1alpha1.ScimGroup:
		return member.Spec.Groups
	}
	return nil
}

// legacyJoined is when a member counts as having joined the group at a position of its list: in the order of the list, and before
// every group that it joins from now on. Pages get the same value when the group moves there, so that the order does not depend on
// which groups have moved.
func legacyJoined(member client.Object, position int) int64 {
	provisioned := member.GetCreationTimestamp().Time
	switch member := member.(type) {
	case *v1alpha1.ScimUser:
		if !member.Spec.ProvisionedAt.IsZero() {
			provisioned = member.Spec.ProvisionedAt.Time
		}
	case *v1alpha1.ScimGroup:
		if !member.Spec.ProvisionedAt.IsZero() {
			provisioned = member.Spec.ProvisionedAt.Time
		}
	}
	return max(1, provisioned.Unix()-maxLegacyGroups) + int64(position)
}

// legacyMembers returns who names a group in spec.groups and is not being deleted, by id.
func legacyMembers(ctx context.Context, reader client.Reader, group *v1alpha1.ScimGroup) ([]v1alpha1.GroupMember, error) {
	users, err := usersUnder(ctx, reader, group.Namespace, usersNaming, group.Name)
	if err != nil {
		return nil, err
	}
	nested, err := groupsUnder(ctx, reader, group.Namespace, groupsNaming, group.Name)
	if err != nil {
		return nil, err
	}
	members := make([]v1alpha1.GroupMember, 0, len(users)+len(nested))
	add := func(member client.Object) {
		if member.GetDeletionTimestamp() == nil {
			position := slices.Index(legacyGroups(member), group.Name)
			members = append(members, v1alpha1.GroupMember{ID: member.GetName(), Joined: legacyJoined(member, position)})
		}
	}
	for _, user := range users {
		add(user)
	}
	for _, member := range nested {
		add(member)
	}
	return once(members), nil
}
