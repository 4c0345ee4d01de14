package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// annotationBegun is on the claim for a new group while its members are written: a digest of
	// them. A request for the same group may then go on with the holder's id.
	annotationBegun = "provisioning.rservice.dev/begun"
	// annotationInterrupted says that the request has ended before it was done, so that
	// nobody needs to wait for it.
	annotationInterrupted = "provisioning.rservice.dev/interrupted"
)

// beginning returns what annotationBegun says of a group with these members; "" if there are
// none, since then there is nothing to go on with.
func beginning(members []member) string {
	if len(members) == 0 {
		return ""
	}
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = m.id
	}
	slices.Sort(ids)
	digest := sha256.New()
	for _, id := range ids {
		digest.Write([]byte(id + "\x00"))
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
