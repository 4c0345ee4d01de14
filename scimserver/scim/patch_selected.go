package scim

import "strings"

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
	length := 0 // of the value, which each selected one gets
	if t.attr.free && op != OpRemove {
		value = withoutNulls(value)
		length = encodedLength(value)
	}
	selected, err := p.selectValues(t, values, length)
	if err != nil {
		return err
	}
	if err := p.spend(len(selected) * weight(value)); err != nil {
		return err
	}
	out := make([]any, 0, len(values)+1)
	fresh := map[int]bool{}
	for i, element := range values {
		if !selected[i] {
			out = append(out, element)
			continue
		}
		changed, err := p.changeElement(op, t, element, value)
		if err != nil {
			return err
		}
		if !unassigned(changed) {
			fresh[len(out)] = true
			out = append(out, changed)
		}
	}
	if len(selected) == 0 {
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

// selectValues returns which of the values the brackets select; all if there are none. Each gets something of that length.
func (p *patcher) selectValues(t target, values []any, length int) (map[int]bool, error) {
	if err := p.spend(t.attr.weigh(values) * (1 + terms(t.filter))); err != nil {
		return nil, err
	}
	selected := map[int]bool{}
	for i, element := range values {
		if t.filter != nil && !matchElement(t.filter, element, p.texts) {
			continue
		}
		if selected[i] = true; len(selected)*length > MaxUnknownSize {
			return nil, invalidValue("%s would be longer than %d bytes", t.attr.Name, MaxUnknownSize)
		}
	}
	return selected, nil
}

// changeElement returns one selected value as the operation makes it; nothing removes it.
func (p *patcher) changeElement(op Op, t target, element, value any) (any, error) {
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
	_, parts := value.(map[string]any)
	switch {
	case t.sub != nil || op == OpAdd || op == OpRemove && parts && t.attr.free:
		var err error
		if object, err = p.changeParts(op, t, object, value); err != nil {
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
		if object, err = p.withTerms(replaced, terms, object); err != nil {
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

// withTerms sets what a filter demands of a value, which the caller owns, where the value says nothing else: as the value
// that the filter selected has it, or as the filter says where it is nil.
func (p *patcher) withTerms(object map[string]any, terms []*comparison, selected map[string]any) (map[string]any, error) {
	for _, c := range terms {
		sub := c.target.attr
		if sub == nil {
			sub = &Attribute{Name: c.target.dynamic, free: true}
		}
		if descend(object, sub.Name, false) != nil {
			continue
		}
		demanded := c.literal
		if kept := descend(selected, sub.Name, false); isSimple(kept) {
			demanded = kept
		}
		if err := p.changePart(OpAdd, sub, object, demanded); err != nil {
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
		var all bool
		if terms, all = t.demanded(); !all {
			return nil, BadRequest(TypeNoTarget,
				"no value of %s matches the filter, and only a filter of eq and and can create one", t.attr.Name)
		}
	}
	created, err := p.changeParts(OpAdd, t, nil, value)
	if err != nil {
		return nil, err
	}
	if created, err = p.withTerms(created, terms, nil); err != nil {
		return nil, err
	}
	return created, t.attr.checkRequired(created)
}
