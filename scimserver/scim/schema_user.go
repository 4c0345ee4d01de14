package scim

// userSchema is RFC 7643 sections 4.1 and 8.7.1.
var userSchema = newSchema(Schema{
	ID:          UserURN,
	Name:        "User",
	Description: "User Account",
	Attributes: []*Attribute{
		{Name: "userName", Type: String, Required: true, Uniqueness: UniqueServer,
			Description: "Name the user signs in with. Unique within the tenant without regard to case; it may change."},
		userName(),
		{Name: "displayName", Type: String, Description: "Name to show for the user."},
		{Name: "nickName", Type: String, Description: "Informal name."},
		{Name: "profileUrl", Type: Reference, CaseExact: true, ReferenceTypes: []string{"external"},
			Description: "URL of a page about the user."},
		{Name: "title", Type: String, Description: "Job title."},
		{Name: "userType", Type: String, Description: "Relation to the organization, such as Employee or Contractor."},
		{Name: "preferredLanguage", Type: String, Description: "Language of user interfaces, as in an Accept-Language header."},
		{Name: "locale", Type: String, Description: "Locale for dates, numbers and currencies, such as en-US."},
		{Name: "timezone", Type: String, Description: "Time zone by its IANA name, such as Europe/Amsterdam."},
		{Name: "active", Type: Boolean, kept: true, Description: "Whether the user may sign in."},
		{Name: "password", Type: String, CaseExact: true, Mutability: WriteOnly, Returned: ReturnedNever,
			Description: "Accepted and discarded; users sign in elsewhere."},
		plural{name: "emails", description: "E-mail addresses.",
			value: Attribute{Type: String, Description: "E-mail address."},
			types: []string{"work", "home", "other"}}.attribute(),
		plural{name: "phoneNumbers", description: "Telephone numbers.",
			value: Attribute{Type: String, Description: "Telephone number."},
			types: []string{"work", "home", "mobile", "fax", "pager", "other"}}.attribute(),
		plural{name: "ims", description: "Instant messaging addresses.",
			value: Attribute{Type: String, Description: "Instant messaging address."},
			types: []string{"aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"}}.attribute(),
		plural{name: "photos", description: "Pictures of the user.",
			value: Attribute{Type: Reference, CaseExact: true, ReferenceTypes: []string{"external"}, Description: "URL of a picture."},
			types: []string{"photo", "thumbnail"}}.attribute(),
		userAddresses(),
		{Name: "groups", Type: Complex, MultiValued: true, Mutability: ReadOnly,
			Description: "Groups the user is a member of. Changed through the groups.",
			SubAttributes: []*Attribute{
				{Name: "value", Type: String, CaseExact: true, Mutability: ReadOnly, Description: "Id of the group."},
				{Name: "$ref", Type: Reference, CaseExact: true, Mutability: ReadOnly, ReferenceTypes: []string{"User", "Group"},
					Description: "URI of the group."},
				{Name: "display", Type: String, Mutability: ReadOnly, Description: "Display name of the group."},
				{Name: "type", Type: String, Mutability: ReadOnly, CanonicalValues: []string{"direct", "indirect"},
					Description: "Whether the membership is direct or through a nested group."},
			}},
		plural{name: "entitlements", description: "Things the user is entitled to.", bare: true,
			value: Attribute{Type: String, Description: "Name of an entitlement."}}.attribute(),
		plural{name: "roles", description: "Roles of the user.", bare: true,
			value: Attribute{Type: String, Description: "Name of a role."}}.attribute(),
		plural{name: "x509Certificates", description: "Certificates issued to the user.",
			value: Attribute{Type: Binary, CaseExact: true, Description: "DER encoded certificate in base64."}}.attribute(),
	},
})

func userName() *Attribute {
	return &Attribute{
		Name: "name", Type: Complex, Description: "The parts of the user's name.",
		SubAttributes: []*Attribute{
			{Name: "formatted", Type: String, Description: "Full name with all its parts, formatted for display."},
			{Name: "familyName", Type: String, Description: "Family name."},
			{Name: "givenName", Type: String, Description: "Given name."},
			{Name: "middleName", Type: String, Description: "Middle names."},
			{Name: "honorificPrefix", Type: String, Description: "Title before the name."},
			{Name: "honorificSuffix", Type: String, Description: "Suffix after the name."},
		},
	}
}

func userAddresses() *Attribute {
	return &Attribute{
		Name: "addresses", Type: Complex, MultiValued: true, Description: "Physical mailing addresses.",
		SubAttributes: []*Attribute{
			{Name: "formatted", Type: String, multiLine: true, Description: "Full address, formatted for display; may hold line breaks."},
			{Name: "streetAddress", Type: String, multiLine: true, Description: "Street, house number, post office box; may hold line breaks."},
			{Name: "locality", Type: String, Description: "City."},
			{Name: "region", Type: String, Description: "State or region."},
			{Name: "postalCode", Type: String, Description: "Postal code."},
			{Name: "country", Type: String, Description: "Country, by its two letters of ISO 3166-1."},
			{Name: "type", Type: String, CanonicalValues: []string{"work", "home", "other"}, Description: "What this address is for."},
			{Name: "primary", Type: Boolean, Description: "Whether this is the preferred address. At most one is."},
		},
	}
}

// enterpriseSchema is RFC 7643 sections 4.3 and 8.7.1 with the product's site,
// location and supportID, which its clients send within the same URN.
var enterpriseSchema = newSchema(Schema{
	ID:          EnterpriseURN,
	Name:        "EnterpriseUser",
	Description: "Enterprise User",
	Attributes: []*Attribute{
		{Name: "employeeNumber", Type: String, Description: "Number or code that the organization gave to the person."},
		{Name: "costCenter", Type: String, Description: "Cost center."},
		{Name: "organization", Type: String, Description: "Organization."},
		{Name: "division", Type: String, Description: "Division."},
		{Name: "department", Type: String, Description: "Department."},
		{Name: "manager", Type: Complex, Description: "The user's manager.", bare: true,
			SubAttributes: []*Attribute{
				{Name: "value", Type: String, Description: "Id of the manager's resource, or another identifier the client knows the manager by."},
				{Name: "$ref", Type: Reference, CaseExact: true, ReferenceTypes: []string{"User"}, Description: "URI of the manager's resource."},
				{Name: "displayName", Type: String, Mutability: ReadOnly, Description: "Display name of the manager."},
			}},
		{Name: "site", Type: String, Description: "Name of the site where the person works."},
		{Name: "location", Type: String, Description: "Place within the site, such as a room."},
		{Name: "supportID", Type: String, Description: "Identifier that the person gives to the service desk."},
	},
})

// User is the resource type of users.
var User = newResourceType(ResourceType{
	Name:        "User",
	Description: "User Account",
	Endpoint:    "/Users",
	Schema:      userSchema,
	Extensions:  []*Schema{enterpriseSchema},
})
