package scim

import "maps"

// applyMulti applies an operation to a multi-valued complex attribute.
func (p *patcher) applyMulti(op Op, t target, value any) error {
	if t.filter != nil || t.sub != nil {
		if done, err := p.removeMembers(op, t); done || err != nil {
			return err
		}
		return p.applySelected(op, t, value)
	}
	if done, err := p.applyMarked(op, t, value); done {
		return err
	}
	switch {
	case op == OpAdd:
		return p.addValues(t, value)
	case op == OpReplace:
		return p.replaceValues(t, value)
	case value != nil:
		return p.removeValues(t, value)
	}
	p.set = p.set.drop(t.attr)
	return p.unset(t)
}

func (p *patcher) replaceValues(t target, value any) error {
	v, err := t.attr.normalize(value)
	if err != nil {
		return err
	}
	p.set = p.set.drop(t.attr)
	if v == nil {
		return p.unset(t)
	}
	p.put(t, v)
	return nil
}

// addValues appends the values that are not there yet.
func (p *patcher) addValues(t target, value any) error {
	v, err := t.attr.normalize(value)
	if err != nil || v == nil {
		return err
	}
	added, _ := v.([]any)
	if t.attr.byValue() {
		members, err := p.members(t)
		if err == nil {
			members.add(added)
		}
		return err
	}
	values := p.values(t)
	if err := p.spend(t.attr.weigh(values)); err != nil {
		return err
	}
	out := make([]any, len(values), len(values)+len(added))
	copy(out, values)
	at := make(map[string]int, len(out))
	for i, element := range out {
		at[t.attr.key(element, p.texts)] = i
	}
	fresh := make(map[int]bool, len(added))
	for _, element := range added {
		i, exists := at[t.attr.key(element, p.texts)]
		if exists && !t.attr.free {
			out[i] = addParts(out[i], element)
		} else if !exists {
			i = len(out)
			out = append(out, element)
		}
		// A value that was there and is named again without its mark may lose it to one that comes with it.
		fresh[i] = isPrimary(element)
	}
	return p.putValues(t, out, fresh)
}

// addParts returns a copy of a value with the sub-attributes that a value equal
// to it has. What makes them equal keeps its spelling.
func addParts(element, equal any) map[string]any {
	out := maps.Clone(asMap(element))
	for name, v := range asMap(equal) {
		if name != "value" && name != "type" {
			out[name] = v
		}
	}
	return out
}

// removeValues removes the values that the client lists, as Microsoft Entra ID
// does for members. A listed value stands for all that have its sub-attributes.
func (p *patcher) removeValues(t target, value any) error {
	list := asList(value)
	if t.attr.byValue() {
		return p.removeListedMembers(t, list)
	}
	listed, err := t.attr.listing(list, p.texts)
	if err != nil {
		return err
	}
	values := p.values(t)
	if err := p.spend(t.attr.weigh(values) + len(values)*listed.cost()); err != nil {
		return err
	}
	kept := make([]any, 0, len(values))
	for _, element := range values {
		if !listed.has(element) {
			kept = append(kept, element)
		}
	}
	return p.putValues(t, kept, nil)
}

func (p *patcher) removeListedMembers(t target, list []any) error {
	ids := make([]string, 0, len(list))
	for _, item := range list {
		object, err := t.attr.asListed(item)
		if err != nil {
			return err
		}
		id := elementValue(object)
		if id == "" {
			return invalidValue("every value of %s to remove needs its value", t.attr.Name)
		}
		ids = append(ids, id)
	}
	members, err := p.members(t)
	if err != nil {
		return err
	}
	for _, id := range ids {
		members.remove(id)
	}
	return nil
}

// values returns the values of a multi-valued attribute. One without a schema may be kept without an array.
func (p *patcher) values(t target) []any {
	v := p.get(t)
	if v == nil {
		return nil
	}
	return asList(v)
}

// asList returns an array as it is, and any other value as an array of one.
func asList(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

// asListed reads one item of a list of values to remove. A string stands for its "value".
func (a *Attribute) asListed(item any) (map[string]any, error) {
	if s, ok := item.(string); ok {
		item = map[string]any{"value": s}
	}
	object, ok := item.(map[string]any)
	if !ok {
		return nil, invalidValue("the values of %s to remove must be objects", a.Name)
	}
	out := make(map[string]any, len(object))
	for name, v := range object {
		sub := a.Sub(name)
		if sub == nil || sub.Mutability == ReadOnly {
			continue
		}
		one, err := sub.normalize(v)
		if err != nil {
			return nil, err
		}
		if one != nil {
			out[sub.Name] = one
		}
	}
	return out, nil
}

// putValues sets a multi-valued attribute after an operation. fresh tells which
// values the operation touched: if one of them is primary, the others no longer are. Without a schema
// primary is a name like any other.
func (p *patcher) putValues(t target, values []any, fresh map[int]bool) error {
	primary := -1
	for i := range values {
		if t.attr.free || !fresh[i] || !isPrimary(values[i]) {
			continue
		}
		if primary >= 0 {
			return invalidValue("more than one value of %s would be primary", t.attr.Name)
		}
		primary = i
	}
	for i := range values {
		if primary >= 0 && i != primary && isPrimary(values[i]) {
			values[i] = withMember(values[i], "primary", false)
		}
	}
	values = t.attr.dedupe(values, p.texts)
	if err := t.attr.checkCount(values); err != nil {
		return err
	}
	if len(values) == 0 {
		return p.unset(t)
	}
	if _, isList := p.get(t).([]any); t.attr.free && len(values) == 1 && len(p.values(t)) == 1 && !isList {
		p.put(t, values[0]) // as it was kept
		return nil
	}
	p.put(t, values)
	return nil
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}
