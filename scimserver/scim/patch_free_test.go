package scim

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// freeURN has what is hard to tell from an attribute: dots, colons and a name at its end.
const freeURN = "urn:example:ext:2.0:User"

const freeUser = `{"userName":"a","` + freeURN + `":{
  "color": "red", "tags": ["a","b","B2"], "sizes": [1, 2.5], "car": {"Plate": "X", "doors": 4, "owner": {"name": "O", "age": 9}},
  "cars": [{"value":"c1","type":"small","doors":2},{"value":"c2","Type":"large","primary":true},{"value":"c3"}]}}`

// What an operation does in an extension without a schema; nil is for what is gone, and what is not named stays.
func TestApplyPatchInAnExtensionWithoutSchema(t *testing.T) {
	small, large, third := object{"value": "c1", "type": "small", "doors": number("2")}, object{"value": "c2", "Type": "large", "primary": true}, object{"value": "c3"}
	owner := object{"name": "O", "age": number("9")}
	path := func(attribute string) string { return `"path":"` + freeURN + attribute + `"` }
	tests := map[string]struct {
		operations string
		want       object
	}{
		"remove of values of a list":             {`{"op":"remove",` + path(":tags") + `,"value":["A","x"]}`, object{"tags": []any{"b", "B2"}}},
		"remove of one value":                    {`{"op":"remove",` + path(":TAGS") + `,"value":"a"}`, object{"tags": []any{"b", "B2"}}},
		"remove of values as objects":            {`{"op":"remove",` + path(":tags") + `,"value":[{"value":"a"},{"VALUE":"b"}]}`, object{"tags": []any{"B2"}}},
		"remove of numbers":                      {`{"op":"remove",` + path(":sizes") + `,"value":[1.0,25e-1,7]}`, object{"sizes": nil}},
		"remove of all values":                   {`{"op":"remove",` + path(":tags") + `,"value":["a","b","b2"]}`, object{"tags": nil}},
		"remove of no values":                    {`{"op":"remove",` + path(":tags") + `,"value":[]},{"op":"remove",` + path(":cars") + `,"value":[{},null,{"value":"c1","type":"large"}]}`, object{}},
		"remove of objects by a part":            {`{"op":"remove",` + path(":cars") + `,"value":[{"TYPE":"LARGE"}]}`, object{"cars": []any{small, third}}},
		"remove of objects by their value":       {`{"op":"remove",` + path(":cars") + `,"value":["c1","c3"]}`, object{"cars": []any{large}}},
		"remove of a list in a single value":     {`{"op":"remove",` + path(":color") + `,"value":["blue"]}`, object{}},
		"remove of a single value in a list":     {`{"op":"remove",` + path(":color") + `,"value":["RED"]}`, object{"color": nil}},
		"remove of a list":                       {`{"op":"remove",` + path(":tags") + `}`, object{"tags": nil}},
		"remove of members by name":              {`{"op":"remove",` + path("") + `,"value":{"COLOR":"whatever","car":null,"none":1}}`, object{"color": nil, "car": nil}},
		"remove of values and parts by name":     {`{"op":"remove",` + path("") + `,"value":{"tags":["a"],"car":{"plate":1},"cars":[{"value":"c3"}]}}`, object{"tags": []any{"b", "B2"}, "car": object{"doors": number("4"), "owner": owner}, "cars": []any{small, large}}},
		"remove of no members":                   {`{"op":"remove",` + path("") + `,"value":{}}`, object{}},
		"remove of parts":                        {`{"op":"remove",` + path(":car") + `,"value":{"plate":"x","doors":null}}`, object{"car": object{"owner": owner}}},
		"remove of a part of a part":             {`{"op":"remove",` + path(":car.OWNER.name") + `}`, object{"car": object{"Plate": "X", "doors": number("4"), "owner": object{"age": number("9")}}}},
		"remove of the last parts":               {`{"op":"remove",` + path(":car.owner") + `},{"op":"remove",` + path(":car.plate") + `},{"op":"remove",` + path(":car.doors") + `}`, object{"car": nil}},
		"remove of the last parts of a part":     {`{"op":"remove",` + path(":car.owner.name") + `},{"op":"remove",` + path(":car.owner.age") + `}`, object{"car": object{"Plate": "X", "doors": number("4")}}},
		"remove of a part of every value":        {`{"op":"remove",` + path(":cars.type") + `}`, object{"cars": []any{object{"value": "c1", "doors": number("2")}, object{"value": "c2", "primary": true}, third}}},
		"remove of what is not there":            {`{"op":"remove",` + path(":none") + `},{"op":"remove",` + path(":none.a.b") + `},{"op":"remove",` + path(":none[a eq 1].b") + `}`, object{}},
		"remove by brackets":                     {`{"op":"remove",` + path(`:tags[value eq \"A\" or value sw \"b2\"]`) + `}`, object{"tags": []any{"b"}}},
		"remove of objects by brackets":          {`{"op":"remove",` + path(`:cars[type eq \"small\"]`) + `}`, object{"cars": []any{large, third}}},
		"remove of a part by brackets":           {`{"op":"remove",` + path(`:cars[doors lt 3].Doors`) + `}`, object{"cars": []any{object{"value": "c1", "type": "small"}, large, third}}},
		"remove of the value by brackets":        {`{"op":"remove",` + path(`:tags[value eq \"a\"].value`) + `}`, object{"tags": []any{"b", "B2"}}},
		"remove of all by brackets":              {`{"op":"remove",` + path(`:cars[value pr]`) + `}`, object{"cars": nil}},
		"replace of a part by brackets":          {`{"op":"replace",` + path(`:cars[value eq \"c2\"].type`) + `,"value":"huge"}`, object{"cars": []any{small, object{"value": "c2", "Type": "huge", "primary": true}, third}}},
		"replace of a nested part by brackets":   {`{"op":"add",` + path(`:cars[value eq \"c3\"].size.cc`) + `,"value":9},{"op":"add",` + path(`:cars[size.cc eq 9].Size.kw`) + `,"value":7}`, object{"cars": []any{small, large, object{"value": "c3", "size": object{"cc": number("9"), "kw": number("7")}}}}},
		"replace of objects by brackets":         {`{"op":"replace",` + path(`:cars[type eq \"small\"]`) + `,"value":{"value":"c9","gone":null}}`, object{"cars": []any{object{"value": "c9", "type": "small"}, large, third}}},
		"replace by a simple value in brackets":  {`{"op":"replace",` + path(`:cars[value eq \"c1\"]`) + `,"value":"c9"}`, object{"cars": []any{object{"value": "c9", "type": "small", "doors": number("2")}, large, third}}},
		"replace of simple values by brackets":   {`{"op":"replace",` + path(`:tags[value eq \"a\"]`) + `,"value":"c"},{"op":"replace",` + path(`:tags[value eq \"b\"].value`) + `,"value":"d"}`, object{"tags": []any{"c", "d", "B2"}}},
		"replace by brackets in a single value":  {`{"op":"replace",` + path(`:car[plate eq \"x\"].doors`) + `,"value":5},{"op":"replace",` + path(`:color[value eq \"red\"]`) + `,"value":"blue"}`, object{"car": object{"Plate": "X", "doors": number("5"), "owner": owner}, "color": "blue"}},
		"replace of a list by one":               {`{"op":"replace",` + path(":tags") + `,"value":"c"}`, object{"tags": []any{"c"}}},
		"replace of a list by nothing":           {`{"op":"replace",` + path(":tags") + `,"value":[]},{"op":"replace",` + path(":cars") + `,"value":null}`, object{"tags": nil, "cars": nil}},
		"replace of one by a list":               {`{"op":"replace",` + path(":color") + `,"value":["blue","red"]}`, object{"color": []any{"blue", "red"}}},
		"replace of an object by one":            {`{"op":"replace",` + path(":car") + `,"value":"none"}`, object{"car": "none"}},
		"replace of a part of every value":       {`{"op":"replace",` + path(":cars.type") + `,"value":"t"}`, object{"cars": []any{object{"value": "c1", "type": "t", "doors": number("2")}, object{"value": "c2", "Type": "t", "primary": true}, object{"value": "c3", "type": "t"}}}},
		"add to a list":                          {`{"op":"add",` + path(":tags") + `,"value":["A","c"]},{"op":"add",` + path(":tags") + `,"value":"d"}`, object{"tags": []any{"a", "b", "B2", "c", "d"}}},
		"add of objects that differ in a part":   {`{"op":"add",` + path(":cars") + `,"value":[{"value":"C3"},{"value":"c3","doors":1}]}`, object{"cars": []any{small, large, third, object{"value": "c3", "doors": number("1")}}}},
		"add of a primary value":                 {`{"op":"add",` + path(":cars") + `,"value":{"value":"c4","primary":true}}`, object{"cars": []any{small, object{"value": "c2", "Type": "large", "primary": true}, third, object{"value": "c4", "primary": true}}}},
		"add of a list to a single value":        {`{"op":"add",` + path(":color") + `,"value":["blue","RED"]}`, object{"color": []any{"red", "blue"}}},
		"add by brackets that match":             {`{"op":"add",` + path(`:cars[value eq \"c3\"]`) + `,"value":{"doors":5}}`, object{"cars": []any{small, large, object{"value": "c3", "doors": number("5")}}}},
		"add by brackets that match nothing":     {`{"op":"add",` + path(`:cars[value eq \"c4\" and size.cc eq 1]`) + `,"value":{"doors":5}}`, object{"cars": []any{small, large, third, object{"value": "c4", "doors": number("5"), "size": object{"cc": number("1")}}}}},
		"add of a part by brackets to nothing":   {`{"op":"add",` + path(`:phones[type eq \"work\"].value`) + `,"value":"1"}`, object{"phones": []any{object{"type": "work", "value": "1"}}}},
		"add of a part of what is not there":     {`{"op":"add",` + path(":engine.size.cc") + `,"value":1},{"op":"add",` + path(":ENGINE.Size.kw") + `,"value":2}`, object{"engine": object{"size": object{"cc": number("1"), "kw": number("2")}}}},
		"members, literal and nested, by object": {`{"op":"add",` + path("") + `,"value":{"CAR.doors":5,"car":{"plate":"Y"},"none":null}}`, object{"CAR.doors": number("5"), "car": object{"Plate": "Y", "doors": number("4"), "owner": owner}}},
		"values that are objects":                {`{"op":"add",` + path(":deep.value") + `,"value":{"value":{"a":1}}},{"op":"replace",` + path(":deep") + `,"value":{"value":{"b":2}}}`, object{"deep": object{"value": object{"b": number("2")}}}},
		"a qualified key with brackets":          {`{"op":"replace","value":{"` + freeURN + `:cars[value eq \"c1\"].type":"t"}}`, object{"cars": []any{object{"value": "c1", "type": "t", "doors": number("2")}, large, third}}},
		"the URN in another case, twice":         {`{"op":"replace","path":"` + strings.ToUpper(freeURN) + `:color","value":"blue"},{"op":"remove","path":"URN:example:ext:2.0:user:COLOR"}`, object{"color": nil}},
		"an empty value, which is no value":      {`{"op":"replace",` + path("") + `,"value":{"color":{},"car":[],"tags":[[]]}}`, object{"color": nil, "car": nil, "tags": []any{[]any{}}}},
		"a list again after it became one value": {`{"op":"remove",` + path(":tags") + `,"value":["a","b"]},{"op":"add",` + path(":tags") + `,"value":"c"}`, object{"tags": []any{"B2", "c"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			current := mustDecode(t, User, freeUser)
			before, want := current.Clone(), current.Clone()
			got, err := patchWith(User, current, "["+tt.operations+"]", Standard)
			if err != nil {
				t.Fatal(err)
			}
			for key, v := range tt.want {
				if want.Complex(freeURN)[key] = v; v == nil {
					delete(want.Complex(freeURN), key)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("wrong result (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, current); diff != "" {
				t.Errorf("the patch changed its input (-before +after):\n%s", diff)
			}
			checkCanonical(t, User, got)
		})
	}
}

func TestApplyPatchRefusesInAnExtensionWithoutSchema(t *testing.T) {
	for operation, scimType := range map[string]string{
		`{"op":"replace","path":"` + freeURN + `:cars.value","value":"x"}`:                                      TypeNoTarget,
		`{"op":"replace","path":"` + freeURN + `:cars[value eq \"none\"].type","value":"x"}`:                    TypeNoTarget,
		`{"op":"add","path":"` + freeURN + `:cars[value sw \"none\"].type","value":"x"}`:                        TypeNoTarget,
		`{"op":"add","path":"` + freeURN + `:cars.tags[value eq \"a\"]","value":"x"}`:                           TypeNoTarget,
		`{"op":"add","path":"` + freeURN + `:cars[value eq \"a\"]..type","value":"x"}`:                          TypeInvalidPath,
		`{"op":"remove","path":"` + freeURN + `:cars[value]"}`:                                                  TypeInvalidFilter,
		`{"op":"remove","path":"` + freeURN + `","value":["color"]}`:                                            TypeInvalidValue,
		`{"op":"remove","path":"` + freeURN + `:tags","value":["` + strings.Repeat("x", MaxUnknownSize) + `"]}`: TypeInvalidValue,
		`{"op":"add","path":"` + freeURN + `:text","value":"` + strings.Repeat("x", MaxUnknownSize) + `"}`:      TypeInvalidValue,
	} {
		_, err := patchWith(User, mustDecode(t, User, freeUser), "["+operation+"]", Standard)
		wantError(t, err, 400, scimType)
	}
}

func TestExtensionsWithoutSchemaStayReadable(t *testing.T) {
	for levels, refused := range map[int]bool{MaxDepth - 2: false, MaxDepth - 1: true, 500: true} {
		_, err := patchWith(User, Resource{"userName": "a"}, `[{"op":"add","path":"urn:x:y:a`+strings.Repeat(".a", levels)+`","value":1}]`, Standard)
		if refused {
			wantError(t, err, 400, TypeInvalidValue)
		} else if err != nil {
			t.Errorf("%d levels: %v", levels, err)
		}
	}
	_, err := DecodeResource(User, []byte(`{"userName":"a","urn:`+strings.Repeat("x:", maxURN)+`y":{"a":1}}`))
	wantError(t, err, 400, TypeInvalidValue)
	if len(err.Error()) > 200 {
		t.Error("the detail repeats the URN")
	}
}

// A request is refused as soon as it is beyond the limits, in whatever pieces it comes.
func TestExtensionsWithoutSchemaAreBoundedInPieces(t *testing.T) {
	var pieces, keys []string
	for i := range 40 {
		text := strings.Repeat("x", MaxUnknownSize/32)
		pieces = append(pieces, fmt.Sprintf(`{"op":"add","path":"%s:list","value":["%d%s"]}`, freeURN, i, text))
		keys = append(keys, fmt.Sprintf(`"%s:k%d":"%s"`, freeURN, i, text))
	}
	_, err := patchWith(User, mustDecode(t, User, freeUser), "["+strings.Join(pieces, ",")+"]", Standard)
	wantError(t, err, 400, TypeInvalidValue)
	if !strings.Contains(err.Error(), "operation 32") {
		t.Errorf("%v: want the operation that goes beyond the limit", err)
	}
	_, err = DecodeResource(User, []byte(`{"userName":"a",`+strings.Join(keys, ",")+`}`))
	wantError(t, err, 400, TypeInvalidValue)
	if got, err := patchWith(User, mustDecode(t, User, freeUser), "["+strings.Join(pieces[:31], ",")+"]", Standard); err != nil || len(got.Complex(freeURN)["list"].([]any)) != 31 {
		t.Errorf("what is within the limits: %v", err)
	}
}

func TestNamesOfManyMembers(t *testing.T) {
	n := &names{of: map[string]any{}}
	for i := range 100 {
		if name, exists := n.find(fmt.Sprintf("NAME%d", i)); exists {
			t.Fatalf("%s exists", name)
		}
		n.set(fmt.Sprintf("name%d", i), i)
		if name, exists := n.find(fmt.Sprintf("NAME%d", i)); !exists || name != fmt.Sprintf("name%d", i) {
			t.Fatalf("found %q (%t) for number %d", name, exists, i)
		}
	}
	n.remove("name7")
	if name, exists := n.find("Name7"); exists || name != "Name7" {
		t.Errorf("found %q (%t) although it is removed", name, exists)
	}
	n.set("Name7", 7)
	if name, exists := n.find("naME7"); !exists || name != "Name7" {
		t.Errorf("found %q (%t), want the new spelling", name, exists)
	}
}

// The values that a path selects each get a copy of what is given, which is refused before the copies are made.
func TestAValueIsNotCopiedBeyondTheLimit(t *testing.T) {
	const values, names = 4000, 20
	current := Resource{"userName": "a", freeURN: object{"list": slices.Repeat([]any{number("1")}, values)}}
	value := "{"
	for i := range names {
		value += fmt.Sprintf(`"k%d":"xxxxxx",`, i)
	}
	value = strings.TrimSuffix(value, ",") + "}"
	for _, operation := range []string{
		`{"op":"add","path":"` + freeURN + `:list.foo","value":` + value + `}`,
		`{"op":"add","path":"` + freeURN + `:list[value eq 1]","value":` + value + `}`,
		`{"op":"replace","path":"` + freeURN + `:list[value eq 1]","value":` + value + `}`,
	} {
		var err error
		allocated := testing.AllocsPerRun(1, func() { _, err = patchWith(User, current, "["+operation+"]", Standard) })
		wantError(t, err, 400, TypeInvalidValue)
		if !strings.Contains(err.Error(), "list would be longer") || allocated > 2*values {
			t.Errorf("%.0f allocations, then %v", allocated, err)
		}
	}
	// Nulls are not copied, and do not count.
	got, err := patchWith(User, current, `[{"op":"add","path":"`+freeURN+`:list.foo","value":`+strings.ReplaceAll(value, `"xxxxxx"`, "null")+`}]`, Standard)
	if err != nil || len(got.Complex(freeURN)["list"].([]any)) != values {
		t.Errorf("what leaves the values as they are: %v", err)
	}
}
