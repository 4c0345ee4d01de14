package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxDepth bounds the nesting of objects and arrays in a request body.
const MaxDepth = 20

// decodeJSON decodes one JSON value of at most MaxDepth levels with nothing
// after it. Numbers stay json.Number. An object that has a member twice, also
// if the names differ in case only, is refused: attribute names are case
// insensitive, so either value could be the one that is meant.
func decodeJSON(body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, invalidSyntax("the body is not valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	v, err := readValue(dec, 0)
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

func readValue(dec *json.Decoder, depth int) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == MaxDepth {
		return nil, invalidSyntax("the body nests deeper than %d levels", MaxDepth)
	}
	if delim == '[' {
		return readArray(dec, depth)
	}
	return readObject(dec, depth)
}

func readArray(dec *json.Decoder, depth int) (any, error) {
	out := []any{}
	for dec.More() {
		v, err := readValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	_, err := dec.Token()
	return out, err
}

func readObject(dec *json.Decoder, depth int) (any, error) {
	out := map[string]any{}
	names := make([]string, 0, 8)
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name := token.(string) // the decoder lets only strings be names
		names = append(names, name)
		if out[name], err = readValue(dec, depth+1); err != nil {
			return nil, err
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if repeats(names) {
		return nil, invalidSyntax("an object has the same attribute twice before byte %d; names are case insensitive", dec.InputOffset())
	}
	return out, nil
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
