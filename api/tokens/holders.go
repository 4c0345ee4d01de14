package tokens

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// indexHash finds Secrets by the hashes of the tokens that they hold, so that the look-up itself tells nothing of a token by
// the time that it takes.
const indexHash = "tokens.hash"

// Register adds the index that Holders reads by to a cache, and with it the informer of Secrets. Call it once for each cache,
// before it is started.
func Register(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &corev1.Secret{}, indexHash, func(obj client.Object) []string {
		secret, ok := obj.(*corev1.Secret)
		if !ok {
			return nil
		}
		return Hashes(secret)
	})
	if err != nil {
		return fmt.Errorf("index token Secrets: %w", err)
	}
	return nil
}

// Hashes are those of the tokens that a Secret holds, valid or not.
func Hashes(secret *corev1.Secret) []string {
	var hashes []string
	for _, of := range []func(*corev1.Secret) (Token, bool){CurrentOf, PreviousOf} {
		if token, ok := of(secret); ok {
			hashes = append(hashes, token.Hash)
		}
	}
	return hashes
}

// Holder is an endpoint that has a token. What it points to is the cache's and must not be changed.
type Holder struct {
	Endpoint *v1alpha1.ScimEndpoint
	Secret   *corev1.Secret
	Token    Token
}

// Key names the endpoint.
func (h Holder) Key() types.NamespacedName { return client.ObjectKeyFromObject(h.Endpoint) }

// SeenFirst reports whether the operator has seen the token here while no other endpoint that it knew had it.
func (h Holder) SeenFirst() bool { return h.firstSeenAt() != nil }

// firstSeenAt is when the operator saw the token here first, nil if others had it by then.
func (h Holder) firstSeenAt() *v1alpha1.Timestamp { return h.told().FirstSeenAt }

// told is what the endpoint's status says of the token.
func (h Holder) told() v1alpha1.TokenStatus {
	for _, told := range h.Endpoint.Status.Tokens {
		if told.ID == h.Token.ID() {
			return told
		}
	}
	return v1alpha1.TokenStatus{}
}

// Holders returns the endpoints that have the token with this hash, also one that has ended there. The label of a Secret alone is
// not enough: the endpoint must name the Secret, too.
func Holders(ctx context.Context, cache client.Reader, hash string) ([]Holder, error) {
	var secrets corev1.SecretList
	if err := cache.List(ctx, &secrets, client.MatchingFields{indexHash: hash}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("look up a token: %w", err)
	}
	var holders []Holder
	for i := range secrets.Items {
		secret := &secrets.Items[i]
		name := secret.Labels[v1alpha1.LabelEndpoint]
		if name == "" {
			continue
		}
		endpoint := &v1alpha1.ScimEndpoint{}
		err := cache.Get(ctx, types.NamespacedName{Namespace: secret.Namespace, Name: name}, endpoint, client.UnsafeDisableDeepCopy)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read a ScimEndpoint: %w", err)
		}
		if endpoint.DeletionTimestamp != nil || endpoint.SecretName() != secret.Name {
			continue
		}
		for _, token := range Of(secret, endpoint.Spec.Authentication.TokenSeconds) {
			if token.Hash == hash {
				holders = append(holders, Holder{endpoint, secret, token})
			}
		}
	}
	return holders, nil
}

// First is the holder whose token it is: the only one, unless it was seen to have copied it, or the one that the operator saw it at before any other had it. It is
// nil where that is not known of any, as when several were restored from a backup without their status. The age of an endpoint
// says nothing: whoever copies a token may have an older one.
func First(holders []Holder) *Holder {
	if len(holders) == 1 {
		if holders[0].told().CopiedAt != nil {
			return nil
		}
		return &holders[0]
	}
	var first *Holder
	alone := false
	for i := range holders {
		seen := holders[i].firstSeenAt()
		switch {
		case seen == nil:
		case first == nil || seen.Before(first.firstSeenAt()):
			first, alone = &holders[i], true
		case seen.Equal(first.firstSeenAt()):
			alone = false
		}
	}
	if !alone {
		return nil
	}
	return first
}
