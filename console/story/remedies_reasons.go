package story

import "rservice.dev/scim-operator/api/v1alpha1"

// reasons is the table of config/operate.md#troubleshooting.
var reasons = []row{
	{
		reasons: []string{v1alpha1.ReasonReady}, on: "all",
		text: "as it should be",
	},
	{
		reasons: []string{v1alpha1.ReasonPending}, on: "all but persons",
		text: "no controller has looked yet. For longer than a minute: no leader; `kubectl -n scim-system get lease,pods`",
		commands: []string{
			"kubectl -n scim-system get lease,pods",
		},
	},
	{
		reasons: []string{v1alpha1.ReasonRetrying}, on: "all",
		text: "a write failed for a passing cause and is being repeated: look at the message, then at the API server",
		commands: []string{
			"kubectl -n scim-system logs deployment/scim-operator --prefix --all-pods | grep '\"level\":\"ERROR\"'",
		},
	},
	{
		reasons: []string{v1alpha1.ReasonApplied, v1alpha1.ReasonNoChange}, on: "executions",
		text: "the rule changed the record; the record was right already",
	},
	{
		reasons: []string{v1alpha1.ReasonConditionNotMet}, on: "executions",
		text: "the rule's condition was false, so it had nothing to do. The values of the expressions are in the execution",
		commands: []string{
			describeExecution,
			showRule,
		},
	},
	{
		reasons: []string{v1alpha1.ReasonNotNeeded}, on: "executions",
		text: "the rule found no record, and another rule has said so or linked another kind: nothing to do",
	},
	{
		reasons: []string{v1alpha1.ReasonExpressionError}, on: "users, groups, executions",
		text: "an expression failed for this one; the message names it. Correct the rule, or the value at the client",
		commands: []string{
			describeExecution,
			showRule,
		},
		link: "controllers/rules/README.md",
	},
	{
		reasons: []string{v1alpha1.ReasonInvalidValue}, on: "users, groups, executions",
		text: "an expression gave what the field cannot hold, such as a text that is too long",
		commands: []string{
			describeExecution,
			showRule,
		},
	},
	{
		reasons: []string{v1alpha1.ReasonUnstableResult}, on: "users, groups, executions",
		text: "a rule would change the record again at each run, because a value depends on what it sets itself: change the " +
			"rule",
		commands: []string{
			describeExecution,
			showRule,
		},
	},
	{
		reasons: []string{v1alpha1.ReasonTargetNotFound}, on: "users, groups, executions",
		text: "a rule may only update, and there is no record: `create: true`, or make the record",
		commands: []string{
			describeExecution,
			showRule,
		},
	},
	{
		reasons: []string{v1alpha1.ReasonConflict}, on: "users, groups, executions",
		text: "the record is linked to another active user or existing group. Two groups of one name: rename one",
		commands: []string{
			describeExecution,
		},
	},
	{
		reasons: []string{v1alpha1.ReasonPrimaryEmailTaken}, on: "users, executions",
		text: "another Person, which the message names, has this address. If an active user has it, deactivate one of the " +
			"two or correct an address at the client; if its user has left, only the address was left out: give the user " +
			"another one, or delete the old Person (role `scim-account-owner`)",
		commands: []string{
			"kubectl -n {namespace} get person {other} -o yaml",
			"kubectl -n {namespace} get scimuser {otherUser} -o yaml",
			"kubectl -n {namespace} delete person {formerPerson}",
		},
	},
	{
		reasons: []string{v1alpha1.ReasonPersonLinked}, on: "Events on Persons",
		text: "a user got a Person that was made by hand, by its address: the client changes and disables it from now on. " +
			"`spec.linkExisting: Former` of the ScimEndpoint forbids it",
	},
	{
		reasons: []string{v1alpha1.ReasonPersonMissing}, on: "users",
		text: "no rule gave the user a Person; the message names the condition. Usually there is no e-mail address or no name",
		commands: []string{
			describeExecution,
			showRule,
		},
	},
	{
		reasons: []string{v1alpha1.ReasonPersonProtected}, on: "users, executions, persons",
		text: "the Person has annotation `provisioning.rservice.dev/protected: \"true\"` and is left as it is, also when its " +
			"user leaves. Take it off to let provisioning have the Person. On a Person: its user is deleted, and it stays " +
			"enabled; disable it by hand, or take the annotation off",
		commands: []string{
			"kubectl -n {namespace} annotate person {person} provisioning.rservice.dev/protected-",
		},
	},
	{
		reasons: []string{v1alpha1.ReasonLinkNotAllowed}, on: "users, executions",
		text: "a Person with this address exists, and `spec.linkExisting` of a ScimEndpoint does not let the user have it: " +
			"change that, or one of the addresses",
		commands: []string{
			"kubectl -n {namespace} get scimendpoints -o custom-columns=NAME:.metadata.name,LINKEXISTING:.spec.linkExisting",
		},
	},
	{
		reasons: []string{v1alpha1.ReasonEmailDomainNotAllowed}, on: "users, executions",
		text: "the address is outside of `spec.emailDomains` of a ScimEndpoint (each that has some counts): add the domain, " +
			"or correct the address at the client. A Person that has another address keeps it, and all else is delivered. " +
			"One that had made way for another address shows `<its name>@moving.invalid` until the new address is allowed: " +
			"the same remedy, and it moves by itself",
		commands: []string{
			"kubectl -n {namespace} get scimendpoints -o custom-columns=NAME:.metadata.name,EMAILDOMAINS:.spec.emailDomains",
		},
	},
	{
		reasons: []string{v1alpha1.ReasonEmailDomainsDisjoint}, on: "endpoints",
		text: "no domain is in `spec.emailDomains` of all endpoints of the namespace that have some, so no user gets a " +
			"Person: name one in each, or give the clients namespaces of their own",
		commands: []string{
			"kubectl -n {namespace} get scimendpoints -o custom-columns=NAME:.metadata.name,EMAILDOMAINS:.spec.emailDomains",
		},
	},
	{
		reasons: []string{v1alpha1.ReasonPersonTakenOver}, on: "users, executions",
		text: "in order: the user is inactive, and its Person, which the message names, went over to another user, as when " +
			"somebody is hired again. Nothing is done for it",
	},
	{
		reasons: []string{v1alpha1.ReasonPersonDeleted}, on: "users, executions",
		text: "in order: the user is inactive, and its Person was deleted by [`spec.retention`](secure.md#retention). It " +
			"gets a new one when it is active again",
		link: "config/secure.md#retention",
	},
	{
		reasons: []string{v1alpha1.ReasonOrganizationNotFound}, on: "groups, executions",
		text: "no Organization (or Site) has the group's name: make one; nothing else is needed. Or ignore it, if the group " +
			"is neither",
		commands: []string{
			"printf %s {newOrganization} | kubectl -n {namespace} create -f -",
		},
	},
	{
		reasons: []string{v1alpha1.ReasonSiteNotFound}, on: "groups, executions",
		text: "the same for rules that link groups to Sites only",
		commands: []string{
			"printf %s {newSite} | kubectl -n {namespace} create -f -",
		},
	},
	{
		reasons: []string{v1alpha1.ReasonNoRules}, on: "users, groups, endpoints",
		text: "no enabled rule in the namespace: `kubectl -n acme apply -k config/rules`. An endpoint is Ready all the same",
		commands: []string{
			"kubectl -n {namespace} apply -k config/rules",
		},
	},
	{
		reasons: []string{v1alpha1.ReasonHeld}, on: "users, persons, endpoints",
		text: "the safety brake: too many were to be disabled, enabled or given another `primaryEmail` within a short time, " +
			"and are not; all else is written. Somebody whom the client has activated may be held alone, beside what a " +
			"rule does to others: when the first run after the activation failed (`ExpressionError`), the next one counts " +
			"as the rules' doing. A further change of that user by the client lets it happen, or a release. Look who is " +
			"held. If it is right, release exactly that (role `scim-account-owner`); if not, correct it at the client, or the " +
			"rule: what is as before is held no longer. See [Held](#held)",
		commands: []string{
			"kubectl -n {namespace} get scimusers -o wide | grep Held",
			"kubectl -n {namespace} annotate --overwrite scimendpoint {endpoint} " +
				"provisioning.rservice.dev/release-held={held}",
		},
		link: "config/operate.md#held",
	},
	{
		reasons: []string{v1alpha1.ReasonSwitchedOff, v1alpha1.ReasonLimitsRaised}, on: "endpoints (condition `BrakeWeakened`)",
		text: "the safety brake of the namespace is off, or `spec.safety` lets the same happen to more than half of the " +
			"people in an hour or a day: take that back when what it was for is over",
	},
	{
		reasons: []string{v1alpha1.ReasonNamespacesUnread}, on: "endpoints",
		text: "with `--namespaces`: one of them cannot be read, so nobody knows whether the token of this new endpoint is " +
			"one from there; until then it is 503. Metric `scim_unreadable_kinds` and the log name the namespace: give the " +
			"operator its RoleBinding, or take it out of the flag",
	},
	{
		reasons: []string{v1alpha1.ReasonTokenMadeElsewhere}, on: "endpoints",
		text: "`spec.tokenGeneration` asks for a new token, but the Secret has a `tokenHash`: put the hash of a new one " +
			"there ([a token that is made elsewhere](connect.md#rotating-the-token)). The present one works",
		link: "config/connect.md#rotating-the-token",
	},
	{
		reasons: []string{v1alpha1.ReasonWorksHere}, on: "endpoints (condition `TokenShared`)",
		text: "another endpoint, perhaps of another namespace, has this one's token. It works here only, but somebody else " +
			"knows it: raise `spec.tokenGeneration`, and ask who it is (`kubectl get scimendpoints -A -o yaml`, same " +
			"`status.tokens[].id`)",
		commands: []string{
			"kubectl get scimendpoints -A -o yaml",
		},
	},
	{
		reasons: []string{v1alpha1.ReasonWorksElsewhere}, on: "endpoints (condition `TokenShared`, and Ready)",
		text: "another endpoint had the token first, so it does not work here: raise `spec.tokenGeneration`. Who moves an " +
			"endpoint to another namespace deletes the old one first",
		commands: []string{
			"kubectl get scimendpoints -A -o yaml",
		},
	},
	{
		reasons: []string{v1alpha1.ReasonWorksNowhere}, on: "endpoints (condition `TokenShared`, and Ready)",
		text: "several have the token, and nobody knows which had it first: raise `spec.tokenGeneration` at all but one, or, " +
			"if one was copied, at all",
		commands: []string{
			"kubectl get scimendpoints -A -o yaml",
		},
	},
	{
		reasons: []string{v1alpha1.ReasonAboveOperatorLimits}, on: "endpoints (condition `LimitsReduced`)",
		text: "`spec.limits` asks for more than the operator's flags allow ([flags](install.md#flags)); the message says " +
			"what holds instead. Ask for no more, or have the flags raised",
		link: "config/install.md#flags",
	},
	{
		reasons: []string{v1alpha1.ReasonOwnerRefused}, on: "endpoints (condition `SecretsNotOwned`)",
		text: "after a restore, Secrets of the endpoint work, but stay when it is deleted: Kubernetes refuses to let the " +
			"operator give them their owner ([Owners](restore.md#owners)). The message has the command for somebody who may",
		commands: []string{
			showEndpoint,
		},
		link: "config/restore.md#owners",
	},
	{
		reasons: []string{v1alpha1.ReasonInvalidRule}, on: "rules, users, groups, executions",
		text: "the rule does not compile; the message has expression, line and column",
		commands: []string{
			showRule,
		},
		link: "controllers/rules/README.md",
	},
	{
		reasons: []string{v1alpha1.ReasonDisabled}, on: "rules",
		text: "switched off by `spec.disabled`",
	},
	{
		reasons: []string{v1alpha1.ReasonReprocessing}, on: "rules",
		text: "Ready is Unknown: some subjects have yet to be processed since the rule was made, changed or asked to run " +
			"again. The message counts them",
	},
	{
		reasons: []string{v1alpha1.ReasonNoneFailed}, on: "rules, `SubjectsHealthy`",
		text: "it fails for no subject",
	},
	{
		reasons: []string{v1alpha1.ReasonSubjectsFailed}, on: "rules, `SubjectsHealthy`",
		text: "it fails for some; `status.failures` names the first. The rule is Ready all the same",
		commands: []string{
			"kubectl -n {namespace} get automationruleexecutions --field-selector spec.rule={rule},status.result=failed",
		},
	},
	{
		reasons: []string{v1alpha1.ReasonSubjectsRetrying}, on: "rules, `SubjectsHealthy`",
		text: "some could not be written since the rule changed, and are tried again: look at the message of each, then at " +
			"the API server",
		commands: []string{
			"kubectl -n {namespace} get scimusers,scimgroups -o wide | grep Retrying",
		},
	},
	{
		reasons: []string{v1alpha1.ReasonInvalidSecret}, on: "endpoints",
		text: "the token Secret has no usable `token`; the message says why",
		commands: []string{
			showEndpoint,
		},
	},
	{
		reasons: []string{v1alpha1.ReasonEndsSoon, v1alpha1.ReasonEnded}, on: "endpoints (condition `CredentialExpiring`)",
		text: "a credential ends within 30 days (a token of less than 60 days: is past half of its time), or has ended: the " +
			"message names it, and how to make another one. The token ends by `spec.authentication.tokenSeconds`; of a " +
			"client the last one of its secrets counts. A client's new secret works beside the old one until that ends",
		commands: []string{
			showEndpoint,
		},
	},
	{
		reasons: []string{v1alpha1.ReasonInvalidIssuer}, on: "endpoints (condition `CredentialInvalid`)",
		text: "what an element of `spec.authentication.jwt` says cannot be used, or a client's assertion names an issuer " +
			"that none has: the message names field, expression and what to do. The other elements work",
		commands: []string{
			showEndpoint,
		},
	},
	{
		reasons: []string{v1alpha1.ReasonIssuerShared}, on: "endpoints (condition `IssuerShared`)",
		text: "another ScimEndpoint takes tokens of the same issuer for the same audience; a token that both would take lets " +
			"nobody in. Give each an audience of its own, or rules that want one claim to have different values. One of " +
			"another namespace is named in the operator's log",
	},
	{
		reasons: []string{v1alpha1.ReasonKeysKept}, on: "endpoints (condition `IssuerUnavailable`)",
		text: "the keys of an issuer cannot be fetched: the message says why and what to do. Those from before are used for " +
			"a day",
		commands: []string{
			showEndpoint,
		},
	},
	{
		reasons: []string{v1alpha1.ReasonNoKeys}, on: "endpoints (condition `IssuerUnavailable`)",
		text: "the same, and there are none: tokens of the issuer let nobody in",
		commands: []string{
			showEndpoint,
		},
	},
	{
		reasons: []string{v1alpha1.ReasonInvalidClientSecret}, on: "endpoints (condition `CredentialInvalid`)",
		text: "a client's Secret is missing, or holds what is not accepted: no end, one in more than three years, no " +
			"SHA-256. The other secrets work ([client secrets](connect.md#client-secrets))",
		commands: []string{
			showEndpoint,
		},
		link: "config/connect.md#client-secrets",
	},
	{
		reasons: []string{v1alpha1.ReasonUnreadable, v1alpha1.ReasonRefused}, on: "endpoints (condition `Unreadable`)",
		text: "the operator cannot read a kind, and goes on with what it knew of it; the message says why. `Unreadable`: find the " +
			"object whose field the message names, and mend or delete it before the operator is restarted or upgraded. " +
			"`Refused`: a right or the definition is missing; apply the installation again. See [Unreadable](#unreadable)",
		link: "config/operate.md#unreadable",
	},
	{
		reasons: []string{v1alpha1.ReasonDuplicatePrimaryEmail}, on: "persons",
		text: "two Persons have one address, one of them made by hand: correct or delete that one",
		commands: []string{
			"kubectl -n {namespace} get persons --field-selector spec.primaryEmail={email}",
		},
	},
	{
		reasons: []string{v1alpha1.ReasonDuplicateName}, on: "organizations, sites",
		text: "two have one name: rename one",
		commands: []string{
			"kubectl -n {namespace} get organizations,sites",
		},
	},
	{
		reasons: []string{v1alpha1.ReasonReferenceNotFound}, on: "records, endpoints",
		text: "what it refers to does not exist; the message names field and record",
	},
}
