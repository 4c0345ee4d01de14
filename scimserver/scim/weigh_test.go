package scim

import (
	"strings"
	"testing"
)

func countValues(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			n += countValues(element)
		}
	case map[string]any:
		for _, member := range v {
			n += countValues(member)
		}
	}
	return n
}

func TestWeigh(t *testing.T) {
	for _, body := range []string{
		`1`, `{}`, `[]`, ` [ ] `, `{"a":1}`, `[1,2,3]`, `[[],{},[1],{"a":[]}]`, `{"a":"[1,2,{\"b\":\"\\\"}","b":"\\","c,d":[ {} , null ]}`,
		`{"schemas":["x"],"userName":"a","emails":[{"value":"a@x","type":"work"}]}`, "[\n1,\n\t{\r\n}\n]",
	} {
		v, err := decodeJSON([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		values, size := Weigh([]byte(body))
		if values != countValues(v) || size < len(body)+decodedValue*values {
			t.Errorf("%s: %d values and %d bytes, want %d values", body, values, size, countValues(v))
		}
	}
	for _, body := range []string{``, `"`, `"\`, `[`, `{"a`, strings.Repeat("[", 100), strings.Repeat("{ ", 100)} {
		Weigh([]byte(body)) // does not panic
	}
}

// What a body becomes is estimated by what it has, not by its length.
func TestWeighTellsSmallValuesFromText(t *testing.T) {
	const length = 64 << 10
	text := `{"a":"` + strings.Repeat("x", length) + `"}`
	small := "[" + strings.Repeat(`{"a":1},`, length/8) + "1]"
	_, asText := Weigh([]byte(text))
	_, asObjects := Weigh([]byte(small))
	if asText > 2*length || asObjects < 40*length {
		t.Errorf("%d bytes of text and %d of objects", asText, asObjects)
	}
}
