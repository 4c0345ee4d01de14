package rules

import (
	"context"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// customFieldPrefix begins the name of a custom field in set, add, remove and
// clear; the id follows.
const customFieldPrefix = "customFields."

// recordKind is what the engine knows of a kind of record.
type recordKind struct {
	kind v1alpha1.RecordKind
	// subject is the kind of subject that such a record is linked to.
	subject v1alpha1.SubjectKind
	// match is the field that a record without a link is found by.
	match string
	// fields are the fields of the spec, in the order in which changes are told.
	fields []specField
	// typ is the type of variable record.
	typ *structType
	// taken is the reason for a match value that another record has.
	taken string
	// missing is the reason when there is no record and none may be created.
	missing string
	// newRecord makes an empty record.
	newRecord func() Record
	// fold gives the form in which values of match are compared.
	fold func(string) string
	// bySource finds the record that is linked to a subject, byMatch the one whose
	// match field has this folded value.
	bySource, byMatch func(ctx context.Context, dir Directory, key string) (Record, error)
	// customFields is the map of custom fields; nil where the kind has none.
	customFields func(Record) *map[string]v1alpha1.JSON
}

// specField is a field of a record's spec.
type specField struct {
	name string
	// kind is what the field takes.
	kind valueKind
	// pointer gives the Go field: *string, *bool, **v1alpha1.RecordReference,
	// *[]string, *[]v1alpha1.PersonContact or *[]v1alpha1.PersonAddress.
	pointer func(Record) any
	// max is the most characters of a text.
	max int
	// required fields can neither be cleared nor set to nothing.
	required bool
	// email fields hold an e-mail address.
	email bool
	// line fields are names and addresses: one line without control characters, and
	// without the white space around, which is not compared.
	line bool
	// engine fields are set by the engine alone.
	engine bool
}

func personField(name string, pointer func(*v1alpha1.PersonSpec) any) specField {
	return specField{
		name:    name,
		kind:    kindOf(pointer(&v1alpha1.PersonSpec{})),
		max:     MaxTextLength,
		pointer: func(r Record) any { return pointer(&r.(*v1alpha1.Person).Spec) },
	}
}

func organizationField(name string, pointer func(*v1alpha1.OrganizationSpec) any) specField {
	return specField{
		name:    name,
		kind:    kindOf(pointer(&v1alpha1.OrganizationSpec{})),
		max:     MaxTextLength,
		pointer: func(r Record) any { return pointer(&r.(*v1alpha1.Organization).Spec) },
	}
}

func siteField(name string, pointer func(*v1alpha1.SiteSpec) any) specField {
	return specField{
		name:    name,
		kind:    kindOf(pointer(&v1alpha1.SiteSpec{})),
		max:     MaxTextLength,
		pointer: func(r Record) any { return pointer(&r.(*v1alpha1.Site).Spec) },
	}
}

func (f specField) asRequired() specField { f.required = true; return f }
func (f specField) asEmail() specField    { f.email, f.line = true, true; return f }
func (f specField) asName() specField     { f.line = true; return f }
func (f specField) ofEngine() specField   { f.engine = true; return f }
func (f specField) upTo(limit int) specField {
	f.max = limit
	return f
}

var personFields = []specField{
	personField("name", func(p *v1alpha1.PersonSpec) any { return &p.Name }).asName(),
	personField("primaryEmail", func(p *v1alpha1.PersonSpec) any { return &p.PrimaryEmail }).asRequired().asEmail(),
	personField("otherEmails", func(p *v1alpha1.PersonSpec) any { return &p.OtherEmails }),
	personField("jobTitle", func(p *v1alpha1.PersonSpec) any { return &p.JobTitle }),
	personField("organization", func(p *v1alpha1.PersonSpec) any { return &p.Organization }),
	personField("site", func(p *v1alpha1.PersonSpec) any { return &p.Site }),
	personField("location", func(p *v1alpha1.PersonSpec) any { return &p.Location }),
	personField("manager", func(p *v1alpha1.PersonSpec) any { return &p.Manager }),
	personField("employeeID", func(p *v1alpha1.PersonSpec) any { return &p.EmployeeID }),
	personField("supportID", func(p *v1alpha1.PersonSpec) any { return &p.SupportID }),
	personField("costCenter", func(p *v1alpha1.PersonSpec) any { return &p.CostCenter }),
	personField("locale", func(p *v1alpha1.PersonSpec) any { return &p.Locale }),
	personField("preferredLanguage", func(p *v1alpha1.PersonSpec) any { return &p.PreferredLanguage }),
	personField("timeZone", func(p *v1alpha1.PersonSpec) any { return &p.TimeZone }),
	personField("vip", func(p *v1alpha1.PersonSpec) any { return &p.VIP }),
	personField("disabled", func(p *v1alpha1.PersonSpec) any { return &p.Disabled }),
	personField("contacts", func(p *v1alpha1.PersonSpec) any { return &p.Contacts }),
	personField("addresses", func(p *v1alpha1.PersonSpec) any { return &p.Addresses }),
	personField("source", func(p *v1alpha1.PersonSpec) any { return &p.Source }).ofEngine(),
	personField("sourceID", func(p *v1alpha1.PersonSpec) any { return &p.SourceID }).ofEngine(),
}

var organizationFields = []specField{
	organizationField("name", func(o *v1alpha1.OrganizationSpec) any { return &o.Name }).asRequired().asName(),
	organizationField("disabled", func(o *v1alpha1.OrganizationSpec) any { return &o.Disabled }),
	organizationField("parent", func(o *v1alpha1.OrganizationSpec) any { return &o.Parent }),
	organizationField("manager", func(o *v1alpha1.OrganizationSpec) any { return &o.Manager }),
	organizationField("financialID", func(o *v1alpha1.OrganizationSpec) any { return &o.FinancialID }),
	organizationField("region", func(o *v1alpha1.OrganizationSpec) any { return &o.Region }),
	organizationField("remarks", func(o *v1alpha1.OrganizationSpec) any { return &o.Remarks }).upTo(MaxRemarksLength),
	organizationField("source", func(o *v1alpha1.OrganizationSpec) any { return &o.Source }).ofEngine(),
	organizationField("sourceID", func(o *v1alpha1.OrganizationSpec) any { return &o.SourceID }).ofEngine(),
}

var siteFields = []specField{
	siteField("name", func(s *v1alpha1.SiteSpec) any { return &s.Name }).asRequired().asName(),
	siteField("disabled", func(s *v1alpha1.SiteSpec) any { return &s.Disabled }),
	siteField("timeZone", func(s *v1alpha1.SiteSpec) any { return &s.TimeZone }),
	siteField("addresses", func(s *v1alpha1.SiteSpec) any { return &s.Addresses }),
	siteField("remarks", func(s *v1alpha1.SiteSpec) any { return &s.Remarks }).upTo(MaxRemarksLength),
	siteField("source", func(s *v1alpha1.SiteSpec) any { return &s.Source }).ofEngine(),
	siteField("sourceID", func(s *v1alpha1.SiteSpec) any { return &s.SourceID }).ofEngine(),
}

var personKind = &recordKind{
	kind:      v1alpha1.RecordPerson,
	subject:   v1alpha1.SubjectScimUser,
	match:     "primaryEmail",
	fold:      fold.Email,
	fields:    personFields,
	taken:     v1alpha1.ReasonPrimaryEmailTaken,
	missing:   v1alpha1.ReasonTargetNotFound,
	newRecord: func() Record { return &v1alpha1.Person{} },
	bySource: func(ctx context.Context, dir Directory, id string) (Record, error) {
		return found(dir.PersonBySource(ctx, id))
	},
	byMatch: func(ctx context.Context, dir Directory, email string) (Record, error) {
		return found(dir.PersonByEmail(ctx, email))
	},
	customFields: func(r Record) *map[string]v1alpha1.JSON { return &r.(*v1alpha1.Person).Spec.CustomFields },
	typ: newStruct("Person", "record", append(viewOf[*v1alpha1.Person](personFields),
		jsonField("customFields", func(p *v1alpha1.Person) map[string]v1alpha1.JSON { return p.Spec.CustomFields }))...),
}

var organizationKind = &recordKind{
	kind:      v1alpha1.RecordOrganization,
	subject:   v1alpha1.SubjectScimGroup,
	match:     "name",
	fold:      fold.String,
	fields:    organizationFields,
	taken:     v1alpha1.ReasonConflict,
	missing:   v1alpha1.ReasonOrganizationNotFound,
	newRecord: func() Record { return &v1alpha1.Organization{} },
	bySource: func(ctx context.Context, dir Directory, id string) (Record, error) {
		return found(dir.OrganizationBySource(ctx, id))
	},
	byMatch: func(ctx context.Context, dir Directory, name string) (Record, error) {
		return found(dir.OrganizationByName(ctx, name))
	},
	typ: newStruct("Organization", "record", viewOf[*v1alpha1.Organization](organizationFields)...),
}

var siteKind = &recordKind{
	kind:      v1alpha1.RecordSite,
	subject:   v1alpha1.SubjectScimGroup,
	match:     "name",
	fold:      fold.String,
	fields:    siteFields,
	taken:     v1alpha1.ReasonConflict,
	missing:   v1alpha1.ReasonSiteNotFound,
	newRecord: func() Record { return &v1alpha1.Site{} },
	bySource: func(ctx context.Context, dir Directory, id string) (Record, error) {
		return found(dir.SiteBySource(ctx, id))
	},
	byMatch: func(ctx context.Context, dir Directory, name string) (Record, error) {
		return found(dir.SiteByName(ctx, name))
	},
	typ: newStruct("Site", "record", viewOf[*v1alpha1.Site](siteFields)...),
}

// found turns "none", a nil pointer, into a nil Record.
func found[T interface {
	comparable
	Record
}](record T, err error) (Record, error) {
	var none T
	if err != nil || record == none {
		return nil, err
	}
	return record, nil
}

// field finds a field that a rule may name; custom fields are not among them.
func (k *recordKind) field(name string) (specField, bool) {
	for _, f := range k.fields {
		if f.name == name {
			return f, true
		}
	}
	return specField{}, false
}

// customFieldID gives the id in customFields.<id>.
func (k *recordKind) customFieldID(name string) (string, bool) {
	id, ok := strings.CutPrefix(name, customFieldPrefix)
	return id, ok && k.customFields != nil
}

// text gives the value of a text field, such as the match field.
func (k *recordKind) text(r Record, name string) string {
	f, _ := k.field(name)
	return *f.pointer(r).(*string)
}

// MatchKey is what no two records of a kind have in common, and what they are found by: the
// primary e-mail address of a Person, or the name of an Organization or a Site, in the form
// in which it is compared.
func MatchKey(record Record) string { return recordKindOf(record).matchKey(record) }

func (k *recordKind) matchKey(r Record) string { return k.fold(k.text(r, k.match)) }

// setText sets a text field of a working copy.
func (k *recordKind) setText(r Record, name, value string) {
	f, _ := k.field(name)
	*f.pointer(r).(*string) = value
}

// The types of the entries of contacts and addresses. A rule may make them:
// Contact{protocol: "telephone", label: "work", uri: "+31 20 555 0100"}.
var (
	contactType = newStruct("Contact", "an entry of record.contacts",
		textField("protocol", func(c *v1alpha1.PersonContact) string { return string(c.Protocol) }),
		textField("label", func(c *v1alpha1.PersonContact) string { return c.Label }),
		textField("uri", func(c *v1alpha1.PersonContact) string { return c.URI }),
		boolField("integration", false, func(c *v1alpha1.PersonContact) *bool { return ifTrue(&c.Integration) }),
	).builtBy(func(fields map[string]ref.Val) (any, error) {
		return &v1alpha1.PersonContact{
			Protocol: v1alpha1.ContactProtocol(textOf(fields["protocol"])),
			Label:    textOf(fields["label"]),
			URI:      textOf(fields["uri"]),
		}, nil
	})
	addressType = newStruct("Address", "an entry of record.addresses",
		textField("label", func(a *v1alpha1.PersonAddress) string { return a.Label }),
		textField("address", func(a *v1alpha1.PersonAddress) string { return a.Address }),
		textField("city", func(a *v1alpha1.PersonAddress) string { return a.City }),
		textField("state", func(a *v1alpha1.PersonAddress) string { return a.State }),
		textField("zip", func(a *v1alpha1.PersonAddress) string { return a.Zip }),
		textField("country", func(a *v1alpha1.PersonAddress) string { return a.Country }),
		boolField("integration", false, func(a *v1alpha1.PersonAddress) *bool { return ifTrue(&a.Integration) }),
	).builtBy(func(fields map[string]ref.Val) (any, error) {
		return &v1alpha1.PersonAddress{
			Label:   textOf(fields["label"]),
			Address: textOf(fields["address"]),
			City:    textOf(fields["city"]),
			State:   textOf(fields["state"]),
			Zip:     textOf(fields["zip"]),
			Country: textOf(fields["country"]),
		}, nil
	})
)

func (s *structType) builtBy(build func(map[string]ref.Val) (any, error)) *structType {
	s.build = build
	return s
}

func textOf(value ref.Val) string {
	text, _ := value.(types.String)
	return string(text)
}

// ifTrue makes false count as absent, as in the API.
func ifTrue(b *bool) *bool {
	if *b {
		return b
	}
	return nil
}
