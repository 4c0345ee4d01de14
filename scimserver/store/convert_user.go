package store

import (
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// setString adds a string attribute that has a value.
func setString(m map[string]any, name, value string) {
	if value != "" {
		m[name] = value
	}
}

func setBool(m map[string]any, name string, value *bool) {
	if value != nil {
		m[name] = *value
	}
}

func getString(m map[string]any, name string) string {
	s, _ := m[name].(string)
	return s
}

func getBool(m map[string]any, name string) *bool {
	if b, ok := m[name].(bool); ok {
		return &b
	}
	return nil
}

// activeOf is whether a user is in use: one of whom nobody has said so, too, is stored as active, so
// that answers, filters, columns and rules have one truth.
func activeOf(r scim.Resource) *bool {
	active, said := r["active"].(bool)
	return new(active || !said)
}

// userAttributes returns what the client wrote of a user, without id, meta and groups.
func (by *maker) userAttributes(spec *v1alpha1.ScimUserSpec) (scim.Resource, error) {
	// The room of 14 is half that of 16, and enough with id, meta, schemas and groups.
	r := scim.Resource(by.object(14))
	r["userName"] = spec.UserName
	setString(r, "externalId", spec.ExternalID)
	r["active"] = spec.IsActive()
	setString(r, "displayName", spec.DisplayName)
	setString(r, "nickName", spec.NickName)
	setString(r, "profileUrl", spec.ProfileURL)
	setString(r, "title", spec.Title)
	setString(r, "userType", spec.UserType)
	setString(r, "preferredLanguage", spec.PreferredLanguage)
	setString(r, "locale", spec.Locale)
	setString(r, "timezone", spec.Timezone)
	if spec.Name != nil {
		r["name"] = by.nameAttribute(spec.Name)
	}
	for _, list := range userValueLists(spec) {
		if len(*list.values) > 0 {
			r[list.name] = by.valuesAttribute(*list.values)
		}
	}
	if len(spec.Addresses) > 0 {
		r["addresses"] = by.addressesAttribute(spec.Addresses)
	}
	if len(spec.X509Certificates) > 0 {
		r["x509Certificates"] = by.certificatesAttribute(spec.X509Certificates)
	}
	if spec.Enterprise != nil {
		r[scim.EnterpriseURN] = by.enterpriseAttribute(spec.Enterprise)
	}
	return r, addExtensions(r, spec.Extensions)
}

// setUserAttributes writes what the client wrote into a spec, and keeps what whoever is
// taken out of use was called until then. Groups and times stay as they are.
func setUserAttributes(spec *v1alpha1.ScimUserSpec, r scim.Resource) error {
	extensions, err := extensionsOf(scim.User, r)
	if err != nil {
		return err
	}
	old := *spec
	*spec = v1alpha1.ScimUserSpec{
		UserName:          getString(r, "userName"),
		ExternalID:        getString(r, "externalId"),
		Active:            activeOf(r),
		DisplayName:       getString(r, "displayName"),
		NickName:          getString(r, "nickName"),
		ProfileURL:        getString(r, "profileUrl"),
		Title:             getString(r, "title"),
		UserType:          getString(r, "userType"),
		PreferredLanguage: getString(r, "preferredLanguage"),
		Locale:            getString(r, "locale"),
		Timezone:          getString(r, "timezone"),
		Name:              nameOf(r.Complex("name")),
		Addresses:         addressesOf(r.Values("addresses")),
		X509Certificates:  certificatesOf(r.Values("x509Certificates")),
		Enterprise:        enterpriseOf(r.Complex(scim.EnterpriseURN)),
		Extensions:        extensions,
		Groups:            old.Groups,
		ProvisionedAt:     old.ProvisionedAt,
		LastModified:      old.LastModified,
		LastRequest:       old.LastRequest,
	}
	for _, list := range userValueLists(spec) {
		*list.values = valuesOf(r.Values(list.name))
	}
	spec.LastActive = lastActive(&old, spec)
	return nil
}

// lastActive is what an inactive user was called when it was last active, as a change
// leaves it: nil while it is active, and while it never has been.
func lastActive(old, next *v1alpha1.ScimUserSpec) *v1alpha1.ScimIdentity {
	switch {
	case next.IsActive(), old.UserName == "":
		return nil
	case old.IsActive():
		return old.Identity()
	}
	return old.LastActive
}

type valueList struct {
	name   string
	values *[]v1alpha1.ScimValue
}

// userValueLists pairs the multi-valued attributes of one shape with their fields.
func userValueLists(spec *v1alpha1.ScimUserSpec) [6]valueList {
	return [...]valueList{
		{"emails", &spec.Emails},
		{"phoneNumbers", &spec.PhoneNumbers},
		{"ims", &spec.IMs},
		{"photos", &spec.Photos},
		{"entitlements", &spec.Entitlements},
		{"roles", &spec.Roles},
	}
}

func (by *maker) nameAttribute(n *v1alpha1.ScimName) map[string]any {
	m := by.object(6)
	setString(m, "formatted", n.Formatted)
	setString(m, "familyName", n.FamilyName)
	setString(m, "givenName", n.GivenName)
	setString(m, "middleName", n.MiddleName)
	setString(m, "honorificPrefix", n.HonorificPrefix)
	setString(m, "honorificSuffix", n.HonorificSuffix)
	return m
}

func nameOf(m map[string]any) *v1alpha1.ScimName {
	n := v1alpha1.ScimName{
		Formatted:       getString(m, "formatted"),
		FamilyName:      getString(m, "familyName"),
		GivenName:       getString(m, "givenName"),
		MiddleName:      getString(m, "middleName"),
		HonorificPrefix: getString(m, "honorificPrefix"),
		HonorificSuffix: getString(m, "honorificSuffix"),
	}
	if n == (v1alpha1.ScimName{}) {
		return nil
	}
	return &n
}

func (by *maker) valuesAttribute(values []v1alpha1.ScimValue) []any {
	list := by.list(len(values))
	for i, v := range values {
		list[i] = by.valueAttribute(v.Value, v.Display, v.Type, v.Primary)
	}
	return list
}

func (by *maker) valueAttribute(value, display, kind string, primary *bool) map[string]any {
	m := by.object(4)
	setString(m, "value", value)
	setString(m, "display", display)
	setString(m, "type", kind)
	setBool(m, "primary", primary)
	return m
}

func valuesOf(list []any) []v1alpha1.ScimValue {
	var values []v1alpha1.ScimValue
	for _, element := range list {
		if m, ok := element.(map[string]any); ok {
			values = append(values, v1alpha1.ScimValue{
				Value: getString(m, "value"), Display: getString(m, "display"), Type: getString(m, "type"), Primary: getBool(m, "primary"),
			})
		}
	}
	return values
}

func (by *maker) certificatesAttribute(certificates []v1alpha1.ScimCertificate) []any {
	list := by.list(len(certificates))
	for i, c := range certificates {
		list[i] = by.valueAttribute(c.Value, c.Display, c.Type, c.Primary)
	}
	return list
}

func certificatesOf(list []any) []v1alpha1.ScimCertificate {
	var certificates []v1alpha1.ScimCertificate
	for _, v := range valuesOf(list) {
		certificates = append(certificates, v1alpha1.ScimCertificate(v))
	}
	return certificates
}

func (by *maker) addressesAttribute(addresses []v1alpha1.ScimAddress) []any {
	list := by.list(len(addresses))
	for i, a := range addresses {
		m := by.object(8)
		setString(m, "formatted", a.Formatted)
		setString(m, "streetAddress", a.StreetAddress)
		setString(m, "locality", a.Locality)
		setString(m, "region", a.Region)
		setString(m, "postalCode", a.PostalCode)
		setString(m, "country", a.Country)
		setString(m, "type", a.Type)
		setBool(m, "primary", a.Primary)
		list[i] = m
	}
	return list
}

func addressesOf(list []any) []v1alpha1.ScimAddress {
	var addresses []v1alpha1.ScimAddress
	for _, element := range list {
		if m, ok := element.(map[string]any); ok {
			addresses = append(addresses, v1alpha1.ScimAddress{
				Formatted:     getString(m, "formatted"),
				StreetAddress: getString(m, "streetAddress"),
				Locality:      getString(m, "locality"),
				Region:        getString(m, "region"),
				PostalCode:    getString(m, "postalCode"),
				Country:       getString(m, "country"),
				Type:          getString(m, "type"),
				Primary:       getBool(m, "primary"),
			})
		}
	}
	return addresses
}

func (by *maker) enterpriseAttribute(e *v1alpha1.ScimEnterprise) map[string]any {
	m := by.object(8)
	setString(m, "employeeNumber", e.EmployeeNumber)
	setString(m, "costCenter", e.CostCenter)
	setString(m, "organization", e.Organization)
	setString(m, "division", e.Division)
	setString(m, "department", e.Department)
	setString(m, "site", e.Site)
	setString(m, "location", e.Location)
	setString(m, "supportID", e.SupportID)
	if e.Manager != nil {
		manager := by.object(3)
		setString(manager, "value", e.Manager.Value)
		setString(manager, "$ref", e.Manager.Ref)
		setString(manager, "displayName", e.Manager.DisplayName)
		m["manager"] = manager
	}
	return m
}

func enterpriseOf(m map[string]any) *v1alpha1.ScimEnterprise {
	e := v1alpha1.ScimEnterprise{
		EmployeeNumber: getString(m, "employeeNumber"),
		CostCenter:     getString(m, "costCenter"),
		Organization:   getString(m, "organization"),
		Division:       getString(m, "division"),
		Department:     getString(m, "department"),
		Site:           getString(m, "site"),
		Location:       getString(m, "location"),
		SupportID:      getString(m, "supportID"),
	}
	if manager, ok := m["manager"].(map[string]any); ok {
		ref := v1alpha1.ScimManager{
			Value: getString(manager, "value"), Ref: getString(manager, "$ref"), DisplayName: getString(manager, "displayName"),
		}
		if ref != (v1alpha1.ScimManager{}) {
			e.Manager = &ref
		}
	}
	if e == (v1alpha1.ScimEnterprise{}) {
		return nil
	}
	return &e
}
