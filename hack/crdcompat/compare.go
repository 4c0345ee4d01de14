package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// object is a part of a definition as YAML has it.
type object = map[string]any

// compare says what of a definition would refuse or lose what users have stored or written for the one before it, in the order of
// the places. What only opens more is not among it.
func compare(before, after object) []string {
	f := &findings{}
	for _, field := range []string{"group", "scope", "names.kind", "names.plural"} {
		if was, is := lookup(before, "spec."+field), lookup(after, "spec."+field); was != is {
			f.add("spec."+field, "changed from %v to %v", was, is)
		}
	}
	newVersions := byName(list(after, "spec.versions"))
	for name, was := range byName(list(before, "spec.versions")) {
		is, ok := newVersions[name]
		switch {
		case was["served"] != true:
		case !ok || is["served"] != true:
			f.add(name, "is not served any more")
		default:
			f.version(name, was, is)
		}
	}
	slices.Sort(f.lines)
	return f.lines
}

type findings struct{ lines []string }

func (f *findings) add(place, format string, arguments ...any) {
	f.lines = append(f.lines, place+": "+fmt.Sprintf(format, arguments...))
}

func (f *findings) version(name string, before, after object) {
	if before["storage"] == true && after["storage"] != true {
		f.add(name, "is not the storage version any more: stored objects have to be migrated")
	}
	for _, subresource := range slices.Sorted(maps.Keys(child(before, "subresources"))) {
		if _, ok := child(after, "subresources")[subresource]; !ok {
			f.add(name, "has no subresource %s any more", subresource)
		}
	}
	selectable := list(after, "selectableFields")
	for _, field := range list(before, "selectableFields") {
		if !slices.ContainsFunc(selectable, func(other any) bool { return reflect.DeepEqual(field, other) }) {
			f.add(name, "field selector %v is gone", lookup(field.(object), "jsonPath"))
		}
	}
	f.schema(name, child(child(before, "schema"), "openAPIV3Schema"), child(child(after, "schema"), "openAPIV3Schema"))
}

// schema compares what one place may hold, then the places in it.
func (f *findings) schema(place string, before, after object) {
	for _, keyword := range []string{"type", "format", "pattern", "default", "x-kubernetes-list-type", "x-kubernetes-map-type", "x-kubernetes-list-map-keys", "x-kubernetes-int-or-string"} {
		was, is := before[keyword], after[keyword]
		if !reflect.DeepEqual(was, is) && !(keyword == "pattern" && is == nil) && !(keyword == "default" && was == nil) {
			f.add(place, "%s changed from %v to %v", keyword, show(was), show(is))
		}
	}
	f.bounds(place, before, after)
	f.enumeration(place, before, after)
	for _, keyword := range []string{"nullable", "x-kubernetes-preserve-unknown-fields"} {
		if before[keyword] == true && after[keyword] != true {
			f.add(place, "%s is gone", keyword)
		}
	}
	rules := texts(before["x-kubernetes-validations"])
	for _, rule := range texts(after["x-kubernetes-validations"]) {
		if !slices.Contains(rules, rule) {
			f.add(place, "new rule %s", rule)
		}
	}
	f.properties(place, before, after)
	if items, ok := before["items"].(object); ok {
		f.schema(place+"[]", items, child(after, "items"))
	}
	if values, ok := before["additionalProperties"].(object); ok {
		f.schema(place+"{}", values, child(after, "additionalProperties"))
	}
}

func (f *findings) properties(place string, before, after object) {
	properties := child(after, "properties")
	for name, was := range child(before, "properties") {
		is, ok := properties[name].(object)
		if !ok {
			f.add(place+"."+name, "is gone: stored values would be dropped")
			continue
		}
		f.schema(place+"."+name, was.(object), is)
	}
	required, _ := before["required"].([]any)
	nowRequired, _ := after["required"].([]any)
	for _, name := range nowRequired {
		field, _ := properties[name.(string)].(object)
		if !slices.Contains(required, name) && field["default"] == nil {
			f.add(place+"."+name.(string), "has become required")
		}
	}
}

// bounds finds limits that have become narrower, or are new.
func (f *findings) bounds(place string, before, after object) {
	for _, keyword := range []string{"maxLength", "maxItems", "maxProperties", "maximum"} {
		was, had := number(before[keyword])
		is, has := number(after[keyword])
		if has && (!had || is < was) {
			f.add(place, "%s is now %v (%v before)", keyword, after[keyword], show(before[keyword]))
		}
	}
	for _, keyword := range []string{"minLength", "minItems", "minProperties", "minimum"} {
		was, had := number(before[keyword])
		is, has := number(after[keyword])
		if has && (!had || is > was) && !(is == 0 && keyword != "minimum") {
			f.add(place, "%s is now %v (%v before)", keyword, after[keyword], show(before[keyword]))
		}
	}
}

func (f *findings) enumeration(place string, before, after object) {
	was, had := before["enum"].([]any)
	is, has := after["enum"].([]any)
	if has && !had {
		f.add(place, "only %v are allowed now", is)
		return
	}
	for _, value := range was {
		if has && !slices.Contains(is, value) {
			f.add(place, "%v is not allowed any more", value)
		}
	}
}

func child(parent object, name string) object {
	found, _ := parent[name].(object)
	return found
}

func lookup(parent object, path string) any {
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		parent = child(parent, name)
	}
	return parent[names[len(names)-1]]
}

func list(parent object, path string) []any {
	found, _ := lookup(parent, path).([]any)
	return found
}

func byName(versions []any) map[string]object {
	found := map[string]object{}
	for _, version := range versions {
		if v, ok := version.(object); ok {
			found[fmt.Sprint(v["name"])] = v
		}
	}
	return found
}

func texts(rules any) []string {
	var found []string
	all, _ := rules.([]any)
	for _, rule := range all {
		found = append(found, fmt.Sprint(rule.(object)["rule"]))
	}
	return found
}

func number(value any) (float64, bool) {
	switch n := value.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func show(value any) any {
	if value == nil {
		return "none"
	}
	return value
}
