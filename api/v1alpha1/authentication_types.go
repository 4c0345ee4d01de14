package v1alpha1

// Scope is what a client may do (RFC 6749 section 3.3).
// +kubebuilder:validation:Enum=scim;scim.read
type Scope string

const (
	// ScopeAll lets a client read and change users and groups.
	ScopeAll Scope = "scim"
	// ScopeRead lets a client read them.
	ScopeRead Scope = "scim.read"
)

// ScimEndpointAuthentication says who may send requests, and for how long, beside the holder of a token
// that does not expire.
type ScimEndpointAuthentication struct {
	// tokenScope is what the token in the Secret lets its holder do. Unset: scim.
	// +optional
	TokenScope Scope `json:"tokenScope,omitempty"`
	// tokenSeconds is how long the token in the Secret is valid after it was made, or for one that somebody else
	// made after the operator saw it first. From 30 days before its end, or from half of its time where that is
	// later, condition CredentialExpiring says so; a new one is made by raising tokenGeneration. Unset: it does
	// not expire.
	// +optional
	// +kubebuilder:validation:Minimum=3600
	// +kubebuilder:validation:Maximum=157680000
	TokenSeconds *int32 `json:"tokenSeconds,omitempty"`
	// accessTokenSeconds is how long the access tokens are valid that clients get from the token
	// endpoint. Unset: 3600.
	// +optional
	// +kubebuilder:validation:Minimum=600
	// +kubebuilder:validation:Maximum=21600
	AccessTokenSeconds *int32 `json:"accessTokenSeconds,omitempty"`
	// clients are the OAuth clients that get access tokens from the token endpoint (RFC 6749
	// section 4.4), such as Microsoft Entra ID.
	// +optional
	// +listType=map
	// +listMapKey=clientID
	// +kubebuilder:validation:MaxItems=16
	Clients []OAuthClient `json:"clients,omitempty"`
	// jwt are the issuers whose tokens are accepted, as bearer tokens of requests and as assertions of
	// clients, in the form of the jwt block of Kubernetes' AuthenticationConfiguration. A token that
	// several endpoints would accept is accepted by none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	JWT []JWTAuthenticator `json:"jwt,omitempty"`
}

// OAuthClient is a client that gets access tokens, by a secret or by an assertion of a trusted issuer.
// +kubebuilder:validation:XValidation:rule="has(self.secretName) || has(self.assertions)",message="a client needs secretName, assertions or both to prove who it is"
type OAuthClient struct {
	// clientID is how the client names itself.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[!-~]+$`
	ClientID string `json:"clientID,omitempty"`
	// scope is the most that the client may be allowed. Unset: scim.
	// +optional
	Scope Scope `json:"scope,omitempty"`
	// secretName is the Secret with the hashes of the client's secrets. Unset: it has none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$`
	SecretName string `json:"secretName,omitempty"`
	// assertions are the tokens with which the client proves who it is (RFC 7523), any of them. Unset:
	// it has to have a secret.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Assertions []ClientAssertion `json:"assertions,omitempty"`
}

// ClientAssertion is the kind of token with which a client proves who it is.
type ClientAssertion struct {
	// issuer is the issuer.url of an element of jwt, by which the token is verified.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Issuer string `json:"issuer,omitempty"`
	// subject is the token's claim sub.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Subject string `json:"subject,omitempty"`
	// reusable lets the client send one token several times, until it expires, as Microsoft Entra ID may.
	// Unset: each token gets one access token, so one that somebody has read is of no use any more.
	// +optional
	Reusable bool `json:"reusable,omitempty"`
}

// JWTAuthenticator is an issuer whose tokens are accepted. Its fields mean what those of the same names mean in
// Kubernetes' AuthenticationConfiguration (apiserver.config.k8s.io/v1).
type JWTAuthenticator struct {
	// issuer is who signs the tokens, and for whom.
	// +required
	Issuer JWTIssuer `json:"issuer,omitempty,omitzero"`
	// claimValidationRules have to be true of the claims, all of them. Unset: none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	ClaimValidationRules []ClaimValidationRule `json:"claimValidationRules,omitempty"`
	// claimMappings say which claims tell who the client is. Unset: its name is the claim sub.
	// +optional
	ClaimMappings JWTClaimMappings `json:"claimMappings,omitempty,omitzero"`
	// userValidationRules have to be true of the client that claimMappings make, all of them. Unset: none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	UserValidationRules []UserValidationRule `json:"userValidationRules,omitempty"`
	// scope is what whoever sends such a token as a bearer token may do. Unset: nothing, so that the
	// tokens are assertions of clients only. Everybody who gets a token of the issuer for the audience
	// is let in, so with a scope let rules name whom you mean.
	// +optional
	Scope Scope `json:"scope,omitempty"`
}

// AudienceMatchPolicy says how the audiences of an issuer and those of a token are compared.
// +kubebuilder:validation:Enum=MatchAny
type AudienceMatchPolicy string

// AudienceMatchAny wants one audience to be in both.
const AudienceMatchAny AudienceMatchPolicy = "MatchAny"

// JWTIssuer is who signs tokens, and for whom.
// +kubebuilder:validation:XValidation:rule="self.audiences.size() < 2 || has(self.audienceMatchPolicy)",message="audienceMatchPolicy must be MatchAny where there are several audiences"
type JWTIssuer struct {
	// url is the claim iss of the tokens, letter by letter, such as
	// https://login.microsoftonline.com/<tenant>/v2.0. An issuer that spells itself in several ways has
	// an element for each.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.matches('^https://[^/?#@ ]+(/[^?# ]*)?$')",message="url must be an https URL without user, query and fragment"
	URL string `json:"url,omitempty"`
	// discoveryURL is where the issuer's configuration is, if it is not at url followed by
	// /.well-known/openid-configuration.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.matches('^https://[^/?#@ ]+(/[^?# ]*)?$')",message="discoveryURL must be an https URL without user, query and fragment"
	DiscoveryURL string `json:"discoveryURL,omitempty"`
	// certificateAuthority holds the certificates, as PEM, by which the issuer's TLS certificate is
	// verified. Unset: those of the operator's image.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32768
	CertificateAuthority string `json:"certificateAuthority,omitempty"`
	// audiences are for whom a token may be: one of them has to be in its claim aud.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	Audiences []string `json:"audiences,omitempty"`
	// audienceMatchPolicy has to be MatchAny where there are several audiences.
	// +optional
	AudienceMatchPolicy AudienceMatchPolicy `json:"audienceMatchPolicy,omitempty"`
}

// ClaimValidationRule has to be true of a token's claims: either a claim has a value, or an expression is true.
// +kubebuilder:validation:XValidation:rule="has(self.claim) != has(self.expression)",message="a rule has either claim, with requiredValue, or expression, with message"
// +kubebuilder:validation:XValidation:rule="has(self.claim) || !has(self.requiredValue)",message="requiredValue belongs to claim"
// +kubebuilder:validation:XValidation:rule="has(self.expression) || !has(self.message)",message="message belongs to expression"
type ClaimValidationRule struct {
	// claim is the name of a claim that has to be a text.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Claim string `json:"claim,omitempty"`
	// requiredValue is what the claim has to be. Unset: the empty text.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	RequiredValue string `json:"requiredValue,omitempty"`
	// expression is CEL over the variable claims, and has to be true.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Expression string `json:"expression,omitempty"`
	// message says what is wrong when the expression is false. Unset: the expression.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`
}

// UserValidationRule has to be true of the client that the claims were mapped to.
type UserValidationRule struct {
	// expression is CEL over the variable user, with username, and has to be true.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Expression string `json:"expression,omitempty"`
	// message says what is wrong when the expression is false. Unset: the expression.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`
}

// JWTClaimMappings says which claims tell who the client is.
// +kubebuilder:validation:MinProperties=1
type JWTClaimMappings struct {
	// username is the client's name for userValidationRules.
	// +optional
	Username JWTUsername `json:"username,omitempty,omitzero"`
}

// JWTUsername is a claim or an expression over claims.
// +kubebuilder:validation:XValidation:rule="has(self.claim) != has(self.expression)",message="username is either claim or expression"
// +kubebuilder:validation:XValidation:rule="has(self.claim) || !has(self.prefix)",message="prefix belongs to claim"
type JWTUsername struct {
	// claim is the name of a claim that is a text.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Claim string `json:"claim,omitempty"`
	// prefix is put before the claim. Unset: nothing is.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Prefix string `json:"prefix,omitempty"`
	// expression is CEL over the variable claims that makes a text.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Expression string `json:"expression,omitempty"`
}

// ConnectionStatus is what is typed into the client.
type ConnectionStatus struct {
	// scimURL is the base URL for SCIM; unset where spec.publicURL is.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	SCIMURL string `json:"scimURL,omitempty"`
	// tokenURL is where clients get access tokens; unset where spec.publicURL is, or where the endpoint
	// has no clients.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	TokenURL string `json:"tokenURL,omitempty"`
	// clients are those of spec.authentication.clients.
	// +optional
	// +listType=map
	// +listMapKey=clientID
	// +kubebuilder:validation:MaxItems=16
	Clients []OAuthClientStatus `json:"clients,omitempty"`
}

// OAuthClientStatus tells of one client's secrets, never their values.
type OAuthClientStatus struct {
	// clientID is how the client names itself.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	ClientID string `json:"clientID,omitempty"`
	// secrets are those that are valid, or the one that ended last if the client needs one and none is.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Secrets []ClientSecretStatus `json:"secrets,omitempty"`
}

// ClientSecretStatus tells of one secret of a client.
type ClientSecretStatus struct {
	// name is what the secret is called in the Secret of hashes.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
	// expiresAt is when the secret stops working.
	// +required
	ExpiresAt Timestamp `json:"expiresAt,omitempty,omitzero"`
}

// RefusalReason says which check a request did not pass.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=64
// +kubebuilder:validation:Pattern=`^[A-Z][A-Za-z]*$`
type RefusalReason string

// Why requests are refused. Each is a row of the table in config/operate.md.
const (
	// RefusalNoToken: the request says nothing, or nothing that is understood, of who sends it.
	RefusalNoToken RefusalReason = "NoToken"
	// RefusalUnknownToken: no endpoint has the token.
	RefusalUnknownToken RefusalReason = "UnknownToken"
	// RefusalEncodedToken: what came is a valid token, encoded as base64.
	RefusalEncodedToken RefusalReason = "EncodedToken"
	// RefusalTokenShared: several endpoints have the token, and nobody knows which had it first.
	RefusalTokenShared RefusalReason = "TokenShared"
	// RefusalTokenTooShort: the token of which the Secret has the hash is too short to be safe.
	RefusalTokenTooShort RefusalReason = "TokenTooShort"
	// RefusalSourceNotAllowed: the request comes from an address that is not in spec.allowedSources.
	RefusalSourceNotAllowed RefusalReason = "SourceNotAllowed"
	// RefusalInsufficientScope: the client may read, and the request is to change something.
	RefusalInsufficientScope RefusalReason = "InsufficientScope"
	// RefusalMalformedToken: what came looks like a JWT and is none, or is too large.
	RefusalMalformedToken RefusalReason = "MalformedToken"
	// RefusalAlgorithm: the JWT is not signed with an asymmetric algorithm of the list.
	RefusalAlgorithm RefusalReason = "AlgorithmNotAllowed"
	// RefusalUntrustedIssuer: no endpoint trusts the JWT's issuer.
	RefusalUntrustedIssuer RefusalReason = "UntrustedIssuer"
	// RefusalIssuerInvalid: the element of jwt that trusts the issuer has a fault.
	RefusalIssuerInvalid RefusalReason = "IssuerInvalid"
	// RefusalIssuerUnavailable: the issuer's keys could not be fetched.
	RefusalIssuerUnavailable RefusalReason = "IssuerUnavailable"
	// RefusalUnknownKey: the issuer has no key of the JWT's key id.
	RefusalUnknownKey RefusalReason = "UnknownKey"
	// RefusalSignature: the JWT is not signed by the key that it names.
	RefusalSignature RefusalReason = "InvalidSignature"
	// RefusalExpired: the token, or JWT, is not valid any more.
	RefusalExpired RefusalReason = "TokenExpired"
	// RefusalNotYetValid: the JWT is not valid yet, or from the future.
	RefusalNotYetValid RefusalReason = "TokenNotYetValid"
	// RefusalAudience: the JWT is for somebody else.
	RefusalAudience RefusalReason = "WrongAudience"
	// RefusalBearer: the issuer's tokens are assertions of clients, and one came as a bearer token.
	RefusalBearer RefusalReason = "BearerNotAllowed"
	// RefusalSubject: the JWT is a client's assertion with a subject or issuer that the client does not have.
	RefusalSubject RefusalReason = "WrongSubject"
	// RefusalClaims: rules or mappings of claims do not take the JWT.
	RefusalClaims RefusalReason = "ClaimsNotAccepted"
	// RefusalAmbiguous: several endpoints would take the JWT.
	RefusalAmbiguous RefusalReason = "AmbiguousToken"
	// RefusalAccessTokenExpired: the access token has ended.
	RefusalAccessTokenExpired RefusalReason = "AccessTokenExpired"
	// RefusalAccessTokenRevoked: the client, or what it got the access token by, is gone.
	RefusalAccessTokenRevoked RefusalReason = "AccessTokenRevoked"
	// RefusalUnknownClient: no endpoint has the OAuth client that asks for an access token, or it does not say who it is.
	RefusalUnknownClient RefusalReason = "UnknownClient"
	// RefusalClientSecret: a client's secret is none of those that it has.
	RefusalClientSecret RefusalReason = "WrongClientSecret"
	// RefusalClientSecretExpired: a client's secret has ended, or is not accepted.
	RefusalClientSecretExpired RefusalReason = "ClientSecretExpired"
	// RefusalClientProof: a client proves who it is in a way that is not set up for it.
	RefusalClientProof RefusalReason = "WrongClientProof"
	// RefusalAmbiguousClient: several endpoints have a client of one id and secret.
	RefusalAmbiguousClient RefusalReason = "AmbiguousClient"
	// RefusalAssertionUsed: a client's assertion has been used before.
	RefusalAssertionUsed RefusalReason = "AssertionUsed"
)

// RefusalReasons are all of them.
func RefusalReasons() []RefusalReason {
	return []RefusalReason{
		RefusalNoToken, RefusalUnknownToken, RefusalEncodedToken,
		RefusalTokenShared, RefusalTokenTooShort, RefusalSourceNotAllowed, RefusalInsufficientScope,
		RefusalMalformedToken, RefusalAlgorithm, RefusalUntrustedIssuer, RefusalIssuerInvalid, RefusalIssuerUnavailable,
		RefusalUnknownKey, RefusalSignature, RefusalExpired, RefusalNotYetValid, RefusalAudience, RefusalBearer,
		RefusalSubject, RefusalClaims, RefusalAmbiguous,
		RefusalAccessTokenExpired, RefusalAccessTokenRevoked,
		RefusalUnknownClient, RefusalClientSecret, RefusalClientSecretExpired, RefusalClientProof, RefusalAmbiguousClient, RefusalAssertionUsed,
	}
}

// Refusal tells of requests that were not let in for one reason. It holds no token, and of a token's claims none
// but issuer, audience and subject.
type Refusal struct {
	// reason says which check failed.
	// +required
	Reason RefusalReason `json:"reason,omitempty"`
	// message says what was expected and what came.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// remedy is what would let such a request in, often a line of YAML. Set it only if it should be.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Remedy string `json:"remedy,omitempty"`
	// source is the address that the last one came from.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Source string `json:"source,omitempty"`
	// count is how many there were since firstAt. It may be lower than that, as they are written down at
	// a bounded rate.
	// +required
	// +kubebuilder:validation:Minimum=1
	Count int64 `json:"count,omitempty"`
	// firstAt is when the first one came.
	// +required
	FirstAt Timestamp `json:"firstAt,omitempty,omitzero"`
	// lastAt is when the last one came. It follows with a delay of a few seconds.
	// +required
	LastAt Timestamp `json:"lastAt,omitempty,omitzero"`
}
