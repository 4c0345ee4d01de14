package scim

import (
	"maps"
	"slices"
	"strings"

	"rservice.dev/scim-operator/api/customfields"
)

// Custom fields come in two forms (package customfields) and are kept as the object of id and value. So a path may
// lead to a field by its id, URN:id, or through the list, URN:custom_fields[id eq "id"].value.

// splitCustomFields splits a path into the URN of the extension and what follows its colon.
func splitCustomFields(path string) (urn, rest string, ok bool) {
	const name = ":" + customfields.Name
	i := strings.Index(lowerASCII(path), name)
	if i < 0 {
		return "", "", false
	}
	end := i + len(name)
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

// customFields rewrites an operation on the extension, or on the list within it,
// as one on the extension in the form of an object. One on a single field stays as it is.
func (p *patcher) customFields(op Op, urn, rest string, value any) (Op, string, any, error) {
	list := customfields.IsList(rest)
	switch {
	case customfields.IsReserved(rest) && !list:
		return op, rest, nil, invalidPath("%s is no custom field", rest)
	case rest != "" && !list:
		return op, rest, value, nil
	case value == nil:
		return op, "", nil, nil
	}
	read := customfields.Read
	if list {
		read = customfields.ReadList
	}
	fields, err := read(value)
	if err != nil {
		return op, rest, nil, invalidValue("%v", err)
	}
	if op == OpReplace && list {
		delete(p.res, urn)
	}
	return op, "", fields, nil
}

// withList returns the extension as a filter or an order looks at it that names the list, which is not how it is kept.
func withList(urn, path string, extension any) any {
	if _, _, custom := splitCustomFields(urn); !custom || !customfields.IsReserved(path) {
		return extension
	}
	fields := asMap(extension)
	list := make([]any, 0, len(fields))
	for _, id := range slices.Sorted(maps.Keys(fields)) {
		list = append(list, map[string]any{"id": id, "value": fields[id]})
	}
	return map[string]any{customfields.Name: list}
}
