package scim

import (
	"maps"
	"slices"
	"strings"
)

// patcher applies operations to a resource. Only the top level and the
// extension objects listed in owned belong to it; all other values may be shared
// with the resource it began with and are replaced, never changed.
type patcher struct {
	rt      *ResourceType
	profile Profile
	res     Resource
	owned   map[string]bool
	// sizes has at least the length of the extensions without a schema that were changed.
	sizes map[string]int
	// free has those that belong to the patcher, with all that is in them.
	free map[string]*names
	// set holds the members while operations add and remove some of them.
	set *memberSet
	// named has the kept attributes that an operation gave a value, or an empty list.
	named map[*Attribute]bool
	// whole is set while the body of a POST or PUT is read, not a PATCH.
	whole bool
	// budget is what is left of MaxPatchWork.
	budget int
	// long is called before more than quickPatchWork of it is spent, and nil afterwards.
	long func() error
	// refused is what that said.
	refused error
	// texts has what was compared.
	texts folds
	// ended returns an error when there is no time left.
	ended func() error
}

func newPatcher(rt *ResourceType, current Resource, profile Profile) *patcher {
	return &patcher{
		rt: rt, profile: profile, res: maps.Clone(current), budget: MaxPatchWork, texts: folds{}, ended: func() error { return nil },
		owned: map[string]bool{}, sizes: map[string]int{}, free: map[string]*names{}, named: map[*Attribute]bool{},
	}
}

func (p *patcher) apply(operation *PatchOperation) error {
	if operation.Path == "" {
		return p.applyWithoutPath(operation)
	}
	if operation.Op != OpRemove && !operation.HasValue {
		return invalidValue("%s needs a value", operation.Op)
	}
	t, err := parseTarget(p.rt, p.qualified(operation.Path))
	if err != nil {
		return err
	}
	if err := t.checkWritable(); err != nil {
		return err
	}
	return p.applyAt(operation.Op, t, operation.Value)
}

// qualified adds the URN of the extension that Microsoft Entra ID leaves out of the path
// "manager". RFC 7644 section 3.10 demands it.
func (p *patcher) qualified(path string) string {
	name, _, _ := strings.Cut(path, ".")
	if p.profile != Entra || IsURN(path) || p.rt.Attribute(name) != nil {
		return path
	}
	for _, extension := range p.rt.Extensions {
		if extension.Attribute(name) != nil {
			return extension.ID + ":" + path
		}
	}
	return path
}

func (p *patcher) applyWithoutPath(operation *PatchOperation) error {
	if operation.Op == OpRemove {
		return BadRequest(TypeNoTarget, "remove needs a path")
	}
	object, ok := operation.Value.(map[string]any)
	if !ok {
		return invalidValue("without a path, value must be an object of attributes")
	}
	if err := p.checkReadOnly(object); err != nil {
		return err
	}
	return p.applyObject(operation.Op, object)
}

// checkReadOnly looks at read-only attributes in a value without path. Clients
// echo them beside what they change, so they are ignored unless the client means
// to change them: another id, or nothing but read-only attributes with new values.
func (p *patcher) checkReadOnly(object map[string]any) error {
	refused, writes := "", false
	for _, key := range slices.Sorted(maps.Keys(object)) {
		a := p.rt.Attribute(key)
		switch {
		case a == nil || a.Mutability != ReadOnly:
			writes = true
		case a.Name == "id":
			if id, known := p.res["id"]; known && id != object[key] && p.profile != Okta {
				return BadRequest(TypeMutability, "id is read-only")
			}
		case !equalValues(object[key], p.res[a.Name]):
			refused = a.Name
		}
	}
	if refused != "" && !writes {
		return BadRequest(TypeMutability, "%s is read-only", refused)
	}
	return nil
}

// applyObject applies every member of an object of attributes. Members may have
// dotted and qualified names, as paths have. Read-only attributes and those that
// do not exist are ignored.
func (p *patcher) applyObject(op Op, object map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		t := target{lookup: lookup{operand: operand{attr: p.rt.Attribute(key)}}}
		if t.attr == nil {
			var err error
			if t, err = parseTarget(p.rt, key); err != nil {
				if t.problem != "" {
					continue
				}
				return err
			}
		}
		if t.checkWritable() != nil {
			continue
		}
		t.keyed = true
		if err := p.applyAt(op, t, object[key]); err != nil {
			return err
		}
	}
	return nil
}

// applyAt applies one operation to one target that the client may write.
func (p *patcher) applyAt(op Op, t target, value any) error {
	if err := p.ended(); err != nil {
		return err
	}
	if t.attr != nil && t.attr.kept && says(value) {
		p.named[t.attr] = true
	}
	switch {
	case t.container != "":
		return p.applyContainer(op, t.container, value)
	case t.attr == nil:
		return p.applyFree(op, t, value)
	case t.attr.Mutability == WriteOnly:
		return nil
	case t.urn == "" && t.attr.Name == "schemas" && !t.attr.free:
		if op == OpRemove {
			return p.requiredError(t.attr)
		}
		return nil // derived from the attributes that are present
	case t.attr.Type != Complex:
		return p.applySimple(op, t, value)
	case !t.attr.MultiValued:
		return p.applyComplex(op, t, value)
	default:
		return p.applyMulti(op, t, value)
	}
}

// says reports whether a value is an empty list, which says that there is nothing, or has anything in it.
func says(value any) bool {
	list, ok := value.([]any)
	if !ok {
		return !unassigned(value)
	}
	return len(list) == 0 || slices.ContainsFunc(list, func(element any) bool { return !unassigned(element) })
}

// applyContainer applies an operation whose target is a schema. What remove is given names the attributes to remove.
func (p *patcher) applyContainer(op Op, urn string, value any) error {
	core := urn == p.rt.Schema.ID
	if value == nil && op != OpAdd {
		if core {
			return BadRequest(TypeMutability, "the core schema cannot be removed")
		}
		delete(p.res, urn)
		return nil
	}
	if value == nil {
		return nil
	}
	object, ok := value.(map[string]any)
	if !ok {
		return invalidValue("%s must be an object of attributes", urn)
	}
	if core {
		return p.applyObject(op, object)
	}
	schema := p.rt.Extension(urn)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if schema == nil {
			if err := p.applyWithin(op, urn, name, target{keyed: true, literal: true}, object[name]); err != nil {
				return err
			}
			continue
		}
		t := target{lookup: resolveIn(schema.Attribute, name)}
		t.urn = urn
		if t.problem != "" || t.checkWritable() != nil {
			continue
		}
		if err := p.applyAt(op, t, object[name]); err != nil {
			return err
		}
	}
	return nil
}

func (p *patcher) applySimple(op Op, t target, value any) error {
	if op == OpRemove {
		return p.unset(t)
	}
	v, err := t.attr.normalize(unwrap(value))
	if err != nil {
		return err
	}
	if v != nil {
		p.put(t, v)
		return nil
	}
	if op != OpReplace {
		return nil
	}
	if t.attr.Required {
		return nullError(t.attr)
	}
	return p.unset(t)
}

// get returns the value of the target's attribute.
func (p *patcher) get(t target) any {
	if p.set != nil && p.set.target.attr == t.attr {
		p.flush()
	}
	switch {
	case t.within != nil:
		return t.within.of[t.attr.Name]
	case t.urn != "":
		return p.res.Complex(t.urn)[t.attr.Name]
	default:
		return p.complete(t.attr)
	}
}

// put sets the target's attribute.
func (p *patcher) put(t target, v any) {
	switch {
	case t.within != nil:
		t.within.set(t.attr.Name, v)
	case t.urn != "":
		p.extension(t.urn)[t.attr.Name] = v
	default:
		p.res[t.attr.Name] = v
	}
}

// unset leaves the target's attribute unassigned, unless it is one that always has a value.
func (p *patcher) unset(t target) error {
	switch {
	case t.attr.Required:
		return p.requiredError(t.attr)
	case t.attr.kept && !t.attr.MultiValued:
	case t.within != nil:
		t.within.remove(t.attr.Name)
	case t.urn == "":
		delete(p.res, t.attr.Name)
	case p.res.Complex(t.urn)[t.attr.Name] != nil:
		delete(p.extension(t.urn), t.attr.Name)
	}
	return nil
}

func (p *patcher) requiredError(a *Attribute) error {
	return BadRequest(TypeMutability, "%s is required and cannot be removed", a.Name)
}

// nullError is for a required attribute that is to be replaced by nothing: unlike a removal, whose error RFC 7644 section
// 3.5.2.2 names, that is a value which the attribute cannot have.
func nullError(a *Attribute) error {
	return invalidValue("%s is required and cannot be null", a.path())
}

// extension returns an extension object that may be changed.
func (p *patcher) extension(urn string) map[string]any {
	object := p.res.Complex(urn)
	if !p.owned[urn] || object == nil {
		if object = maps.Clone(object); object == nil {
			object = map[string]any{}
		}
		p.owned[urn] = true
		p.res[urn] = object
	}
	return object
}

// finish checks the resource as a whole and returns it.
func (p *patcher) finish() (Resource, error) {
	p.flush()
	for _, a := range p.rt.core {
		if a.Required && a.Name != "schemas" && strings.TrimSpace(p.res.String(a.Name)) == "" {
			return nil, invalidValue("%s is required", a.Name)
		}
		if list, ok := p.res[a.Name].([]any); ok && a.Mutability != ReadOnly {
			if err := a.checkCount(list); err != nil {
				return nil, err
			}
		}
	}
	if err := p.checkExtensions(); err != nil {
		return nil, err
	}
	p.res.setSchemas(p.rt)
	return p.res, nil
}
