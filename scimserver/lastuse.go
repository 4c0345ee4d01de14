package scimserver

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// lastUseStep is how far the last use of a token must have moved to be written.
	lastUseStep = time.Minute
	// lastUsePoll is how often it is looked at. That alone writes nothing.
	lastUsePoll = 2 * time.Second
	// lastUseTimeout bounds one write.
	lastUseTimeout = 10 * time.Second
	// lastUseKept is how long a use waits for the ScimEndpoint's status to tell of the token.
	lastUseKept = 10 * time.Minute
)

// lastUse writes into the status of ScimEndpoints when their tokens were last used: at
// most once a minute for each token, whatever the number of requests and replicas,
// and nothing while no client calls.
//
// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=scimendpoints/status,verbs=patch
type lastUse struct {
	client client.Client
	// reader is the cache.
	reader client.Reader
	log    logr.Logger
	now    func() time.Time

	mu   sync.Mutex
	used map[usedToken]use
}

// use is one use of a token.
type use struct {
	at time.Time
	// source is the address that it was used from, "" if that is not known.
	source string
}

// usedToken is a token, or with no id any credential of the endpoint that is no element of its status: that of an OAuth client,
// or of an issuer, whose subjects are as many as it likes.
type usedToken struct {
	endpoint types.NamespacedName
	id       string
}

func usedBy(p *principal) usedToken {
	if strings.HasPrefix(p.tokenID, clientPrefix) || strings.HasPrefix(p.tokenID, issuerPrefix) {
		return usedToken{endpoint: p.key()}
	}
	return usedToken{p.key(), p.tokenID}
}

func newLastUse(c client.Client, reader client.Reader, log logr.Logger, now func() time.Time) *lastUse {
	return &lastUse{client: c, reader: reader, log: log, now: now, used: map[usedToken]use{}}
}

// note takes down that a token was used now, and from where. A nil lastUse takes down nothing.
func (l *lastUse) note(p *principal, source string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used[usedBy(p)] = use{l.now(), source}
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: every replica serves.
func (l *lastUse) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (l *lastUse) Start(ctx context.Context) error {
	wait.UntilWithContext(ctx, l.flush, lastUsePoll)
	return nil
}

// flush writes what has moved far enough.
func (l *lastUse) flush(ctx context.Context) {
	for token, last := range l.pending() {
		done, err := l.write(ctx, token, last)
		if err != nil {
			// Another replica, or the next round, writes it.
			l.log.V(1).Info("Could not write when a token was last used", "endpoint", token.endpoint, "error", err.Error())
		}
		if done || l.now().Sub(last.at) > lastUseKept {
			l.forget(token, last)
		}
	}
}

func (l *lastUse) pending() map[usedToken]use {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.used)
}

func (l *lastUse) forget(token usedToken, written use) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.used[token] == written {
		delete(l.used, token)
	}
}

// write writes one use, unless the status already has one that is recent enough. It reports
// whether there is nothing left to do.
func (l *lastUse) write(ctx context.Context, token usedToken, last use) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, lastUseTimeout)
	defer cancel()
	endpoint := &v1alpha1.ScimEndpoint{}
	if err := l.reader.Get(ctx, token.endpoint, endpoint, client.UnsafeDisableDeepCopy); err != nil {
		return client.IgnoreNotFound(err) == nil, fmt.Errorf("read a ScimEndpoint: %w", err)
	}
	place := -1
	if token.id != "" {
		place = slices.IndexFunc(endpoint.Status.Tokens, func(t v1alpha1.TokenStatus) bool { return t.ID == token.id })
	}
	told := endpoint.Status.LastRequestAt
	if place >= 0 {
		told = endpoint.Status.Tokens[place].LastUsedAt
	}
	if place < 0 && token.id != "" || told != nil && last.at.Sub(told.Time) < lastUseStep {
		return false, nil
	}
	patch, err := lastUsePatch(place, token.id, last)
	if err != nil {
		return false, err
	}
	target := &v1alpha1.ScimEndpoint{}
	target.Namespace, target.Name = token.endpoint.Namespace, token.endpoint.Name
	// Nobody waits for this write, and a read that did would be slower for it.
	err = l.client.Status().Patch(ctx, target, patch, client.DisableReadYourWritesConsistency)
	if err != nil {
		return false, fmt.Errorf("patch the status of a ScimEndpoint: %w", err)
	}
	return true, nil
}

// lastUsePatch changes three values and no others, and only if the token is still where
// it was: the controllers write the list, too. Without a place it changes one.
func lastUsePatch(place int, id string, last use) (client.Patch, error) {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	when := v1alpha1.NewTimestamp(last.at)
	operations := []operation{{"add", "/status/lastRequestAt", when}}
	if token := fmt.Sprintf("/status/tokens/%d", place); place >= 0 {
		operations = append(operations, operation{"test", token + "/id", id},
			operation{"add", token + "/lastUsedAt", when}, operation{"add", token + "/lastSource", last.source})
	}
	data, err := json.Marshal(operations)
	if err != nil {
		return nil, fmt.Errorf("encode the last use of a token: %w", err)
	}
	return client.RawPatch(types.JSONPatchType, data), nil
}
