package oktaspec

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// path is a JSON property such as Resources[0].emails[0].value: names (string) and indexes (int).
type path []any

var segment = regexp.MustCompile(`^([A-Za-z$_][A-Za-z0-9$_-]*)((?:\[[0-9]+\])*)$`)

func parsePath(s string) (path, error) {
	var p path
	for part := range strings.SplitSeq(s, ".") {
		m := segment.FindStringSubmatch(part)
		if m == nil {
			return nil, fmt.Errorf("unknown form of property %q", s)
		}
		p = append(p, m[1])
		for _, index := range strings.FieldsFunc(m[2], func(r rune) bool { return r == '[' || r == ']' }) {
			n, err := strconv.Atoi(index)
			if err != nil {
				return nil, fmt.Errorf("unknown form of property %q: %w", s, err)
			}
			p = append(p, n)
		}
	}
	return p, nil
}

// find returns the value at the path, and false where there is none. Names are compared exactly, as a JSON client does.
func (p path) find(value any) (any, bool) {
	for _, key := range p {
		switch key := key.(type) {
		case string:
			object, ok := value.(map[string]any)
			if !ok {
				return nil, false
			}
			if value, ok = object[key]; !ok {
				return nil, false
			}
		case int:
			array, ok := value.([]any)
			if !ok || key >= len(array) {
				return nil, false
			}
			value = array[key]
		}
	}
	return value, true
}
