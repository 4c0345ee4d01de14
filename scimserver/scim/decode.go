package scim

// DecodeResource reads the body of a POST or PUT.
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
	object, err := decodeObject(body)
	if err != nil {
		return nil, err
	}
	p := newPatcher(rt, Resource{}, Standard)
	if err := p.applyObject(OpAdd, object); err != nil {
		return nil, err
	}
	return p.finish()
}
