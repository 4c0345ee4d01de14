package okta

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Resource is a JSON object of a SCIM message. Numbers are json.Number, so that "1" and 1 stay apart.
type Resource map[string]any

func decodeResource(data []byte) (Resource, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var r Resource
	if err := dec.Decode(&r); err != nil {
		return nil, fmt.Errorf("decoding JSON: %w", err)
	}
	if dec.More() {
		return nil, errors.New("there is more after the JSON object")
	}
	return r, nil
}

// Get returns the value at a path of names parted by dots. A name after a list means that of its first element.
// "urn:…" names hold dots, so they are given as a part of their own.
func (r Resource) Get(parts ...string) any {
	var value any = map[string]any(r)
	for _, name := range parts {
		if list, ok := value.([]any); ok {
			if len(list) == 0 {
				return nil
			}
			value = list[0]
		}
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[name]
	}
	return value
}

// Text returns the text at the path, empty when there is none.
func (r Resource) Text(parts ...string) string {
	s, _ := r.Get(parts...).(string)
	return s
}

// List returns the objects of a list attribute.
func (r Resource) List(name string) []Resource {
	list, _ := r[name].([]any)
	out := make([]Resource, 0, len(list))
	for _, element := range list {
		if object, ok := element.(map[string]any); ok {
			out = append(out, object)
		}
	}
	return out
}

// Int returns a JSON integer, and false for anything else, such as "1" or 1.0.
func (r Resource) Int(name string) (int, bool) {
	n, ok := r[name].(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return int(i), err == nil
}

// HasSchema says whether schemas lists the URN.
func (r Resource) HasSchema(urn string) bool {
	list, _ := r["schemas"].([]any)
	for _, element := range list {
		if s, ok := element.(string); ok && strings.EqualFold(s, urn) {
			return true
		}
	}
	return false
}
