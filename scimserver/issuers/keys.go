package issuers

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"gopkg.in/go-jose/go-jose.v2"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// maxTries bounds how many keys are tried for one token.
	maxTries = 8
	// maxWaiting bounds how many requests wait for one issuer's keys at the same time.
	maxWaiting = 32
)

// source is where keys come from, and for whom: the namespaces share none, so that none makes another one wait.
type source struct {
	namespace, url, discoveryURL, certificateAuthority string
}

// keySet has the keys of one issuer. One goroutine fetches them, every few minutes, and sooner when a token names a key
// that is not there. They are kept while the issuer is away, up to keysKept.
type keySet struct {
	source
	limits limits
	slots  slots
	client *http.Client
	now    func() time.Time
	// users is how many elements have the set; the owner's lock guards it.
	users int
	stop  context.CancelFunc
	// wake asks for keys now.
	wake chan struct{}

	mu       sync.Mutex
	keys     []key
	revision uint64
	// fetched is when the keys came, tried when they were asked for last.
	fetched, tried time.Time
	failing        *fault
	// failures counts attempts since the last good one.
	failures int
	fetching bool
	waiting  int
	// done is closed when the attempt ends that is being made, or the next one.
	done chan struct{}
}

func newKeySet(from source, client *http.Client, l limits, s slots, now func() time.Time) *keySet {
	return &keySet{source: from, client: client, limits: l, slots: s, now: now, fetching: true, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// run fetches keys until ctx ends.
func (k *keySet) run(ctx context.Context) {
	for ctx.Err() == nil {
		k.attempt(ctx)
		timer := time.NewTimer(k.pause())
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-k.wake:
		}
		timer.Stop()
	}
}

// pause is how long until the next attempt: after a failure it is short, and twice as long after each further one.
func (k *keySet) pause() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failures == 0 {
		return k.limits.refresh
	}
	return min(k.limits.retry<<min(k.failures-1, 10), k.limits.refresh)
}

func (k *keySet) attempt(ctx context.Context) {
	k.mu.Lock()
	k.fetching = true
	k.mu.Unlock()
	var keys []key
	err := k.slots.acquire(ctx)
	if err == nil {
		k.begin()
		keys, err = fetchKeys(ctx, k.client, k.source)
		k.slots.release()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fetching = false
	close(k.done)
	k.done = make(chan struct{})
	if err == nil {
		if !sameKeys(k.keys, keys) {
			k.keys, k.revision = keys, k.revision+1
		}
		k.fetched, k.failing, k.failures = k.now(), nil, 0
		return
	}
	k.failures++
	if !errors.As(err, &k.failing) {
		k.failing = faulty(err, "", "the operator is about to end")
	}
}

// begin takes down when keys are asked for.
func (k *keySet) begin() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tried = k.now()
}

// sameKeys reports whether two sets have the same keys, in whatever order.
func sameKeys(a, b []key) bool {
	x, errX := texts(a)
	y, errY := texts(b)
	return errX == nil && errY == nil && slices.Equal(x, y)
}

func texts(keys []key) ([]string, error) {
	all := make([]string, 0, len(keys))
	for _, k := range keys {
		text, err := k.jose.MarshalJSON()
		if err != nil {
			return nil, err
		}
		all = append(all, string(text))
	}
	slices.Sort(all)
	return all, nil
}

// tryKeys returns what a token holds that is signed by one of the keys, and the revision of the set. It tries so many keys
// at most, and says how many it has tried.
func (k *keySet) tryKeys(t *parsed, path string, most int) (payload []byte, revision uint64, tries int, f *failure) {
	keys, revision, f := k.current(path)
	if f != nil {
		return nil, revision, 0, f
	}
	signature, err := jose.ParseSigned(t.raw)
	if err != nil {
		return nil, 0, 0, failed(stageKeys, v1alpha1.RefusalMalformedToken, "", "The token is not a JWT in compact form.")
	}
	for i := range keys {
		if !keys[i].fits(t) {
			continue
		}
		if tries == most {
			break
		}
		tries++
		if payload, err := signature.Verify(&keys[i].jose); err == nil {
			return payload, revision, tries, nil
		}
	}
	if tries == 0 {
		return nil, revision, 0, failed(stageKeys, v1alpha1.RefusalUnknownKey, path+".issuer.discoveryURL: <where the configuration is that names the issuer's keys>",
			"The issuer %s has no key for the token, which names key %s and algorithm %s. A new key is found within %s.",
			quote(k.url), quote(t.keyID), quote(t.algorithm), k.limits.unknownKey)
	}
	return nil, revision, tries, failed(stageKeys, v1alpha1.RefusalSignature, path+".issuer.discoveryURL: <where the configuration is that names the issuer's keys>",
		"The token is not signed by the key %s of the issuer %s.", quote(t.keyID), quote(k.url))
}

// current returns the keys; a failure if there are none that may be used.
func (k *keySet) current(path string) ([]key, uint64, *failure) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys != nil && k.now().Sub(k.fetched) < k.limits.kept {
		return k.keys, k.revision, nil
	}
	if k.failing != nil {
		remedy := k.failing.remedy
		if k.failing.remedy == "" {
			remedy = "See to the issuer."
		}
		return nil, k.revision, failed(stageKeys, v1alpha1.RefusalIssuerUnavailable, path+": "+remedy, "The keys of the issuer %s cannot be fetched: %s.", quote(k.url), k.failing.message)
	}
	return nil, k.revision, failed(stageKeys, v1alpha1.RefusalIssuerUnavailable, "Try again; if it stays so, condition IssuerUnavailable says why.",
		"The keys of the issuer %s have not been fetched yet.", quote(k.url))
}

// valid reports whether a token that was verified by this revision would still be.
func (k *keySet) valid(revision uint64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.revision == revision && k.now().Sub(k.fetched) < k.limits.kept
}

// refetch asks for keys other than those of the revision that was seen, unless that was done a short while ago. What it
// returns waits for them, and has to be called once; false if there are none to wait for.
func (k *keySet) refetch(seen uint64) (wait func(context.Context) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.revision != seen { // they have come meanwhile
		return func(context.Context) bool { return true }
	}
	early := !k.fetching && k.now().Sub(k.tried) < k.limits.unknownKey
	if early || k.waiting >= maxWaiting {
		return func(context.Context) bool { return false }
	}
	if !k.fetching {
		select {
		case k.wake <- struct{}{}:
		default: // somebody has asked
		}
	}
	done := k.done
	k.waiting++
	return func(ctx context.Context) bool {
		defer func() {
			k.mu.Lock()
			k.waiting--
			k.mu.Unlock()
		}()
		select {
		case <-done:
			return true
		default: // of two that are ready, select takes any
		}
		select {
		case <-done:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// outage returns why the last attempt failed, and when keys came last; nil if it did not fail.
func (k *keySet) outage() (*fault, time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.failing, k.fetched
}

// slots bound how many issuers are asked at the same time: by one namespace, and by all.
type slots struct{ namespace, all chan struct{} }

func (s slots) acquire(ctx context.Context) error {
	select {
	case s.namespace <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case s.all <- struct{}{}:
		return nil
	case <-ctx.Done():
		<-s.namespace
		return ctx.Err()
	}
}

func (s slots) release() {
	<-s.all
	<-s.namespace
}
