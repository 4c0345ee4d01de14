package scim

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rfcFacts are the columns of testdata/rfc7643.txt after schema and name.
var rfcFacts = []string{"type", "number of values", "required", "case", "mutability", "returned", "uniqueness", "canonical values", "reference types"}

func readRFCTable(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/rfc7643.txt")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 2+len(rfcFacts) {
			t.Fatalf("%q has %d columns", line, len(fields))
		}
		table[fields[0]+":"+fields[1]] = fields[2:]
	}
	return table
}

// documentFacts returns the facts of a schema as it is served, by schema and name.
func documentFacts(d SchemaDocument) map[string][]string {
	facts := map[string][]string{}
	var walk func(prefix string, attributes []AttributeDocument)
	choose := func(b bool, yes, no string) string {
		if b {
			return yes
		}
		return no
	}
	list := func(texts []string) string { return choose(len(texts) == 0, "-", strings.Join(texts, ",")) }
	walk = func(prefix string, attributes []AttributeDocument) {
		for _, a := range attributes {
			letters := "-"
			if a.CaseExact != nil {
				letters = choose(*a.CaseExact, "exact", "anycase")
			}
			facts[prefix+a.Name] = []string{string(a.Type), choose(a.MultiValued, "multi", "single"), choose(a.Required, "required", "optional"), letters,
				string(a.Mutability), string(a.Returned), string(a.Uniqueness), list(a.CanonicalValues), list(a.ReferenceTypes)}
			walk(prefix+a.Name+".", a.SubAttributes)
		}
	}
	walk(d.Name+":", d.Attributes)
	return facts
}

// rfcDepartures are all the places where the schemas say something else than RFC 7643 section 8.7.
var rfcDepartures = map[string]string{
	// Section 4.2 says that it is required; it is unique so that a client finds its group by name.
	"Group:displayName": "required: required, not optional; uniqueness: server, not none",
	// A member without an id is none, and ids are case exact (section 3.1).
	"Group:members.value":      "required: required, not optional; case: exact, not anycase",
	"User:groups.value":        "case: exact, not anycase",
	"User:password":            "case: exact, not anycase",
	"Group:members.display":    "added", // examples of RFC 7644 have it
	"User:addresses.primary":   "added", // section 2.4 gives it to every multi-valued attribute
	"Group:groupType":          "added", // of the product, as the next three
	"EnterpriseUser:site":      "added",
	"EnterpriseUser:location":  "added",
	"EnterpriseUser:supportID": "added",
	// References and certificates are case exact (sections 2.3.6 and 2.3.7).
	"User:profileUrl":                                              "case: exact, not anycase",
	"User:photos.value":                                            "case: exact, not anycase",
	"User:groups.$ref":                                             "case: exact, not anycase",
	"User:x509Certificates.value":                                  "case: exact, not anycase",
	"Group:members.$ref":                                           "case: exact, not anycase",
	"EnterpriseUser:manager.$ref":                                  "case: exact, not anycase",
	"ResourceType:endpoint":                                        "case: exact, not anycase",
	"ServiceProviderConfig:documentationUri":                       "case: exact, not anycase",
	"ServiceProviderConfig:authenticationSchemes.specUri":          "case: exact, not anycase",
	"ServiceProviderConfig:authenticationSchemes.documentationUri": "case: exact, not anycase",
	// Section 8.7.2 gives a case to a complex attribute.
	"User:x509Certificates": "case: -, not anycase",
	// Section 6 makes extensions optional and lets there be several; section 7 lets a
	// reference have several types, and knows the type binary.
	"ResourceType:schemaExtensions":                  "number of values: multi, not single; required: optional, not required",
	"Schema:attributes.subAttributes.referenceTypes": "number of values: multi, not single",
	"Schema:attributes.type":                         "canonical values: string,complex,boolean,decimal,integer,dateTime,binary,reference, not string,complex,boolean,decimal,integer,dateTime,reference",
	"Schema:attributes.subAttributes.type":           "canonical values: string,complex,boolean,decimal,integer,dateTime,binary,reference, not string,complex,boolean,decimal,integer,dateTime,reference",
	// Section 5 has them, and RFC 9865 the rest.
	"ServiceProviderConfig:etag":                               "added",
	"ServiceProviderConfig:etag.supported":                     "added",
	"ServiceProviderConfig:authenticationSchemes.type":         "added",
	"ServiceProviderConfig:authenticationSchemes.primary":      "added",
	"ServiceProviderConfig:pagination":                         "added",
	"ServiceProviderConfig:pagination.cursor":                  "added",
	"ServiceProviderConfig:pagination.index":                   "added",
	"ServiceProviderConfig:pagination.defaultPaginationMethod": "added",
	"ServiceProviderConfig:pagination.defaultPageSize":         "added",
	"ServiceProviderConfig:pagination.maxPageSize":             "added",
	"ServiceProviderConfig:pagination.cursorTimeout":           "added",
}

func TestSchemasAreThoseOfTheRFC(t *testing.T) {
	rfc, got := readRFCTable(t), map[string]string{}
	if len(rfc) < 130 {
		t.Fatalf("only %d attributes", len(rfc))
	}
	for _, urn := range []string{UserURN, GroupURN, EnterpriseURN, ServiceProviderConfigURN, ResourceTypeURN, SchemaURN} {
		d, ok := FindSchemaDocument(strings.ToUpper(urn), "https://h")
		if !ok || d.ID != urn || d.Meta.Location != "https://h/Schemas/"+urn {
			t.Fatalf("%s is not found, or wrong: %+v", urn, d.Meta)
		}
		for name, facts := range documentFacts(d) {
			want, ok := rfc[name]
			delete(rfc, name)
			if !ok {
				got[name] = "added"
				continue
			}
			var differences []string
			for i, fact := range facts {
				if want[i] != fact && (want[i] != "-" || rfcFacts[i] != "uniqueness") {
					differences = append(differences, rfcFacts[i]+": "+fact+", not "+want[i])
				}
			}
			if differences != nil {
				got[name] = strings.Join(differences, "; ")
			}
		}
	}
	for name := range rfc {
		t.Errorf("%s is missing", name)
	}
	if diff := cmp.Diff(rfcDepartures, got); diff != "" {
		t.Errorf("the schemas depart from the RFC otherwise than told (-told +found):\n%s", diff)
	}
}

// TestDiscoveryDocumentsAreDescribed checks that the schemas have every member of the documents.
func TestDiscoveryDocumentsAreDescribed(t *testing.T) {
	described := map[string]bool{}
	for _, s := range discoverySchemas {
		for name := range documentFacts(schemaDocument(s, "")) {
			described[name] = true
		}
	}
	common := map[string]bool{"schemas": true, "meta": true}
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		switch v := v.(type) {
		case []any:
			for _, element := range v {
				walk(prefix, element)
			}
		case map[string]any:
			for name, member := range v {
				if strings.HasSuffix(prefix, ":") && common[name] {
					continue
				}
				if !described[prefix+name] {
					t.Errorf("%s%s is not described", prefix, name)
				}
				walk(prefix+name+".", member)
			}
		}
	}
	for name, documents := range map[string]any{"Schema:": SchemaDocuments("https://h"), "ResourceType:": ResourceTypeDocuments("https://h")} {
		encoded, err := json.Marshal(documents)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := decodeJSON(encoded)
		if err != nil {
			t.Fatal(err)
		}
		walk(name, decoded)
	}
}
