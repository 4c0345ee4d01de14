package rules

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// unwrap takes a value out of its optional; false means none.
func unwrap(value ref.Val) (ref.Val, bool) {
	optional, ok := value.(*types.Optional)
	if !ok {
		return value, true
	}
	if !optional.HasValue() {
		return nil, false
	}
	return unwrap(optional.GetValue())
}

// emptyToNone is the leading "?": blank text, an empty list or map, null and none
// become none; other values become an optional with that value.
func emptyToNone(value ref.Val) ref.Val {
	value, ok := unwrap(value)
	if !ok {
		return types.OptionalNone
	}
	switch v := value.(type) {
	case types.Null:
		return types.OptionalNone
	case types.String:
		if isBlank(string(v)) {
			return types.OptionalNone
		}
	case traits.Lister, traits.Mapper:
		if v.(traits.Sizer).Size() == types.IntZero {
			return types.OptionalNone
		}
	}
	return types.OptionalOf(value)
}

// toGo gives the value in the form that encoding/json writes; an object is a map
// of the fields that are set.
func toGo(value ref.Val) (any, error) {
	switch v := value.(type) {
	case types.Null:
		return nil, nil
	case types.Bool, types.Int, types.Uint, types.String:
		return v.Value(), nil
	case types.Double:
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, fmt.Errorf("gives a number that JSON cannot hold")
		}
		return float64(v), nil
	case types.Bytes:
		return base64.StdEncoding.EncodeToString(v), nil
	case *types.Optional:
		if !v.HasValue() {
			return nil, nil
		}
		return toGo(v.GetValue())
	case *object:
		return objectToGo(v)
	case traits.Mapper:
		return mapToGo(v)
	case traits.Lister:
		return listToGo(v)
	}
	if text, ok := value.ConvertToType(types.StringType).(types.String); ok {
		return string(text), nil
	}
	return nil, fmt.Errorf("gives %s, which JSON cannot hold", value.Type().TypeName())
}

func objectToGo(o *object) (any, error) {
	members := map[string]any{}
	for _, f := range o.fields {
		if !f.isSet(o.goValue) {
			continue
		}
		member, err := toGo(f.get(o.goValue))
		if err != nil {
			return nil, err
		}
		members[f.name] = member
	}
	return members, nil
}

func mapToGo(m traits.Mapper) (any, error) {
	members := map[string]any{}
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, ok := key.ConvertToType(types.StringType).(types.String)
		if !ok {
			return nil, fmt.Errorf("gives a map whose keys are not text")
		}
		member, err := toGo(m.Get(key))
		if err != nil {
			return nil, err
		}
		members[string(name)] = member
	}
	return members, nil
}

func listToGo(l traits.Lister) (any, error) {
	items := []any{}
	for it := l.Iterator(); it.HasNext() == types.True; {
		item, err := toGo(it.Next())
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// resultText is the value as an execution shows it: text as it is, other values as
// JSON, "" for none.
func resultText(value ref.Val) string {
	value, ok := unwrap(value)
	if !ok {
		return ""
	}
	if text, ok := value.(types.String); ok {
		return Cut(string(text), MaxResultLength)
	}
	goValue, err := toGo(value)
	if err != nil {
		return "<" + value.Type().TypeName() + ">"
	}
	return jsonText(goValue)
}

func jsonText(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("<%T>", value)
	}
	return Cut(string(encoded), MaxResultLength)
}

// Cut shortens text to most characters, the last of which is then "…".
func Cut(text string, most int) string {
	if len(text) <= most || utf8.RuneCountInString(text) <= most {
		return text
	}
	end := 0
	for range most - 1 {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
	}
	return text[:end] + "…"
}

// fieldText is the value of a Go field of a record as an execution shows it.
func fieldText(pointer any) string {
	if isEmpty(pointer) {
		if b, ok := pointer.(*bool); ok {
			return strconv.FormatBool(*b)
		}
		return ""
	}
	switch p := pointer.(type) {
	case *string:
		return Cut(*p, MaxResultLength)
	case *bool:
		return strconv.FormatBool(*p)
	case **v1alpha1.RecordReference:
		return (*p).Name
	}
	return jsonText(pointer)
}
