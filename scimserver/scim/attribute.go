package scim

// Type is the data type of an attribute (RFC 7643 section 2.3). The schemas
// served here have no decimal attribute, and resources no integer.
type Type string

// The data types in use.
const (
	String    Type = "string"
	Boolean   Type = "boolean"
	Integer   Type = "integer"
	DateTime  Type = "dateTime"
	Binary    Type = "binary"
	Reference Type = "reference"
	Complex   Type = "complex"
)

// Mutability says when a client may write an attribute (RFC 7643 section 7).
type Mutability string

// The mutabilities of RFC 7643 section 7.
const (
	ReadWrite Mutability = "readWrite"
	ReadOnly  Mutability = "readOnly"
	Immutable Mutability = "immutable"
	WriteOnly Mutability = "writeOnly"
)

// Returned says when an attribute is part of an answer (RFC 7643 section 7).
type Returned string

// The return rules of RFC 7643 section 7.
const (
	ReturnedDefault Returned = "default"
	ReturnedAlways  Returned = "always"
	ReturnedRequest Returned = "request"
	ReturnedNever   Returned = "never"
)

// Uniqueness says who guarantees that a value occurs once (RFC 7643 section 7).
type Uniqueness string

// The uniqueness rules of RFC 7643 section 7.
const (
	UniqueNone   Uniqueness = "none"
	UniqueServer Uniqueness = "server"
	UniqueGlobal Uniqueness = "global"
)

// Attribute is one row of the attribute table, which drives the schema
// documents, validation, filters, PATCH, projection and encoding.
// The zero values of Mutability, Returned and Uniqueness mean readWrite,
// default and none; they are filled in when the table is built.
type Attribute struct {
	Name            string
	Type            Type
	MultiValued     bool
	Description     string
	Required        bool
	CanonicalValues []string
	CaseExact       bool
	Mutability      Mutability
	Returned        Returned
	Uniqueness      Uniqueness
	ReferenceTypes  []string
	SubAttributes   []*Attribute

	// MaxValues bounds the number of values of a multi-valued attribute; 0 means MaxValues.
	MaxValues int

	// multiLine says that a text may have several lines.
	multiLine bool

	// bare accepts a plain string for a complex value and takes it as its
	// "value": clients write references and role names that way.
	bare bool

	// kept leaves the attribute as it is where an update does not name it, or names it null: what
	// clients leave out of a PUT is not what they mean to clear. A single-valued one is never taken
	// away at all; a multi-valued one is emptied by an empty array, and by PATCH.
	kept bool

	// free marks an attribute whose schema is not known: what it may hold, the values met say.
	free bool

	parent *Attribute
	index  map[string]*Attribute
	// opening is the name as a member of an object begins.
	opening string
}

// Sub returns the sub-attribute of that name in any spelling, or nil. A free attribute has them all.
func (a *Attribute) Sub(name string) *Attribute {
	if a.free {
		return &Attribute{Name: name, Type: String, free: true, parent: a}
	}
	return a.index[lowerASCII(name)]
}

// path is the attribute's name with its parent's, for messages.
func (a *Attribute) path() string {
	if a.parent == nil {
		return a.Name
	}
	return a.parent.Name + "." + a.Name
}

// checkCount bounds what operations make of an attribute. Members and what has no schema have bounds of their own.
func (a *Attribute) checkCount(values []any) error {
	if a.MaxValues == 0 && !a.free && len(values) > MaxValues {
		return invalidValue("%s would have more than %d values", a.Name, MaxValues)
	}
	return nil
}

func (a *Attribute) maxValues() int {
	if a.MaxValues > 0 {
		return a.MaxValues
	}
	return MaxValues
}

func indexAttributes(attributes []*Attribute, parent *Attribute) map[string]*Attribute {
	index := make(map[string]*Attribute, len(attributes))
	for _, a := range attributes {
		if a.Mutability == "" {
			a.Mutability = ReadWrite
		}
		if a.Returned == "" {
			a.Returned = ReturnedDefault
		}
		if a.Uniqueness == "" {
			a.Uniqueness = UniqueNone
		}
		a.parent = parent
		a.opening = string(appendString(nil, a.Name)) + ":"
		a.index = indexAttributes(a.SubAttributes, a)
		index[lowerASCII(a.Name)] = a
	}
	return index
}

// Schema is a named set of attributes (RFC 7643 section 7).
type Schema struct {
	// ID is the schema's URN in its canonical spelling.
	ID          string
	Name        string
	Description string
	Attributes  []*Attribute

	index map[string]*Attribute
}

func newSchema(s Schema) *Schema {
	s.index = indexAttributes(s.Attributes, nil)
	return &s
}

// Attribute returns the attribute of that name in any spelling, or nil.
func (s *Schema) Attribute(name string) *Attribute {
	return s.index[lowerASCII(name)]
}

// ResourceType binds an endpoint to its schemas (RFC 7643 section 6).
type ResourceType struct {
	// Name is both name and id of the resource type, and the value of meta.resourceType.
	Name        string
	Description string
	// Endpoint is the path below the base URL, with a leading slash.
	Endpoint   string
	Schema     *Schema
	Extensions []*Schema

	// core holds the common attributes and those of Schema, in the order in which they are encoded.
	core []*Attribute
	// index finds the attributes of core by their name, in its canonical spelling and in lower case.
	index map[string]*Attribute
	// usualSchemas has the value of schemas without extension, and by its URN with one known
	// extension: lists are long, and all but a few resources have one of these.
	usualSchemas map[string]any
}

func newResourceType(rt ResourceType) *ResourceType {
	rt.core = append(append(rt.core, commonAttributes...), rt.Schema.Attributes...)
	rt.index = make(map[string]*Attribute, 2*len(rt.core))
	for _, a := range rt.core {
		rt.index[a.Name] = a
		rt.index[lowerASCII(a.Name)] = a
	}
	rt.usualSchemas = map[string]any{"": []any{rt.Schema.ID}}
	for _, extension := range rt.Extensions {
		rt.usualSchemas[extension.ID] = []any{rt.Schema.ID, extension.ID}
	}
	return &rt
}

// Attribute returns the common or core attribute of that name in any spelling, or nil.
func (rt *ResourceType) Attribute(name string) *Attribute {
	if a, ok := rt.index[name]; ok {
		return a
	}
	return rt.index[lowerASCII(name)]
}

// Extension returns the known extension schema with that URN in any spelling,
// also the misspellings that clients are known to send, or nil.
func (rt *ResourceType) Extension(urn string) *Schema {
	for _, s := range rt.Extensions {
		if s.ID == urn {
			return s
		}
	}
	urn = canonicalURN(urn)
	for _, s := range rt.Extensions {
		if s.ID == urn {
			return s
		}
	}
	return nil
}
