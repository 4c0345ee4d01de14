package scim

import (
	"maps"

	"rservice.dev/scim-operator/api/fold"
)

// applyMulti applies an operation to a multi-valued complex attribute.
func (p *patcher) applyMulti(op Op, t target, value any) error {
	if t.filter != nil || t.sub != nil {
		if p.removeMembers(op, t) {
			return nil
		}
		return p.applySelected(op, t, value)
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
		p.members(t).add(added)
		return nil
	}
	values, _ := p.get(t).([]any)
	out := make([]any, len(values), len(values)+len(added))
	copy(out, values)
	at := make(map[string]int, len(out))
	for i, element := range out {
		at[t.attr.key(element)] = i
	}
	fresh := make(map[int]bool, len(added))
	for _, element := range added {
		i, exists := at[t.attr.key(element)]
		if exists {
			out[i] = addParts(out[i], element)
		} else {
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
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	wanted := make([]map[string]any, 0, len(list))
	for _, item := range list {
		object, err := t.attr.asListed(item)
		if err != nil {
			return err
		}
		wanted = append(wanted, object)
	}
	if t.attr.byValue() {
		members := p.members(t)
		for _, object := range wanted {
			id := elementValue(object)
			if id == "" {
				return invalidValue("every value of %s to remove needs its value", t.attr.Name)
			}
			members.remove(id)
		}
		return nil
	}
	values, _ := p.get(t).([]any)
	kept := make([]any, 0, len(values))
	for _, element := range values {
		if !t.attr.listed(element, wanted) {
			kept = append(kept, element)
		}
	}
	return p.putValues(t, kept, nil)
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

// listed reports whether an element has all the sub-attributes of one of the values wanted.
func (a *Attribute) listed(element any, wanted []map[string]any) bool {
	object := asMap(element)
	for _, want := range wanted {
		matches := len(want) > 0
		for name, v := range want {
			if !a.Sub(name).same(object[name], v) {
				matches = false
				break
			}
		}
		if matches {
			return true
		}
	}
	return false
}

// same compares two simple values by the attribute's case rule.
func (a *Attribute) same(x, y any) bool {
	s, okS := x.(string)
	t, okT := y.(string)
	if okS && okT && !a.CaseExact {
		return fold.Equal(s, t)
	}
	return x == y
}

// applySelected applies an operation to the values that a filter selects, or to
// all of them, and there to a sub-attribute or the whole value.
func (p *patcher) applySelected(op Op, t target, value any) error {
	values, _ := p.get(t).([]any)
	if t.filter == nil && op != OpRemove && len(values) > 1 {
		return BadRequest(TypeNoTarget, "%s has several values: select one with a filter, such as %s[type eq \"work\"].%s",
			t.attr.Name, t.attr.Name, t.sub.Name)
	}
	out := make([]any, 0, len(values)+1)
	fresh, matched := map[int]bool{}, false
	for _, element := range values {
		if t.filter != nil && !matchElement(t.filter, element) {
			out = append(out, element)
			continue
		}
		matched = true
		changed, err := changeElement(op, t, element, value)
		if err != nil {
			return err
		}
		if len(changed) > 0 {
			fresh[len(out)] = true
			out = append(out, changed)
		}
	}
	if !matched {
		if op == OpRemove || value == nil {
			return nil
		}
		created, err := p.createElement(op, t, value)
		if err != nil {
			return err
		}
		fresh[len(out)] = true
		out = append(out, created)
	}
	return p.putValues(t, out, fresh)
}

// changeElement returns one selected value as the operation makes it; empty removes it.
func changeElement(op Op, t target, element, value any) (map[string]any, error) {
	if t.sub != nil && t.sub.Required {
		switch {
		case op == OpRemove:
			return nil, BadRequest(TypeMutability, "%s is required and cannot be removed", t.sub.path())
		case op == OpReplace && value == nil:
			return nil, nullError(t.sub)
		}
	}
	if t.sub != nil || op == OpAdd {
		return changeParts(op, t, asMap(element), single(value, t.sub))
	}
	if op == OpRemove || value == nil {
		return nil, nil
	}
	// RFC 7644 section 3.5.2.3: the selected values are replaced, not merged.
	v, err := t.attr.normalizeOne(single(value, nil))
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, invalidValue("the value for %s has none of its sub-attributes", t.attr.Name)
	}
	return asMap(v), nil
}

// single takes the object out of an array of one, where one value is meant.
func single(value any, sub *Attribute) any {
	if list, ok := value.([]any); ok && sub == nil && len(list) == 1 {
		return list[0]
	}
	return value
}

// createElement makes the value that a filter looked for and did not find: the
// sub-attributes that the filter demands, and what the operation sets.
func (p *patcher) createElement(op Op, t target, value any) (map[string]any, error) {
	demanded := map[string]any{}
	if t.filter != nil {
		if op == OpReplace && p.profile != Entra {
			return nil, BadRequest(TypeNoTarget, "no value of %s matches the filter", t.attr.Name)
		}
		for _, n := range conjuncts(t.filter) {
			c, ok := n.(*comparison)
			if !ok || c.op != opEq || c.literal == nil || c.target.attr.Mutability == ReadOnly {
				return nil, BadRequest(TypeNoTarget,
					"no value of %s matches the filter, and only a filter of eq and and can create one", t.attr.Name)
			}
			v, err := c.target.attr.normalize(c.literal)
			if err != nil {
				return nil, err
			}
			demanded[c.target.attr.Name] = v
		}
	}
	// What the operation sets comes before what the filter demands.
	created, err := changeParts(OpAdd, t, nil, single(value, t.sub))
	if err != nil {
		return nil, err
	}
	for name, v := range demanded {
		if _, set := created[name]; !set {
			created[name] = v
		}
	}
	return created, t.attr.checkRequired(created)
}

// putValues sets a multi-valued attribute after an operation. fresh tells which
// values the operation touched: if one of them is primary, the others no longer are.
func (p *patcher) putValues(t target, values []any, fresh map[int]bool) error {
	primary := -1
	for i := range values {
		if !fresh[i] || !isPrimary(values[i]) {
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
	values = t.attr.dedupe(values)
	if len(values) == 0 {
		return p.unset(t)
	}
	p.put(t, values)
	return nil
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}
