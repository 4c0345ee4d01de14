package scim

// The limits of a resource. Lengths are in characters (Unicode code points).
const (
	// MaxText is the length of a string attribute.
	MaxText = 1024
	// MaxReference is the length of a URI.
	MaxReference = 4096
	// MaxBinary is the length of a base64 text, such as a certificate.
	MaxBinary = 64 * 1024
	// MaxValues is the number of values of a multi-valued attribute other than members.
	MaxValues = 100
	// MaxMembers is the number of members that one request may name.
	MaxMembers = 100_000
)

// commonAttributes are those that every resource has (RFC 7643 section 3.1).
// Schema documents leave them out, as those of the RFC do.
var commonAttributes = commonTable()

func commonTable() []*Attribute {
	attributes := []*Attribute{
		{Name: "schemas", Type: String, MultiValued: true, Required: true, Returned: ReturnedAlways,
			Description: "URNs of the schemas whose attributes are present."},
		{Name: "id", Type: String, CaseExact: true, Mutability: ReadOnly, Returned: ReturnedAlways, Uniqueness: UniqueServer,
			Description: "Identifier given by the service provider. It never changes and is never used again."},
		{Name: "externalId", Type: String, CaseExact: true,
			Description: "Identifier given by the provisioning client."},
		{Name: "meta", Type: Complex, Mutability: ReadOnly,
			Description: "Facts about the resource, kept by the service provider.",
			SubAttributes: []*Attribute{
				{Name: "resourceType", Type: String, CaseExact: true, Mutability: ReadOnly,
					Description: "Name of the resource type."},
				{Name: "created", Type: DateTime, Mutability: ReadOnly,
					Description: "When the resource was added."},
				{Name: "lastModified", Type: DateTime, Mutability: ReadOnly,
					Description: "When the resource last changed."},
				{Name: "location", Type: Reference, CaseExact: true, Mutability: ReadOnly, ReferenceTypes: []string{"uri"},
					Description: "URI of the resource."},
				{Name: "version", Type: String, CaseExact: true, Mutability: ReadOnly,
					Description: "Version of the resource; equals its ETag."},
			}},
	}
	indexAttributes(attributes, nil)
	return attributes
}

// plural describes a multi-valued attribute with the sub-attributes that RFC
// 7643 section 2.4 gives to all of them: value, display, type and primary.
type plural struct {
	name        string
	description string
	value       Attribute
	types       []string
	bare        bool
}

func (p plural) attribute() *Attribute {
	value := p.value
	value.Name = "value"
	return &Attribute{
		Name: p.name, Type: Complex, MultiValued: true, Description: p.description, bare: p.bare,
		SubAttributes: []*Attribute{
			&value,
			{Name: "display", Type: String, Description: "Text to show for this value."},
			{Name: "type", Type: String, CanonicalValues: p.types, Description: "What this value is for."},
			{Name: "primary", Type: Boolean, Description: "Whether this is the preferred value. At most one is."},
		},
	}
}
