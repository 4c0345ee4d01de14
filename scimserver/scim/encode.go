package scim

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Encode returns the resource as JSON. Attributes come in the order of the
// table (schemas, id, externalId and meta first), then known extensions, then
// unknown ones by name, so that equal resources have equal bytes. The error
// tells of a value of a type that a Resource cannot hold.
func Encode(rt *ResourceType, res Resource) ([]byte, error) {
	return AppendEncode(make([]byte, 0, 1024), rt, res)
}

// AppendEncode appends the JSON of Encode to dst.
func AppendEncode(dst []byte, rt *ResourceType, res Resource) ([]byte, error) {
	e := encoder{out: dst}
	e.resource(rt, res)
	return e.out, e.err
}

// encoder appends JSON and keeps the first error.
type encoder struct {
	out []byte
	err error
	// to gets what is appended, in pieces of about chunk bytes; nil keeps all of it.
	to    io.Writer
	chunk int
}

func (e *encoder) resource(rt *ResourceType, res Resource) {
	first := true
	known := e.members(rt.core, res, &first)
	for _, extension := range rt.Extensions {
		if object, ok := res[extension.ID].(map[string]any); ok {
			known++
			e.name(extension.ID, &first)
			e.object(extension.Attributes, object)
		}
	}
	if known < len(res) {
		e.rest(res, &first, func(key string) bool {
			if a := rt.index[key]; a != nil && a.Name == key {
				return false
			}
			_, isObject := res[key].(map[string]any)
			return !isObject || rt.Extension(key) == nil
		})
	}
	e.close('{', '}', first)
}

// members appends the attributes that are in the table, and returns how many there are.
func (e *encoder) members(attributes []*Attribute, object map[string]any, first *bool) int {
	known := 0
	for _, a := range attributes {
		v, ok := object[a.Name]
		if !ok {
			continue
		}
		known++
		if values, ok := v.(Stream); ok {
			e.stream(a, values, first)
			continue
		}
		e.known(a, first)
		e.attribute(a, v)
	}
	return known
}

// rest appends the members that are not in the table, sorted.
func (e *encoder) rest(object map[string]any, first *bool, wanted func(key string) bool) {
	keys := make([]string, 0, len(object))
	for key := range object {
		if wanted(key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		e.name(key, first)
		e.value(object[key])
	}
}

func (e *encoder) object(attributes []*Attribute, object map[string]any) {
	first := true
	if e.members(attributes, object, &first) < len(object) {
		e.rest(object, &first, func(key string) bool {
			for _, a := range attributes {
				if a.Name == key {
					return false
				}
			}
			return true
		})
	}
	e.close('{', '}', first)
}

func (e *encoder) attribute(a *Attribute, v any) {
	if a.Type != Complex {
		e.value(v)
		return
	}
	switch v := v.(type) {
	case map[string]any:
		e.object(a.SubAttributes, v)
	case []any:
		e.out = append(e.out, '[')
		for i, element := range v {
			if i > 0 {
				e.out = append(e.out, ',')
			}
			if object, ok := element.(map[string]any); ok {
				e.object(a.SubAttributes, object)
				continue
			}
			e.value(element)
		}
		e.out = append(e.out, ']')
	default:
		e.value(v)
	}
}

func (e *encoder) value(v any) {
	switch v := v.(type) {
	case nil:
		e.out = append(e.out, "null"...)
	case string:
		e.out = appendString(e.out, v)
	case bool:
		e.out = strconv.AppendBool(e.out, v)
	case []any:
		e.out = append(e.out, '[')
		for i, element := range v {
			if i > 0 {
				e.out = append(e.out, ',')
			}
			e.value(element)
		}
		e.out = append(e.out, ']')
	case map[string]any:
		e.object(nil, v)
	default:
		text, ok := numberText(v)
		if !ok && e.err == nil {
			e.err = fmt.Errorf("a resource cannot hold a value of type %T", v)
		}
		e.out = append(e.out, text...)
	}
}

// name begins the member of that name.
func (e *encoder) name(name string, first *bool) {
	e.next(first)
	e.out = appendString(e.out, name)
	e.out = append(e.out, ':')
}

// known is name for an attribute that is in the table.
func (e *encoder) known(a *Attribute, first *bool) {
	e.next(first)
	e.out = append(e.out, a.opening...)
}

// next opens the object before its first member and separates the others.
func (e *encoder) next(first *bool) {
	if *first {
		e.out = append(e.out, '{')
		*first = false
	} else {
		e.out = append(e.out, ',')
	}
}

func (e *encoder) close(opening, closing byte, empty bool) {
	if empty {
		e.out = append(e.out, opening)
	}
	e.out = append(e.out, closing)
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Only what JSON requires is escaped;
// bytes that are not UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		if i+8 <= len(s) && plain(s[i:i+8]) {
			i += 8
			continue
		}
		c := s[i]
		if c >= 0x20 && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			dst = append(dst, s[start:i]...)
			dst = append(dst, "\ufffd"...)
			i++
			start = i
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscape(dst, c)
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// plain reports whether eight bytes are ASCII and none needs to be escaped.
func plain(s string) bool {
	_ = s[7]
	eight := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	const each, high = 0x0101010101010101, 0x8080808080808080
	// x-each borrows into the highest bit of a byte of x that is 0, or of one above such a byte: never too few.
	quote, backslash := eight^'"'*each, eight^'\\'*each
	return (eight|(eight-0x20*each)|(quote-each)|(backslash-each))&high == 0
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	default:
		return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
}
