package scim

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// allAttributes calls f for every attribute and sub-attribute of a resource, by its full name.
func allAttributes(f func(name string, a *Attribute)) {
	for _, rt := range ResourceTypes() {
		walkAttributes(rt.Name+":", rt.core, f)
		for _, s := range rt.Extensions {
			walkAttributes(s.Name+":", s.Attributes, f)
		}
	}
}

func walkAttributes(prefix string, attributes []*Attribute, f func(name string, a *Attribute)) {
	for _, a := range attributes {
		f(prefix+a.Name, a)
		walkAttributes(prefix+a.Name+".", a.SubAttributes, f)
	}
}

func TestAttributeTableIsConsistent(t *testing.T) {
	check := func(name string, a *Attribute) {
		switch {
		case a.Description == "":
			t.Errorf("%s has no description", name)
		case (a.Type == Complex) != (len(a.SubAttributes) > 0):
			t.Errorf("%s: only complex attributes have sub-attributes, and all of them do", name)
		case a.CaseExact && a.Type != String && a.Type != Reference && a.Type != Binary:
			t.Errorf("%s has no case", name)
		case (a.Type == Reference || a.Type == Binary) && !a.CaseExact:
			t.Errorf("%s is case exact (RFC 7643 sections 2.3.6 and 2.3.7)", name)
		case (a.Type == Reference) != (len(a.ReferenceTypes) > 0):
			t.Errorf("%s: references say to what", name)
		case a.parent != nil && a.parent.Mutability == ReadOnly && a.Mutability != ReadOnly:
			t.Errorf("%s is part of a read-only attribute", name)
		case !validName(a.Name):
			t.Errorf("%s is no attribute name", name)
		}
	}
	allAttributes(check)
	for _, s := range discoverySchemas {
		walkAttributes(s.Name+":", s.Attributes, check)
	}
}

func TestAttributeTableFollowsTheRFC(t *testing.T) {
	got := map[string][]string{}
	note := func(kind, name string, holds bool) {
		if holds {
			got[kind] = append(got[kind], name)
		}
	}
	allAttributes(func(name string, a *Attribute) {
		text := a.Type == String
		note("required", name, a.Required)
		note("case exact text", name, text && a.CaseExact)
		note("unique", name, a.Uniqueness != UniqueNone)
		note("always", name, a.Returned == ReturnedAlways)
		note("never", name, a.Returned == ReturnedNever)
		note("immutable", name, a.Mutability == Immutable)
		note("read-only within a writable attribute", name, a.Mutability == ReadOnly && a.parent != nil && a.parent.Mutability != ReadOnly)
		note("read-only", name, a.Mutability == ReadOnly && a.parent == nil)
		note("multi-valued", name, a.MultiValued)
	})
	want := map[string][]string{
		"required": {"User:schemas", "User:userName", "Group:schemas", "Group:displayName", "Group:members.value"},
		"case exact text": {"User:id", "User:externalId", "User:meta.resourceType", "User:meta.version", "User:password", "User:groups.value",
			"Group:id", "Group:externalId", "Group:meta.resourceType", "Group:meta.version", "Group:members.value"},
		"unique":                                {"User:id", "User:userName", "Group:id", "Group:displayName"},
		"always":                                {"User:schemas", "User:id", "Group:schemas", "Group:id"},
		"never":                                 {"User:password"},
		"immutable":                             {"Group:members.value", "Group:members.$ref", "Group:members.type"},
		"read-only within a writable attribute": {"EnterpriseUser:manager.displayName", "Group:members.display"},
		"read-only":                             {"User:id", "User:meta", "User:groups", "Group:id", "Group:meta"},
		"multi-valued": {"User:schemas", "User:emails", "User:phoneNumbers", "User:ims", "User:photos", "User:addresses", "User:groups",
			"User:entitlements", "User:roles", "User:x509Certificates", "Group:schemas", "Group:members"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table differs (-want +got):\n%s", diff)
	}
}

func TestSchemaDocumentsDescribeTheTable(t *testing.T) {
	documents := SchemaDocuments("https://h/scim/v2/")
	var ids []string
	for _, d := range documents {
		ids = append(ids, d.ID)
		if want := "https://h/scim/v2/Schemas/" + d.ID; d.Meta.Location != want || d.Meta.ResourceType != "Schema" {
			t.Errorf("%s has meta %+v", d.ID, d.Meta)
		}
	}
	if diff := cmp.Diff([]string{UserURN, EnterpriseURN, GroupURN}, ids); diff != "" {
		t.Errorf("wrong schemas (-want +got):\n%s", diff)
	}
	enterpriseDocument, ok := FindSchemaDocument(strings.ToLower(EnterpriseURN), "https://h")
	if !ok {
		t.Fatal("the enterprise schema is not found")
	}
	for _, name := range []string{"employeeNumber", "manager", "site", "location", "supportID"} {
		if !slices.ContainsFunc(enterpriseDocument.Attributes, func(a AttributeDocument) bool { return a.Name == name }) {
			t.Errorf("the enterprise schema lacks %s", name)
		}
	}
	if _, ok := FindSchemaDocument("urn:none", "https://h"); ok {
		t.Error("a schema that does not exist is found")
	}
}

func TestSchemaDocumentsEncodeAsTheRFCShows(t *testing.T) {
	user, _ := FindSchemaDocument(UserURN, "https://h")
	encoded := map[string]string{}
	for _, a := range user.Attributes {
		out, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		encoded[a.Name] = string(out)
	}
	want := `{"name":"userName","type":"string","multiValued":false,"description":` + string(appendString(nil, User.Attribute("userName").Description)) +
		`,"required":true,"caseExact":false,"mutability":"readWrite","returned":"default","uniqueness":"server"}`
	if diff := cmp.Diff(want, encoded["userName"]); diff != "" {
		t.Errorf("wrong userName (-want +got):\n%s", diff)
	}
	if strings.Contains(encoded["active"], "caseExact") || !strings.Contains(encoded["profileUrl"], `"caseExact":true`) {
		t.Errorf("wrong caseExact: %s, %s", encoded["active"], encoded["profileUrl"])
	}
	if !strings.Contains(encoded["emails"], `"canonicalValues":["work","home","other"]`) {
		t.Errorf("emails have no canonical types: %s", encoded["emails"])
	}
	if encoded["id"] != "" || encoded["meta"] != "" {
		t.Error("common attributes are part of the document")
	}
}

func TestResourceTypeDocuments(t *testing.T) {
	documents := ResourceTypeDocuments("https://h/scim/v2")
	body, err := EncodeDocuments(documents)
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		TotalResults int                    `json:"totalResults"`
		ItemsPerPage int                    `json:"itemsPerPage"`
		StartIndex   int                    `json:"startIndex"`
		Resources    []ResourceTypeDocument `json:"Resources"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	if list.TotalResults != 2 || list.ItemsPerPage != 2 || list.StartIndex != 1 {
		t.Errorf("wrong counts in %s", body)
	}
	if diff := cmp.Diff(documents, list.Resources); diff != "" {
		t.Errorf("wrong resources (-want +got):\n%s", diff)
	}
	user, ok := FindResourceTypeDocument("User", "https://h/scim/v2")
	want := ResourceTypeDocument{
		Schemas: []string{ResourceTypeURN}, ID: "User", Name: "User", Endpoint: "/Users", Description: "User Account", Schema: UserURN,
		SchemaExtensions: []SchemaExtensionDocument{{Schema: EnterpriseURN}},
		Meta:             DocumentMeta{ResourceType: "ResourceType", Location: "https://h/scim/v2/ResourceTypes/User"},
	}
	if diff := cmp.Diff(want, user); !ok || diff != "" {
		t.Errorf("wrong document (-want +got):\n%s", diff)
	}
	if _, ok := FindResourceTypeDocument("Device", ""); ok {
		t.Error("a resource type that does not exist is found")
	}
}
