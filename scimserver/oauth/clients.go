package oauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/credentials"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/issuers"
)

const (
	// indexClientID finds ScimEndpoints by the ids of their clients.
	indexClientID = "oauth.clientID"
	// indexKeyID finds Secrets by the ids of the signing keys in them.
	indexKeyID = "oauth.keyID"
	// indexUID finds ScimEndpoints by their UIDs, which are the audiences of access tokens.
	indexUID = "oauth.uid"
)

// Clients knows the OAuth clients of all ScimEndpoints, and the access tokens that they have got. It reads the cache only.
type Clients struct {
	reader  client.Reader
	writer  client.Writer
	issuers *issuers.Issuers
	now     func() time.Time
	keys    *keyring
	known   *verified
}

// New registers the indexes. Call it before the cache is started. The writer is for used assertions, which the issuers
// verify; with nil for these there are no assertions.
func New(ctx context.Context, c cache.Cache, writer client.Writer, trusted *issuers.Issuers, now func() time.Time) (*Clients, error) {
	err := c.IndexField(ctx, &v1alpha1.ScimEndpoint{}, indexClientID, func(obj client.Object) []string {
		var ids []string
		if endpoint, ok := obj.(*v1alpha1.ScimEndpoint); ok {
			for _, known := range endpoint.Spec.Authentication.Clients {
				ids = append(ids, known.ClientID)
			}
		}
		return ids
	})
	if err != nil {
		return nil, fmt.Errorf("index ScimEndpoints by client: %w", err)
	}
	err = c.IndexField(ctx, &corev1.Secret{}, indexKeyID, func(obj client.Object) []string {
		var ids []string
		if secret, ok := obj.(*corev1.Secret); ok {
			// Whether a key is still valid is decided when it is used.
			for _, key := range (credentials.SigningSecret{Secret: secret}).Keys() {
				ids = append(ids, key.ID)
			}
		}
		return ids
	})
	if err != nil {
		return nil, fmt.Errorf("index Secrets by signing key: %w", err)
	}
	err = c.IndexField(ctx, &v1alpha1.ScimEndpoint{}, indexUID, func(obj client.Object) []string { return []string{string(obj.GetUID())} })
	if err != nil {
		return nil, fmt.Errorf("index ScimEndpoints by UID: %w", err)
	}
	return &Clients{reader: c, writer: writer, issuers: trusted, now: now, keys: newKeyring(), known: newVerified()}, nil
}

// Client is an OAuth client that has proved who it is.
type Client struct {
	Endpoint *v1alpha1.ScimEndpoint
	// Index is where in spec.authentication.clients it is.
	Index int
	ID    string
	// Scope is the most that it may do now.
	Scope v1alpha1.Scope
	// CursorKeys are those that its cursors may be made with, the one for new ones first.
	CursorKeys [][]byte

	credential credential
	// expires is when what it has proved itself by ends; zero if that says nothing for later.
	expires time.Time
	// once is the assertion, if that may be used once; nil else.
	once *assertion
}

// credential is what a client has proved itself by. It is in its access tokens, which end with it.
type credential struct {
	// Secret and ID name a client secret.
	Secret string `json:"secret,omitempty"`
	ID     string `json:"id,omitempty"`
	// Issuer and Subject are those of an assertion.
	Issuer  string `json:"issuer,omitempty"`
	Subject string `json:"subject,omitempty"`
}

// authenticate finds out which endpoint's client has sent a request. One that several endpoints would take is nobody's: it
// could not be told whose data is meant.
func (c *Clients) authenticate(ctx context.Context, request Request) (*Client, error) {
	var endpoints v1alpha1.ScimEndpointList
	err := c.reader.List(ctx, &endpoints, client.MatchingFields{indexClientID: request.ClientID}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("look up an OAuth client: %w", err)
	}
	var having []*v1alpha1.ScimEndpoint
	for i := range endpoints.Items {
		if endpoints.Items[i].DeletionTimestamp == nil {
			having = append(having, &endpoints.Items[i])
		}
	}
	prove := c.bySecret
	if request.Assertion != "" {
		prove = c.byAssertion
	}
	found, err := prove(ctx, request, having)
	if away := kube.Unread(c.reader, &corev1.Secret{}, &v1alpha1.ScimEndpoint{}); err != nil && len(away) > 0 {
		// The client may be one of these, so it is not called wrong.
		return nil, kube.NotReadYet("the clients", away)
	}
	return found, err
}

// bySecret finds out which endpoint's client has sent a secret.
func (c *Clients) bySecret(ctx context.Context, request Request, endpoints []*v1alpha1.ScimEndpoint) (*Client, error) {
	var (
		found   *Client
		refused *Refusal
	)
	hash := []byte(credentials.HashOf(request.Secret))
	for _, endpoint := range endpoints {
		candidate, err := c.prove(ctx, endpoint, request, hash)
		if why, is := errors.AsType[*Refusal](err); is {
			refused = also(refused, why)
			continue
		}
		if err != nil {
			return nil, err
		}
		if found != nil {
			return nil, ambiguous(request.ClientID, found.Endpoint, endpoint)
		}
		found = candidate
	}
	if found != nil {
		return found, nil
	}
	if refused != nil {
		return nil, refused
	}
	return nil, ErrInvalidClient
}

// prove checks the proof of a client that an endpoint has. The error is a *Refusal if it is not good.
func (c *Clients) prove(ctx context.Context, endpoint *v1alpha1.ScimEndpoint, request Request, hash []byte) (*Client, error) {
	known := endpoint.Client(request.ClientID)
	if known == nil { // the index is a moment older
		return nil, &Refusal{Reason: v1alpha1.RefusalClientSecret, Cause: ErrInvalidClient}
	}
	if known.SecretName == "" {
		return nil, refuse(endpoint, v1alpha1.RefusalClientProof, fmt.Sprintf(
			"Client %s was expected to send an assertion; a client secret came.", known.ClientID),
			fmt.Sprintf("{clientID: %q, secretName: <name of a Secret>}", known.ClientID))
	}
	secret, err := c.secretOf(ctx, endpoint, known)
	if err != nil {
		return nil, err
	}
	if secret == nil {
		return nil, refuse(endpoint, v1alpha1.RefusalClientSecret, fmt.Sprintf(
			"Secret %s of client %s was expected; there is none that has label %s: %s.", known.SecretName, known.ClientID, v1alpha1.LabelEndpoint, endpoint.Name),
			fmt.Sprintf("If it is there: kubectl -n %s label secret %s %s=%s --overwrite\nIf not: %s", endpoint.Namespace, known.SecretName,
				v1alpha1.LabelEndpoint, endpoint.Name, credentials.NewSecretCommand(endpoint, known.ClientID)))
	}
	secrets := credentials.ClientSecrets(secret, c.now())
	var match *credentials.ClientSecret
	for i := range secrets {
		if secrets[i].Hash != "" && subtle.ConstantTimeCompare([]byte(secrets[i].Hash), hash) == 1 {
			match = &secrets[i]
		}
	}
	switch {
	case match == nil:
		return nil, refuse(endpoint, v1alpha1.RefusalClientSecret, fmt.Sprintf(
			"None of the secrets in Secret %s came for client %s, but a text of %d characters.", known.SecretName, known.ClientID, len(request.Secret)),
			"Copy the client secret again, or make another one: "+credentials.NewSecretCommand(endpoint, known.ClientID))
	case !match.Valid(c.now()):
		return nil, refuse(endpoint, v1alpha1.RefusalClientSecretExpired, fmt.Sprintf(
			"Secret %s of client %s came, which has ended or is not accepted.", match.Name, known.ClientID),
			"Make another one, and give it to the client: "+credentials.NewSecretCommand(endpoint, known.ClientID))
	case len(request.Secret) < v1alpha1.MinTokenLength:
		return nil, refuse(endpoint, v1alpha1.RefusalTokenTooShort, fmt.Sprintf(
			"Secret %s of client %s came, which has fewer than %d characters.", match.Name, known.ClientID, v1alpha1.MinTokenLength),
			"Make another one, and give it to the client: "+credentials.NewSecretCommand(endpoint, known.ClientID))
	}
	return newClient(endpoint, known, credential{Secret: match.Name, ID: match.ID()}, match.ExpiresAt), nil
}

// secretOf reads the Secret of a client; nil where there is none, or it is another endpoint's: without its label it is in no cache.
func (c *Clients) secretOf(ctx context.Context, endpoint *v1alpha1.ScimEndpoint, known *v1alpha1.OAuthClient) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	err := c.reader.Get(ctx, types.NamespacedName{Namespace: endpoint.Namespace, Name: known.SecretName}, secret, client.UnsafeDisableDeepCopy)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("read the Secret of an OAuth client: %w", err)
	}
	if secret.Labels[v1alpha1.LabelEndpoint] != endpoint.Name { // nor has one that is not there
		return nil, nil
	}
	return secret, nil
}

func newClient(endpoint *v1alpha1.ScimEndpoint, known *v1alpha1.OAuthClient, by credential, expires time.Time) *Client {
	return &Client{
		Endpoint: endpoint, ID: known.ClientID, Scope: narrower(known.Scope, v1alpha1.ScopeAll), credential: by, expires: expires,
		Index: slices.IndexFunc(endpoint.Spec.Authentication.Clients, func(c v1alpha1.OAuthClient) bool { return c.ClientID == known.ClientID }),
	}
}

// narrower is the scope that lets a client do less. Unset is everything.
func narrower(a, b v1alpha1.Scope) v1alpha1.Scope {
	if a == v1alpha1.ScopeRead || b == v1alpha1.ScopeRead {
		return v1alpha1.ScopeRead
	}
	return v1alpha1.ScopeAll
}

func refuse(endpoint *v1alpha1.ScimEndpoint, reason v1alpha1.RefusalReason, message, remedy string) *Refusal {
	return &Refusal{
		Reason: reason, Endpoints: []types.NamespacedName{client.ObjectKeyFromObject(endpoint)},
		Message: message, Remedy: remedy, Cause: ErrInvalidClient,
	}
}

// also joins the refusals of several endpoints that have a client of one id. What came was for one of them for certain only
// if it was its secret once; else nobody is told, as the owner of one must not learn of requests to another.
func also(first, second *Refusal) *Refusal {
	switch {
	case first == nil, wasSecret(second):
		return second
	case wasSecret(first):
		return first
	}
	return &Refusal{Reason: v1alpha1.RefusalClientSecret, Cause: ErrInvalidClient}
}

// wasSecret reports whether what came was a secret of the client, though none that is accepted.
func wasSecret(why *Refusal) bool {
	return why.Reason == v1alpha1.RefusalClientSecretExpired || why.Reason == v1alpha1.RefusalTokenTooShort
}

func ambiguous(id string, endpoints ...*v1alpha1.ScimEndpoint) *Refusal {
	why := &Refusal{
		Reason: v1alpha1.RefusalAmbiguousClient, Cause: ErrInvalidClient,
		Message: fmt.Sprintf("The proof of client %s fits several endpoints, so it is nobody's.", id),
		Remedy:  "Give each endpoint's client an id, or a secret, of its own.",
	}
	for _, endpoint := range endpoints {
		why.Endpoints = append(why.Endpoints, client.ObjectKeyFromObject(endpoint))
	}
	return why
}
