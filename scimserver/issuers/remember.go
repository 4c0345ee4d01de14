package issuers

import (
	"crypto/sha256"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// verified is a token that has been accepted, and everything that decided so: if that is the same, so is the decision.
// Verifying a token takes about as long as the rest of a request.
type verified struct {
	identity  Identity
	owner     types.UID
	audiences []string
	set       *keySet
	revision  uint64
	asked     []version
}

// version is one state of what an endpoint's owner has set.
type version struct {
	endpoint   types.UID
	generation int64
}

func versions(endpoints []*v1alpha1.ScimEndpoint) []version {
	all := make([]version, 0, len(endpoints))
	for _, e := range endpoints {
		all = append(all, version{e.UID, e.Generation})
	}
	return all
}

// recall returns what is known of a token, under its key.
func (i *Issuers) recall(token string) ([sha256.Size]byte, *verified) {
	key := sha256.Sum256([]byte(token))
	if known, ok := i.verified.Get(key); ok {
		if v, ok := known.(*verified); ok {
			return key, v
		}
	}
	return key, nil
}

func (i *Issuers) remember(key [sha256.Size]byte, t *parsed, o *outcome, takers []*v1alpha1.ScimEndpoint) {
	v := &verified{identity: *o.identity, owner: o.endpoint.UID, audiences: t.audiences, set: o.set, revision: o.revision, asked: versions(takers)}
	v.identity.Endpoint = nil // it changes with every write of its status
	i.verified.Add(key, v)
}

// still returns the identity if nothing has changed that decided.
func (v *verified) still(takers []*v1alpha1.ScimEndpoint, now time.Time) *Identity {
	if !now.Before(v.identity.Expiry) || len(takers) != len(v.asked) || !v.set.valid(v.revision) {
		return nil
	}
	var mine *v1alpha1.ScimEndpoint
	for _, endpoint := range takers {
		if !slices.Contains(v.asked, version{endpoint.UID, endpoint.Generation}) {
			return nil
		}
		if endpoint.UID == v.owner {
			mine = endpoint
		}
	}
	if mine == nil {
		return nil
	}
	identity := v.identity
	identity.Endpoint = mine
	return &identity
}
