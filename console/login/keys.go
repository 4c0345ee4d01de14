package login

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
)

const (
	// DefaultSecret is the name of the Secret with the keys. Deleting it ends all sessions.
	DefaultSecret = "scim-operator-console" //nolint:gosec // no secret itself

	keySize = 32
	// keyIDSize tells keys apart in what they have sealed.
	keyIDSize = 8
	// rotateAfter is how long a key seals.
	rotateAfter = 24 * time.Hour
	// readEvery is how soon a replica finds another one's key, or that the Secret has gone.
	readEvery = time.Minute
	// settleKey is how old a key is when it begins to seal: all replicas can open then what it has sealed.
	settleKey = 3 * readEvery
	// rereadAfter bounds how often unknown keys make a replica read the Secret.
	rereadAfter = time.Second
	readTimeout = 10 * time.Second
)

// errNotSealed is of a text that none of the keys has sealed for the purpose.
var errNotSealed = errors.New("not sealed with a key of this console")

// Keys seal what browsers keep for us. They are in a Secret that the replicas share: whichever finds them missing or old makes a new
// one, and of several the first to write wins.
type Keys struct {
	// Client reads and writes the Secret live.
	Client client.Client
	// Secret is where it is.
	Secret client.ObjectKey
	// Lifetime is how long what was sealed must be opened.
	Lifetime time.Duration
	// Now is the time; nil: time.Now.
	Now func() time.Time
	// Log is told of new keys.
	Log logr.Logger

	mu    sync.Mutex
	known []key
	read  time.Time
}

// key is one key, as it is in the Secret under <Unix seconds>-<8 hexadecimal digits>.
type key struct {
	name string
	made time.Time
	id   [keyIDSize]byte
	aead cipher.AEAD
}

func (k *Keys) now() time.Time {
	if k.Now == nil {
		return time.Now()
	}
	return k.Now()
}

// Start implements manager.Runnable: it reads the Secret until ctx ends.
func (k *Keys) Start(ctx context.Context) error {
	ticker := time.NewTicker(readEvery)
	defer ticker.Stop()
	for {
		if err := k.Read(ctx); err != nil && ctx.Err() == nil {
			k.Log.Error(err, "The keys of the console's sessions cannot be read; sessions go on with those that are known")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: every replica has sessions.
func (k *Keys) NeedLeaderElection() bool { return false }

// Read reads the Secret, and writes a new key if there is none that may seal for long enough.
func (k *Keys) Read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	for {
		secret := &corev1.Secret{}
		err := k.Client.Get(ctx, k.Secret, secret)
		missing := apierrors.IsNotFound(err)
		if err != nil && !missing {
			return fmt.Errorf("read Secret %s: %w", k.Secret, err)
		}
		known := parseKeys(secret.Data)
		if len(known) > 0 && k.now().Sub(known[0].made) < rotateAfter {
			k.mu.Lock()
			k.known, k.read = known, k.now()
			k.mu.Unlock()
			return nil
		}
		err = k.add(ctx, secret, missing)
		// Another replica was faster, or somebody has deleted the Secret. Where there is none and none can be made, the namespace is missing.
		again := apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err) && !missing
		if err != nil && !again {
			return fmt.Errorf("write Secret %s: %w", k.Secret, err)
		}
	}
}

// add writes a new key, and leaves out those that nothing needs any more.
func (k *Keys) add(ctx context.Context, secret *corev1.Secret, missing bool) error {
	value, salt := make([]byte, keySize), make([]byte, 4)
	_, _ = rand.Read(value) // it never fails
	_, _ = rand.Read(salt)
	name := strconv.FormatInt(k.now().Unix(), 10) + "-" + hex.EncodeToString(salt)
	if missing {
		secret = &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: k.Secret.Namespace, Name: k.Secret.Name},
			Type:       corev1.SecretTypeOpaque, Data: map[string][]byte{name: value},
		}
		err := k.Client.Create(ctx, secret, client.FieldOwner(kube.FieldOwner))
		if err == nil {
			k.Log.Info("Made a key for the console's sessions", "secret", k.Secret.String())
		}
		return err
	}
	read := secret.DeepCopy()
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	for _, old := range parseKeys(secret.Data) {
		if k.now().Sub(old.made) > 2*rotateAfter+k.Lifetime {
			delete(secret.Data, old.name)
		}
	}
	secret.Data[name] = value
	err := k.Client.Patch(ctx, secret, client.MergeFromWithOptions(read, client.MergeFromWithOptimisticLock{}), client.FieldOwner(kube.FieldOwner))
	if err == nil {
		k.Log.Info("Rotated the key of the console's sessions", "secret", k.Secret.String())
	}
	return err
}

// parseKeys returns the keys of a Secret, the newest first. What is no key is left out.
func parseKeys(data map[string][]byte) []key {
	var found []key
	for _, name := range slices.Sorted(maps.Keys(data)) {
		seconds, _, ok := strings.Cut(name, "-")
		made, err := strconv.ParseInt(seconds, 10, 64)
		if !ok || err != nil || len(data[name]) != keySize {
			continue
		}
		block, err := aes.NewCipher(data[name])
		if err != nil {
			continue
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			continue
		}
		id := sha256.Sum256(append([]byte("scim console key\x00"), data[name]...))
		found = append(found, key{name: name, made: time.Unix(made, 0), id: [keyIDSize]byte(id[:]), aead: aead})
	}
	slices.SortStableFunc(found, func(a, b key) int { return b.made.Compare(a.made) })
	return found
}

// seal encrypts data for a purpose, such as the name of a cookie. The text is base64url.
func (k *Keys) seal(ctx context.Context, purpose string, data []byte) (string, error) {
	k.mu.Lock()
	none := len(k.known) == 0
	k.mu.Unlock()
	if none {
		if err := k.Read(ctx); err != nil {
			return "", err
		}
	}
	k.mu.Lock()
	chosen := k.known[len(k.known)-1]
	for _, candidate := range k.known {
		if k.now().Sub(candidate.made) >= settleKey {
			chosen = candidate
			break
		}
	}
	k.mu.Unlock()
	sealed := chosen.aead.Seal(append([]byte(nil), chosen.id[:]...), nil, data, []byte(purpose)) //nolint:gosec // it makes a random nonce by itself
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// open decrypts what seal has made for the same purpose; otherwise the error is errNotSealed.
func (k *Keys) open(ctx context.Context, purpose, text string) ([]byte, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(sealed) < keyIDSize {
		return nil, errNotSealed
	}
	opener, ok := k.find([keyIDSize]byte(sealed))
	if !ok && k.mayReread() {
		if err := k.Read(ctx); err != nil {
			return nil, err
		}
		opener, ok = k.find([keyIDSize]byte(sealed))
	}
	if !ok {
		return nil, errNotSealed
	}
	data, err := opener.Open(nil, nil, sealed[keyIDSize:], []byte(purpose))
	if err != nil {
		return nil, errNotSealed
	}
	return data, nil
}

func (k *Keys) find(id [keyIDSize]byte) (cipher.AEAD, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, candidate := range k.known {
		if candidate.id == id {
			return candidate.aead, true
		}
	}
	return nil, false
}

// mayReread reports whether the Secret may be read again because of an unknown key.
func (k *Keys) mayReread() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := k.now(); now.Sub(k.read) >= rereadAfter {
		k.read = now
		return true
	}
	return false
}
