package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// annotationBegun is on the claim for a new group while its pages are written: a digest of the
	// members. A request for the same group may then go on with the holder's id.
	annotationBegun = "provisioning.rservice.dev/begun"
	// annotationInterrupted says that the request has ended before it was done, so that
	// nobody needs to wait for it.
	annotationInterrupted = "provisioning.rservice.dev/interrupted"
)

// beginning returns what annotationBegun says of a group with these members, in order, of whom so many are in pages; "" if there
// are none in pages, since then there is nothing to go on with.
func beginning(members []v1alpha1.GroupMember, inPages int) string {
	if inPages == 0 {
		return ""
	}
	digest := sha256.New()
	for i := range members {
		digest.Write([]byte(members[i].ID + "\x00"))
	}
	return hex.EncodeToString(digest.Sum(nil))
}

// noteBegun notes on a claim that its request is at work, and on what.
func noteBegun(lease *coordinationv1.Lease, begun string) {
	delete(lease.Annotations, annotationInterrupted)
	if begun == "" {
		delete(lease.Annotations, annotationBegun)
		return
	}
	if lease.Annotations == nil {
		lease.Annotations = make(map[string]string, 2)
	}
	lease.Annotations[annotationBegun] = begun
}

func interrupted(lease *coordinationv1.Lease) bool {
	return lease.Annotations[annotationInterrupted] != ""
}

// goesOn reports whether a request that begins something can go on with what the claim was
// taken for.
func goesOn(lease *coordinationv1.Lease, begun string) bool {
	return begun != "" && lease.Annotations[annotationBegun] == begun && holderOf(lease) != ""
}

// interrupt notes on a claim that its request has ended.
func (c claims) interrupt(ctx context.Context, held *claim) error {
	err := c.write(ctx, held.lease, func(lease *coordinationv1.Lease) {
		lease.Spec.RenewTime = new(metav1.NowMicro())
		lease.Annotations[annotationInterrupted] = "true"
	})
	if err != nil {
		return fmt.Errorf("note on the claim that its request has ended: %w", err)
	}
	return nil
}
