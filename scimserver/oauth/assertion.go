package oauth

import (
	"context"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// usedFor is for how much longer than an assertion is valid it is known to be used: clocks of replicas and issuers differ.
	usedFor = 5 * time.Minute
	// maxOnce is for how long an assertion may be valid that is good for one access token. It is known to be used until it
	// expires, so others could be kept for ever.
	maxOnce = 24 * time.Hour
)

// usedPrefix begins the names of Leases that say that an assertion has been used.
const usedPrefix = "assertion-"

// byAssertion finds out which endpoint's client has sent an assertion. The error may be an *issuers.Refusal.
func (c *Clients) byAssertion(ctx context.Context, request Request, endpoints []*v1alpha1.ScimEndpoint) (*Client, error) {
	var candidates []*v1alpha1.ScimEndpoint
	var refused *Refusal
	for _, endpoint := range endpoints {
		known := endpoint.Client(request.ClientID)
		if known == nil { // the index is a moment older
			continue
		}
		if len(known.Assertions) == 0 {
			refused = also(refused, refuse(endpoint, v1alpha1.RefusalClientProof,
				fmt.Sprintf("Client %s was expected to send a client secret; an assertion came.", known.ClientID),
				fmt.Sprintf("{clientID: %q, assertions: [{issuer: <issuer.url of an element of jwt>, subject: <claim sub>}]}", known.ClientID)))
			continue
		}
		candidates = append(candidates, endpoint)
	}
	if len(candidates) == 0 || c.issuers == nil {
		if refused == nil {
			return nil, ErrInvalidClient
		}
		return nil, refused
	}
	identity, err := c.issuers.Assertion(ctx, request.Assertion, request.ClientID, candidates)
	if err != nil {
		return nil, err
	}
	known := identity.Endpoint.Client(request.ClientID)
	at := assertionOf(known, identity.Issuer, identity.Subject)
	if at < 0 {
		return nil, ErrInvalidClient
	}
	found := newClient(identity.Endpoint, known, credential{Issuer: identity.Issuer, Subject: identity.Subject}, time.Time{})
	if known.Assertions[at].Reusable {
		return found, nil
	}
	if ends := c.now().Add(maxOnce + usedFor); identity.Expiry.After(ends) {
		return nil, refuse(identity.Endpoint, v1alpha1.RefusalClientProof, fmt.Sprintf(
			"Client %s was expected to send an assertion that expires within a day; one came that expires at %s.",
			known.ClientID, identity.Expiry.UTC().Format(time.RFC3339)),
			"Let the issuer make its tokens expire earlier. Or, where nobody else reads them:\n"+reusable(found.Index, at))
	}
	found.once = &assertion{at: at, digest: identity.Digest, expires: identity.Expiry}
	return found, nil
}

// reusable is the field that lets an assertion be used several times.
func reusable(index, at int) string {
	return fmt.Sprintf("spec.authentication.clients[%d].assertions[%d].reusable: true", index, at)
}

// assertionOf is the index of the client's assertions with this issuer and subject; -1 if there is none.
func assertionOf(known *v1alpha1.OAuthClient, issuer, subject string) int {
	if known == nil {
		return -1
	}
	return slices.IndexFunc(known.Assertions, func(a v1alpha1.ClientAssertion) bool { return a.Issuer == issuer && a.Subject == subject })
}

// trusts reports whether an endpoint still trusts an issuer.
func trusts(endpoint *v1alpha1.ScimEndpoint, issuer string) bool {
	return slices.ContainsFunc(endpoint.Spec.Authentication.JWT, func(j v1alpha1.JWTAuthenticator) bool { return j.Issuer.URL == issuer })
}

// assertion is one that may be used once.
type assertion struct {
	// at is its index in the client's assertions.
	at      int
	digest  [32]byte
	expires time.Time
}

// use takes an assertion down as used, for all replicas: a Lease of its name can be made once. The error is a *Refusal if it
// has been used before.
//
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=create
func (c *Clients) use(ctx context.Context, by *Client) error {
	once := by.once
	if once == nil {
		return nil
	}
	now := c.now()
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: by.Endpoint.Namespace,
			// It goes with the endpoint, if that goes first.
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "ScimEndpoint", Name: by.Endpoint.Name, UID: by.Endpoint.UID,
			}},
			Name:   usedPrefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(once.digest[:])),
			Labels: map[string]string{v1alpha1.LabelAssertion: by.Endpoint.Name},
		},
		Spec: coordinationv1.LeaseSpec{
			RenewTime:            new(metav1.NewMicroTime(now)),
			LeaseDurationSeconds: new(int32((once.expires.Sub(now) + usedFor).Seconds())),
		},
	}
	err := c.writer.Create(ctx, lease, client.DisableReadYourWritesConsistency)
	if apierrors.IsAlreadyExists(err) {
		return refuse(by.Endpoint, v1alpha1.RefusalAssertionUsed,
			fmt.Sprintf("A new assertion of client %s was expected; one came that it has used before.", by.ID),
			reusable(by.Index, once.at))
	}
	if err != nil {
		return fmt.Errorf("take an assertion down as used: %w", err)
	}
	return nil
}
