package scim

import (
	"strings"
)

// names finds the members of an object, which belongs to the patcher with all that is in it, by their names in any case. Many names may be looked up in
// one object while a request is read, so that those of a large one are put in order once.
type names struct {
	of map[string]any
	// spelt has the names by their lower case; nil as long as there are few.
	spelt map[string]string
	// inner has the names of those members that were looked into.
	inner map[string]*names
	// outer has the object as its member within; nil if it is no member.
	outer  *names
	within string
}

// fewNames is up to how many members are looked at one after the other.
const fewNames = 16

// find returns the name as the object spells it, or as it is, and whether the object has it.
func (n *names) find(name string) (spelt string, exists bool) {
	if n.spelt == nil && len(n.of) <= fewNames {
		return spelling(n.of, name)
	}
	if _, ok := n.of[name]; ok {
		return name, true
	}
	if n.spelt == nil {
		n.spelt = make(map[string]string, len(n.of))
		for key := range n.of {
			n.spelt[lowerASCII(key)] = key
		}
	}
	if spelt, known := n.spelt[lowerASCII(name)]; known {
		if _, exists = n.of[spelt]; exists {
			return spelt, true
		}
	}
	return name, false
}

// spelling is find for an object in which few names are looked up.
func spelling(object map[string]any, name string) (spelt string, exists bool) {
	if _, ok := object[name]; ok {
		return name, true
	}
	for key := range object {
		if len(key) == len(name) && strings.EqualFold(key, name) {
			return key, true
		}
	}
	return name, false
}

// set sets a member that find has spelt.
func (n *names) set(name string, v any) {
	n.of[name] = v
	if n.spelt != nil {
		n.spelt[lowerASCII(name)] = name
	}
	delete(n.inner, name)
}

// remove removes a member that find has spelt, and the object with its last one.
func (n *names) remove(name string) {
	delete(n.of, name)
	delete(n.inner, name)
	if len(n.of) == 0 && n.outer != nil {
		n.outer.remove(n.within)
	}
}

// into returns the object that a member is, or nil if it is something else.
func (n *names) into(name string) *names {
	if known := n.inner[name]; known != nil {
		return known
	}
	object, ok := n.of[name].(map[string]any)
	if !ok {
		return nil
	}
	if n.inner == nil {
		n.inner = map[string]*names{}
	}
	n.inner[name] = &names{of: object, outer: n, within: name}
	return n.inner[name]
}

func noParts(name, part string) error {
	return invalidValue("%s is not one value with parts, and has no %s", name, part)
}
