package scim

import (
	"context"
	"maps"
)

// DecodeResource reads the body of a POST.
//
// It is tolerant where no data is lost by it: attribute names and URNs may have
// any case, schemas may be missing or incomplete, booleans may be strings, one
// value may stand where an array is expected, null and empty arrays mean
// unassigned, attributes may be given by dotted or qualified name
// ("name.givenName", "urn:…:User:department"). Read-only attributes and
// password are left out, as are core attributes that do not exist. Extensions
// whose URN is not known are kept as JSON.
//
// Errors are 400: invalidSyntax if the body is not one JSON object, invalidValue
// if a value has the wrong type, is too long, or is required and missing.
func DecodeResource(rt *ResourceType, body []byte) (Resource, error) {
	p, err := decode(rt, body)
	if err != nil {
		return nil, err
	}
	return p.res, nil
}

func decode(rt *ResourceType, body []byte) (*patcher, error) {
	object, err := decodeObject(body)
	if err != nil {
		return nil, err
	}
	p := newPatcher(rt, Resource{}, Standard)
	p.whole = true
	if err := p.applyObject(OpAdd, object); err != nil {
		return nil, err
	}
	_, err = p.finish()
	return p, err
}

// Replacement is the body of a PUT.
type Replacement struct {
	wanted Resource
	// kept names the attributes that the resource keeps as it has them.
	kept []string
}

// DecodeReplacement reads the body of a PUT, like DecodeResource and with the same errors.
func DecodeReplacement(rt *ResourceType, body []byte) (*Replacement, error) {
	p, err := decode(rt, body)
	if err != nil {
		return nil, err
	}
	r := &Replacement{wanted: p.res}
	for _, a := range rt.core {
		if a.kept && !p.named[a] {
			r.kept = append(r.kept, a.Name)
		}
	}
	return r, nil
}

// Apply returns what the PUT makes of a resource (RFC 7644 section 3.5.1): attributes that it
// leaves out are cleared, but for the active of a user and the members of a group. The result
// shares parts with current, which is not changed, and with other results. There is no error.
func (r *Replacement) Apply(_ context.Context, current Resource) (Resource, error) {
	out := maps.Clone(r.wanted)
	for _, name := range r.kept {
		if v, ok := current[name]; ok {
			out[name] = v
		}
	}
	return out, nil
}
