package scim

import "strings"

// validName reports whether a name is an ATTRNAME of RFC 7643 section 2.1, or
// "$ref", which the grammar there forgets.
func validName(name string) bool {
	name = strings.TrimPrefix(name, "$")
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case i > 0 && (c == '-' || c == '_' || '0' <= c && c <= '9'):
		default:
			return false
		}
	}
	return name != ""
}

// lookup is the outcome of resolving an attribute path.
type lookup struct {
	operand
	// container is set when the path is the URN of a schema alone.
	container string
	// problem says why there is no such attribute; empty if there is.
	problem string
}

// resolve finds what a path of the form [URN:]name[.sub] names.
func (rt *ResourceType) resolve(path string) lookup {
	if !IsURN(path) {
		return rt.resolveCore(path)
	}
	urn, rest, known := splitKnownURN(path)
	if !known {
		return lookup{operand: operand{dynamic: path}}
	}
	extension := rt.Extension(urn)
	switch {
	case rest == "" && strings.HasSuffix(path, ":"):
		return lookup{problem: "the path " + path + " ends with a colon"}
	case urn == rt.Schema.ID && rest != "":
		return rt.resolveCore(rest)
	case urn == rt.Schema.ID || rest == "" && extension != nil:
		return lookup{container: urn}
	case urn == UserURN || urn == GroupURN:
		return lookup{problem: urn + " is not a schema of " + rt.Name}
	case extension == nil:
		return lookup{operand: operand{dynamic: path}}
	}
	found := resolveIn(extension.Attribute, rest)
	if found.problem != "" {
		found.problem += " in " + urn
	}
	found.urn = urn
	return found
}

func (rt *ResourceType) resolveCore(path string) lookup {
	found := resolveIn(rt.Attribute, path)
	if found.problem == "" {
		return found
	}
	name, _, _ := strings.Cut(path, ".")
	for _, extension := range rt.Extensions {
		if a := extension.Attribute(name); a != nil {
			found.problem = a.Name + " belongs to an extension: write " + extension.ID + ":" + a.Name
			return found
		}
	}
	found.problem += " of " + rt.Name + "; /Schemas lists those that exist"
	return found
}

func resolveIn(attribute func(string) *Attribute, path string) lookup {
	name, subName, dotted := strings.Cut(path, ".")
	if !validName(name) || dotted && !validName(subName) {
		return lookup{problem: "malformed attribute name"}
	}
	attr := attribute(name)
	if attr == nil {
		return lookup{problem: "there is no attribute " + name}
	}
	if !dotted {
		return lookup{operand: operand{attr: attr}}
	}
	sub := attr.Sub(subName)
	if sub == nil {
		return lookup{problem: "there is no sub-attribute " + subName + " of " + attr.Name}
	}
	return lookup{operand: operand{attr: attr, sub: sub}}
}

// filterOperand resolves a path in a filter.
func filterOperand(resolve func(string) lookup, path string) (operand, error) {
	found := resolve(path)
	switch {
	case found.problem != "":
		return operand{}, invalidFilter("%s", found.problem)
	case found.container != "":
		return operand{}, invalidFilter("%s is a schema: name one of its attributes after a colon", found.container)
	case found.attr != nil && found.leaf().Returned == ReturnedNever:
		return operand{}, invalidFilter("%s cannot be filtered on", found.operand)
	}
	return found.operand, nil
}

// valueOperand resolves a name within a value path on attr, which is nil when the schema is not known.
func valueOperand(attr *Attribute, name string) (operand, error) {
	if attr == nil {
		for part := range strings.SplitSeq(name, ".") {
			if !validName(part) {
				return operand{}, invalidFilter("malformed attribute name within brackets")
			}
		}
		return operand{dynamic: name}, nil
	}
	found := resolveIn(attr.Sub, name)
	if found.problem != "" {
		return operand{}, invalidFilter("%s within %s[…]", found.problem, attr.Name)
	}
	return found.operand, nil
}
