package kube

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	saltBytes = 32
	// saltFresh is how long a salt is used before the API server is asked for it again:
	// somebody may have deleted the Secret, and another process made another one.
	saltFresh = time.Minute
	// saltKept is how long the salt of a namespace that nobody asks for is remembered.
	saltKept = 24 * time.Hour
)

// ErrNoSalt says that somebody else has made the Secret of a namespace's salt, or changed it.
var ErrNoSalt = fmt.Errorf("no salt of %d bytes under key %s of Secret %s: delete that, and it is made anew", saltBytes, v1alpha1.SecretKeySalt, v1alpha1.SecretSalt)

// Salt derives names of objects from values, such as a Lease's from a userName, so that two
// processes come to the same name and who sees the name cannot find out the value by trying
// likely ones. It is a namespace's own.
type Salt []byte

// Name is derived from a value: 52 lower-case letters and digits. A domain, which holds no zero
// byte, has names of its own.
func (s Salt) Name(domain, value string) string {
	mac := hmac.New(sha256.New, s)
	mac.Write([]byte(domain + "\x00" + value))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)))
}

// Salts keeps the salt of each namespace in Secret v1alpha1.SecretSalt there, which a backup
// of the namespace contains. It is safe for concurrent use, also by several processes.
type Salts struct {
	client client.Client
	live   client.Reader
	clock  clock.PassiveClock

	mu    sync.Mutex
	known map[string]knownSalt
}

type knownSalt struct {
	salt Salt
	read time.Time
}

// NewSalts returns the Salts of a cluster. live reads from the API server.
func NewSalts(c client.Client, live client.Reader) *Salts {
	return &Salts{client: c, live: live, clock: clock.RealClock{}, known: map[string]knownSalt{}}
}

// Of returns a namespace's salt, and makes it when it is asked for first. One whose Secret has
// been deleted comes back as it was if a process has read it within a day. The error says what the API
// server refused, or is ErrNoSalt.
func (s *Salts) Of(ctx context.Context, namespace string) (Salt, error) {
	known := s.remembered(namespace)
	if known.salt != nil && s.clock.Since(known.read) < saltFresh {
		return known.salt, nil
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.SecretSalt}}
	err := s.live.Get(ctx, client.ObjectKeyFromObject(secret), secret)
	if apierrors.IsNotFound(err) {
		if secret, err = s.create(ctx, secret, known.salt); apierrors.IsAlreadyExists(err) {
			err = s.live.Get(ctx, client.ObjectKeyFromObject(secret), secret)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the salt of the namespace, Secret %s: %w", v1alpha1.SecretSalt, err)
	}
	salt := Salt(secret.Data[v1alpha1.SecretKeySalt])
	if len(salt) < saltBytes {
		return nil, ErrNoSalt
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.known, func(_ string, known knownSalt) bool { return s.clock.Since(known.read) > saltKept })
	s.known[namespace] = knownSalt{salt: salt, read: s.clock.Now()}
	return salt, nil
}

func (s *Salts) remembered(namespace string) knownSalt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[namespace]
}

// create writes a new Secret with a salt; nil means any.
func (s *Salts) create(ctx context.Context, secret *corev1.Secret, salt Salt) (*corev1.Secret, error) {
	if salt == nil {
		salt = make([]byte, saltBytes)
		rand.Read(salt)
	}
	secret = secret.DeepCopy()
	secret.Type = corev1.SecretTypeOpaque
	secret.Immutable = new(true)
	secret.Data = map[string][]byte{v1alpha1.SecretKeySalt: salt}
	// The cache does not have it, so nothing must wait until it does.
	return secret, s.client.Create(ctx, secret, client.DisableReadYourWritesConsistency)
}
