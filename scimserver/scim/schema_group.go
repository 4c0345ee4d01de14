package scim

// groupSchema is RFC 7643 sections 4.2 and 8.7.1 with the product's groupType.
// Section 4.2 makes displayName required; members have the display that
// examples of RFC 7644 show.
var groupSchema = newSchema(Schema{
	ID:          GroupURN,
	Name:        "Group",
	Description: "Group",
	Attributes: []*Attribute{
		{Name: "displayName", Type: String, Required: true, Uniqueness: UniqueServer,
			Description: "Name of the group. Unique within the tenant without regard to case; it may change."},
		{Name: "groupType", Type: String, Description: "What the group stands for, such as Organization or Site."},
		{Name: "members", Type: Complex, MultiValued: true, MaxValues: MaxMembers, bare: true, kept: true,
			Description: "The users and groups that belong to the group.",
			SubAttributes: []*Attribute{
				{Name: "value", Type: String, Required: true, CaseExact: true, Mutability: Immutable, Description: "Id of the member."},
				{Name: "$ref", Type: Reference, CaseExact: true, Mutability: Immutable, ReferenceTypes: []string{"User", "Group"},
					Description: "URI of the member."},
				{Name: "type", Type: String, Mutability: Immutable, CanonicalValues: []string{"User", "Group"},
					Description: "Resource type of the member."},
				{Name: "display", Type: String, Mutability: ReadOnly, Description: "Name of the member."},
			}},
	},
})

// Group is the resource type of groups.
var Group = newResourceType(ResourceType{
	Name:        "Group",
	Description: "Group",
	Endpoint:    "/Groups",
	Schema:      groupSchema,
})

// ResourceTypes lists all resource types in the order in which they are announced.
func ResourceTypes() []*ResourceType { return []*ResourceType{User, Group} }
