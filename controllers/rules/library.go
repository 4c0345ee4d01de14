package rules

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// lookups is the value of variable find: the directory for one plan. An error of
// the directory is kept, because CEL's || and && can swallow one.
type lookups struct {
	//nolint:containedctx // a CEL function has no parameter for it; lookups live for one plan
	ctx       context.Context
	directory Directory
	err       error
	// own is the Person that the rule works on. It goes before the directory's, which
	// does not have yet what the plan changes.
	own *v1alpha1.Person
	// readsOwn says that a look-up found it.
	readsOwn bool
}

func finder(find ref.Val) *lookups { return find.Value().(*lookups) }

func (l *lookups) fail(err error) ref.Val {
	if l.err == nil {
		l.err = err
	}
	return types.NewErr("a look-up failed")
}

func (l *lookups) organization(name string) ref.Val {
	if isBlank(name) {
		return types.OptionalNone
	}
	organization, err := l.directory.OrganizationByName(l.ctx, organizationKind.fold(name))
	if err != nil {
		return l.fail(err)
	}
	if organization == nil || organization.Spec.Disabled {
		return types.OptionalNone
	}
	return types.OptionalOf(types.String(organization.Name))
}

func (l *lookups) site(name string) ref.Val {
	if isBlank(name) {
		return types.OptionalNone
	}
	site, err := l.directory.SiteByName(l.ctx, siteKind.fold(name))
	if err != nil {
		return l.fail(err)
	}
	if site == nil || site.Spec.Disabled {
		return types.OptionalNone
	}
	return types.OptionalOf(types.String(site.Name))
}

func (l *lookups) personOf(value string) ref.Val {
	if isBlank(value) {
		return types.OptionalNone
	}
	person, err := l.directory.PersonOfUser(l.ctx, value)
	if err != nil {
		return l.fail(err)
	}
	if person == nil {
		return types.OptionalNone
	}
	if l.own != nil && l.own.Name == person.Name {
		person, l.readsOwn = l.own, true
	}
	return types.OptionalOf(recordReferenceType.value(&recordReference{name: person.Name, disabled: person.Spec.Disabled}))
}

func isBlank(s string) bool { return strings.TrimSpace(s) == "" }

// isEmail looks past the white space around an address, as everything does that compares one.
func isEmail(s string) bool {
	s = strings.TrimSpace(s)
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && domain != "" && !strings.Contains(domain, "@") &&
		utf8.ValidString(s) && utf8.RuneCountInString(s) <= MaxTextLength &&
		!strings.ContainsFunc(s, unicode.IsSpace) && fold.IsLine(s)
}

// each calls do for every entry of a list.
func each(list ref.Val, do func(item ref.Val)) {
	for it := list.(traits.Lister).Iterator(); it.HasNext() == types.True; {
		do(it.Next())
	}
}

// values gives the entries of a list of type Value.
func values(list ref.Val) []*v1alpha1.ScimValue {
	var entries []*v1alpha1.ScimValue
	each(list, func(item ref.Val) {
		if entry, ok := item.Value().(*v1alpha1.ScimValue); ok {
			entries = append(entries, entry)
		}
	})
	return entries
}

func firstNonBlank(list ref.Val) ref.Val {
	first := ""
	each(list, func(item ref.Val) {
		if first == "" {
			first = strings.TrimSpace(textOf(item))
		}
	})
	return types.String(first)
}

func primaryOrFirst(entries []*v1alpha1.ScimValue) string {
	first := ""
	for _, entry := range entries {
		value := strings.TrimSpace(entry.Value)
		if value == "" {
			continue
		}
		if entry.Primary != nil && *entry.Primary {
			return value
		}
		if first == "" {
			first = value
		}
	}
	return first
}

func otherEmails(entries []*v1alpha1.ScimValue, email string) ref.Val {
	seen := map[string]bool{fold.Email(email): true}
	others := []string{}
	for _, entry := range entries {
		value := strings.TrimSpace(entry.Value)
		if folded := fold.Email(value); value != "" && !seen[folded] {
			seen[folded] = true
			others = append(others, value)
		}
	}
	return types.NewStringList(types.DefaultTypeAdapter, others)
}

func firstOrganization(groups ref.Val) ref.Val {
	first := ""
	each(groups, func(item ref.Val) {
		if g, ok := item.Value().(*Group); ok && first == "" && !g.OrganizationDisabled {
			first = g.Organization
		}
	})
	return types.String(first)
}

func firstSite(groups ref.Val) ref.Val {
	first := ""
	each(groups, func(item ref.Val) {
		if g, ok := item.Value().(*Group); ok && first == "" && !g.SiteDisabled {
			first = g.Site
		}
	})
	return types.String(first)
}

func contacts(entries []*v1alpha1.ScimValue, protocol v1alpha1.ContactProtocol) ref.Val {
	made := []v1alpha1.PersonContact{}
	seen := map[v1alpha1.PersonContact]bool{}
	for _, entry := range entries {
		contact := v1alpha1.PersonContact{Protocol: protocol, Label: entry.Type, URI: strings.TrimSpace(entry.Value)}
		if contact.URI != "" && !seen[contact] {
			seen[contact] = true
			made = append(made, contact)
		}
	}
	return listOf(contactType, made)
}

func addresses(list ref.Val) ref.Val {
	made := []v1alpha1.PersonAddress{}
	each(list, func(item ref.Val) {
		from, ok := item.Value().(*v1alpha1.ScimAddress)
		if !ok {
			return
		}
		parts := v1alpha1.PersonAddress{
			Address: from.StreetAddress, City: from.Locality, State: from.Region, Zip: from.PostalCode, Country: from.Country,
		}
		if isBlank(parts.Address + parts.City + parts.State + parts.Zip + parts.Country) {
			parts.Address = strings.TrimSpace(from.Formatted)
		}
		if parts != (v1alpha1.PersonAddress{}) {
			parts.Label = from.Type
			made = append(made, parts)
		}
	})
	return listOf(addressType, made)
}
