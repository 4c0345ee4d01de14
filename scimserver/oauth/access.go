package oauth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"gopkg.in/go-jose/go-jose.v2"
	"gopkg.in/go-jose/go-jose.v2/jwt"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/credentials"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// accessTokenType is the typ of access tokens (RFC 9068 section 2.1).
	accessTokenType = "at+jwt"
	// maxAccessToken is more than an access token of ours has: its client's id twice, and issuer and subject of an
	// assertion. Longer ones are not looked at.
	maxAccessToken = 16 << 10
	cursorPurpose  = "SCIM cursor key"
)

// claims are what an access token says (RFC 9068 section 2.2). What it lets its bearer do is decided by what the endpoint
// says of the client when it is used; no claim makes it more.
type claims struct {
	jwt.Claims
	ClientID   string     `json:"client_id"`
	Scope      string     `json:"scope"`
	Credential credential `json:"credential"`
}

// Grant is an access token for a client.
type Grant struct {
	Client    *Client
	Token     string
	ExpiresIn time.Duration
}

// Token gives the client of a request an access token, unless admit has an error for that client. issuer is who the answer
// comes from: the address below which the token endpoint is. The error is a *Refusal, an *issuers.Refusal, an *Error, that
// of admit, or that of a cache or of the API server.
func (c *Clients) Token(ctx context.Context, request Request, issuer string, admit func(*Client) error) (*Grant, error) {
	from, err := c.authenticate(ctx, request)
	if err != nil {
		return nil, err
	}
	if err := admit(from); err != nil {
		return nil, err
	}
	from.Scope = narrower(from.Scope, request.Scope)
	secret := &corev1.Secret{}
	name := types.NamespacedName{Namespace: from.Endpoint.Namespace, Name: from.Endpoint.SigningSecretName()}
	err = c.reader.Get(ctx, name, secret, client.UnsafeDisableDeepCopy)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	now := c.now()
	if err != nil || secret.Labels[v1alpha1.LabelEndpoint] != from.Endpoint.Name {
		return nil, errNoKey
	}
	key, ok := c.keys.of(secret).signing(now)
	if !ok {
		return nil, errNoKey
	}
	if err := c.use(ctx, from); err != nil {
		return nil, err
	}
	ends := now.Add(from.Endpoint.Spec.Authentication.AccessTokenLifetime())
	if !from.expires.IsZero() && from.expires.Before(ends) {
		ends = from.expires
	}
	token, err := sign(key, claims{
		Claims: jwt.Claims{
			Issuer: issuer, Subject: from.ID, Audience: jwt.Audience{string(from.Endpoint.UID)}, ID: rand.Text(),
			IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(ends),
		},
		ClientID: from.ID, Scope: string(from.Scope), Credential: from.credential,
	})
	return &Grant{Client: from, Token: token, ExpiresIn: ends.Sub(now).Truncate(time.Second)}, err
}

// errNoKey is told while the endpoint is being set up.
var errNoKey = &Error{
	Status: http.StatusServiceUnavailable, Code: CodeUnavailable, RetryAfter: int(credentials.SigningKeyDelay.Seconds()),
	Description: "the key for access tokens is being made; try again in a few seconds",
}

func sign(key credentials.SigningKey, content claims) (string, error) {
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key.Private, KeyID: key.ID}},
		(&jose.SignerOptions{}).WithType(accessTokenType))
	if err != nil {
		return "", fmt.Errorf("sign an access token: %w", err)
	}
	token, err := jwt.Signed(signer).Claims(content).CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("sign an access token: %w", err)
	}
	return token, nil
}

// Access returns whose access token it is; nil for what is none of ours. Of one that is, and is not valid, the error is a
// *Refusal.
func (c *Clients) Access(ctx context.Context, token string) (*Client, error) {
	if len(token) > maxAccessToken {
		return nil, nil
	}
	content, known := c.known.get(token)
	if !known {
		content.keyID = keyIDOf(token)
	}
	if content.keyID == "" {
		return nil, nil
	}
	var secrets corev1.SecretList
	if err := c.reader.List(ctx, &secrets, client.MatchingFields{indexKeyID: content.keyID}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("look up a signing key: %w", err)
	}
	for i := range secrets.Items {
		keys := c.keys.of(&secrets.Items[i])
		key, ok := keys.verifying(content.keyID, c.now())
		if !ok {
			continue
		}
		if !known {
			says, err := verify(key, token)
			if err != nil {
				return nil, nil //nolint:nilerr // somebody has made it up
			}
			content.claims, known = *says, true
			c.known.put(token, content, c.now())
		}
		found, err := c.bearer(ctx, keys, content)
		if found != nil || err != nil {
			return found, err
		}
	}
	return nil, c.keyGone(ctx, token)
}

// keyGone refuses a token that is in the form of ours and for an endpoint of ours, of which nobody has the key. Nobody has
// verified it, so nothing that it says is told; and it may be an issuer's that the endpoint trusts.
func (c *Clients) keyGone(ctx context.Context, token string) error {
	var says jwt.Claims
	parsed, err := jwt.ParseSigned(token)
	if err != nil || parsed.UnsafeClaimsWithoutVerification(&says) != nil || len(says.Audience) != 1 {
		return nil //nolint:nilerr // somebody has made it up
	}
	var endpoints v1alpha1.ScimEndpointList
	if err := c.reader.List(ctx, &endpoints, client.MatchingFields{indexUID: says.Audience[0]}, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("look up the endpoint of an access token: %w", err)
	}
	for i := range endpoints.Items {
		endpoint := &endpoints.Items[i]
		if endpoint.DeletionTimestamp != nil || trusts(endpoint, says.Issuer) {
			continue
		}
		if away := kube.Unread(c.reader, &corev1.Secret{}); len(away) > 0 {
			return kube.NotReadYet("the clients", away)
		}
		return refuse(endpoint, v1alpha1.RefusalAccessTokenRevoked, fmt.Sprintf(
			"A token came in the form of the endpoint's access tokens, signed by a key that is not in Secret %s.", endpoint.SigningSecretName()),
			"The client has to get another one, by a secret or an assertion that is valid.")
	}
	return nil
}

// keyIDOf returns the id of the key that an access token says it is signed by; "" if it is none.
func keyIDOf(token string) string {
	header, rest, _ := strings.Cut(token, ".")
	if strings.Count(rest, ".") != 1 {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		return ""
	}
	var says struct {
		Type      string `json:"typ"`
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
	}
	if json.Unmarshal(raw, &says) != nil || says.Type != accessTokenType || says.Algorithm != string(jose.ES256) {
		return ""
	}
	return says.KeyID
}

// verify returns what a token says, if the key has signed it.
func verify(key credentials.SigningKey, token string) (*claims, error) {
	parsed, err := jwt.ParseSigned(token)
	if err != nil {
		return nil, fmt.Errorf("parse an access token: %w", err)
	}
	if len(parsed.Headers) != 1 || parsed.Headers[0].Algorithm != string(jose.ES256) {
		return nil, fmt.Errorf("an access token is not signed with %s", jose.ES256)
	}
	content := &claims{}
	if err := parsed.Claims(&key.Private.PublicKey, content); err != nil {
		return nil, fmt.Errorf("verify an access token: %w", err)
	}
	return content, nil
}

// bearer returns the client whom a signed access token was given to, as its endpoint knows it now; nil if the keys are
// not those of that endpoint.
func (c *Clients) bearer(ctx context.Context, keys *endpointKeys, token signed) (*Client, error) {
	says := &token.claims
	endpoint := &v1alpha1.ScimEndpoint{}
	err := c.reader.Get(ctx, keys.endpoint, endpoint, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) || keys.endpoint.Name == "" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read a ScimEndpoint: %w", err)
	}
	if endpoint.DeletionTimestamp != nil || keys.name != endpoint.SigningSecretName() || !says.Audience.Contains(string(endpoint.UID)) {
		return nil, nil
	}
	if ends := says.Expiry.Time(); !c.now().Before(ends) {
		return nil, refuse(endpoint, v1alpha1.RefusalAccessTokenExpired, fmt.Sprintf(
			"An access token of client %s came that ended at %s.", says.ClientID, ends.UTC().Format(time.RFC3339)),
			"The client has to get another one in time: "+v1alpha1.TokenPath+" says in expires_in for how long one is valid.")
	}
	known := endpoint.Client(says.ClientID)
	if known == nil {
		return nil, revoked(endpoint, says.ClientID, "the endpoint has no such client any more")
	}
	found, err := c.stillProved(ctx, endpoint, known, says.Credential)
	if err != nil {
		return nil, err
	}
	found.Scope = narrower(found.Scope, v1alpha1.Scope(says.Scope))
	found.CursorKeys, err = keys.cursorKeys(known.ClientID, token.keyID, c.now())
	return found, err
}

// stillProved looks whether what a client got its access token by would still give it one.
func (c *Clients) stillProved(
	ctx context.Context, endpoint *v1alpha1.ScimEndpoint, known *v1alpha1.OAuthClient, by credential,
) (*Client, error) {
	if by.Issuer != "" {
		if assertionOf(known, by.Issuer, by.Subject) < 0 || !trusts(endpoint, by.Issuer) {
			return nil, revoked(endpoint, known.ClientID, "the issuer and subject by which the client got it are not trusted any more")
		}
		return newClient(endpoint, known, by, time.Time{}), nil
	}
	if known.SecretName == "" {
		return nil, revoked(endpoint, known.ClientID, "the client has no secrets any more")
	}
	stored, err := c.secretOf(ctx, endpoint, known)
	if err != nil {
		return nil, err
	}
	if stored == nil {
		return nil, revoked(endpoint, known.ClientID, fmt.Sprintf("there is no Secret %s that has label %s: %s", known.SecretName, v1alpha1.LabelEndpoint, endpoint.Name))
	}
	for _, secret := range credentials.ClientSecrets(stored, c.now()) {
		if secret.Name == by.Secret && secret.ID() == by.ID && secret.Valid(c.now()) {
			return newClient(endpoint, known, by, secret.ExpiresAt), nil
		}
	}
	return nil, revoked(endpoint, known.ClientID, "the secret by which the client got it is gone or has ended")
}

func revoked(endpoint *v1alpha1.ScimEndpoint, id, why string) *Refusal {
	return refuse(endpoint, v1alpha1.RefusalAccessTokenRevoked, fmt.Sprintf("An access token of client %s came, but %s.", id, why),
		"The client has to get another one, by a secret or an assertion that is valid.")
}
