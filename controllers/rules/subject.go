package rules

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"rservice.dev/scim-operator/api/customfields"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// The types of what a rule reads. A field that was not sent reads as "" (or an
// empty list, or an object with empty fields); active reads as true.
var (
	nameType = newStruct("Name", "user.name",
		textField("formatted", func(n *v1alpha1.ScimName) string { return n.Formatted }),
		textField("familyName", func(n *v1alpha1.ScimName) string { return n.FamilyName }),
		textField("givenName", func(n *v1alpha1.ScimName) string { return n.GivenName }),
		textField("middleName", func(n *v1alpha1.ScimName) string { return n.MiddleName }),
		textField("honorificPrefix", func(n *v1alpha1.ScimName) string { return n.HonorificPrefix }),
		textField("honorificSuffix", func(n *v1alpha1.ScimName) string { return n.HonorificSuffix }),
	)
	valueType = newStruct("Value", "an entry of user.emails",
		textField("value", func(v *v1alpha1.ScimValue) string { return v.Value }),
		textField("display", func(v *v1alpha1.ScimValue) string { return v.Display }),
		textField("type", func(v *v1alpha1.ScimValue) string { return v.Type }),
		boolField("primary", false, func(v *v1alpha1.ScimValue) *bool { return v.Primary }),
	)
	certificateType = newStruct("Certificate", "an entry of user.x509Certificates",
		textField("value", func(c *v1alpha1.ScimCertificate) string { return c.Value }),
		textField("display", func(c *v1alpha1.ScimCertificate) string { return c.Display }),
		textField("type", func(c *v1alpha1.ScimCertificate) string { return c.Type }),
		boolField("primary", false, func(c *v1alpha1.ScimCertificate) *bool { return c.Primary }),
	)
	postalAddressType = newStruct("PostalAddress", "an entry of user.addresses",
		textField("formatted", func(a *v1alpha1.ScimAddress) string { return a.Formatted }),
		textField("streetAddress", func(a *v1alpha1.ScimAddress) string { return a.StreetAddress }),
		textField("locality", func(a *v1alpha1.ScimAddress) string { return a.Locality }),
		textField("region", func(a *v1alpha1.ScimAddress) string { return a.Region }),
		textField("postalCode", func(a *v1alpha1.ScimAddress) string { return a.PostalCode }),
		textField("country", func(a *v1alpha1.ScimAddress) string { return a.Country }),
		textField("type", func(a *v1alpha1.ScimAddress) string { return a.Type }),
		boolField("primary", false, func(a *v1alpha1.ScimAddress) *bool { return a.Primary }),
	)
	managerType = newStruct("Manager", "user.enterprise.manager",
		textField("value", func(m *v1alpha1.ScimManager) string { return m.Value }),
		textField("ref", func(m *v1alpha1.ScimManager) string { return m.Ref }),
		textField("displayName", func(m *v1alpha1.ScimManager) string { return m.DisplayName }),
	)
	enterpriseType = newStruct("Enterprise", "user.enterprise",
		textField("employeeNumber", func(e *v1alpha1.ScimEnterprise) string { return e.EmployeeNumber }),
		textField("costCenter", func(e *v1alpha1.ScimEnterprise) string { return e.CostCenter }),
		textField("organization", func(e *v1alpha1.ScimEnterprise) string { return e.Organization }),
		textField("division", func(e *v1alpha1.ScimEnterprise) string { return e.Division }),
		textField("department", func(e *v1alpha1.ScimEnterprise) string { return e.Department }),
		textField("site", func(e *v1alpha1.ScimEnterprise) string { return e.Site }),
		textField("location", func(e *v1alpha1.ScimEnterprise) string { return e.Location }),
		textField("supportID", func(e *v1alpha1.ScimEnterprise) string { return e.SupportID }),
		structField("manager", managerType, func(e *v1alpha1.ScimEnterprise) *v1alpha1.ScimManager { return e.Manager }),
	)
	userType = newStruct("User", "user",
		textField("id", func(u *v1alpha1.ScimUser) string { return u.Name }),
		textField("userName", func(u *v1alpha1.ScimUser) string { return u.Spec.UserName }),
		textField("externalId", func(u *v1alpha1.ScimUser) string { return u.Spec.ExternalID }),
		boolField("active", true, func(u *v1alpha1.ScimUser) *bool { return u.Spec.Active }),
		structField("name", nameType, func(u *v1alpha1.ScimUser) *v1alpha1.ScimName { return u.Spec.Name }),
		textField("displayName", func(u *v1alpha1.ScimUser) string { return u.Spec.DisplayName }),
		textField("nickName", func(u *v1alpha1.ScimUser) string { return u.Spec.NickName }),
		textField("profileUrl", func(u *v1alpha1.ScimUser) string { return u.Spec.ProfileURL }),
		textField("title", func(u *v1alpha1.ScimUser) string { return u.Spec.Title }),
		textField("userType", func(u *v1alpha1.ScimUser) string { return u.Spec.UserType }),
		textField("preferredLanguage", func(u *v1alpha1.ScimUser) string { return u.Spec.PreferredLanguage }),
		textField("locale", func(u *v1alpha1.ScimUser) string { return u.Spec.Locale }),
		textField("timezone", func(u *v1alpha1.ScimUser) string { return u.Spec.Timezone }),
		listField("emails", valueType, func(u *v1alpha1.ScimUser) []v1alpha1.ScimValue { return u.Spec.Emails }),
		listField("phoneNumbers", valueType, func(u *v1alpha1.ScimUser) []v1alpha1.ScimValue { return u.Spec.PhoneNumbers }),
		listField("ims", valueType, func(u *v1alpha1.ScimUser) []v1alpha1.ScimValue { return u.Spec.IMs }),
		listField("photos", valueType, func(u *v1alpha1.ScimUser) []v1alpha1.ScimValue { return u.Spec.Photos }),
		listField("addresses", postalAddressType, func(u *v1alpha1.ScimUser) []v1alpha1.ScimAddress { return u.Spec.Addresses }),
		listField("entitlements", valueType, func(u *v1alpha1.ScimUser) []v1alpha1.ScimValue { return u.Spec.Entitlements }),
		listField("roles", valueType, func(u *v1alpha1.ScimUser) []v1alpha1.ScimValue { return u.Spec.Roles }),
		listField("x509Certificates", certificateType, func(u *v1alpha1.ScimUser) []v1alpha1.ScimCertificate {
			return u.Spec.X509Certificates
		}),
		structField("enterprise", enterpriseType, func(u *v1alpha1.ScimUser) *v1alpha1.ScimEnterprise { return u.Spec.Enterprise }),
		jsonField("extensions", func(u *v1alpha1.ScimUser) map[string]v1alpha1.JSON { return u.Spec.Extensions }),
	)
	groupType = newStruct("Group", "group",
		textField("id", func(g *v1alpha1.ScimGroup) string { return g.Name }),
		textField("displayName", func(g *v1alpha1.ScimGroup) string { return g.Spec.DisplayName }),
		textField("externalId", func(g *v1alpha1.ScimGroup) string { return g.Spec.ExternalID }),
		textField("groupType", func(g *v1alpha1.ScimGroup) string { return g.Spec.GroupType }),
		jsonField("extensions", func(g *v1alpha1.ScimGroup) map[string]v1alpha1.JSON { return g.Spec.Extensions }),
	)
	membershipType = newStruct("Membership", "an entry of groups",
		textField("id", func(g *Group) string { return g.ID }),
		textField("displayName", func(g *Group) string { return g.DisplayName }),
		textField("externalId", func(g *Group) string { return g.ExternalID }),
		textField("groupType", func(g *Group) string { return g.GroupType }),
		textField("classification", func(g *Group) string { return string(g.Classification) }),
		textField("organization", func(g *Group) string { return g.Organization }),
		boolField("organizationDisabled", false, func(g *Group) *bool { return &g.OrganizationDisabled }),
		textField("site", func(g *Group) string { return g.Site }),
		boolField("siteDisabled", false, func(g *Group) *bool { return &g.SiteDisabled }),
	)
	endpointType = newStruct("Endpoint", "endpoint",
		textField("defaultOrganization", func(in *Input) string { return in.DefaultOrganization }),
	)
	// recordReferenceType is what find.personOf finds.
	recordReferenceType = newStruct("RecordReference", "what find.personOf finds",
		textField("name", func(r *recordReference) string { return r.name }),
		boolField("disabled", false, func(r *recordReference) *bool { return &r.disabled }),
	)
	// findType carries the functions that look up records.
	findType = newStruct("Find", "find")
)

// recordReference is a record as a rule sees it that refers to it.
type recordReference struct {
	name     string
	disabled bool
}

// jsonMap gives the members by name.
func jsonMap(members map[string]v1alpha1.JSON) ref.Val {
	values := make(map[string]any, len(members))
	for name, member := range members {
		values[name] = jsonValue(member)
	}
	return types.NewStringInterfaceMap(types.DefaultTypeAdapter, values)
}

// jsonValue is the CEL value of any JSON: whole numbers are int, others double.
func jsonValue(j v1alpha1.JSON) ref.Val {
	if len(j.Raw) == 0 {
		return types.NullValue
	}
	value, err := decodeJSON(j)
	if err != nil {
		return types.NewErr("the extension is not JSON")
	}
	return types.DefaultTypeAdapter.NativeToValue(withNumbers(value))
}

// decodeJSON decodes any JSON; numbers keep their digits.
func decodeJSON(j v1alpha1.JSON) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(j.Raw))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err
}

// withNumbers replaces the JSON numbers in a decoded value by Go numbers, in place.
func withNumbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, err := v.Float64()
		if err != nil { // beyond what a double holds: kept as it was written
			return v.String()
		}
		return f
	case map[string]any:
		for name, member := range v {
			v[name] = withNumbers(member)
		}
	case []any:
		for i, item := range v {
			v[i] = withNumbers(item)
		}
	}
	return value
}

// customFields reads the product's extension, in either of its forms. One that is in neither is read as it is, by name.
func customFields(extensions map[string]v1alpha1.JSON) ref.Val {
	values := map[string]any{}
	for _, urn := range slices.Sorted(maps.Keys(extensions)) {
		if !customfields.IsURN(urn) {
			continue
		}
		extension, err := decodeJSON(extensions[urn])
		members, ok := extension.(map[string]any)
		if err != nil || !ok && extension != nil {
			return types.NewErr("the extension for custom fields is not an object")
		}
		fields, err := customfields.Read(members)
		if err != nil {
			fields = members
		}
		for id, value := range fields {
			values[id] = types.DefaultTypeAdapter.NativeToValue(withNumbers(value))
		}
	}
	return types.NewStringInterfaceMap(types.DefaultTypeAdapter, values)
}
