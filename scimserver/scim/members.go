package scim

import (
	"iter"
	"slices"
)

// memberSet holds the values of an attribute whose values are told apart by
// "value" alone, so that any number of operations that add or remove some take
// time in proportion to what they name, not to the size of the group.
type memberSet struct {
	target target
	// elements has nil where a value was removed.
	elements []any
	at       map[string]int
	// edits are nil unless the values came as a Stream. Then elements are only those that were added.
	edits *MemberEdits
}

// MemberEdits stand in what Patch.Apply returns for members that came as a Stream if it has only added and removed some by their
// "value": the others are not looked at, however many they are. Afterwards members are those of the Stream that are not
// removed, and those that are added.
type MemberEdits struct {
	of      Stream
	removed map[string]bool
	added   []any
}

// Added returns the ids of those who are members afterwards, whether they were before or not.
func (e *MemberEdits) Added() []string {
	ids := make([]string, len(e.added))
	for i, element := range e.added {
		ids[i] = elementValue(element)
	}
	return ids
}

// Removes reports whether an id is no member afterwards, unless it is among Added.
func (e *MemberEdits) Removes(id string) bool { return e.removed[id] }

// all are the members afterwards, in order. One that was there and is added comes twice. They are good until the next one.
func (e *MemberEdits) all() iter.Seq[any] {
	return func(yield func(any) bool) {
		for value := range e.of {
			if !e.removed[elementValue(value)] && !yield(value) {
				return
			}
		}
		for _, element := range e.added {
			if !yield(element) {
				return
			}
		}
	}
}

// values makes all of the members.
func (e *MemberEdits) values() []any {
	whole := memberSet{at: map[string]int{}}
	for element := range e.all() {
		whole.add([]any{cloneValue(element)})
	}
	return whole.elements
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
		s.edits = &MemberEdits{of: values, removed: map[string]bool{}}
	case *MemberEdits:
		s.edits = values
		s.add(values.added)
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

// complete makes the values of an attribute that came as a Stream, for operations that look at all of them.
func (p *patcher) complete(a *Attribute) any {
	switch values := p.res[a.Name].(type) {
	case Stream:
		p.res[a.Name] = values.values()
	case *MemberEdits:
		p.res[a.Name] = values.values()
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
	values := slices.DeleteFunc(s.elements, func(element any) bool { return element == nil })
	if s.edits != nil {
		s.edits.added = values
		p.res[s.target.attr.Name] = s.edits
		return
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
	if s.edits != nil {
		s.edits.removed[value] = true
	}
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
