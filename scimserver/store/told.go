package store

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// annotationMembers is on a group: a digest of the members that its version tells of. Members are
// written before their group; if a request breaks off between the two, a repeated one finds
// the members as it wants them, and by this that the group has still to be written.
const annotationMembers = "provisioning.rservice.dev/members-digest"

// membersDigest stands for a set of members: their number, and the sum of a hash of each, so that
// members can be added and taken away one by one. Ids are made here, so nobody can choose them to collide.
type membersDigest struct {
	count int
	sum   uint64
}

func digestOf(members []member) membersDigest {
	var d membersDigest
	for _, m := range members {
		d.add(m.id)
	}
	return d
}

func (d *membersDigest) add(id string) {
	d.count++
	d.sum += hashID(id)
}

func (d *membersDigest) remove(id string) {
	d.count--
	d.sum -= hashID(id)
}

func hashID(id string) uint64 {
	hash := fnv.New64a()
	hash.Write([]byte(id))
	return hash.Sum64()
}

func (d *membersDigest) String() string { return fmt.Sprintf("%d-%x", d.count, d.sum) }

// notedMembers returns the digest of the members that a group's version tells of; ok is false if it does
// not say so, as those of older operators.
func notedMembers(group *v1alpha1.ScimGroup) (d membersDigest, ok bool) {
	count, sum, _ := strings.Cut(group.Annotations[annotationMembers], "-")
	var errCount, errSum error
	d.count, errCount = strconv.Atoi(count)
	d.sum, errSum = strconv.ParseUint(sum, 16, 64)
	return d, errCount == nil && errSum == nil
}

func noteMembers(group *v1alpha1.ScimGroup, d membersDigest) {
	if group.Annotations == nil {
		group.Annotations = make(map[string]string, 3)
	}
	group.Annotations[annotationMembers] = d.String()
}

// untold reports whether the group has other members than its version tells of.
func untold(group *v1alpha1.ScimGroup, members []member) bool {
	noted, ok := notedMembers(group)
	return ok && noted != digestOf(members)
}

// membersRevision is the revision of users that a group's version tells of, 0 if it tells of none.
// The group was written after its members. A revision that is newer than the group is therefore one of another
// API server, from which the group was brought here, and says nothing.
func membersRevision(group *v1alpha1.ScimGroup) int64 {
	revision, err := strconv.ParseInt(group.Spec.MembersRevision, 10, 64)
	if err != nil || revision > revisionOf(group) {
		return 0
	}
	return revision
}
