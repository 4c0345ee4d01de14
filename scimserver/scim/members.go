package scim

import "slices"

// memberSet holds the values of an attribute whose values are told apart by
// "value" alone, so that any number of operations that add or remove some take
// time in proportion to what they name, not to the size of the group.
type memberSet struct {
	target target
	// elements has nil where a value was removed.
	elements []any
	at       map[string]int
}

// members returns the set for the target, loaded from the resource if need be.
func (p *patcher) members(t target) (*memberSet, error) {
	if p.set != nil && p.set.target.attr == t.attr {
		return p.set, nil
	}
	p.flush()
	s := &memberSet{target: t, at: map[string]int{}}
	switch values := p.res[t.attr.Name].(type) {
	case Stream:
		p.stream = values
		for value := range values {
			s.add([]any{lightMember(elementValue(value))})
		}
	case []any:
		s.elements, s.at = make([]any, 0, len(values)), make(map[string]int, len(values))
		s.add(values)
	}
	if err := p.spend(len(s.elements)); err != nil {
		return nil, err
	}
	p.set = s
	return s, nil
}

// lightMember stands for a value of a Stream as long as nothing but its "value" is looked at.
type lightMember string

func isLight(element any) bool {
	_, ok := element.(lightMember)
	return ok
}

// complete makes the values of an attribute that came as a Stream, for operations that look at all of them.
func (p *patcher) complete(a *Attribute) any {
	switch values := p.res[a.Name].(type) {
	case Stream:
		p.res[a.Name] = values.values()
	case []any:
		if p.stream == nil || !slices.ContainsFunc(values, isLight) {
			break
		}
		known := make(map[lightMember]any, len(values))
		for value := range p.stream {
			known[lightMember(elementValue(value))] = cloneMap(value)
		}
		whole := make([]any, len(values))
		for i, element := range values {
			if id, ok := element.(lightMember); ok {
				element = known[id]
			}
			whole[i] = element
		}
		p.res[a.Name], p.stream = whole, nil
	}
	return p.res[a.Name]
}

// flush writes the set back to the resource.
func (p *patcher) flush() {
	s := p.set
	if s == nil {
		return
	}
	p.set = nil
	values := make([]any, 0, len(s.at))
	for _, element := range s.elements {
		if element != nil {
			values = append(values, element)
		}
	}
	if len(values) == 0 {
		delete(p.res, s.target.attr.Name)
		return
	}
	p.res[s.target.attr.Name] = values
}

// drop forgets the set if it is that of the attribute, whose values are about to be replaced as a whole.
func (s *memberSet) drop(a *Attribute) *memberSet {
	if s != nil && s.target.attr == a {
		return nil
	}
	return s
}

// add appends the elements whose value is not there yet.
func (s *memberSet) add(elements []any) {
	for _, element := range elements {
		value := elementValue(element)
		if _, exists := s.at[value]; !exists {
			s.at[value] = len(s.elements)
			s.elements = append(s.elements, element)
		}
	}
}

// remove removes the element with that value, if there is one.
func (s *memberSet) remove(value string) {
	if i, ok := s.at[value]; ok {
		s.elements[i] = nil
		delete(s.at, value)
	}
}

// removeMembers carries out "remove members[value eq …]" on the set, also with
// several values joined by "or". It reports false for any other operation.
func (p *patcher) removeMembers(op Op, t target) (done bool, err error) {
	if op != OpRemove || t.sub != nil || !t.attr.byValue() {
		return false, nil
	}
	terms := []node{t.filter}
	if g, ok := t.filter.(*group); ok && !g.and {
		terms = g.terms
	}
	values := make([]string, 0, len(terms))
	for _, n := range terms {
		c, ok := n.(*comparison)
		if !ok || c.op != opEq || c.target.attr.Name != "value" {
			return false, nil
		}
		value, ok := c.literal.(string)
		if !ok {
			return false, nil
		}
		values = append(values, value)
	}
	members, err := p.members(t)
	if err != nil {
		return false, err
	}
	for _, value := range values {
		members.remove(value)
	}
	return true, nil
}
