package v1alpha1

// Condition types. Ready is on every kind but AutomationRuleExecution.
// Reconciling and Stalled are set only while they are True, as kstatus expects,
// so "kubectl wait" and GitOps tools read every kind the same way. A Person has none before
// something has been wrong with it.
const (
	// ConditionReady says whether the object does what it is there for. Unknown
	// with reason Pending means that no controller has looked at it yet.
	ConditionReady = "Ready"
	// ConditionReconciling is True while the controller has more to do and will
	// go on by itself; absent otherwise.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when nothing will change until somebody edits an
	// object; absent otherwise.
	ConditionStalled = "Stalled"
	// ConditionSucceeded is the one condition of an AutomationRuleExecution. It
	// is Unknown when the rule had nothing to decide, as when its condition was
	// not met.
	ConditionSucceeded = "Succeeded"
	// ConditionSubjectsHealthy is on an AutomationRule: False while the rule fails for some
	// of its subjects. It says nothing of the rule, so what waits for Ready does not wait
	// for it.
	ConditionSubjectsHealthy = "SubjectsHealthy"
	// ConditionHeld is on a ScimEndpoint, True while the safety brake keeps Persons of its
	// namespace from being disabled, enabled or given another address; absent otherwise.
	ConditionHeld = "Held"
	// ConditionBrakeWeakened is on a ScimEndpoint, True while the spec.safety of its namespace
	// switches the safety brake off or lets more through than a brake should; absent otherwise.
	ConditionBrakeWeakened = "BrakeWeakened"
	// ConditionLimitsReduced is on a ScimEndpoint, True while its spec.limits ask for more than the
	// operator allows; absent otherwise.
	ConditionLimitsReduced = "LimitsReduced"
	// ConditionTokenShared is on a ScimEndpoint, True while another one has the same token; absent
	// otherwise.
	ConditionTokenShared = "TokenShared"
	// ConditionCredentialInvalid is on a ScimEndpoint, True while a credential that it names is missing
	// or not accepted; absent otherwise. The others work.
	ConditionCredentialInvalid = "CredentialInvalid" //nolint:gosec // none
	// ConditionIssuerShared is on a ScimEndpoint, True while another one would take tokens of the same
	// issuer for the same audience, so that those let nobody in; absent otherwise.
	ConditionIssuerShared = "IssuerShared"
	// ConditionIssuerUnavailable is on a ScimEndpoint, True while the keys of an issuer cannot be fetched
	// that it trusts; absent otherwise. Its reason is ReasonKeysKept or ReasonNoKeys.
	ConditionIssuerUnavailable = "IssuerUnavailable"
	// ConditionCredentialExpiring is on a ScimEndpoint, True from 30 days before a credential of its
	// clients ends that has no successor, or from half of the time that it is valid where that is
	// later; absent otherwise.
	ConditionCredentialExpiring = "CredentialExpiring" //nolint:gosec // none
	// ConditionSecretsNotOwned is on a ScimEndpoint, True while Kubernetes refuses to let Secrets that
	// were made for it go with it; absent otherwise. They work.
	ConditionSecretsNotOwned = "SecretsNotOwned"
	// ConditionUnreadable is on every ScimEndpoint, True while there are kinds that the
	// operator cannot read from the API server, whosever objects are at fault; absent
	// otherwise. Its reason is ReasonUnreadable or ReasonRefused.
	ConditionUnreadable = "Unreadable"
)

// Reasons that any kind can have.
const (
	// ReasonPending is the default in the CRDs, but for Persons: no controller has looked yet.
	ReasonPending = "Pending"
	// ReasonReady means that everything is as it should be.
	ReasonReady = "Ready"
	// ReasonRetrying means that a write failed for a passing cause and is being
	// tried again.
	ReasonRetrying = "Retrying"
	// ReasonUnreadable means that an object is stored in a form that the operator cannot
	// read, which keeps it from reading any object of that kind.
	ReasonUnreadable = "Unreadable"
	// ReasonRefused means that the API server lets the operator not list or watch a kind.
	ReasonRefused = "Refused"
)

// Reasons of a rule's outcome on a subject: on ConditionSucceeded of the
// execution and, where they are failures, on ConditionReady of the subject.
const (
	// ReasonApplied means that the rule changed the record.
	ReasonApplied = "Applied"
	// ReasonNoChange means that the record already was as the rule wants it.
	ReasonNoChange = "NoChange"
	// ReasonConditionNotMet means that the rule's condition was false.
	ReasonConditionNotMet = "ConditionNotMet"
	// ReasonExpressionError means that an expression failed; nothing of that rule
	// was written for this subject.
	ReasonExpressionError = "ExpressionError"
	// ReasonInvalidValue means that an expression gave a value that the record's
	// field cannot hold.
	ReasonInvalidValue = "InvalidValue"
	// ReasonTargetNotFound means that the rule updates a record, may not create
	// it, and there is none.
	ReasonTargetNotFound = "TargetNotFound"
	// ReasonConflict means that the record is linked to another subject that
	// still exists and is active.
	ReasonConflict = "Conflict"
	// ReasonPrimaryEmailTaken is ReasonConflict for the usual case: another
	// active user has the Person with this primary e-mail address.
	ReasonPrimaryEmailTaken = "PrimaryEmailTaken"
	// ReasonPersonProtected means that the Person that a rule would change has
	// AnnotationProtected, so the rule does nothing. On a Person it means that its user is
	// gone, and that it stays enabled all the same.
	ReasonPersonProtected = "PersonProtected"
	// ReasonPersonLinked is the reason of the Event about a Person made by hand that a user
	// gets.
	ReasonPersonLinked = "PersonLinked"
	// ReasonLinkNotAllowed means that the Person with the user's e-mail address may not become
	// the user's, by spec.linkExisting of the ScimEndpoint.
	ReasonLinkNotAllowed = "LinkNotAllowed"
	// ReasonEmailDomainNotAllowed means that a Person may not get the user's e-mail address,
	// by spec.emailDomains of the ScimEndpoint.
	ReasonEmailDomainNotAllowed = "EmailDomainNotAllowed"
	// ReasonOrganizationNotFound means that no Organization has the group's
	// display name, and no Site has it where a rule links groups to Sites. Create
	// one, or rename the group; nothing else is needed.
	ReasonOrganizationNotFound = "OrganizationNotFound"
	// ReasonSiteNotFound is ReasonOrganizationNotFound for rules that link groups to
	// Sites and run before, or without, any that link them to Organizations.
	ReasonSiteNotFound = "SiteNotFound"
	// ReasonNotNeeded means that the rule found no record to update, and that it is no
	// failure, because another rule links the subject to a record of another kind or
	// says already that there is none.
	ReasonNotNeeded = "NotNeeded"
	// ReasonUnstableResult means that the rule would change its record again each time
	// it runs, because a value depends on what the rule itself sets, or on what another
	// such rule sets; nothing of that rule was written for this subject.
	ReasonUnstableResult = "UnstableResult"
	// ReasonPersonTakenOver means that the user is inactive and that the Person it had is
	// another user's now, as when somebody is hired again: the rules do nothing for it.
	ReasonPersonTakenOver = "PersonTakenOver"
	// ReasonPersonDeleted means that the user is inactive and that spec.retention of a
	// ScimEndpoint has deleted the Person it had: the rules do nothing for it.
	ReasonPersonDeleted = "PersonDeleted"
	// ReasonPersonMissing means that no rule gave this user a Person; the message
	// names the condition that was not met.
	ReasonPersonMissing = "PersonMissing"
	// ReasonHeld means that the safety brake keeps a Person from being disabled, enabled or
	// given another primary e-mail address, because that was to happen to too many within a
	// short time. Everything else was written.
	ReasonHeld = "Held"
	// ReasonNoRules means that there is no enabled rule for this kind of subject. On a
	// ScimEndpoint, which is Ready all the same, it means that none is there for users.
	// Records stay as they are.
	ReasonNoRules = "NoRules"
)

// Reasons of AutomationRule, ScimEndpoint, Person, Organization and Site.
const (
	// ReasonInvalidRule means that the rule does not compile; the message gives
	// the expression, line and column.
	ReasonInvalidRule = "InvalidRule"
	// ReasonDisabled means that the rule is switched off by spec.disabled.
	ReasonDisabled = "Disabled"
	// ReasonReprocessing means that the rule was made, changed or asked to run again, and has
	// not run on all of its subjects since.
	ReasonReprocessing = "Reprocessing"
	// ReasonSubjectsFailed is on ConditionSubjectsHealthy: the rule fails for some subjects.
	ReasonSubjectsFailed = "SubjectsFailed"
	// ReasonSubjectsRetrying is on ConditionSubjectsHealthy: since the rule changed some
	// subjects could not be processed, for a passing cause, and are tried again.
	ReasonSubjectsRetrying = "SubjectsRetrying"
	// ReasonNoneFailed is on ConditionSubjectsHealthy: the rule fails for no subject.
	ReasonNoneFailed = "NoneFailed"
	// ReasonInvalidSecret means that the token Secret lacks a usable token.
	ReasonInvalidSecret = "InvalidSecret"
	// ReasonInvalidClientSecret is on ConditionCredentialInvalid: a client's Secret is missing, or one of
	// the secrets in it has no end, ends too late, or is no SHA-256.
	ReasonInvalidClientSecret = "InvalidClientSecret"
	// ReasonInvalidIssuer is on ConditionCredentialInvalid: what an element of jwt says cannot be used, or
	// an assertion of a client names an issuer that no element has.
	ReasonInvalidIssuer = "InvalidIssuer"
	// ReasonIssuerShared is on ConditionIssuerShared.
	ReasonIssuerShared = "IssuerShared"
	// ReasonKeysKept is on ConditionIssuerUnavailable: the keys that the issuer had before are used.
	ReasonKeysKept = "KeysKept"
	// ReasonNoKeys is on ConditionIssuerUnavailable: there are no keys, or none that may still be used.
	ReasonNoKeys = "NoKeys"
	// ReasonEndsSoon is on ConditionCredentialExpiring: a credential ends within 30 days, or, a token of
	// less than 60 days, is past half of its time.
	ReasonEndsSoon = "EndsSoon"
	// ReasonEmailDomainsDisjoint means that no domain is in spec.emailDomains of all ScimEndpoints
	// of the namespace that have some, so that no user gets a Person.
	ReasonEmailDomainsDisjoint = "EmailDomainsDisjoint"
	// ReasonSwitchedOff is on ConditionBrakeWeakened: spec.safety.disabled is set.
	ReasonSwitchedOff = "SwitchedOff"
	// ReasonLimitsRaised is on ConditionBrakeWeakened: the limits let the same happen to more
	// than half of the namespace's Persons within an hour or a day.
	ReasonLimitsRaised = "LimitsRaised"
	// ReasonTokenMadeElsewhere means that spec.tokenGeneration asks for a token of an endpoint whose
	// Secret holds a hash.
	ReasonTokenMadeElsewhere = "TokenMadeElsewhere"
	// ReasonNamespacesUnread means that the operator does not know yet whether the token of an endpoint
	// is another one's, as it cannot read all of its namespaces.
	ReasonNamespacesUnread = "NamespacesUnread"
	// ReasonWorksHere is on ConditionTokenShared: the token was here first, and works here alone.
	ReasonWorksHere = "WorksHere"
	// ReasonWorksElsewhere is on ConditionTokenShared: another endpoint had the token first.
	ReasonWorksElsewhere = "WorksElsewhere"
	// ReasonWorksNowhere is on ConditionTokenShared: nobody knows which endpoint had the token first,
	// so it works at none.
	ReasonWorksNowhere = "WorksNowhere"
	// ReasonEnded is on ConditionCredentialExpiring: a credential has ended.
	ReasonEnded = "Ended"
	// ReasonAboveOperatorLimits is on ConditionLimitsReduced: what the operator's flags allow holds
	// instead.
	ReasonAboveOperatorLimits = "AboveOperatorLimits"
	// ReasonOwnerRefused is on ConditionSecretsNotOwned: whoever sets an owner must have the right to
	// delete, which the operator has not for Secrets.
	ReasonOwnerRefused = "OwnerRefused"
	// ReasonDuplicatePrimaryEmail means that another Person has the same primary
	// e-mail address.
	ReasonDuplicatePrimaryEmail = "DuplicatePrimaryEmail"
	// ReasonReferenceNotFound means that a record this one refers to is missing.
	ReasonReferenceNotFound = "ReferenceNotFound"
	// ReasonDuplicateName means that another Organization or Site has the same
	// name.
	ReasonDuplicateName = "DuplicateName"
)

// Labels and annotations.
const (
	// LabelResult is where versions before repeated status.result of an execution. It goes with the
	// next change of the execution.
	LabelResult = "result"
	// LabelEndpoint is the name of the ScimEndpoint that a token Secret belongs
	// to. The operator reads only Secrets that have it.
	LabelEndpoint = "provisioning.rservice.dev/scim-endpoint"
	// LabelClaim is the kind of claim that a Lease holds: "username" or
	// "displayname".
	LabelClaim = "provisioning.rservice.dev/claim"
	// SecretSalt is the name of the Secret with a namespace's salt, from which the names of
	// claims and records are derived, and SecretKeySalt its only key.
	SecretSalt    = "scim-operator-salt" //nolint:gosec // the name of one
	SecretKeySalt = "salt"
	// LabelIdentity is the kind of record, in lower case, that a Lease keeps an e-mail address
	// or name for, where several managers are at work at the same time.
	LabelIdentity = "provisioning.rservice.dev/identity"
	// LabelAssertion is the name of the ScimEndpoint, of which a Lease says that an assertion has been
	// used. It is deleted when the assertion has expired.
	LabelAssertion = "provisioning.rservice.dev/assertion"
	// AnnotationFence on a record is the time at which another record took over what this one
	// had reserved. It makes a write fail that was under way.
	AnnotationFence = "provisioning.rservice.dev/fence"
	// AnnotationUnfinished is on a record between its creation and the last write of
	// the rules that make it: the names of the rules, comma-separated, that have yet
	// to set what they set "when: created".
	AnnotationUnfinished = "provisioning.rservice.dev/unfinished"
	// AnnotationProtected with the value "true" on a Person keeps all rules and clients off it:
	// nobody is linked to it, and provisioning neither changes nor disables it, whatever
	// becomes of a user who is linked to it.
	AnnotationProtected = "provisioning.rservice.dev/protected"
	// AnnotationErasing is on a Person while "manager erase" is at work on it, or was interrupted:
	// what it has to know to finish. AnnotationProtected is on it, too.
	AnnotationErasing = "provisioning.rservice.dev/erasing"
	// AnnotationFormerSources on a Person names the ScimUsers that it was linked to before,
	// newest first, comma-separated.
	AnnotationFormerSources = "provisioning.rservice.dev/former-sources"
	// AnnotationAdopted on a Person that somebody had made by hand names the ScimUser that was
	// the first to get it, by its e-mail address.
	AnnotationAdopted = "provisioning.rservice.dev/adopted"
	// AnnotationRequestID is where versions before LastRequest kept the id of the HTTP request that
	// made the last accepted change.
	AnnotationRequestID = "provisioning.rservice.dev/request-id"
	// AnnotationRerun on a ScimUser, ScimGroup or AutomationRule makes the rules run again,
	// for that subject or for all subjects of that rule, each time it gets another value. What
	// the value is does not matter; the first 253 characters count. status.requestedRerun shows
	// it when it was seen, from when on the annotation may go, and status.lastRerun when it is
	// done.
	AnnotationRerun = "provisioning.rservice.dev/rerun"
	// AnnotationGuarded with the value "true" keeps an AutomationRule from being deleted, as
	// what applies rules by force does to one whose new version the schema refuses. The
	// policy scim-rules sees to it.
	AnnotationGuarded = "provisioning.rservice.dev/guarded"
	// AnnotationDisabledAt is when provisioning disabled a Person, in RFC 3339, for the
	// safety brake to count.
	AnnotationDisabledAt = "provisioning.rservice.dev/disabled-at"
	// AnnotationEnabledAt is when provisioning enabled a Person that was disabled, in RFC
	// 3339, for the safety brake to count.
	AnnotationEnabledAt = "provisioning.rservice.dev/enabled-at"
	// AnnotationPrimaryEmailChangedAt is when provisioning gave a Person another primary
	// e-mail address, in RFC 3339, for the safety brake to count.
	AnnotationPrimaryEmailChangedAt = "provisioning.rservice.dev/primary-email-changed-at"
	// AnnotationReleaseHeld on a ScimEndpoint lets go of what the safety brake holds. Its
	// value is status.held.generation, which says that this and nothing newer is meant.
	AnnotationReleaseHeld = "provisioning.rservice.dev/release-held"
	// AnnotationTokenID is where versions before LastRequest kept the id of the token that the
	// request used.
	AnnotationTokenID = "provisioning.rservice.dev/token-id"
)

// The token Secret of a ScimEndpoint. A Secret that somebody else made needs only
// SecretKeyToken or SecretKeyTokenHash.
const (
	// SecretKeyToken is the key of the current bearer token.
	SecretKeyToken = "token"
	// SecretKeyPreviousToken is the key of the token before the last rotation.
	SecretKeyPreviousToken = "previousToken"
	// SecretKeyTokenHash is the key of the SHA-256 of a token that is made elsewhere, in hexadecimal, in
	// place of SecretKeyToken; SecretKeyPreviousTokenHash the same for the token before.
	SecretKeyTokenHash         = "tokenHash"
	SecretKeyPreviousTokenHash = "previousTokenHash"
	// AnnotationTokenGeneration is the spec.tokenGeneration that the current token
	// was made for.
	AnnotationTokenGeneration = "provisioning.rservice.dev/token-generation"
	// AnnotationTokenIssuedAt is when the current token was made, in RFC 3339; of one that
	// somebody else made, when the operator saw it first.
	AnnotationTokenIssuedAt = "provisioning.rservice.dev/token-issued-at"
	// AnnotationIssuedTokenID is the id of the token that AnnotationTokenIssuedAt tells of.
	AnnotationIssuedTokenID = "provisioning.rservice.dev/issued-token-id"
	// AnnotationPreviousTokenID is the id of the token before that somebody else made, of which
	// AnnotationPreviousTokenExpiresAt tells.
	AnnotationPreviousTokenID = "provisioning.rservice.dev/previous-token-id"
	// AnnotationPreviousTokenIssuedAt is when the previous token was made.
	AnnotationPreviousTokenIssuedAt = "provisioning.rservice.dev/previous-token-issued-at"
	// AnnotationPreviousTokenExpiresAt is when the previous token stops working, in
	// RFC 3339. A previous token without it does not work.
	AnnotationPreviousTokenExpiresAt = "provisioning.rservice.dev/previous-token-expires-at"
	// AnnotationMadeFor is the name of the ScimEndpoint that the operator has made the Secret for, one of tokens or of signing keys:
	// it goes with that one, also after a restore without owners.
	AnnotationMadeFor = "provisioning.rservice.dev/made-for"
)

// The signing Secret of a ScimEndpoint with OAuth clients. Whoever deletes it ends all access tokens, and the operator makes
// another one.
const (
	// SecretKeySigningKey is the key that signs access tokens: P-256, as PEM in PKCS #8.
	SecretKeySigningKey = "signingKey"
	// SecretKeyNextSigningKey is the one that signs after the next rotation. Every replica knows it long before.
	SecretKeyNextSigningKey = "nextSigningKey"
	// SecretKeyPreviousSigningKey is the one before the last rotation. Its tokens stay valid until they end.
	SecretKeyPreviousSigningKey = "previousSigningKey"
	// AnnotationSigningKeySince is since when the key signs, in RFC 3339.
	AnnotationSigningKeySince = "provisioning.rservice.dev/signing-key-since"
	// AnnotationSigningKeyIssuedAt is when it was made.
	AnnotationSigningKeyIssuedAt = "provisioning.rservice.dev/signing-key-issued-at"
	// AnnotationNextSigningKeyIssuedAt is when the next one was made.
	AnnotationNextSigningKeyIssuedAt = "provisioning.rservice.dev/next-signing-key-issued-at"
	// AnnotationPreviousSigningKeyExpiresAt is when the previous one stops verifying. One without it does not verify.
	AnnotationPreviousSigningKeyExpiresAt = "provisioning.rservice.dev/previous-signing-key-expires-at"
)

// FinalizerDeprovision is on every ScimUser: before the object goes, its Person
// is disabled.
const FinalizerDeprovision = "provisioning.rservice.dev/deprovision"

// SourceSCIM is the value of "source" on records that a SCIM subject is linked to.
const SourceSCIM = "SCIM"
