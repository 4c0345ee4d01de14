package scim

import (
	"maps"
	"slices"
	"strings"

	"rservice.dev/scim-operator/api/fold"
)

// Extensions whose schema is not known go through the same operations as all others. What
// differs is found here: which part of a path is the URN, where in the extension the
// attribute is, and what kind of attribute it is, which its value and that of the operation tell.

// The limits of extensions whose schema is not known.
const (
	// MaxUnknownExtensions is how many of them a resource may have.
	MaxUnknownExtensions = 16
	// maxURN is how long the URN of one may be.
	maxURN = 1024
	// MaxUnknownSize is how long one of them may be with its URN, in bytes of JSON.
	MaxUnknownSize = 32 * 1024
)

// applyFree applies an operation to an extension whose schema is not known, or to an attribute in it.
func (p *patcher) applyFree(op Op, t target, value any) error {
	if !fold.IsLine(t.dynamic) || !fold.IsLine(t.part) {
		return invalidPath("the path has control characters")
	}
	shape := value
	if t.filter != nil {
		shape = nil // brackets follow an attribute
	}
	urn, rest := p.splitUnknown(t.dynamic, t.keyed, shape)
	if _, _, ok := splitCustomFields(urn); ok {
		if entry, ok := value.(map[string]any); ok && t.entry {
			value = member(entry, "value")
		}
		var err error
		if op, rest, value, err = p.customFields(op, urn, rest, value); err != nil {
			return err
		}
	}
	length := encodedLength(value)
	err := p.checkPath(rest, t)
	if err == nil {
		err = p.checkRoom(op, urn, length)
	}
	if err == nil && op != OpRemove {
		value, err = canonicalNumbers(value)
	}
	if err != nil {
		return err
	}
	if err := p.applyWithin(op, urn, rest, t, value); err != nil {
		return err
	}
	// A name with dots may take more room as objects than it has as a name.
	return p.settle(urn, 3*length+6*len(rest))
}

// checkPath bounds how long a path is and how many names it has: to find a name, all that follow are looked at.
func (p *patcher) checkPath(rest string, t target) error {
	if t.literal {
		return nil
	}
	length := len(rest) + len(t.part)
	if length > maxPatchPath {
		return invalidPath("a path into an extension is longer than %d characters", maxPatchPath)
	}
	return p.spend((strings.Count(rest, ".") + strings.Count(t.part, ".")) * (1 + length/32))
}

// applyWithin applies an operation to the attribute that a path leads to in an extension without a
// schema, or to the extension itself if the path is empty.
func (p *patcher) applyWithin(op Op, urn, path string, t target, value any) error {
	if path == "" && !t.literal {
		if t.filter != nil {
			return invalidPath("brackets can follow an attribute only, not %s", urn)
		}
		return p.applyContainer(op, urn, value)
	}
	if !t.keyed && !t.literal && !validParts(path) {
		return invalidPath("malformed attribute name in %s", urn)
	}
	if p.res.Complex(urn) == nil && (op == OpRemove || value == nil) {
		return nil
	}
	free, err := p.locate(urn, path, t, op, value)
	if err != nil {
		return err
	}
	return p.applyAt(op, free, value)
}

// splitUnknown tells which part of a path names the extension. The longest URN
// that the resource has, or that is known by name, decides; without one an
// object is taken as the extension itself, and another value as that of an
// attribute after the last colon. An object under a key, as opposed to one that
// is given for a path, always is the extension itself.
func (p *patcher) splitUnknown(path string, keyed bool, value any) (urn, rest string) {
	_, isObject := value.(map[string]any)
	urn, rest, custom := splitCustomFields(path)
	if urn = canonicalURN(urn); !custom {
		urn, rest, _ = splitKnownURN(path)
	}
	for key := range p.res {
		if after, ok := cutURN(path, key); ok && IsURN(key) && len(key) >= len(urn) {
			urn, rest = key, after
		}
	}
	if custom || urn != "" && (rest == "" || !keyed || !isObject) {
		return urn, rest
	}
	if isObject {
		return path, ""
	}
	if i := strings.LastIndexByte(path, ':'); i > len("urn:") && i < len(path)-1 {
		return path[:i], path[i+1:]
	}
	return path, ""
}

// freeExtension returns an extension without a schema that may be changed, with all that is in it.
func (p *patcher) freeExtension(urn string) *names {
	object := p.res.Complex(urn)
	if known := p.free[urn]; known != nil && object != nil {
		return known
	}
	object = cloneMap(object)
	p.res[urn], p.free[urn] = object, &names{of: object}
	return p.free[urn]
}

// locate finds the attribute that a path leads to within an extension. A name is looked for as
// it is first, and then as names separated by dots, which lead through single-valued attributes. The
// id of a custom field may have dots, so that they lead into a field that is there only.
func (p *patcher) locate(urn, path string, t target, op Op, value any) (target, error) {
	object := p.freeExtension(urn)
	_, _, custom := splitCustomFields(urn)
	for ; ; custom = false {
		name, exists := object.find(path)
		head, tail, dotted := strings.Cut(path, ".")
		parent, _ := object.find(head)
		if v := object.of[parent]; exists || !dotted || t.literal || custom && (v == nil || isSimple(v)) {
			return freeTarget(object, name, t.part, t.filter, op, value), nil
		}
		name = parent
		switch object.of[name].(type) {
		case map[string]any:
			object, path = object.into(name), tail
		case nil, []any:
			if t.filter != nil {
				return t, BadRequest(TypeNoTarget, "there is no single value of %s to look for %s in", name, tail)
			}
			return freeTarget(object, name, tail, nil, op, value), nil
		default:
			return t, noParts(name, tail)
		}
	}
}

// freeTarget returns an attribute without a schema as a target. part names what is meant of its
// values, and is empty if they are meant as a whole.
func freeTarget(object *names, name, part string, filter node, op Op, value any) target {
	a := &Attribute{Name: name, Type: String, free: true}
	t := target{lookup: lookup{operand: operand{attr: a}}, filter: filter, within: object}
	_, isList := object.of[name].([]any)
	_, isObject := object.of[name].(map[string]any)
	_, givenList := value.([]any)
	_, givenObject := value.(map[string]any)
	if part != "" {
		t.sub = a.Sub(part)
	}
	switch {
	case filter != nil, isList, givenList && part == "":
		a.Type, a.MultiValued = Complex, true
	case part != "", isObject && (givenObject || op == OpRemove), givenObject && op != OpRemove:
		a.Type = Complex
	}
	return t
}

// checkRoom refuses what would go beyond the limits before anything is done with it.
func (p *patcher) checkRoom(op Op, urn string, length int) error {
	if len(urn) > maxURN {
		return invalidValue("the URN of an extension is longer than %d characters", maxURN)
	}
	if len(urn)+length > MaxUnknownSize {
		return tooLong(urn)
	}
	if op == OpRemove || length == 0 || p.res.Complex(urn) != nil {
		return nil
	}
	unknown := 0
	for _, known := range p.res.extensionURNs() {
		if p.rt.Extension(known) == nil {
			unknown++
		}
	}
	if unknown >= MaxUnknownExtensions {
		return tooManyExtensions()
	}
	return nil
}

// settle checks the size of an extension that an operation may have made longer by so many bytes. They
// are added up, and the extension itself is looked at only when the sum reaches the limit.
func (p *patcher) settle(urn string, by int) error {
	if object, ok := p.res[urn].(map[string]any); !ok || len(object) == 0 {
		delete(p.res, urn)
		delete(p.sizes, urn)
		return nil
	}
	size, known := p.sizes[urn]
	if size += by; !known || size > MaxUnknownSize {
		size = len(urn) + encodedLength(p.res[urn])
		if err := p.spend(size / 32); err != nil {
			return err
		}
	}
	p.sizes[urn] = size
	if size > MaxUnknownSize {
		return tooLong(urn)
	}
	return nil
}

func tooManyExtensions() error {
	return invalidValue("a resource can have at most %d extensions whose schema is not known", MaxUnknownExtensions)
}

func tooLong(urn string) error {
	return invalidValue("%s is longer than %d bytes", urn, MaxUnknownSize)
}

// nesting is how many levels of objects and arrays a value has.
func nesting(v any) (levels int) {
	switch v := v.(type) {
	case map[string]any:
		for _, member := range v {
			levels = max(levels, nesting(member))
		}
	case []any:
		for _, element := range v {
			levels = max(levels, nesting(element))
		}
	default:
		return 0
	}
	return levels + 1
}

// encodedLength is how long a value is as JSON; no value has no length.
func encodedLength(v any) int {
	if v == nil {
		return 0
	}
	e := encoder{}
	e.value(v)
	return len(e.out)
}

// checkExtensions bounds the extensions whose schema is not known, and drops known ones that are empty.
func (p *patcher) checkExtensions() error {
	unknown := 0
	for _, urn := range p.res.extensionURNs() {
		if p.rt.Extension(urn) != nil {
			if len(p.res.Complex(urn)) == 0 {
				delete(p.res, urn)
			}
			continue
		}
		if unknown++; unknown > MaxUnknownExtensions {
			return tooManyExtensions()
		}
		if len(urn)+encodedLength(p.res[urn]) > MaxUnknownSize {
			return tooLong(urn)
		}
		if nesting(p.res[urn]) > MaxDepth-1 {
			return invalidValue("%s nests deeper than %d levels", urn, MaxDepth-1)
		}
	}
	return nil
}

// changeFreeParts changes the members of an object without a schema that a given object names, whose names are taken
// as they are: only a path has names separated by dots.
func (p *patcher) changeFreeParts(op Op, object *names, given map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		spelt, _ := object.find(name)
		if err := p.changeFreePart(op, object, spelt, given[name]); err != nil {
			return err
		}
	}
	return nil
}

// changeFreePath changes what names separated by dots lead to. A name is looked for as it is first.
func (p *patcher) changeFreePath(op Op, object *names, path string, v any) error {
	name, exists := object.find(path)
	head, tail, dotted := strings.Cut(path, ".")
	if exists || !dotted {
		return p.changeFreePart(op, object, name, v)
	}
	if name, exists = object.find(head); !exists {
		if op == OpRemove {
			return nil
		}
		object.set(name, map[string]any{})
	}
	inner := object.into(name)
	if inner == nil {
		return noParts(name, tail)
	}
	if err := p.changeFreePath(op, inner, tail, v); err != nil {
		return err
	}
	if len(inner.of) == 0 {
		object.remove(name)
	}
	return nil
}

// changeFreePart changes one member of an object without a schema, whose name find has spelt. Like an attribute it is
// added to, or loses what the value lists, as far as it is made of parts itself; replace sets it as a whole.
func (p *patcher) changeFreePart(op Op, object *names, name string, v any) error {
	switch given := freeValue(v); {
	case op == OpReplace && given != nil:
		object.set(name, given)
	case op == OpReplace:
		object.remove(name)
	case op == OpRemove || given != nil:
		return p.applyAt(op, freeTarget(object, name, "", nil, op, v), v)
	}
	return nil
}
