package scim

import (
	"encoding/base64"
	"maps"
	"strings"
	"unicode/utf8"

	"rservice.dev/scim-operator/api/fold"
)

// normalize checks a value from a client against the table and returns its
// canonical form, or nil if it leaves the attribute unassigned. It makes new
// maps and arrays, so the result shares nothing with v.
func (a *Attribute) normalize(v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	if a.free {
		return a.normalizeFree(v), nil
	}
	if !a.MultiValued {
		return a.normalizeOne(v)
	}
	list, err := a.normalizeList(v)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	if countPrimaries(list) > 1 {
		return nil, invalidValue("more than one value of %s is primary", a.path())
	}
	return list, nil
}

// normalizeList normalizes the values of a multi-valued attribute, each once. One
// value without an array around it is taken as an array of one.
func (a *Attribute) normalizeList(v any) ([]any, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	if len(list) > a.maxValues() {
		return nil, invalidValue("%s has more than %d values", a.path(), a.maxValues())
	}
	out := make([]any, 0, len(list))
	for _, element := range list {
		one, err := a.normalizeOne(element)
		if err != nil {
			return nil, err
		}
		if one != nil {
			out = append(out, one)
		}
	}
	return a.dedupe(out, nil), nil
}

func (a *Attribute) normalizeOne(v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	switch a.Type {
	case Complex:
		return a.normalizeComplex(v)
	case Boolean:
		b, ok := toBool(v)
		if !ok {
			return nil, invalidValue("%s must be true or false", a.path())
		}
		return b, nil
	}
	s, ok := v.(string)
	if !ok {
		return nil, invalidValue("%s must be a string", a.path())
	}
	if limit := a.maxLength(); len(s) > limit && utf8.RuneCountInString(s) > limit {
		return nil, invalidValue("%s is longer than %d characters", a.path(), limit)
	}
	if a.Type == Binary && strings.Contains(s, "-----BEGIN ") {
		return nil, invalidValue("%s must be the base64 text alone, without the lines of PEM that begin and end it", a.path())
	}
	if a.Type == Binary && !isBase64(s) {
		return nil, invalidValue("%s must be binary data in base64", a.path())
	}
	if err := a.checkCharacters(s); err != nil {
		return nil, err
	}
	if a.Required && strings.TrimSpace(s) == "" {
		return nil, invalidValue("%s is required and must not be empty", a.path())
	}
	return s, nil
}

// checkCharacters keeps control characters out of names and other texts: they forge lines
// and escape sequences wherever a text is printed, and make a name read as another one.
func (a *Attribute) checkCharacters(s string) error {
	switch {
	case a.Type == Binary:
		return nil
	case a.multiLine && !fold.IsText(s):
		return invalidValue("%s must not hold control characters but line ends and tabs", a.path())
	case !a.multiLine && !fold.IsLine(s):
		return invalidValue("%s must be one line without control characters", a.path())
	}
	return nil
}

// isBase64 takes both alphabets of RFC 4648, with padding and line breaks or without.
func isBase64(s string) bool {
	alphabet := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		alphabet = base64.RawURLEncoding
	}
	_, err := alphabet.DecodeString(strings.TrimRight(s, "=\r\n"))
	return err == nil
}

func (a *Attribute) maxLength() int {
	switch a.Type {
	case Reference:
		return MaxReference
	case Binary:
		return MaxBinary
	default:
		return MaxText
	}
}

func (a *Attribute) normalizeComplex(v any) (any, error) {
	object, err := a.asObject(v)
	if err != nil {
		return nil, err
	}
	out := make(map[string]any, len(object))
	for name, member := range object {
		sub := a.Sub(name)
		if sub == nil || sub.Mutability == ReadOnly {
			continue
		}
		one, err := sub.normalize(member)
		if err != nil {
			return nil, err
		}
		if one != nil {
			out[sub.Name] = one
		}
	}
	if len(out) > 0 {
		return out, a.checkRequired(out)
	}
	for _, member := range object {
		if member != nil {
			// What it has is ignored, but what it lacks is missed.
			return nil, a.checkRequired(out)
		}
	}
	return nil, nil
}

// asObject returns v as the object it stands for. For the attributes where
// clients do so, a string stands for its "value", and a single-valued attribute
// may come as an array of one.
func (a *Attribute) asObject(v any) (map[string]any, error) {
	if object, ok := v.(map[string]any); ok {
		return object, nil
	}
	if a.bare {
		if list, ok := v.([]any); ok && !a.MultiValued && len(list) == 1 {
			v = list[0]
		}
		switch v := v.(type) {
		case string:
			return map[string]any{"value": v}, nil
		case map[string]any:
			return v, nil
		}
	}
	return nil, invalidValue("%s must be an object with sub-attributes", a.path())
}

// checkRequired checks that a complex value has what its sub-attributes require.
func (a *Attribute) checkRequired(object map[string]any) error {
	for _, sub := range a.SubAttributes {
		if sub.Required && object[sub.Name] == nil {
			return invalidValue("every value of %s needs its %s", a.Name, sub.Name)
		}
	}
	return nil
}

// byValue reports whether a value is identified by its "value" alone, as
// members are; other values are told apart by their type, too.
func (a *Attribute) byValue() bool {
	value := a.Sub("value")
	return value != nil && value.Mutability == Immutable
}

// key returns a text that is equal for values that count as the same.
func (a *Attribute) key(element any, texts folds) string {
	if a.free {
		return string(appendFreeKey(nil, element, texts))
	}
	object, _ := element.(map[string]any)
	value, ok := object["value"].(string)
	if !ok {
		// Without a value only what is the same altogether is the same.
		e := encoder{out: []byte{0}}
		e.attribute(a, element)
		return string(e.out)
	}
	if a.byValue() {
		return value
	}
	if !a.Sub("value").CaseExact {
		value = texts.of(value)
	}
	kind, _ := object["type"].(string)
	return texts.of(kind) + "\x00" + value
}

// dedupe removes values that count as the same as an earlier one. If the later
// one is primary, the earlier one becomes so.
func (a *Attribute) dedupe(list []any, texts folds) []any {
	if len(list) < 2 || a.free {
		return list
	}
	seen := make(map[string]int, len(list))
	out := make([]any, 0, len(list))
	for _, element := range list {
		key := a.key(element, texts)
		if i, dup := seen[key]; dup {
			if isPrimary(element) && !isPrimary(out[i]) {
				out[i] = withMember(out[i], "primary", true)
			}
			continue
		}
		seen[key] = len(out)
		out = append(out, element)
	}
	return out
}

func isPrimary(element any) bool {
	object, _ := element.(map[string]any)
	primary, _ := object["primary"].(bool)
	return primary
}

func countPrimaries(list []any) int {
	n := 0
	for _, element := range list {
		if isPrimary(element) {
			n++
		}
	}
	return n
}

// withMember returns a copy of a complex value with one sub-attribute set, or removed if v is nil.
func withMember(element any, name string, v any) map[string]any {
	object, _ := element.(map[string]any)
	out := make(map[string]any, len(object)+1)
	maps.Copy(out, object)
	if v == nil {
		delete(out, name)
	} else {
		out[name] = v
	}
	return out
}

// unwrap takes the value out of [{"$ref": null, "value": v}], an old form of
// Microsoft Entra ID for simple attributes.
func unwrap(v any) any {
	list, ok := v.([]any)
	if !ok || len(list) != 1 {
		return v
	}
	object, ok := list[0].(map[string]any)
	inner, hasValue := object["value"]
	if !ok || !hasValue {
		return v
	}
	if ref, hasRef := object["$ref"]; len(object) == 1 || len(object) == 2 && hasRef && ref == nil {
		return inner
	}
	return v
}
