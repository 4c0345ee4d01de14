package scim

import (
	"maps"
	"slices"
	"strings"

	"rservice.dev/scim-operator/api/fold"
)

// Custom fields are the product's extension. Clients send its values as an object
// of id and value, or as {"custom_fields": [{"id": …, "value": …}]}, the member
// being the extension's name once more. Both are kept as the object, so that a
// path, a filter and a rule find a field by its id in the same way. The brand
// within the URN differs between installations; its end does not.

// customFieldsName ends the URN of the extension, and is the name of the list within it.
const customFieldsName = "custom_fields"

// splitCustomFields splits a path into the URN of the extension and what follows its colon.
func splitCustomFields(path string) (urn, rest string, ok bool) {
	i := strings.Index(lowerASCII(path), ":"+customFieldsName)
	if i < 0 {
		return "", "", false
	}
	end := i + 1 + len(customFieldsName)
	switch rest := path[end:]; {
	case rest == "":
		return path, "", true
	case rest[0] == ':' && len(rest) > 1:
		return path[:end], rest[1:], true
	default:
		return "", "", false
	}
}

// selectCustomField turns a target such as URN[id eq "badge"].value, also with
// the name of the list after the URN, into URN:badge.
func selectCustomField(t *target, urn string, condition node, part string) error {
	c, ok := condition.(*comparison)
	id := ""
	if ok && c.op == opEq && strings.EqualFold(c.target.dynamic, "id") {
		id, _ = c.literal.(string)
	}
	if id == "" || part != "" && !strings.EqualFold(part, "value") {
		return invalidPath(`select a custom field by its id: %s[id eq "…"].value`, urn)
	}
	t.dynamic, t.entry, t.literal = urn+":"+id, part == "", true
	return nil
}

func isListName(name string) bool { return strings.EqualFold(name, customFieldsName) }

// reservedField reports whether a field with that id, which may lead into its value, would be taken for the list.
func reservedField(id string) bool {
	name, _, _ := strings.Cut(id, ".")
	return isListName(name)
}

// customFields rewrites an operation on the extension, or on the list within it,
// as one on the extension in the form of an object. One on a single field stays as it is.
func (p *patcher) customFields(op Op, urn, rest string, value any) (Op, string, any, error) {
	list := isListName(rest)
	switch {
	case reservedField(rest) && !list:
		return op, rest, nil, invalidPath("%s is no custom field", rest)
	case rest != "" && !list:
		return op, rest, value, nil
	case value == nil:
		return op, "", nil, nil
	}
	fields, err := fieldsOf(value, list)
	if err != nil {
		return op, rest, nil, err
	}
	if op == OpReplace && list {
		delete(p.res, urn)
	}
	return op, "", fields, nil
}

// withList returns the extension as a filter or an order looks at it that names the list, which is not how it is kept.
func withList(urn, path string, extension any) any {
	if _, _, custom := splitCustomFields(urn); !custom || !reservedField(path) {
		return extension
	}
	fields := asMap(extension)
	list := make([]any, 0, len(fields))
	for _, id := range slices.Sorted(maps.Keys(fields)) {
		list = append(list, map[string]any{"id": id, "value": fields[id]})
	}
	return map[string]any{customFieldsName: list}
}

// fieldsOf returns fields in either form by their id. A field without value is null.
func fieldsOf(value any, list bool) (map[string]any, error) {
	var ids []string
	fields := map[string]any{}
	add := func(id string, v any) {
		ids = append(ids, id)
		fields[id] = v
	}
	object, isObject := value.(map[string]any)
	if list || !isObject {
		if err := eachField(value, add); err != nil {
			return nil, err
		}
	} else {
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if !isListName(name) {
				add(name, object[name])
			} else if err := eachField(object[name], add); err != nil {
				return nil, err
			}
		}
	}
	if slices.ContainsFunc(ids, reservedField) {
		return nil, invalidValue("%s is not the id of a custom field", customFieldsName)
	}
	if slices.Contains(ids, "") {
		return nil, invalidValue("a custom field needs an id")
	}
	if slices.ContainsFunc(ids, func(id string) bool { return !fold.IsLine(id) }) {
		return nil, invalidValue("the id of a custom field has control characters")
	}
	if repeats(ids) {
		return nil, invalidValue("a custom field is given more than once; ids are case insensitive")
	}
	return fields, nil
}

// eachField reads a list of {"id": …, "value": …}.
func eachField(value any, add func(id string, v any)) error {
	list, ok := value.([]any)
	if !ok && value != nil {
		list = []any{value}
	}
	for _, entry := range list {
		object, _ := entry.(map[string]any)
		id, _ := member(object, "id").(string)
		if id == "" {
			return invalidValue(`custom fields must be an object, or a list of {"id": …, "value": …}`)
		}
		add(id, member(object, "value"))
	}
	return nil
}
