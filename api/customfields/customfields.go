// Package customfields reads the product's extension for custom fields. Clients send its values in two forms: as an
// object of id and value, or as {"custom_fields": [{"id": …, "value": …}]}, where the member has the extension's name
// once more. The SCIM server keeps the object, so that a path, a filter and a rule find a field by its id in the same
// way; users that people write down, for a preview or a test of rules, may have either.
package customfields

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"rservice.dev/scim-operator/api/fold"
)

// Name ends the URN of the extension, and is the name of the list within it.
const Name = "custom_fields"

// IsURN reports whether a URN is that of the extension: the brand within it differs between installations, its end does
// not. Case does not count.
func IsURN(urn string) bool { return strings.HasSuffix(strings.ToLower(urn), ":"+Name) }

// IsList reports whether a member of the extension has the name of the list.
func IsList(member string) bool { return strings.EqualFold(member, Name) }

// IsReserved reports whether a field with that id, behind which a path may lead into its value, would be taken for the
// list.
func IsReserved(id string) bool {
	name, _, _ := strings.Cut(id, ".")
	return IsList(name)
}

// Read returns the fields by their id. The value is what JSON decodes to: the extension in either form, or the list
// alone. A field without value is nil. Errors say what is wrong with the form or an id, and quote no value.
func Read(value any) (map[string]any, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return ReadList(value)
	}
	r := reader{fields: map[string]any{}}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !IsList(name) {
			r.add(name, object[name])
		} else if err := r.list(object[name]); err != nil {
			return nil, err
		}
	}
	return r.fields, r.check()
}

// ReadList is Read for the list; one object is a list of one, nil an empty one.
func ReadList(value any) (map[string]any, error) {
	r := reader{fields: map[string]any{}}
	if err := r.list(value); err != nil {
		return nil, err
	}
	return r.fields, r.check()
}

// reader gathers fields; ids has those that come twice, too.
type reader struct {
	ids    []string
	fields map[string]any
}

func (r *reader) add(id string, value any) {
	r.ids = append(r.ids, id)
	r.fields[id] = value
}

func (r *reader) list(value any) error {
	list, ok := value.([]any)
	if !ok && value != nil {
		list = []any{value}
	}
	for _, entry := range list {
		object, _ := entry.(map[string]any)
		id, _ := member(object, "id").(string)
		if id == "" {
			return errors.New(`custom fields must be an object, or a list of {"id": …, "value": …}`)
		}
		r.add(id, member(object, "value"))
	}
	return nil
}

func (r *reader) check() error {
	seen := make(map[string]bool, len(r.ids))
	for _, id := range r.ids {
		lower := strings.ToLower(id)
		switch {
		case IsReserved(id):
			return errors.New(Name + " is not the id of a custom field")
		case id == "":
			return errors.New("a custom field needs an id")
		case !fold.IsLine(id):
			return errors.New("the id of a custom field has control characters")
		case seen[lower]:
			return errors.New("a custom field is given more than once; ids are case insensitive")
		}
		seen[lower] = true
	}
	return nil
}

// member returns the member with that name in any case.
func member(object map[string]any, name string) any {
	if v, ok := object[name]; ok {
		return v
	}
	for key, v := range object {
		if strings.EqualFold(key, name) {
			return v
		}
	}
	return nil
}
