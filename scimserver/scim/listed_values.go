package scim

import (
	"maps"
	"slices"
)

// listedValues are values that a client lists, such as those to remove. Other values are like one of them if they have
// all that it has, whatever else they have. What is no object, which there is without a schema only, stands for itself, and
// for values whose "value" it is.
type listedValues struct {
	attr   *Attribute
	texts  folds
	simple map[string]bool
	// objects has the listed ones by the members that they name, joined.
	objects map[string]*sameNames
}

// sameNames are listed objects that name the same members, by what those are.
type sameNames struct {
	names []string
	keys  map[string]bool
}

func (a *Attribute) listing(items []any, texts folds) (*listedValues, error) {
	l := &listedValues{attr: a, texts: texts, simple: map[string]bool{}, objects: map[string]*sameNames{}}
	for _, item := range items {
		object, ok := item.(map[string]any)
		if a.free && !ok {
			l.simple[string(appendFreeKey(nil, item, texts))] = true
			continue
		}
		if !a.free {
			var err error
			if object, err = a.asListed(item); err != nil {
				return nil, err
			}
		}
		l.add(object)
	}
	return l, nil
}

func (l *listedValues) add(object map[string]any) {
	var names []string
	var joined, key []byte
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if v := object[name]; !unassigned(v) {
			names, joined = append(names, name), appendString(joined, name)
			key = append(append(key, l.key(name, v)...), ',')
		}
	}
	if len(names) == 0 {
		return // all values would be like it
	}
	same := l.objects[string(joined)]
	if same == nil {
		same = &sameNames{names: names, keys: map[string]bool{}}
		l.objects[string(joined)] = same
	}
	same.keys[string(key)] = true
}

// key returns a text that is equal for members that count as the same.
func (l *listedValues) key(name string, v any) string {
	if text, ok := v.(string); ok && !l.attr.free && l.attr.Sub(name).CaseExact {
		return string(appendString(nil, text))
	}
	return string(appendFreeKey(nil, v, l.texts))
}

// cost is how many look-ups one value takes at most.
func (l *listedValues) cost() int {
	n := 1
	for _, same := range l.objects {
		n += len(same.names)
	}
	return n
}

// has reports whether a value is like one in the list. Each of its members is looked at once, however long the list is.
func (l *listedValues) has(element any) bool {
	object, ok := element.(map[string]any)
	if !ok {
		object = map[string]any{"value": element}
	}
	known, keys := &names{of: object}, map[string]string{}
	key := func(name string) (string, bool) {
		spelt, has := known.find(name)
		if !has {
			return "", false
		}
		if _, done := keys[spelt]; !done {
			keys[spelt] = l.key(spelt, object[spelt])
		}
		return keys[spelt], true
	}
	if len(l.simple) > 0 {
		value, has := key("value")
		if has && l.simple[value] || l.simple[string(appendFreeKey(nil, element, l.texts))] {
			return true
		}
	}
	for _, same := range l.objects {
		var joined []byte
		complete := true
		for _, name := range same.names {
			member, has := key(name)
			if complete = has; !has {
				break
			}
			joined = append(append(joined, member...), ',')
		}
		if complete && same.keys[string(joined)] {
			return true
		}
	}
	return false
}
