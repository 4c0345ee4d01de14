package scim

import (
	"strings"

	"rservice.dev/scim-operator/api/customfields"
)

// target is what the path of a PATCH operation names.
type target struct {
	lookup
	// filter selects values of a multi-valued attribute; nil means all.
	filter node
	// keyed is set when the target was a key of an object of attributes, not a path.
	keyed bool
	// literal is set when a name with dots is one name, not a path.
	literal bool
	// entry is set when the target is a custom field with its id, not the value alone.
	entry bool
	// part is what follows the brackets of a path whose schema is not known.
	part string
	// within is the object that holds a free attribute.
	within *names
}

// parseTarget parses a PATH of RFC 7644 section 3.5.2: attrPath, or
// valuePath with an optional sub-attribute.
func parseTarget(rt *ResourceType, path string) (target, error) {
	head, filter, sub, err := splitValuePath(path)
	if err != nil {
		return target{}, err
	}
	t := target{lookup: rt.resolve(head)}
	if t.problem != "" {
		return t, invalidPath("%s", t.problem)
	}
	if len(head) == len(path) {
		return t, nil
	}
	if t.dynamic != "" {
		return t, t.selectFree(filter, sub)
	}
	if t.attr == nil || t.sub != nil || !t.attr.MultiValued || t.attr.Type != Complex {
		return t, invalidPath("brackets can follow a multi-valued complex attribute only, not %s", head)
	}
	if t.filter, err = parseValueFilter(t.attr, filter); err != nil {
		return t, err
	}
	if sub != "" {
		if t.sub = t.attr.Sub(sub); t.sub == nil {
			return t, invalidPath("there is no sub-attribute %s of %s", sub, t.attr.Name)
		}
	}
	return t, nil
}

// selectFree sets what is in brackets, and behind them, of a path whose schema is not known.
func (t *target) selectFree(filter, part string) error {
	condition, err := parseValueFilter(nil, filter)
	if err != nil {
		return err
	}
	if urn, rest, ok := splitCustomFields(t.dynamic); ok && (rest == "" || customfields.IsList(rest)) {
		return selectCustomField(t, urn, condition, part)
	}
	if t.filter, t.part = condition, part; part != "" && !validParts(part) {
		return invalidPath("malformed attribute name after the brackets")
	}
	return nil
}

// validParts reports whether names are separated by single dots.
func validParts(names string) bool {
	return !strings.HasPrefix(names, ".") && !strings.HasSuffix(names, ".") && !strings.Contains(names, "..")
}

// splitValuePath splits head[filter].sub. Without brackets all of it is the head.
func splitValuePath(path string) (head, filter, sub string, err error) {
	open := strings.IndexByte(path, '[')
	if open < 0 {
		return path, "", "", nil
	}
	for i := open + 1; i < len(path); i++ {
		switch path[i] {
		case '"':
			i = endOfString(path, i) - 1
		case ']':
			rest := path[i+1:]
			if rest != "" && (rest[0] != '.' || len(rest) == 1) {
				return "", "", "", invalidPath("only a sub-attribute, such as .value, can follow the closing bracket")
			}
			return path[:open], path[open+1 : i], strings.TrimPrefix(rest, "."), nil
		}
	}
	return "", "", "", invalidPath("the path has no closing bracket")
}

// checkWritable refuses what a client cannot write.
func (t *target) checkWritable() error {
	for _, a := range []*Attribute{t.attr, t.sub} {
		if a != nil && a.Mutability == ReadOnly {
			return BadRequest(TypeMutability, "%s is read-only", a.path())
		}
	}
	return nil
}
