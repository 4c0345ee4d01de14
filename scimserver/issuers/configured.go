package issuers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"

	"rservice.dev/scim-operator/api/trust"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// Of the time of a processor, a namespace's expressions may take a tenth, and a second at once.
const (
	workPerSecond = 100
	workBurst     = 1000
)

// configured is what was made of the elements of one endpoint, as they were at one generation.
type configured struct {
	namespace  string
	generation int64
	elements   []*element
	// sets are those that the elements use, some of them several times.
	sets []*keySet
}

// element is one element of jwt. It takes no token if it has a fault or its issuer is one too many.
type element struct {
	index int
	spec  *v1alpha1.JWTAuthenticator
	// fault says what is wrong with it, full that there are too many issuers; "" if nothing is.
	fault, full string
	set         *keySet
	tenant      *tenant
	library     oidc.AuthenticatorTokenWithHealthCheck
}

// configured returns what was made of an endpoint, and makes it first if it has changed.
func (i *Issuers) configured(endpoint *v1alpha1.ScimEndpoint) *configured {
	i.mu.Lock()
	known := i.endpoints[endpoint.UID]
	i.mu.Unlock()
	if known != nil && known.generation >= endpoint.Generation {
		return known
	}
	made := i.compile(endpoint)
	i.mu.Lock()
	defer i.mu.Unlock()
	if known = i.endpoints[endpoint.UID]; known != nil && known.generation >= made.generation {
		return known // somebody else was faster
	}
	if _, gone := i.gone.Get(endpoint.UID); gone {
		return &configured{}
	}
	i.endpoints[endpoint.UID] = made
	i.connect(made, known)
	return made
}

// compile makes the elements of an endpoint, without their keys.
func (i *Issuers) compile(endpoint *v1alpha1.ScimEndpoint) *configured {
	spec := endpoint.Spec.DeepCopy()
	made := &configured{namespace: endpoint.Namespace, generation: endpoint.Generation}
	faults := trust.Check(endpoint)
	for index := range spec.Authentication.JWT {
		e := &element{index: index, spec: &spec.Authentication.JWT[index]}
		made.elements = append(made.elements, e)
		if place := slices.IndexFunc(faults, func(f trust.Fault) bool { return f.Element == index }); place >= 0 {
			e.fault = faults[place].Message
			continue
		}
		var err error
		e.library, err = oidc.New(i.life, oidc.Options{
			JWTAuthenticator: trust.Authenticator(e.spec), KeySet: verifiedBefore{}, Compiler: trust.Compiler(), SupportedSigningAlgs: algorithms,
			Client: &http.Client{Transport: noRequests{}},
		})
		if err != nil {
			e.fault = fmt.Sprintf("%s is not valid. Correct it.", trust.Path(index))
		}
	}
	return made
}

// noRequests is for a library that has no reason to send any.
type noRequests struct{}

// RoundTrip implements http.RoundTripper.
func (noRequests) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("keys are fetched elsewhere")
}

// connect gives the elements their keys, in the place of what was made of the endpoint before, if anything. The lock is held.
func (i *Issuers) connect(made, before *configured) {
	t := i.tenantOf(made.namespace)
	// What both use stays, and what only the one before used makes room, also where there was none.
	for _, e := range made.elements {
		if set := i.sets[made.sourceOf(e)]; set != nil && e.fault == "" {
			made.use(e, set)
		}
	}
	if before != nil {
		i.release(before)
	}
	i.tenants[made.namespace] = t // also if the last set of its own has gone
	i.fill(made)
	i.refill()
	if t.sets == 0 {
		delete(i.tenants, made.namespace)
	}
}

// tenantOf returns what the endpoints of a namespace share. The lock is held.
func (i *Issuers) tenantOf(namespace string) *tenant {
	t := i.tenants[namespace]
	if t == nil {
		t = &tenant{slots: make(chan struct{}, maxFetchesPerNamespace), work: rate.NewLimiter(workPerSecond, workBurst)}
		i.tenants[namespace] = t
	}
	return t
}

// fill gives keys to the elements that have none, as far as there is room. The lock is held.
func (i *Issuers) fill(c *configured) {
	t := i.tenantOf(c.namespace)
	for _, e := range c.elements {
		e.tenant, e.full = t, ""
		if e.fault != "" || e.set != nil {
			continue
		}
		if set := i.setOf(c.sourceOf(e), t); set != nil {
			c.use(e, set)
			continue
		}
		e.full = fmt.Sprintf("the namespace has more than %d issuers, or the operator more than %d", maxSetsPerNamespace, maxSets)
	}
}

// refill gives keys to the elements for which there was no room. What requests may have in hand is not changed. The lock is
// held.
func (i *Issuers) refill() {
	for uid, c := range i.endpoints {
		if !slices.ContainsFunc(c.elements, func(e *element) bool { return e.full != "" }) {
			continue
		}
		if t := i.tenants[c.namespace]; len(i.sets) >= maxSets || t != nil && t.sets >= maxSetsPerNamespace {
			continue
		}
		next := &configured{namespace: c.namespace, generation: c.generation, sets: c.sets}
		for _, e := range c.elements {
			again := *e
			next.elements = append(next.elements, &again)
		}
		i.fill(next)
		i.endpoints[uid] = next
	}
}

func (c *configured) use(e *element, set *keySet) {
	e.set = set
	set.users++
	c.sets = append(c.sets, set)
}

func (c *configured) sourceOf(e *element) source {
	issuer := &e.spec.Issuer
	return source{namespace: c.namespace, url: issuer.URL, discoveryURL: issuer.DiscoveryURL, certificateAuthority: issuer.CertificateAuthority}
}

// setOf returns the keys from a source, and begins to fetch them; nil if there are too many. The lock is held.
func (i *Issuers) setOf(from source, t *tenant) *keySet {
	if set := i.sets[from]; set != nil {
		return set
	}
	if t.sets >= maxSetsPerNamespace || len(i.sets) >= maxSets {
		return nil
	}
	set := newKeySet(from, newClient(from.certificateAuthority, i.private, i.limits.fetch), i.limits, slots{namespace: t.slots, all: i.slots}, i.now)
	i.sets[from] = set
	t.sets++
	ctx, stop := context.WithCancel(i.life)
	set.stop = stop
	go set.run(ctx)
	return set
}

// forget lets go of an endpoint that is gone, for good: a request that found it a moment ago does not bring it back.
func (i *Issuers) forget(endpoint types.UID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.gone.Add(endpoint, nil)
	if known := i.endpoints[endpoint]; known != nil {
		delete(i.endpoints, endpoint)
		i.release(known)
		i.refill()
	}
}

// release lets go of the keys that nobody else uses. The lock is held.
func (i *Issuers) release(c *configured) {
	for _, set := range c.sets {
		if set.users--; set.users > 0 {
			continue
		}
		set.stop()
		delete(i.sets, set.source)
		// The library counts by issuer, for a registry that nobody reads, and forgets none by itself.
		oidc.ResetMetrics()
		t := i.tenants[set.namespace]
		if t.sets--; t.sets == 0 {
			delete(i.tenants, set.namespace)
		}
	}
}

// overworked reports whether the expressions of a namespace have taken all the time that they may.
func (t *tenant) overworked() bool { return t.work.Tokens() < 1 }

// worked takes down for how long expressions were evaluated.
func (t *tenant) worked(took time.Duration) {
	now := time.Now()
	t.work.ReserveN(now, min(workBurst, int(took/time.Millisecond)))
}
