package scimserver

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/bounds"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// indexTokenHash finds Secrets by the SHA-256 of a token that they hold, so that
// the look-up itself tells nothing of a token by the time that it takes.
const indexTokenHash = "scimserver.tokenHash"

// tokens authenticates against the token Secrets in the cache.
type tokens struct {
	reader client.Reader
	bounds bounds.Bounds
	now    func() time.Time
}

// newTokens registers the index and the informers. Call it before the cache is
// started.
func newTokens(ctx context.Context, c cache.Cache, operators bounds.Bounds, now func() time.Time) (*tokens, error) {
	err := c.IndexField(ctx, &corev1.Secret{}, indexTokenHash, func(obj client.Object) []string {
		secret, ok := obj.(*corev1.Secret)
		if !ok {
			return nil
		}
		var hashes []string
		for _, key := range []string{v1alpha1.SecretKeyToken, v1alpha1.SecretKeyPreviousToken} {
			if token := storedToken(secret, key); len(token) > 0 {
				hashes = append(hashes, hashOf(token))
			}
		}
		return hashes
	})
	if err != nil {
		return nil, fmt.Errorf("index token Secrets: %w", err)
	}
	for _, obj := range []client.Object{&corev1.Secret{}, &v1alpha1.ScimEndpoint{}} {
		if _, err := c.GetInformer(ctx, obj, cache.BlockUntilSynced(false)); err != nil {
			return nil, fmt.Errorf("watch %T: %w", obj, err)
		}
	}
	return &tokens{reader: c, bounds: operators, now: now}, nil
}

// storedToken returns nil for a token that is too short to be safe, which makes the
// ScimEndpoint not ready.
func storedToken(secret *corev1.Secret, key string) []byte {
	if token := secret.Data[key]; len(token) >= v1alpha1.MinTokenLength {
		return token
	}
	return nil
}

func hashOf(token []byte) string {
	sum := sha256.Sum256(token)
	return hex.EncodeToString(sum[:])
}

// authenticate implements authenticator. A token that several endpoints have is
// nobody's: it could not be told whose data is meant.
func (t *tokens) authenticate(ctx context.Context, token string) (*principal, error) {
	var secrets corev1.SecretList
	err := t.reader.List(ctx, &secrets, client.MatchingFields{indexTokenHash: hashOf([]byte(token))}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("look up a token: %w", err)
	}
	var found *principal
	for i := range secrets.Items {
		secret := &secrets.Items[i]
		if !t.valid(secret, []byte(token)) {
			continue
		}
		endpoint, err := t.endpoint(ctx, secret)
		if err != nil {
			return nil, err
		}
		if endpoint == nil {
			continue
		}
		if found != nil {
			return nil, nil
		}
		found = principalOf(endpoint, t.bounds)
		found.tokenID = v1alpha1.TokenID(token)
		found.scope = cmp.Or(endpoint.Spec.Authentication.TokenScope, v1alpha1.ScopeAll)
		found.scopeField = "spec.authentication.tokenScope"
		found.cursorKeys = t.cursorKeys(secret, token)
	}
	if found != nil {
		return found, nil
	}
	if away := kube.Unread(t.reader, &corev1.Secret{}, &v1alpha1.ScimEndpoint{}); len(away) > 0 {
		// The token may be of one of these, so it is not called wrong.
		return nil, apierrors.NewServiceUnavailable(fmt.Sprintf("the tokens of namespaces %s have not been read yet", strings.Join(away, ", ")))
	}
	return nil, nil
}

// valid reports whether the Secret holds the token and lets it be used now.
func (t *tokens) valid(secret *corev1.Secret, token []byte) bool {
	if subtle.ConstantTimeCompare(storedToken(secret, v1alpha1.SecretKeyToken), token) == 1 {
		return true
	}
	if subtle.ConstantTimeCompare(storedToken(secret, v1alpha1.SecretKeyPreviousToken), token) != 1 {
		return false
	}
	expiry, err := time.Parse(time.RFC3339, secret.Annotations[v1alpha1.AnnotationPreviousTokenExpiresAt])
	return err == nil && t.now().Before(expiry)
}

// cursorKeys returns the keys of the token in use and of the Secret's other one, while
// that is valid: a client goes on with its cursors when it changes its token.
// The first is that of the token in use, because every replica that lets the
// client in has it, also one that does not know yet of a rotation.
func (t *tokens) cursorKeys(secret *corev1.Secret, token string) [][]byte {
	keys := [][]byte{cursorKey([]byte(token))}
	for _, key := range []string{v1alpha1.SecretKeyToken, v1alpha1.SecretKeyPreviousToken} {
		if other := storedToken(secret, key); other != nil && string(other) != token && t.valid(secret, other) {
			keys = append(keys, cursorKey(other))
		}
	}
	return keys
}

// endpoint returns the ScimEndpoint that the Secret belongs to, or nil. The
// label alone is not enough: the endpoint must name the Secret, too.
func (t *tokens) endpoint(ctx context.Context, secret *corev1.Secret) (*v1alpha1.ScimEndpoint, error) {
	name := secret.Labels[v1alpha1.LabelEndpoint]
	endpoint := &v1alpha1.ScimEndpoint{}
	err := t.reader.Get(ctx, types.NamespacedName{Namespace: secret.Namespace, Name: name}, endpoint, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) || name == "" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read a ScimEndpoint: %w", err)
	}
	if endpoint.DeletionTimestamp != nil || endpoint.SecretName() != secret.Name {
		return nil, nil
	}
	return endpoint, nil
}

func profileOf(endpoint *v1alpha1.ScimEndpoint) scim.Profile {
	// The CRD allows only names that are known; one that is not means a newer CRD.
	profile, ok := scim.ParseProfile(string(endpoint.Spec.ClientProfile))
	if !ok {
		return scim.Standard
	}
	return profile
}
