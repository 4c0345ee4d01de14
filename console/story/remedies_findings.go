package story

// Reasons that no condition has: what a story finds in what rules and clients did.
const (
	// ReasonNoOrganization is that a Person has no Organization.
	ReasonNoOrganization = "NoOrganization"
	// ReasonNoSite is that the client has sent a site which no Site has the name of.
	ReasonNoSite = "NoSite"
	// ReasonNoManager is that the client has sent a manager, and the Person has none.
	ReasonNoManager = "NoManager"
	// ReasonPersonDisabled is that a Person is disabled, in order.
	ReasonPersonDisabled = "PersonDisabled"
	// ReasonNotSeen is that the rules have not seen the client's last change.
	ReasonNotSeen = "NotSeen"
	// ReasonKept is that a rule leaves a field as it is, because somebody else applies it.
	ReasonKept = "FieldKept"
)

// findings is the table of config/operate.md#what-a-story-finds.
var findings = []row{
	{
		reasons: []string{ReasonNoOrganization}, on: "persons",
		text: "no rule gave the Person an Organization. With the default rules it is the one whose name the client sends as " +
			"`organization`, else that of the first group of the user that is linked to one: make an Organization of that name, put the " +
			"user into such a group at the client, or set `spec.defaultOrganization` of the ScimEndpoint for new persons",
		commands: []string{
			"printf %s {newOrganization} | kubectl -n {namespace} create -f -",
			"kubectl -n {namespace} get organizations",
			describeExecution,
		},
	},
	{
		reasons: []string{ReasonNoSite}, on: "persons",
		text: "the client sent a site, and no enabled Site has that name: make one, or correct the name at the client",
		commands: []string{
			"printf %s {newSite} | kubectl -n {namespace} create -f -",
			"kubectl -n {namespace} get sites",
		},
	},
	{
		reasons: []string{ReasonNoManager}, on: "persons",
		text: "the client sent a manager who is not known: neither a SCIM id, nor an externalId or userName of this namespace, or " +
			"somebody without a Person. Nothing else is needed once the manager is there; else correct it at the client",
		commands: []string{"kubectl -n {namespace} get scimusers -o wide"},
	},
	{
		reasons: []string{ReasonPersonDisabled}, on: "persons",
		text: "the Person may not log in, and all its data is kept. Where the client has deactivated or deleted the user it is enabled " +
			"again when the user is active again, or a new user with the same address comes; where somebody disabled it by hand, that " +
			"stays until a rule or somebody sets it",
	},
	{
		reasons: []string{ReasonNotSeen}, on: "users, groups",
		text: "the client has changed it since the rules ran last. That takes a second, or more while many change; for longer than a " +
			"minute: no leader; `kubectl -n scim-system get lease,pods`",
		commands: []string{"kubectl -n scim-system get lease,pods"},
	},
	{
		reasons: []string{ReasonKept}, on: "persons, organizations, sites",
		text: "a rule would change a field and leaves it, because another field manager applies it, as Git does: change it there, take it " +
			"out of there, or let the rule write it with `force: true`",
		commands: []string{showRule},
		link:     "config/operate.md#gitops",
	},
}
