package scim

import "maps"

// applyComplex applies an operation to a single-valued complex attribute. Both
// add and replace leave the sub-attributes alone that the value does not name
// (RFC 7644 section 3.5.2.3), and so does remove if it names some.
func (p *patcher) applyComplex(op Op, t target, value any) error {
	if list, ok := value.([]any); ok && len(list) == 1 && p.profile == Entra {
		value = list[0] // its manager is a list of one
	}
	_, parts := value.(map[string]any)
	if t.sub == nil && (op == OpRemove && !parts || op == OpReplace && value == nil) {
		return p.unset(t)
	}
	current, _ := p.get(t).(map[string]any)
	changed, err := p.changeParts(op, t, current, value)
	if err != nil {
		return err
	}
	// A reference and a name left over from another value would be wrong.
	if !t.attr.free && current["value"] != changed["value"] {
		for _, name := range []string{"$ref", "displayName"} {
			if _, kept := current[name]; kept && current[name] == changed[name] {
				delete(changed, name)
			}
		}
	}
	if len(changed) == 0 {
		return p.unset(t)
	}
	p.put(t, changed)
	return nil
}

// changeParts returns a copy of a complex value as the operation makes it. The
// target may name a sub-attribute.
func (p *patcher) changeParts(op Op, t target, current map[string]any, value any) (map[string]any, error) {
	if err := p.spend(len(current)); err != nil {
		return nil, err
	}
	out := maps.Clone(current)
	if out == nil {
		out = map[string]any{}
	}
	if t.sub != nil {
		return out, p.changePart(op, t.sub, out, value)
	}
	if value == nil {
		return out, nil
	}
	object, err := t.attr.asObject(value)
	if err != nil {
		return nil, err
	}
	if t.attr.free {
		return out, p.changeFreeParts(op, &names{of: out}, object)
	}
	for name, member := range object {
		sub := t.attr.Sub(name)
		if sub == nil || sub.Mutability == ReadOnly {
			continue
		}
		if err := p.changePart(op, sub, out, member); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// changePart changes one sub-attribute of a value that the caller owns.
func (p *patcher) changePart(op Op, sub *Attribute, object map[string]any, value any) error {
	if sub.free {
		return p.changeFreePath(op, &names{of: object}, sub.Name, value)
	}
	var v any
	if op != OpRemove {
		var err error
		if v, err = sub.normalize(unwrap(value)); err != nil {
			return err
		}
		if v == nil && op == OpAdd {
			return nil
		}
	}
	old, exists := object[sub.Name]
	if exists && sub.Mutability == Immutable && old != v {
		return BadRequest(TypeMutability, "%s cannot change once it is set", sub.path())
	}
	if v == nil {
		delete(object, sub.Name)
	} else {
		object[sub.Name] = v
	}
	return nil
}
