package scimserver

import (
	"cmp"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/bounds"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/tokens"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// staticTokens authenticates against the token Secrets in the cache.
type staticTokens struct {
	reader client.Reader
	bounds bounds.Bounds
	now    func() time.Time
}

// newStaticTokens registers the informers. Call it before the cache is started, beside tokens.Register.
func newStaticTokens(ctx context.Context, c cache.Cache, operators bounds.Bounds, now func() time.Time) (*staticTokens, error) {
	for _, obj := range []client.Object{&corev1.Secret{}, &v1alpha1.ScimEndpoint{}} {
		if _, err := c.GetInformer(ctx, obj, cache.BlockUntilSynced(false)); err != nil {
			return nil, fmt.Errorf("watch %T: %w", obj, err)
		}
	}
	return &staticTokens{reader: c, bounds: operators, now: now}, nil
}

// authenticate implements authenticator. Of several endpoints that have a token it is the first one's. One that has ended
// stays that endpoint's for as long as its Secret has it, so that nobody gets the people of a client that goes on using it.
func (t *staticTokens) authenticate(ctx context.Context, token string) (*principal, error) {
	holders, err := tokens.Holders(ctx, t.reader, tokens.HashOf([]byte(token)))
	if err != nil {
		return nil, err
	}
	if len(holders) == 0 || len(holders) == 1 && !holders[0].SeenFirst() {
		if away := kube.Unread(t.reader, &corev1.Secret{}, &v1alpha1.ScimEndpoint{}); len(away) > 0 {
			// The token may be of one of these, so it is not called wrong, nor that of whoever may have copied it.
			return nil, kube.NotReadYet("the tokens", away)
		}
	}
	if len(holders) == 0 {
		return nil, nil
	}
	first := tokens.First(holders)
	switch {
	case first == nil:
		return nil, sharedToken(holders)
	case len(token) < v1alpha1.MinTokenLength:
		return nil, shortToken(*first, len(token))
	case !first.Token.Valid(t.now()):
		return nil, expiredToken(*first)
	}
	found := principalOf(first.Endpoint, t.bounds)
	found.tokenID = first.Token.ID()
	found.scope = cmp.Or(first.Endpoint.Spec.Authentication.TokenScope, v1alpha1.ScopeAll)
	found.scopeField = "spec.authentication.tokenScope"
	found.cursorKeys = t.cursorKeys(*first, token)
	return found, nil
}

func sharedToken(holders []tokens.Holder) *refusal {
	var endpoints []types.NamespacedName
	for _, holder := range holders {
		endpoints = append(endpoints, holder.Key())
	}
	return refuse(v1alpha1.RefusalTokenShared,
		fmt.Sprintf("A token of one endpoint was expected; %s came, which %d have, and nobody knows which of them had it first.",
			holders[0].Token.ID(), len(holders)),
		"Raise spec.tokenGeneration with spec.tokenOverlapSeconds: 0, and give the client the new token.", endpoints...)
}

func shortToken(holder tokens.Holder, length int) *refusal {
	return refuse(v1alpha1.RefusalTokenTooShort,
		fmt.Sprintf("A token of at least %d characters was expected; %s, whose hash the Secret has, has %d.",
			v1alpha1.MinTokenLength, holder.Token.ID(), length),
		"Make a token of 32 random bytes, and put its hash into the Secret's key tokenHash.", holder.Key())
}

func expiredToken(holder tokens.Holder) *refusal {
	which, remedy := "The token", tokens.Renewal(holder.Endpoint)+", then give the client the new token"
	switch {
	case holder.Token.State == v1alpha1.TokenPrevious:
		which, remedy = "The token before the last rotation", "Give the client the current token, which is in Secret "+holder.Secret.Name+"."
		if holder.Token.Elsewhere {
			remedy = "Give the client the current token, whose hash is in Secret " + holder.Secret.Name + "."
		}
	case holder.Token.Elsewhere:
		remedy = "Put the hash of a new token into key tokenHash of Secret " + holder.Secret.Name + ", and give the client the token."
	}
	return refuse(v1alpha1.RefusalExpired,
		fmt.Sprintf("%s, %s, ended at %s; it came after that.", which, holder.Token.ID(), holder.Token.ExpiresAt.UTC().Format(time.RFC3339)),
		remedy, holder.Key())
}

// cursorKeys returns the keys of the token in use and of the Secret's other one, while
// that is valid: a client goes on with its cursors when it changes its token.
// The first is that of the token in use, because every replica that lets the
// client in has it, also one that does not know yet of a rotation. Of a token that
// is made elsewhere there is no key, so a client's cursors end with it.
func (t *staticTokens) cursorKeys(holder tokens.Holder, token string) [][]byte {
	keys := [][]byte{cursorKey([]byte(token))}
	for _, other := range tokens.Of(holder.Secret, holder.Endpoint.Spec.Authentication.TokenSeconds) {
		if other.Elsewhere || other.Hash == holder.Token.Hash || !other.Valid(t.now()) {
			continue
		}
		key := v1alpha1.SecretKeyToken
		if other.State == v1alpha1.TokenPrevious {
			key = v1alpha1.SecretKeyPreviousToken
		}
		keys = append(keys, cursorKey(holder.Secret.Data[key]))
	}
	return keys
}

func profileOf(endpoint *v1alpha1.ScimEndpoint) scim.Profile {
	// The CRD allows only names that are known; one that is not means a newer CRD.
	profile, ok := scim.ParseProfile(string(endpoint.Spec.ClientProfile))
	if !ok {
		return scim.Standard
	}
	return profile
}
