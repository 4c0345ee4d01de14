package oauth

import (
	"crypto/sha256"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"rservice.dev/scim-operator/api/credentials"
	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// maxKeyrings is of how many endpoints keys are kept decoded, and maxVerified how many access tokens need not be
	// verified again. Both are more than there are clients at work at the same time.
	maxKeyrings = 10_000
	maxVerified = 10_000
)

// keyring keeps keys decoded, which takes longer than all else of a request's authentication.
type keyring struct {
	mu    sync.Mutex
	known map[types.UID]*endpointKeys
}

// endpointKeys are an endpoint's signing keys as a Secret has them.
type endpointKeys struct {
	// revision is the Secret's resourceVersion, name its name, and endpoint the ScimEndpoint that its label names.
	revision string
	name     string
	endpoint types.NamespacedName
	keys     []credentials.SigningKey
	signsAt  time.Time
}

// signing returns the key that signs now; false if there is none yet.
func (e *endpointKeys) signing(now time.Time) (credentials.SigningKey, bool) {
	if len(e.keys) == 0 || now.Before(e.signsAt) {
		return credentials.SigningKey{}, false
	}
	return e.keys[0], true
}

// verifying returns the key of this id; false if it verifies nothing now.
func (e *endpointKeys) verifying(id string, now time.Time) (credentials.SigningKey, bool) {
	for _, key := range e.keys {
		if key.ID == id && key.Verifies(now) {
			return key, true
		}
	}
	return credentials.SigningKey{}, false
}

// cursorKeys are derived from the key that has signed the client's access token, which every replica has that lets the
// client in, and from the others: so a client goes on with its cursors when it gets another access token.
func (e *endpointKeys) cursorKeys(client, signedBy string, now time.Time) ([][]byte, error) {
	var derived [][]byte
	for _, key := range e.keys {
		if !key.Verifies(now) {
			continue
		}
		secret, err := key.Secret(cursorPurpose, client)
		if err != nil {
			return nil, err
		}
		derived = append(derived, secret)
		if last := len(derived) - 1; key.ID == signedBy {
			derived[0], derived[last] = derived[last], derived[0]
		}
	}
	return derived, nil
}

func newKeyring() *keyring { return &keyring{known: map[types.UID]*endpointKeys{}} }

// of returns the keys of a Secret as it is.
func (k *keyring) of(secret *corev1.Secret) *endpointKeys {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known := k.known[secret.UID]; known != nil && known.revision == secret.ResourceVersion {
		return known
	}
	if len(k.known) >= maxKeyrings {
		clear(k.known)
	}
	signing := credentials.SigningSecret{Secret: secret}
	fresh := &endpointKeys{
		revision: secret.ResourceVersion, name: secret.Name, keys: signing.Keys(), signsAt: signing.SignsAt(),
		endpoint: types.NamespacedName{Namespace: secret.Namespace, Name: secret.Labels[v1alpha1.LabelEndpoint]},
	}
	k.known[secret.UID] = fresh
	return fresh
}

// verified keeps what access tokens say whose signatures are verified. Whether they are valid is decided each time.
type verified struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]signed
}

// signed is what a token says, and the key that it is signed by.
type signed struct {
	keyID  string
	claims claims
}

func newVerified() *verified { return &verified{known: map[[sha256.Size]byte]signed{}} }

func (v *verified) get(token string) (signed, bool) {
	hash := sha256.Sum256([]byte(token))
	v.mu.Lock()
	defer v.mu.Unlock()
	found, ok := v.known[hash]
	return found, ok
}

// put keeps one until there are too many: then those go that have ended, or all.
func (v *verified) put(token string, content signed, now time.Time) {
	hash := sha256.Sum256([]byte(token))
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= maxVerified {
		maps.DeleteFunc(v.known, func(_ [sha256.Size]byte, s signed) bool { return !now.Before(s.claims.Expiry.Time()) })
	}
	if len(v.known) >= maxVerified {
		clear(v.known)
	}
	v.known[hash] = content
}
