package scim

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// MaxPatchOperations is how many operations one PATCH may hold.
const MaxPatchOperations = 1000

// Op is the kind of a PATCH operation, in lower case.
type Op string

// The operations of RFC 7644 section 3.5.2.
const (
	OpAdd     Op = "add"
	OpReplace Op = "replace"
	OpRemove  Op = "remove"
)

// Patch is the body of a PATCH request, and what applying it needs to know.
type Patch struct {
	Operations []PatchOperation
	// Type is that of the resource.
	Type    *ResourceType
	Profile Profile
	// BaseURL is what the addresses in the resource start with, for operations that select by them.
	BaseURL string
	// Turn is called once before the patch goes on that turns out to take long. It waits until that may be, and what it
	// returns is called when the patch is applied; its error ends the patch. nil: nobody needs to know.
	Turn func(ctx context.Context) (done func(), err error)
}

// selectsByReference reports whether a path looks at a $ref.
func (p *Patch) selectsByReference() bool {
	return slices.ContainsFunc(p.Operations, func(o PatchOperation) bool { return strings.Contains(lowerASCII(o.Path), "$ref") })
}

// PatchOperation is one step of a Patch.
type PatchOperation struct {
	Op Op
	// Path is as the client wrote it, and empty if there is none.
	Path string
	// Value is as decoded from JSON, with json.Number for numbers.
	Value any
	// HasValue tells an explicit null from no value at all.
	HasValue bool
}

// Profile selects between behaviours that different clients rely on.
type Profile int

const (
	// Standard follows RFC 7644.
	Standard Profile = iota
	// Okta also ignores an id in a value without path that is not the resource's own.
	Okta
	// Entra also lets "replace" with a value filter that matches nothing create
	// the value, a path leave out the URN of its extension, and a single complex
	// value be an array of one, as Microsoft Entra ID sends them.
	Entra
)

// ParseProfile returns the profile with that name: standard, okta or entra, in any case.
func ParseProfile(name string) (Profile, bool) {
	for _, p := range []Profile{Standard, Okta, Entra} {
		if strings.EqualFold(name, p.String()) {
			return p, true
		}
	}
	return Standard, false
}

// String returns the profile's name in lower case.
func (p Profile) String() string {
	switch p {
	case Okta:
		return "okta"
	case Entra:
		return "entra"
	default:
		return "standard"
	}
}

// ParsePatch reads the body of a PATCH request (RFC 7644 section 3.5.2). schemas
// may be missing, op may have any case, and there may be no operations, which
// changes nothing. Paths are checked by Apply, when it is known what is there.
// Errors are 400 invalidSyntax, and 413 for more than MaxPatchOperations.
func ParsePatch(rt *ResourceType, body []byte) (*Patch, error) {
	object, err := decodeObject(body)
	if err != nil {
		return nil, err
	}
	list, ok := member(object, "Operations").([]any)
	if !ok {
		return nil, invalidSyntax("the body needs an array Operations")
	}
	if len(list) > MaxPatchOperations {
		return nil, NewError(http.StatusRequestEntityTooLarge,
			"the PATCH has %d operations; split it into requests of at most %d", len(list), MaxPatchOperations)
	}
	patch := &Patch{Type: rt, Operations: make([]PatchOperation, 0, len(list))}
	for i, item := range list {
		operation, err := parseOperation(item)
		if err != nil {
			return nil, inOperation(i, err)
		}
		patch.Operations = append(patch.Operations, operation)
	}
	return patch, nil
}

func parseOperation(item any) (PatchOperation, error) {
	var operation PatchOperation
	object, ok := item.(map[string]any)
	if !ok {
		return operation, invalidSyntax("an operation must be a JSON object")
	}
	op, _ := member(object, "op").(string)
	switch operation.Op = Op(lowerASCII(op)); operation.Op {
	case OpAdd, OpReplace, OpRemove:
	default:
		return operation, invalidSyntax("op must be add, replace or remove")
	}
	switch path := member(object, "path").(type) {
	case nil:
	case string:
		operation.Path = strings.TrimSpace(path)
	default:
		return operation, invalidPath("path must be a string")
	}
	for name, v := range object {
		if strings.EqualFold(name, "value") {
			operation.Value, operation.HasValue = v, true
		}
	}
	return operation, nil
}

// member returns the member with that name in any case.
func member(object map[string]any, name string) any {
	if v, ok := object[name]; ok {
		return v
	}
	for key, v := range object {
		if strings.EqualFold(key, name) {
			return v
		}
	}
	return nil
}

// inOperation says in which operation an error lies.
func inOperation(i int, err error) error {
	scimErr, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	out := BadRequest(scimErr.ScimType, "operation %d: %s", i+1, scimErr.Detail)
	out.Status = scimErr.Status
	return out
}

// Apply returns the resource as the patch makes it. The patch is applied as
// a whole or not at all, and current is not changed; parts that the patch does
// not touch are shared with it. id and meta are kept as they are in current.
// One patch may be applied to several resources, one after the other.
//
// Errors are 400 with the scimType of RFC 7644 section 3.12: invalidPath for a
// path that cannot exist, invalidFilter, noTarget for a value filter that
// matches nothing, mutability for read-only and required attributes,
// invalidValue, tooMany for a patch that takes more than MaxPatchWork; and those of
// the context when it ends, and of Turn.
func (p *Patch) Apply(ctx context.Context, current Resource) (Resource, error) {
	if p.selectsByReference() {
		current = current.Clone()
		Link(p.BaseURL, p.Type, current)
	}
	at := newPatcher(p.Type, current, p.Profile)
	at.ended = ctx.Err
	if p.Turn != nil {
		done := func() {}
		defer func() { done() }()
		at.long = func() error {
			turn, err := p.Turn(ctx)
			if err == nil {
				done = turn
			}
			return err
		}
	}
	for i := range p.Operations {
		if err := at.apply(&p.Operations[i]); at.refused != nil {
			return nil, at.refused
		} else if err != nil {
			return nil, inOperation(i, err)
		}
	}
	return at.finish()
}
