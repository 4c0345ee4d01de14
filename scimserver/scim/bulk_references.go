package scim

import (
	"net/http"
	"slices"
	"strings"
)

// bulkReference returns the bulkId that a string refers to.
func bulkReference(s string) (bulkID string, ok bool) {
	return strings.CutPrefix(s, bulkIDPrefix)
}

// referenceWalk goes through the data of a bulk operation and puts what replace returns
// in the place of every reference. A text is a reference only where a resource can be
// referred to: in an attribute with a $ref, and in value and $ref of an extension without a
// schema. Anywhere else a text may begin like one and is kept.
type referenceWalk struct {
	rt      *ResourceType
	replace func(bulkID string) string
}

// data returns a copy of an operation's data.
func (w referenceWalk) data(method string, data map[string]any) map[string]any {
	if data == nil || method != http.MethodPatch {
		return w.attributes("", data)
	}
	out := make(map[string]any, len(data))
	for name, v := range data {
		out[name] = v
		if list, ok := v.([]any); ok && strings.EqualFold(name, "Operations") {
			out[name] = w.each(list, w.patchOperation)
		}
	}
	return out
}

func (w referenceWalk) patchOperation(v any) any {
	operation, ok := v.(map[string]any)
	if !ok {
		return v
	}
	path, _ := member(operation, "path").(string)
	out := make(map[string]any, len(operation))
	for name, v := range operation {
		if strings.EqualFold(name, "value") {
			v = w.patchValue(strings.TrimSpace(path), v)
		}
		out[name] = v
	}
	return out
}

func (w referenceWalk) patchValue(path string, v any) any {
	if path == "" {
		if object, ok := v.(map[string]any); ok {
			return w.attributes("", object)
		}
		return v
	}
	head, _, sub, err := splitValuePath(path)
	if err != nil {
		return v // the operation will be refused
	}
	if sub != "" {
		head += "." + sub
	}
	return w.value(head, v)
}

// attributes goes through an object of attributes: a resource, or with its URN an extension.
func (w referenceWalk) attributes(urn string, object map[string]any) map[string]any {
	if object == nil {
		return nil
	}
	out := make(map[string]any, len(object))
	for name, v := range object {
		out[name] = w.value(urn+name, v)
	}
	return out
}

// value goes through the value of the attribute at a path.
func (w referenceWalk) value(path string, v any) any {
	found := w.rt.resolve(path)
	if found.problem != "" && !IsURN(path) {
		// A profile may let a path leave out the URN.
		found = w.inExtensions(path)
	}
	switch {
	case found.problem != "":
		return v
	case found.container != "":
		object, ok := v.(map[string]any)
		if !ok {
			return v
		}
		return w.attributes(found.container+":", object)
	case found.attr == nil:
		return w.unknown(v)
	case refersToResources(found.attr) && (found.sub == nil || holdsReference(found.sub.Name)):
		return w.reference(v)
	}
	return v
}

func (w referenceWalk) inExtensions(path string) lookup {
	found := lookup{problem: "there is none"}
	for _, extension := range w.rt.Extensions {
		if found.problem != "" {
			found = resolveIn(extension.Attribute, path)
		}
	}
	return found
}

// refersToResources reports whether the values of an attribute are references to users or groups.
func refersToResources(a *Attribute) bool {
	ref := a.Sub("$ref")
	return ref != nil && (slices.Contains(ref.ReferenceTypes, User.Name) || slices.Contains(ref.ReferenceTypes, Group.Name))
}

func holdsReference(name string) bool {
	return strings.EqualFold(name, "value") || strings.EqualFold(name, "$ref")
}

// reference goes through the values of an attribute that refers to resources.
func (w referenceWalk) reference(v any) any {
	switch v := v.(type) {
	case string:
		if bulkID, ok := bulkReference(v); ok {
			return w.replace(bulkID)
		}
	case []any:
		return w.each(v, w.reference)
	case map[string]any:
		return w.complex(v, func(v any) any { return v })
	}
	return v
}

// unknown goes through what has no schema.
func (w referenceWalk) unknown(v any) any {
	switch v := v.(type) {
	case []any:
		return w.each(v, w.unknown)
	case map[string]any:
		return w.complex(v, w.unknown)
	}
	return v
}

// complex goes through value and $ref of a complex value, and leaves the others to rest.
func (w referenceWalk) complex(object map[string]any, rest func(any) any) map[string]any {
	out := make(map[string]any, len(object))
	for name, v := range object {
		if text, ok := v.(string); ok && holdsReference(name) {
			out[name] = w.reference(text)
		} else {
			out[name] = rest(v)
		}
	}
	return out
}

func (w referenceWalk) each(list []any, f func(any) any) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}

// eachReference calls f with the bulkId of every reference of the operation.
func (o *BulkOperation) eachReference(f func(bulkID string)) {
	if bulkID, ok := bulkReference(o.id); ok {
		f(bulkID)
	}
	note := func(bulkID string) string { f(bulkID); return "" }
	referenceWalk{rt: o.rt, replace: note}.data(o.Method, o.data)
}

// withIDs returns the id of the operation's path and a copy of data, with ids in the place
// of references to them, and whether ids has them all.
func (o *BulkOperation) withIDs(data map[string]any, ids map[string]string) (id string, resolved map[string]any, known bool) {
	known = true
	replace := func(bulkID string) string {
		id, ok := ids[bulkID]
		known = known && ok
		return id
	}
	id = o.id
	if bulkID, ok := bulkReference(id); ok {
		id = replace(bulkID)
	}
	resolved = referenceWalk{rt: o.rt, replace: replace}.data(o.Method, data)
	return id, resolved, known
}

// splitReferences divides a resource in two: later has the attributes with a reference
// to one of the bulkIds, of an array only those values, and now has the rest.
func (rt *ResourceType) splitReferences(resource map[string]any, bulkIDs map[string]bool) (now, later map[string]any) {
	now, later = map[string]any{}, map[string]any{}
	for name, v := range resource {
		list, ok := v.([]any)
		if !ok {
			if rt.refersTo(name, v, bulkIDs) {
				later[name] = v
			} else {
				now[name] = v
			}
			continue
		}
		var keep, move []any
		for _, element := range list {
			if rt.refersTo(name, element, bulkIDs) {
				move = append(move, element)
			} else {
				keep = append(keep, element)
			}
		}
		if now[name] = keep; move != nil {
			later[name] = move
		}
	}
	return now, later
}

func (rt *ResourceType) refersTo(name string, v any, bulkIDs map[string]bool) bool {
	found := false
	note := func(bulkID string) string { found = found || bulkIDs[bulkID]; return "" }
	referenceWalk{rt: rt, replace: note}.value(name, v)
	return found
}
