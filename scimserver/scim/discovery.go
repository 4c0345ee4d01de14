package scim

import (
	"encoding/json"
	"slices"
	"strings"
)

// The documents below are served at /Schemas and /ResourceTypes (RFC 7643
// sections 6 and 7). All of them come from the attribute table and encode with encoding/json.

// SchemaDocument is one schema as a client discovers it.
type SchemaDocument struct {
	Schemas     []string            `json:"schemas"`
	ID          string              `json:"id"`
	Name        string              `json:"name"`
	Description string              `json:"description"`
	Attributes  []AttributeDocument `json:"attributes"`
	Meta        DocumentMeta        `json:"meta"`
}

// AttributeDocument describes an attribute within a SchemaDocument. CaseExact is
// left out where a type has no case.
type AttributeDocument struct {
	Name            string              `json:"name"`
	Type            Type                `json:"type"`
	SubAttributes   []AttributeDocument `json:"subAttributes,omitempty"`
	MultiValued     bool                `json:"multiValued"`
	Description     string              `json:"description"`
	Required        bool                `json:"required"`
	CanonicalValues []string            `json:"canonicalValues,omitempty"`
	CaseExact       *bool               `json:"caseExact,omitempty"`
	Mutability      Mutability          `json:"mutability"`
	Returned        Returned            `json:"returned"`
	Uniqueness      Uniqueness          `json:"uniqueness"`
	ReferenceTypes  []string            `json:"referenceTypes,omitempty"`
}

// ResourceTypeDocument is one resource type as a client discovers it.
type ResourceTypeDocument struct {
	Schemas          []string                  `json:"schemas"`
	ID               string                    `json:"id"`
	Name             string                    `json:"name"`
	Endpoint         string                    `json:"endpoint"`
	Description      string                    `json:"description"`
	Schema           string                    `json:"schema"`
	SchemaExtensions []SchemaExtensionDocument `json:"schemaExtensions,omitempty"`
	Meta             DocumentMeta              `json:"meta"`
}

// SchemaExtensionDocument names an extension of a resource type.
type SchemaExtensionDocument struct {
	Schema   string `json:"schema"`
	Required bool   `json:"required"`
}

// DocumentMeta is the meta attribute of a discovery document.
type DocumentMeta struct {
	ResourceType string `json:"resourceType"`
	Location     string `json:"location"`
}

// SchemaDocuments returns the schemas of all resource types. baseURL is the URL of the SCIM endpoint, such as https://host/scim/v2.
func SchemaDocuments(baseURL string) []SchemaDocument {
	var out []SchemaDocument
	for _, rt := range ResourceTypes() {
		for _, s := range append([]*Schema{rt.Schema}, rt.Extensions...) {
			out = append(out, schemaDocument(s, baseURL))
		}
	}
	return out
}

// FindSchemaDocument returns the schema with that URN, in any spelling, also one of
// those that describe the discovery documents.
func FindSchemaDocument(urn, baseURL string) (SchemaDocument, bool) {
	for _, d := range SchemaDocuments(baseURL) {
		if strings.EqualFold(d.ID, urn) {
			return d, true
		}
	}
	for _, s := range discoverySchemas {
		if strings.EqualFold(s.ID, urn) {
			return schemaDocument(s, baseURL), true
		}
	}
	return SchemaDocument{}, false
}

// ResourceTypeDocuments returns all resource types.
func ResourceTypeDocuments(baseURL string) []ResourceTypeDocument {
	var out []ResourceTypeDocument
	for _, rt := range ResourceTypes() {
		d := ResourceTypeDocument{
			Schemas: []string{ResourceTypeURN}, ID: rt.Name, Name: rt.Name, Endpoint: rt.Endpoint,
			Description: rt.Description, Schema: rt.Schema.ID,
			Meta: documentMeta(baseURL, "ResourceType", "/ResourceTypes/"+rt.Name),
		}
		for _, s := range rt.Extensions {
			d.SchemaExtensions = append(d.SchemaExtensions, SchemaExtensionDocument{Schema: s.ID})
		}
		out = append(out, d)
	}
	return out
}

// FindResourceTypeDocument returns the resource type with that name.
func FindResourceTypeDocument(name, baseURL string) (ResourceTypeDocument, bool) {
	for _, d := range ResourceTypeDocuments(baseURL) {
		if strings.EqualFold(d.ID, name) {
			return d, true
		}
	}
	return ResourceTypeDocument{}, false
}

// EncodeDocuments returns a ListResponse with all documents given on one page.
func EncodeDocuments[D any](documents []D) ([]byte, error) {
	list := ListResponse{TotalResults: len(documents), StartIndex: 1}
	for _, document := range documents {
		encoded, err := json.Marshal(document)
		if err != nil {
			return nil, err
		}
		list.begin()
		list.resources = append(list.resources, encoded...)
	}
	return slices.Concat(list.Encode()), nil
}

func schemaDocument(s *Schema, baseURL string) SchemaDocument {
	return SchemaDocument{
		Schemas: []string{SchemaURN}, ID: s.ID, Name: s.Name, Description: s.Description,
		Attributes: attributeDocuments(s.Attributes),
		Meta:       documentMeta(baseURL, "Schema", "/Schemas/"+s.ID),
	}
}

func attributeDocuments(attributes []*Attribute) []AttributeDocument {
	var out []AttributeDocument
	for _, a := range attributes {
		d := AttributeDocument{
			Name: a.Name, Type: a.Type, SubAttributes: attributeDocuments(a.SubAttributes),
			MultiValued: a.MultiValued, Description: a.Description, Required: a.Required,
			CanonicalValues: a.CanonicalValues, Mutability: a.Mutability, Returned: a.Returned,
			Uniqueness: a.Uniqueness, ReferenceTypes: a.ReferenceTypes,
		}
		if a.Type == String || a.Type == Reference || a.Type == Binary {
			d.CaseExact = &a.CaseExact
		}
		out = append(out, d)
	}
	return out
}

func documentMeta(baseURL, resourceType, path string) DocumentMeta {
	return DocumentMeta{ResourceType: resourceType, Location: strings.TrimSuffix(baseURL, "/") + path}
}
