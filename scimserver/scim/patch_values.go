package scim

import (
	"maps"
	"strings"

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
		p.members(t).add(added)
		return nil
	}
	values := p.values(t)
	out := make([]any, len(values), len(values)+len(added))
	copy(out, values)
	at := make(map[string]int, len(out))
	for i, element := range out {
		at[t.attr.key(element)] = i
	}
	fresh := make(map[int]bool, len(added))
	for _, element := range added {
		i, exists := at[t.attr.key(element)]
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
	listed, err := t.attr.listing(list)
	if err != nil {
		return err
	}
	values := p.values(t)
	kept := make([]any, 0, len(values))
	for _, element := range values {
		if !listed(element) {
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
	members := p.members(t)
	for _, id := range ids {
		members.remove(id)
	}
	return nil
}

// listing returns a function that reports whether an element has all the sub-attributes of one of the items.
func (a *Attribute) listing(items []any) (func(element any) bool, error) {
	if a.free {
		return freeListing(items)
	}
	wanted := make([]map[string]any, 0, len(items))
	for _, item := range items {
		object, err := a.asListed(item)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, object)
	}
	return func(element any) bool { return a.listed(element, wanted) }, nil
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
	values := p.values(t)
	if t.filter == nil && len(values) > 1 && strings.EqualFold(t.sub.Name, "value") {
		return BadRequest(TypeNoTarget, "%s has several values, which cannot all become the same: select one with a filter, such as %s[type eq \"work\"].%s",
			t.attr.Name, t.attr.Name, t.sub.Name)
	}
	value = single(value, t.sub)
	if _, text := value.(string); t.sub == nil && op != OpRemove && !t.attr.byValue() && (text || t.attr.free && isSimple(value)) {
		t.sub = t.attr.Sub("value") // what else a simple value can mean; nil where there is none
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
		if !unassigned(changed) {
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

// changeElement returns one selected value as the operation makes it; nothing removes it.
func changeElement(op Op, t target, element, value any) (any, error) {
	if t.sub != nil && t.sub.Required {
		switch {
		case op == OpRemove:
			return nil, BadRequest(TypeMutability, "%s is required and cannot be removed", t.sub.path())
		case op == OpReplace && value == nil:
			return nil, nullError(t.sub)
		}
	}
	object, isObject := element.(map[string]any)
	if !isObject {
		object = map[string]any{"value": element} // as filters look at it
	}
	switch {
	case t.sub != nil || op == OpAdd:
		var err error
		if object, err = changeParts(op, t, object, value); err != nil {
			return nil, err
		}
	case op == OpRemove || value == nil:
		return nil, nil
	default:
		// RFC 7644 section 3.5.2.3: the selected values are replaced, not merged, but what the filter says of them stays.
		replaced, err := t.attr.asElement(value)
		if err != nil {
			return nil, err
		}
		terms, _ := t.demanded()
		if object, err = withTerms(replaced, terms); err != nil {
			return nil, err
		}
	}
	if v, simple := object["value"]; !isObject && simple && len(object) == 1 {
		return v, nil
	}
	return object, nil
}

// asElement returns a value that is to replace selected ones.
func (a *Attribute) asElement(value any) (map[string]any, error) {
	v := freeValue(value)
	if !a.free {
		var err error
		if v, err = a.normalizeOne(value); err != nil {
			return nil, err
		}
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, invalidValue("the value for %s has none of its sub-attributes", a.Name)
	}
	return object, nil
}

// isSimple reports whether a value is neither null nor made of others.
func isSimple(v any) bool {
	switch v.(type) {
	case nil, []any, map[string]any:
		return false
	default:
		return true
	}
}

// single takes the object out of an array of one, where one value is meant.
func single(value any, sub *Attribute) any {
	if list, ok := value.([]any); ok && sub == nil && len(list) == 1 {
		return list[0]
	}
	return value
}

// demanded returns what the filter says by eq of each value that it selects, and whether that is all it says.
func (t *target) demanded() (terms []*comparison, all bool) {
	all = true
	for _, n := range conjuncts(t.filter) {
		c, ok := n.(*comparison)
		if ok && c.op == opEq && c.literal != nil && (c.target.attr == nil || c.target.attr.Mutability != ReadOnly) {
			terms = append(terms, c)
		} else {
			all = false
		}
	}
	return terms, all
}

// withTerms sets what a filter demands of a value, which the caller owns, where the value says nothing else.
func withTerms(object map[string]any, terms []*comparison) (map[string]any, error) {
	for _, c := range terms {
		sub := c.target.attr
		if sub == nil {
			sub = &Attribute{Name: c.target.dynamic, free: true}
		}
		if descend(object, sub.Name, false) != nil {
			continue
		}
		if err := changePart(OpAdd, sub, object, c.literal); err != nil {
			return nil, err
		}
	}
	return object, nil
}

// createElement makes the value that a filter looked for and did not find: the
// sub-attributes that the filter demands, and what the operation sets, which comes first.
func (p *patcher) createElement(op Op, t target, value any) (map[string]any, error) {
	var terms []*comparison
	if t.filter != nil {
		if op == OpReplace && p.profile != Entra {
			return nil, BadRequest(TypeNoTarget, "no value of %s matches the filter", t.attr.Name)
		}
		all := false
		if terms, all = t.demanded(); !all {
			return nil, BadRequest(TypeNoTarget,
				"no value of %s matches the filter, and only a filter of eq and and can create one", t.attr.Name)
		}
	}
	created, err := changeParts(OpAdd, t, nil, value)
	if err != nil {
		return nil, err
	}
	if created, err = withTerms(created, terms); err != nil {
		return nil, err
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
