package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"rservice.dev/scim-operator/api/fold"
)

// MaxDepth bounds the nesting of objects and arrays in a request body.
const MaxDepth = 20

// MaxJSONValues bounds the values in a request body, names aside: decoded, even an
// empty one takes a hundred bytes. 100,000 members as a client gets them, with
// all sub-attributes, are half of it.
const MaxJSONValues = 1_000_000

// decodeJSON decodes one JSON value of at most MaxDepth levels with nothing
// after it. Numbers stay json.Number. An object that has a member twice, also
// if the names differ in case only, is refused: attribute names are case
// insensitive, so either value could be the one that is meant. Refused are texts, also
// names of members, that would not be the same afterwards, and names with control characters.
func decodeJSON(body []byte) (any, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // a mark that RFC 8259 section 8.1 lets a parser ignore
	if !utf8.Valid(body) {
		return nil, invalidSyntax("the body is not valid UTF-8")
	}
	if i := noCharacter(body); i >= 0 {
		return nil, invalidValue("the escape at byte %d stands for no character of a text: U+0000, or half of a surrogate pair", i+1)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	v, err := (&valueReader{dec: dec}).value(0)
	if err != nil {
		return nil, syntaxError(err, dec.InputOffset())
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, invalidSyntax("the body goes on after the JSON value that ends at byte %d", dec.InputOffset())
	}
	return v, nil
}

// decodeObject is decodeJSON for a body that must be an object.
func decodeObject(body []byte) (map[string]any, error) {
	v, err := decodeJSON(body)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, invalidSyntax("the body must be a JSON object")
	}
	return object, nil
}

func syntaxError(err error, offset int64) error {
	if scimErr, ok := errors.AsType[*Error](err); ok {
		return scimErr
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return invalidSyntax("the body ends within its JSON value")
	}
	return invalidSyntax("the body is not valid JSON near byte %d", offset)
}

// valueReader reads the values of one body.
type valueReader struct {
	dec  *json.Decoder
	read int
}

func (r *valueReader) value(depth int) (any, error) {
	token, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	if r.read++; r.read > MaxJSONValues {
		return nil, NewError(http.StatusRequestEntityTooLarge, "the body has more than %d values; send less at once", MaxJSONValues)
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == MaxDepth {
		return nil, invalidSyntax("the body nests deeper than %d levels", MaxDepth)
	}
	if delim == '[' {
		return r.array(depth)
	}
	return r.object(depth)
}

func (r *valueReader) array(depth int) (any, error) {
	out := []any{}
	for r.dec.More() {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	_, err := r.dec.Token()
	return out, err
}

func (r *valueReader) object(depth int) (any, error) {
	out := map[string]any{}
	names := make([]string, 0, 8)
	for r.dec.More() {
		token, err := r.dec.Token()
		if err != nil {
			return nil, err
		}
		name := token.(string) // the decoder lets only strings be names
		if !fold.IsLine(name) {
			return nil, invalidValue("an attribute's name before byte %d has control characters", r.dec.InputOffset())
		}
		names = append(names, name)
		if out[name], err = r.value(depth + 1); err != nil {
			return nil, err
		}
	}
	if _, err := r.dec.Token(); err != nil {
		return nil, err
	}
	if repeats(names) {
		return nil, invalidSyntax("an object has the same attribute twice before byte %d; names are case insensitive", r.dec.InputOffset())
	}
	return out, nil
}

// noCharacter returns where the first escape in JSON is that stands for no character of a
// text, or -1. That is NUL, which ends a text wherever C reads it, and half of a surrogate
// pair (RFC 8259 section 8.2): the decoder makes U+FFFD of it, and so one name of two.
func noCharacter(body []byte) int {
	for i := 0; ; {
		escape := bytes.IndexByte(body[i:], '\\')
		if escape < 0 {
			return -1
		}
		i += escape
		unit, ok := codeUnit(body[i:])
		switch {
		case !ok:
			i = min(i+2, len(body)) // another escape, or none: the decoder will tell
		case unit == 0:
			return i
		case !utf16.IsSurrogate(unit):
			i += escapeLength
		default:
			low, _ := codeUnit(body[i+escapeLength:])
			if utf16.DecodeRune(unit, low) == utf8.RuneError {
				return i
			}
			i += 2 * escapeLength
		}
	}
}

// escapeLength is the length of an escape with four hexadecimal digits.
const escapeLength = len(`\u0000`)

// codeUnit reads the escape that text begins with.
func codeUnit(text []byte) (unit rune, ok bool) {
	if len(text) < escapeLength || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:escapeLength]), 16, 16)
	return rune(n), err == nil
}

// repeats reports whether two names are equal without regard to case.
func repeats(names []string) bool {
	if len(names) > 16 {
		lower := make([]string, len(names))
		for i, name := range names {
			lower[i] = lowerASCII(name)
		}
		slices.Sort(lower)
		return len(slices.Compact(lower)) < len(names)
	}
	for i, name := range names {
		for _, other := range names[:i] {
			if len(name) == len(other) && strings.EqualFold(name, other) {
				return true
			}
		}
	}
	return false
}
