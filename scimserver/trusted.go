package scimserver

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/bounds"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/tokens"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/issuers"
)

// issuerPrefix tells the ids of who comes with tokens of an issuer from those of tokens.
const issuerPrefix = "issuer/"

// trusted authenticates by tokens of the issuers that endpoints trust.
type trusted struct {
	issuers *issuers.Issuers
	tokens  *staticTokens
	bounds  bounds.Bounds
}

// authenticate implements authenticator.
func (t trusted) authenticate(ctx context.Context, token string) (*principal, error) {
	identity, err := t.issuers.Bearer(ctx, token)
	if why, is := errors.AsType[*issuers.Refusal](err); is {
		if away := kube.Unread(t.tokens.reader, &v1alpha1.ScimEndpoint{}); len(away) > 0 && len(why.Told) == 0 {
			return nil, kube.NotReadYet("the tokens", away)
		}
		return nil, refusedByIssuers(why)
	}
	if identity == nil || err != nil {
		return nil, err
	}
	return t.only(ctx, identity)
}

// verifiedBefore authenticates by tokens of issuers that have been verified a while ago. Asked first, it saves the look-ups of
// what such a token could be otherwise.
type verifiedBefore struct{ trusted }

// authenticate implements authenticator.
func (t verifiedBefore) authenticate(ctx context.Context, token string) (*principal, error) {
	identity, err := t.issuers.Recall(ctx, token)
	if identity == nil || err != nil {
		return nil, err
	}
	return t.only(ctx, identity)
}

// only is who a token's bearer is, if no other endpoint that would take the token may just not have been read yet.
func (t trusted) only(ctx context.Context, identity *issuers.Identity) (*principal, error) {
	if meta.IsStatusConditionTrue(identity.Endpoint.Status.Conditions, v1alpha1.ConditionIssuerShared) {
		if away := kube.Unread(t.tokens.reader, &v1alpha1.ScimEndpoint{}); len(away) > 0 {
			return nil, kube.NotReadYet("the tokens", away)
		}
	}
	return t.principal(ctx, identity)
}

// principal is who a token's bearer is. Its tokens follow one another, so what is logged goes by issuer and subject. What is
// counted goes by element of spec.authentication.jwt.
func (t trusted) principal(ctx context.Context, identity *issuers.Identity) (*principal, error) {
	p := principalOf(identity.Endpoint, t.bounds)
	p.tokenID, p.counted = issuerPrefix+identity.ID, issuerPrefix+strconv.Itoa(identity.Element)
	p.scope, p.scopeField = identity.Scope, identity.ScopeField
	var err error
	p.cursorKeys, err = t.tokens.cursorKeysOf(ctx, identity.Endpoint, identity.Issuer+"\n"+identity.Subject)
	return p, err
}

// cursorKeysOf are the keys of a client without a token of its own that would stay: they are derived from the hash of the
// endpoint's token, which all replicas have, and only they and whoever may do the same anyway.
func (t *staticTokens) cursorKeysOf(ctx context.Context, endpoint *v1alpha1.ScimEndpoint, name string) ([][]byte, error) {
	secret := &corev1.Secret{}
	err := t.reader.Get(ctx, types.NamespacedName{Namespace: endpoint.Namespace, Name: endpoint.SecretName()}, secret, client.UnsafeDisableDeepCopy)
	if client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	var keys [][]byte
	for _, token := range tokens.Of(secret, nil) {
		keys = append(keys, cursorKey([]byte("issuer\n"+token.Hash+"\n"+name)))
	}
	if len(keys) == 0 {
		return nil, apierrors.NewServiceUnavailable("the Secret of the ScimEndpoint is not there yet")
	}
	return keys, nil
}

// refusedByIssuers is what the server makes of the refusal of a token: each owner is told of the own endpoint.
func refusedByIssuers(why *issuers.Refusal) *refusal {
	if len(why.Told) == 0 {
		f := refuse(why.Reason, cut(why.Message, maxRefusalMessage), cut(why.Remedy, maxRefusalRemedy))
		f.byAddress = why.Message != ""
		return f
	}
	var first *refusal
	for _, told := range why.Told {
		f := refuse(why.Reason, cut(told.Message, maxRefusalMessage), cut(told.Remedy, maxRefusalRemedy), told.Endpoint)
		f.discreet = told.Discreet
		if first == nil {
			first = f
			continue
		}
		first.others = append(first.others, f)
	}
	return first
}

// As status.refusals has it.
const maxRefusalMessage, maxRefusalRemedy = 1024, 2048

// cut makes a text of no more than so many bytes.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	text = text[:most-len("…")]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return strings.TrimSpace(text) + "…"
}
