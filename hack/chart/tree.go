package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// variants is a set of variants of the installation, one a bit. The first is the installation without components.
type variants uint64

const plain variants = 1

// tree is a document, or a part of one, in all variants at once. It is a map, a list or alternatives of something else.
type tree struct {
	entries      []branch
	list         bool
	alternatives []alternative
}

// branch is an entry of a map, or an item of a list, which has no key.
type branch struct {
	key  string
	in   variants
	tree *tree
}

type alternative struct {
	value any
	in    variants
}

// merge puts what variants have in one place into one tree. Values are as JSON decodes them, and expressions of templates.
func merge(values map[variants]any) *tree {
	in := slices.Sorted(maps.Keys(values))
	maximum := values[in[0]]
	switch maximum.(type) {
	case map[string]any:
		if all[map[string]any](values) {
			return mergeMaps(values, in)
		}
	case []any:
		if all[[]any](values) {
			return mergeLists(values, in)
		}
	}
	t := &tree{}
	for _, v := range in {
		i := slices.IndexFunc(t.alternatives, func(a alternative) bool { return reflect.DeepEqual(a.value, values[v]) })
		if i < 0 {
			i = len(t.alternatives)
			t.alternatives = append(t.alternatives, alternative{value: values[v]})
		}
		t.alternatives[i].in |= v
	}
	return t
}

func all[T any](values map[variants]any) bool {
	for _, value := range values {
		if _, ok := value.(T); !ok {
			return false
		}
	}
	return true
}

func mergeMaps(values map[variants]any, in []variants) *tree {
	keys := map[string]map[variants]any{}
	for _, v := range in {
		for key, value := range values[v].(map[string]any) { //nolint:forcetypeassert // merge has looked.
			if keys[key] == nil {
				keys[key] = map[variants]any{}
			}
			keys[key][v] = value
		}
	}
	t := &tree{}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		t.entries = append(t.entries, branch{key, union(keys[key]), merge(keys[key])})
	}
	return t
}

// mergeLists takes items for the same that have the same name, or are equal. What variants add comes behind what all have, as
// kustomize adds it.
func mergeLists(values map[variants]any, in []variants) *tree {
	var order []string
	items := map[string]map[variants]any{}
	for _, v := range in {
		seen := map[string]int{}
		for _, item := range values[v].([]any) { //nolint:forcetypeassert // merge has looked.
			key := identity(item)
			seen[key]++
			key = fmt.Sprint(key, seen[key])
			if items[key] == nil {
				items[key] = map[variants]any{}
				order = append(order, key)
			}
			items[key][v] = item
		}
	}
	t := &tree{list: true}
	for _, key := range order {
		t.entries = append(t.entries, branch{"", union(items[key]), merge(items[key])})
	}
	return t
}

func identity(item any) string {
	if object, ok := item.(map[string]any); ok {
		if name, ok := object["name"].(string); ok {
			return "name=" + name
		}
		return "keys=" + strings.Join(slices.Sorted(maps.Keys(object)), ",") + fmt.Sprint(object["path"])
	}
	return fmt.Sprintf("%T %v", item, item)
}

func union(values map[variants]any) variants {
	var in variants
	for v := range values {
		in |= v
	}
	return in
}
