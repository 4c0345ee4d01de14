package controllers

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/tokens"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// sharing is what is to be told of a token that several endpoints have.
type sharing struct {
	// reason is "" where no other endpoint has a token of this one.
	reason, message string
	// broken says that the current token does not work here.
	broken bool
	// undecided says why nobody can tell yet whether the current token works here; "" if it is known.
	undecided string
}

// tellFirst takes down when the operator saw each token first, unless another endpoint had it by then, and finds what is to be
// told of others that have it. Once it is taken down it stays, so that whoever copies a token is never the first.
func (r *endpointReconciler) tellFirst(ctx context.Context, endpoint *v1alpha1.ScimEndpoint, secret tokenSecret, known []v1alpha1.TokenStatus) (sharing, error) {
	var found sharing
	away := len(kube.Unread(r.cache, &corev1.Secret{}, &v1alpha1.ScimEndpoint{}))
	for i := range endpoint.Status.Tokens {
		told := &endpoint.Status.Tokens[i]
		recall(told, known)
		hash := hashOf(secret, told.State)
		holders, err := tokens.Holders(ctx, r.client, hash)
		if err != nil {
			return found, err
		}
		own, others := split(holders, endpoint)
		now := v1alpha1.NewTimestamp(r.status.Now())
		if len(others) == 0 && told.CopiedAt == nil {
			if told.FirstSeenAt == nil && (away == 0 || r.hasMade(hash)) {
				told.FirstSeenAt = &now
			}
			continue
		}
		one := sharing{reason: v1alpha1.ReasonWorksNowhere, message: fmt.Sprintf("Token %s was before at another ScimEndpoint, "+
			"so it never works here: make another one, by raising spec.tokenGeneration.", told.ID)}
		if len(others) > 0 {
			own.Endpoint = endpoint // as it is going to be
			one = sharingOf(own, others, told.ID)
		}
		if one.reason != v1alpha1.ReasonWorksHere && told.CopiedAt == nil && told.FirstSeenAt == nil && away == 0 {
			told.CopiedAt = &now
		}
		one.broken = one.reason != v1alpha1.ReasonWorksHere && told.State == v1alpha1.TokenCurrent
		if found.reason == "" || one.broken {
			found = one
		}
	}
	if away > 0 {
		found.whileUnread(endpoint, away)
	}
	return found, nil
}

// hasMade reports whether this process has made a token: then it is a copy of none.
func (r *endpointReconciler) hasMade(hash string) bool {
	_, made := r.made.Get(hash)
	return made
}

// recall takes over what is known of a token that was there before.
func recall(told *v1alpha1.TokenStatus, known []v1alpha1.TokenStatus) {
	for _, before := range known {
		if before.ID == told.ID {
			told.FirstSeenAt, told.CopiedAt = before.FirstSeenAt, before.CopiedAt
		}
	}
}

// whileUnread decides nothing new while there are namespaces that cannot be read: a token may be that of an endpoint there.
func (s *sharing) whileUnread(endpoint *v1alpha1.ScimEndpoint, namespaces int) {
	if told := meta.FindStatusCondition(endpoint.Status.Conditions, v1alpha1.ConditionTokenShared); s.reason == "" && told != nil {
		s.reason, s.message = told.Reason, told.Message
		ready := meta.FindStatusCondition(endpoint.Status.Conditions, v1alpha1.ConditionReady)
		s.broken = ready != nil && ready.Reason == told.Reason
	}
	for _, token := range endpoint.Status.Tokens {
		if token.State == v1alpha1.TokenCurrent && token.FirstSeenAt == nil && token.CopiedAt == nil && !s.broken {
			s.undecided = fmt.Sprintf("It is not known yet whether token %s is another ScimEndpoint's, so it does not work (503): %d namespaces of the "+
				"operator cannot be read. Whoever runs it sees which, and why, in its log.", token.ID, namespaces)
		}
	}
}

// hashOf is that of the Secret's token in a state.
func hashOf(secret tokenSecret, state v1alpha1.TokenState) string {
	of := tokens.CurrentOf
	if state == v1alpha1.TokenPrevious {
		of = tokens.PreviousOf
	}
	token, _ := of(secret.Secret)
	return token.Hash
}

// split takes an endpoint out of those that have a token. The cache may not know yet that it is one of them.
func split(holders []tokens.Holder, endpoint *v1alpha1.ScimEndpoint) (own tokens.Holder, others []tokens.Holder) {
	for _, holder := range holders {
		if holder.Key() == client.ObjectKeyFromObject(endpoint) {
			own = holder
			continue
		}
		others = append(others, holder)
	}
	return own, others
}

// sharingOf says at which of the endpoints a token works. It names others of the same namespace only: tenants do not know each
// other.
func sharingOf(own tokens.Holder, others []tokens.Holder, id string) sharing {
	own.Token.Hash = others[0].Token.Hash
	first := tokens.First(append([]tokens.Holder{own}, others...))
	who := whoElse(own, others)
	switch {
	case first == nil:
		return sharing{reason: v1alpha1.ReasonWorksNowhere, message: fmt.Sprintf("Token %s is also that of %s, and nobody knows which had it first, "+
			"so it works at none. Make a new one here: raise spec.tokenGeneration, with spec.tokenOverlapSeconds: 0.", id, who)}
	case first.Key() == own.Key():
		return sharing{reason: v1alpha1.ReasonWorksHere, message: fmt.Sprintf("Token %s was copied to %s. It works here, and not there, "+
			"but somebody else knows it: raise spec.tokenGeneration, and give the client the new token.", id, who)}
	}
	return sharing{reason: v1alpha1.ReasonWorksElsewhere, message: fmt.Sprintf("Token %s was before at %s. It works there, and not here: "+
		"make another one for this endpoint, by raising spec.tokenGeneration.", id, who)}
}

func whoElse(own tokens.Holder, others []tokens.Holder) string {
	var names []string
	strangers := 0
	for _, other := range others {
		if other.Endpoint.Namespace == own.Endpoint.Namespace {
			names = append(names, "ScimEndpoint "+other.Endpoint.Name)
			continue
		}
		strangers++
	}
	if strangers > 0 {
		names = append(names, fmt.Sprintf("%d ScimEndpoint(s) of other namespaces", strangers))
	}
	return strings.Join(names, ", ")
}

// endpointsOfToken finds the endpoints that have a token of a Secret that was made, changed or deleted.
func (f dependents) endpointsOfToken(ctx context.Context, old, current *corev1.Secret, into requestSet) error {
	for _, secret := range versions(old, current) {
		if err := f.addHolders(ctx, secret, into); err != nil {
			return err
		}
	}
	return nil
}

// endpointsOfHolder finds the endpoints that have a token of one that has come or gone, that uses another Secret, or that has
// become the first one with a token.
func (f dependents) endpointsOfHolder(ctx context.Context, old, current *v1alpha1.ScimEndpoint, into requestSet) error {
	if old != nil && current != nil && old.SecretName() == current.SecretName() && sameFirst(old.Status.Tokens, current.Status.Tokens) {
		return nil
	}
	endpoint := versions(old, current)[0]
	var secrets corev1.SecretList
	err := f.reader.List(ctx, &secrets, client.InNamespace(endpoint.Namespace), client.MatchingLabels{v1alpha1.LabelEndpoint: endpoint.Name},
		client.UnsafeDisableDeepCopy)
	if err != nil {
		return err
	}
	for i := range secrets.Items {
		if err := f.addHolders(ctx, &secrets.Items[i], into); err != nil {
			return err
		}
	}
	return nil
}

func (f dependents) addHolders(ctx context.Context, secret *corev1.Secret, into requestSet) error {
	for _, hash := range tokens.Hashes(secret) {
		holders, err := tokens.Holders(ctx, f.reader, hash)
		if err != nil {
			return err
		}
		for _, holder := range holders {
			into.add(holder.Endpoint.Namespace, holder.Endpoint.Name)
		}
	}
	return nil
}

// sameFirst reports whether two statuses say the same of which tokens were first here.
func sameFirst(a, b []v1alpha1.TokenStatus) bool {
	first := func(tokens []v1alpha1.TokenStatus) map[string]v1alpha1.Timestamp {
		at := map[string]v1alpha1.Timestamp{}
		for _, token := range tokens {
			if token.FirstSeenAt != nil {
				at[token.ID] = *token.FirstSeenAt
			}
		}
		return at
	}
	one, other := first(a), first(b)
	if len(one) != len(other) {
		return false
	}
	for id, at := range one {
		if seen, ok := other[id]; !ok || !seen.Equal(&at) {
			return false
		}
	}
	return true
}
