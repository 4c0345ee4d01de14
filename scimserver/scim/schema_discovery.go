package scim

// The schemas of the discovery documents themselves (RFC 7643 section 8.7.2, with
// etag and primary of section 5, which it forgets, and pagination of RFC 9865
// section 4). They can be read one by one; the list at /Schemas leaves them
// out, because clients take what is listed for attributes to provision.

var discoverySchemas = []*Schema{
	newDiscoverySchema(Schema{
		ID: ServiceProviderConfigURN, Name: "ServiceProviderConfig", Description: "What the service provider supports",
		Attributes: []*Attribute{
			{Name: "documentationUri", Type: Reference, ReferenceTypes: []string{"external"}, Description: "Page that explains the service to people."},
			supportedFeature("patch", "PATCH."),
			supportedFeature("bulk", "Bulk requests.",
				&Attribute{Name: "maxOperations", Type: Integer, Required: true, Description: "Largest number of operations in one request."},
				&Attribute{Name: "maxPayloadSize", Type: Integer, Required: true, Description: "Largest size of a request, in bytes."}),
			supportedFeature("filter", "Filters.",
				&Attribute{Name: "maxResults", Type: Integer, Required: true, Description: "Largest number of resources in one answer."}),
			supportedFeature("changePassword", "Changes of passwords."),
			supportedFeature("sort", "Sorting."),
			supportedFeature("etag", "Entity tags."),
			{Name: "pagination", Type: Complex, Description: "How lists are paged.", SubAttributes: []*Attribute{
				{Name: "cursor", Type: Boolean, Required: true, Description: "Whether paging by cursor is supported."},
				{Name: "index", Type: Boolean, Required: true, Description: "Whether paging by index is supported."},
				{Name: "defaultPaginationMethod", Type: String, CanonicalValues: []string{"cursor", "index"}, Description: "How a list is paged if the client does not say."},
				{Name: "defaultPageSize", Type: Integer, Description: "Resources on a page if the client does not say."},
				{Name: "maxPageSize", Type: Integer, Description: "Most resources on a page."},
				{Name: "cursorTimeout", Type: Integer, Description: "Seconds that a cursor is good for."},
			}},
			{Name: "authenticationSchemes", Type: Complex, MultiValued: true, Required: true, Description: "How clients authenticate.", SubAttributes: []*Attribute{
				{Name: "type", Type: String, Required: true, Description: "Kind of the scheme.",
					CanonicalValues: []string{"oauth", "oauth2", "oauthbearertoken", "httpbasic", "httpdigest"}},
				{Name: "name", Type: String, Required: true, Description: "Name of the scheme."},
				{Name: "description", Type: String, Required: true, Description: "Explanation of the scheme."},
				{Name: "specUri", Type: Reference, ReferenceTypes: []string{"external"}, Description: "Specification of the scheme."},
				{Name: "documentationUri", Type: Reference, ReferenceTypes: []string{"external"}, Description: "Page that explains how to use the scheme."},
				{Name: "primary", Type: Boolean, Description: "Whether this is the preferred scheme."},
			}},
		},
	}),
	newDiscoverySchema(Schema{
		ID: ResourceTypeURN, Name: "ResourceType", Description: "A kind of resource",
		Attributes: []*Attribute{
			{Name: "id", Type: String, Description: "Identifier of the resource type: its name."},
			{Name: "name", Type: String, Required: true, Description: "Name, as meta.resourceType has it."},
			{Name: "description", Type: String, Description: "Explanation for people."},
			{Name: "endpoint", Type: Reference, Required: true, ReferenceTypes: []string{"uri"}, Description: "Path of the resources, relative to the base URL."},
			{Name: "schema", Type: Reference, Required: true, ReferenceTypes: []string{"uri"}, Description: "URN of the schema."},
			{Name: "schemaExtensions", Type: Complex, MultiValued: true, Description: "Extensions that resources may have.", SubAttributes: []*Attribute{
				{Name: "schema", Type: Reference, Required: true, ReferenceTypes: []string{"uri"}, Description: "URN of the extension."},
				{Name: "required", Type: Boolean, Required: true, Description: "Whether every resource has it."},
			}},
		},
	}),
	newDiscoverySchema(Schema{
		ID: SchemaURN, Name: "Schema", Description: "A set of attributes",
		Attributes: []*Attribute{
			{Name: "id", Type: String, Required: true, Description: "URN of the schema."},
			{Name: "name", Type: String, Required: true, Description: "Name of the schema."},
			{Name: "description", Type: String, Description: "Explanation for people."},
			{Name: "attributes", Type: Complex, MultiValued: true, Required: true, Description: "The attributes.",
				SubAttributes: append(attributeFacts(), &Attribute{Name: "subAttributes", Type: Complex, MultiValued: true,
					Description: "The parts of a complex attribute.", SubAttributes: attributeFacts()})},
		},
	}),
}

// attributeFacts describes what a schema says of an attribute.
func attributeFacts() []*Attribute {
	text := func(name, description string, values ...string) *Attribute {
		return &Attribute{Name: name, Type: String, CaseExact: true, CanonicalValues: values, Description: description}
	}
	required := func(a *Attribute) *Attribute { a.Required = true; return a }
	several := func(a *Attribute) *Attribute { a.MultiValued = true; return a }
	return []*Attribute{
		required(text("name", "Name of the attribute.")),
		required(&Attribute{Name: "type", Type: String, Description: "Data type of its values.",
			CanonicalValues: []string{"string", "complex", "boolean", "decimal", "integer", "dateTime", "binary", "reference"}}),
		required(&Attribute{Name: "multiValued", Type: Boolean, Description: "Whether it may have several values."}),
		text("description", "Explanation for people."),
		{Name: "required", Type: Boolean, Description: "Whether a resource must have it."},
		several(text("canonicalValues", "Values that are in use; others are accepted.")),
		{Name: "caseExact", Type: Boolean, Description: "Whether the case of its letters is significant."},
		text("mutability", "When a client may write it.", "readOnly", "readWrite", "immutable", "writeOnly"),
		text("returned", "When it is part of an answer.", "always", "never", "default", "request"),
		text("uniqueness", "Where its values are unique.", "none", "server", "global"),
		several(text("referenceTypes", "What its values may refer to.")),
	}
}

func supportedFeature(name, what string, limits ...*Attribute) *Attribute {
	supported := &Attribute{Name: "supported", Type: Boolean, Required: true, Description: "Whether the service provider has it."}
	return &Attribute{Name: name, Type: Complex, Required: true, Description: what, SubAttributes: append([]*Attribute{supported}, limits...)}
}

// newDiscoverySchema makes all attributes read-only, and references case exact.
func newDiscoverySchema(s Schema) *Schema {
	var finish func([]*Attribute)
	finish = func(attributes []*Attribute) {
		for _, a := range attributes {
			a.Mutability = ReadOnly
			a.CaseExact = a.CaseExact || a.Type == Reference
			finish(a.SubAttributes)
		}
	}
	finish(s.Attributes)
	return newSchema(s)
}
