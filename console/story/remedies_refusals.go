package story

import "rservice.dev/scim-operator/api/v1alpha1"

// refusals is the table of config/operate.md#refused-requests.
var refusals = []row{
	{
		reasons: []string{string(v1alpha1.RefusalNoToken)},
		text:    "no `Authorization: Bearer` header, or another scheme such as Basic",
	},
	{
		reasons: []string{string(v1alpha1.RefusalUnknownToken)},
		text:    "no endpoint has the token: the wrong text was pasted, or an old token",
	},
	{
		reasons: []string{string(v1alpha1.RefusalEncodedToken)},
		text:    "the right token came as base64: it was copied without `base64 -d`, or the client encodes it",
	},
	{
		reasons: []string{string(v1alpha1.RefusalTokenShared)},
		text: "several endpoints have the token, and nobody knows which had it first, as after a restore without statuses: " +
			"make a new one",
	},
	{
		reasons: []string{string(v1alpha1.RefusalTokenTooShort)},
		text: "the Secret's `tokenHash` is that of a token with fewer than 32 characters, or a client's secret has fewer: " +
			"make a longer one",
	},
	{
		reasons: []string{string(v1alpha1.RefusalSourceNotAllowed)},
		text: "the token is right, and the request came from outside of `spec.allowedSources`: add the client's network, or, " +
			"if `source` is a proxy's address, have the operator name that in `--trusted-proxies`. Else somebody else has " +
			"the token",
	},
	{
		reasons: []string{string(v1alpha1.RefusalInsufficientScope)},
		text: "the token may read, by `spec.authentication.tokenScope` or the `scope` of a client, and the request was to " +
			"change something",
	},
	{
		reasons: []string{string(v1alpha1.RefusalMalformedToken)},
		text:    "a JWT that is none, is larger than 16 KiB, or has claims that are not of their type",
	},
	{
		reasons: []string{string(v1alpha1.RefusalAlgorithm)},
		text:    "a JWT without a signature, or with one that whoever knows the public key could make",
	},
	{
		reasons: []string{string(v1alpha1.RefusalUntrustedIssuer)},
		text: "no `issuer.url` is the token's `iss`, letter by letter: look for a slash at the end, for `sts.windows.net` " +
			"(Entra's version 1)",
	},
	{
		reasons: []string{string(v1alpha1.RefusalIssuerInvalid)},
		text:    "the element of `jwt` has a fault, which condition `CredentialInvalid` names",
	},
	{
		reasons: []string{string(v1alpha1.RefusalIssuerUnavailable)},
		text: "the issuer's keys could not be fetched, and there are none from the last day: condition `IssuerUnavailable` " +
			"says why",
	},
	{
		reasons: []string{string(v1alpha1.RefusalUnknownKey)},
		text:    "the token names a key that the issuer does not publish. New keys are looked for every 30 s at most",
	},
	{
		reasons: []string{string(v1alpha1.RefusalSignature)},
		text:    "the token is not signed by the key that it names",
	},
	{
		reasons: []string{string(v1alpha1.RefusalExpired)},
		text: "the token of the Secret has ended, by `spec.authentication.tokenSeconds`, or, for some seconds, because there " +
			"is a newer one: then the Secret forgets it, and it is `UnknownToken`; or `exp` of a JWT is past, or missing",
	},
	{
		reasons: []string{string(v1alpha1.RefusalNotYetValid)},
		text:    "`nbf` or `iat` is more than a minute ahead: clocks differ",
	},
	{
		reasons: []string{string(v1alpha1.RefusalAudience)},
		text:    "`aud` has none of `issuer.audiences`. Entra shows `api://<id>/.default`, its tokens have `api://<id>`",
	},
	{
		reasons: []string{string(v1alpha1.RefusalBearer)},
		text:    "the issuer's tokens are assertions for the token endpoint, as `scope` is unset, and one came as a bearer token",
	},
	{
		reasons: []string{string(v1alpha1.RefusalSubject)},
		text:    "an assertion whose issuer and subject are not in the client's `assertions`",
	},
	{
		reasons: []string{string(v1alpha1.RefusalClaims)},
		text:    "a rule is not true of the claims, or `claimMappings` makes no name of them",
	},
	{
		reasons: []string{string(v1alpha1.RefusalAmbiguous)},
		text:    "several ScimEndpoints would take the token, so none does: condition `IssuerShared`",
	},
	{
		reasons: []string{string(v1alpha1.RefusalAccessTokenExpired)},
		text:    "the client did not get another access token in time: its clock, or the library that it uses",
	},
	{
		reasons: []string{string(v1alpha1.RefusalAccessTokenRevoked)},
		text: "the client, the secret by which it got the access token, or the key that has signed it, is gone. It gets " +
			"another one by a secret that is valid",
	},
	{
		reasons: []string{string(v1alpha1.RefusalUnknownClient)},
		text: "the token endpoint got a client id that no endpoint has, or no id or no proof that it can read: compare with " +
			"`status.connection.clients`",
	},
	{
		reasons: []string{string(v1alpha1.RefusalClientSecret)},
		text: "the token endpoint got a secret that the client does not have: copy it again, or make another one. Or the " +
			"Secret is not there, or without its label",
	},
	{
		reasons: []string{string(v1alpha1.RefusalClientSecretExpired)},
		text:    "the token endpoint got a secret that has ended, or whose end is not accepted: make another one",
	},
	{
		reasons: []string{string(v1alpha1.RefusalClientProof)},
		text: "a client with `assertions` only sent a secret, or the other way round; or an assertion that may be used once " +
			"and expires in more than a day",
	},
	{
		reasons: []string{string(v1alpha1.RefusalAssertionUsed)},
		text: "a client sent an assertion a second time. Entra may: `reusable: true`. Others should not: then somebody has " +
			"read it",
	},
	{
		reasons: []string{string(v1alpha1.RefusalAmbiguousClient)},
		text:    "several endpoints have a client of this id and secret: nobody's. Give each an id or a secret of its own",
	},
}
