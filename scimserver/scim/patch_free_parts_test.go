package scim

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What an operation does below an attribute without a schema: behind brackets, and in what an object names.
func TestApplyPatchWithinAnAttributeWithoutSchema(t *testing.T) {
	path := func(attribute string) string { return `"path":"` + freeURN + `:` + attribute + `"` }
	list, one := `[{"k":"1","t":["a","b"]},{"k":"2","t":["a"],"p":{"q":1}}]`, number("1")
	second := object{"k": "2", "t": []any{"a"}, "p": object{"q": one}}
	tests := map[string]struct {
		stored, operation string
		want              any
	}{
		"remove from a list behind brackets":          {list, `"remove",` + path(`o[k eq \"1\"].t`) + `,"value":["A"]`, []any{object{"k": "1", "t": []any{"b"}}, second}},
		"remove of a list behind brackets":            {list, `"remove",` + path(`o[k eq \"1\"].t`), []any{object{"k": "1"}, second}},
		"remove of what an object lists in brackets":  {list, `"remove",` + path(`o[k eq \"1\"]`) + `,"value":{"T":["a"]}`, []any{object{"k": "1", "t": []any{"b"}}, second}},
		"remove of all that an element has":           {list, `"remove",` + path(`o[k eq \"1\"]`) + `,"value":{"k":"1","t":null}`, []any{second}},
		"remove of nothing in brackets":               {list, `"remove",` + path(`o[k eq \"1\"]`) + `,"value":{}`, []any{object{"k": "1", "t": []any{"a", "b"}}, second}},
		"remove of a part that is not there":          {list, `"remove",` + path(`o[k eq \"1\"].p.q`), []any{object{"k": "1", "t": []any{"a", "b"}}, second}},
		"remove within a part of every element":       {`[{"x":{"y":1,"z":2}}]`, `"remove",` + path("o.x") + `,"value":{"y":1}`, []any{object{"x": object{"z": number("2")}}}},
		"remove of what an object lists":              {`{"t":["a","b"]}`, `"remove",` + path("o") + `,"value":{"t":["a"]}`, object{"t": []any{"b"}}},
		"remove of no values of a list":               {`{"t":["a","b"]}`, `"remove",` + path("o") + `,"value":{"t":[]}`, object{"t": []any{"a", "b"}}},
		"remove of parts of a part":                   {`{"p":{"q":1,"r":2}}`, `"remove",` + path("o") + `,"value":{"p":{"q":1}}`, object{"p": object{"r": number("2")}}},
		"remove of the last part of the last part":    {`{"p":{"q":1}}`, `"remove",` + path("o") + `,"value":{"p":{"q":1}}`, nil},
		"add to a list in an object":                  {`{"t":["a","b"]}`, `"add",` + path("o") + `,"value":{"T":["c","A"]}`, object{"t": []any{"a", "b", "c"}}},
		"add to a list behind brackets":               {list, `"add",` + path(`o[k eq \"1\"].t`) + `,"value":["c"]`, []any{object{"k": "1", "t": []any{"a", "b", "c"}}, second}},
		"add to a list of a selected element":         {list, `"add",` + path(`o[k eq \"1\"]`) + `,"value":{"t":"c"}`, []any{object{"k": "1", "t": []any{"a", "b", "c"}}, second}},
		"add of a part of a part":                     {`{"p":{"q":1}}`, `"add",` + path("o") + `,"value":{"p":{"r":1}}`, object{"p": object{"q": one, "r": one}}},
		"add of nothing to what is there":             {`{"t":["a"],"p":1}`, `"add",` + path("o") + `,"value":{"t":[],"p":{}}`, object{"t": []any{"a"}, "p": one}},
		"add of a list to nothing":                    {`{"p":1}`, `"add",` + path("o") + `,"value":{"t":["a"]}`, object{"p": one, "t": []any{"a"}}},
		"replace of a list in an object":              {`{"t":["a","b"]}`, `"replace",` + path("o") + `,"value":{"t":["c"]}`, object{"t": []any{"c"}}},
		"replace of a part of a part":                 {`{"p":{"q":1}}`, `"replace",` + path("o") + `,"value":{"p":{"r":1}}`, object{"p": object{"r": one}}},
		"replace keeps the spelling of what it keeps": {`[{"k":"Work","v":1}]`, `"replace",` + path(`o[k eq \"WORK\"]`) + `,"value":{"v":2}`, []any{object{"k": "Work", "v": number("2")}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			current := mustDecode(t, User, `{"userName":"a","`+freeURN+`":{"stays":true,"o":`+tt.stored+`}}`)
			before := current.Clone()
			got, err := patchWith(User, current, `[{"op":`+tt.operation+`}]`, Standard)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Complex(freeURN)["o"]); diff != "" {
				t.Errorf("wrong result (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, current); diff != "" {
				t.Errorf("the patch changed its input (-before +after):\n%s", diff)
			}
			checkCanonical(t, User, got)
		})
	}
}

// Names in a given object are names, whatever is in them; names with dots lead somewhere in paths only.
func TestNamesWithoutSchemaAreTakenAsTheyAre(t *testing.T) {
	many := object{}
	for i := range fewNames + 3 {
		many[fmt.Sprintf("n%d", i)] = number("1")
	}
	manyAndBlank := maps.Clone(many)
	manyAndBlank[""] = number("0")
	text, err := json.Marshal(manyAndBlank)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		urn, stored, operations string
		want                    object
	}{
		"dots in an object":                      {freeURN, `{"o":{"b.c":1}}`, ``, object{"o": object{"b.c": number("1")}}},
		"a name and one that goes on from it":    {freeURN, `{"o":{"b":1,"b.c":2},"mail":"x","mail.enabled":true}`, ``, object{"o": object{"b": number("1"), "b.c": number("2")}, "mail": "x", "mail.enabled": true}},
		"by path":                                {freeURN, `{"o":{"b":1,"b.c":2}}`, `{"op":"replace","path":"` + freeURN + `:O.B.C","value":3}`, object{"o": object{"b": number("1"), "b.c": number("3")}}},
		"by a key without path":                  {freeURN, `{"o":{"b":1}}`, `{"op":"add","value":{"` + freeURN + `:o.c":3}}`, object{"o": object{"b": number("1"), "c": number("3")}}},
		"removed by name":                        {freeURN, `{"a":{"b":1},"a.b":2}`, `{"op":"remove","path":"` + freeURN + `","value":{"a.b":null}}`, object{"a": object{"b": number("1")}}},
		"a blank name":                           {freeURN, `{"":1,"o":{"":{"a":1}}}`, `{"op":"add","path":"` + freeURN + `","value":{"":2}}`, object{"": number("2"), "o": object{"": object{"a": number("1")}}}},
		"a blank name among many":                {freeURN, `{"o":` + string(text) + `}`, `{"op":"add","path":"` + freeURN + `","value":{"o":{"n":2,"m":3}}}`, object{"o": with(manyAndBlank, object{"n": number("2"), "m": number("3")})}},
		"schemas":                                {freeURN, `{"schemas":["a"],"o":{"schemas":1}}`, `{"op":"add","path":"` + freeURN + `","value":{"schemas":["b"]}}`, object{"schemas": []any{"a", "b"}, "o": object{"schemas": number("1")}}},
		"several primary values":                 {freeURN, `{"o":[{"primary":true}]}`, `{"op":"add","path":"` + freeURN + `:o","value":[{"a":1,"primary":true},{"a":2,"primary":true}]}`, object{"o": []any{object{"primary": true}, object{"a": number("1"), "primary": true}, object{"a": number("2"), "primary": true}}}},
		"ids of custom fields":                   {CustomFieldsURN, `{"a":1,"a.b":2}`, ``, object{"a": number("1"), "a.b": number("2")}},
		"ids of custom fields, by path":          {CustomFieldsURN, `{"a":1}`, `{"op":"add","path":"` + CustomFieldsURN + `:a.b","value":2},{"op":"add","path":"` + CustomFieldsURN + `:c.d","value":3}`, object{"a": number("1"), "a.b": number("2"), "c.d": number("3")}},
		"ids of custom fields, in brackets":      {CustomFieldsURN, `{"a":{"b":1}}`, `{"op":"add","path":"` + CustomFieldsURN + `[id eq \"a.b\"].value","value":2}`, object{"a": object{"b": number("1")}, "a.b": number("2")}},
		"ids of custom fields, in the list":      {CustomFieldsURN, `{"custom_fields":[{"id":"a","value":1},{"id":"a.b","value":2}]}`, ``, object{"a": number("1"), "a.b": number("2")}},
		"a path into a custom field that exists": {CustomFieldsURN, `{"a":{"b":1}}`, `{"op":"add","path":"` + CustomFieldsURN + `:a.c","value":2}`, object{"a": object{"b": number("1"), "c": number("2")}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := patchWith(User, mustDecode(t, User, `{"userName":"a","`+tt.urn+`":`+tt.stored+`}`), `[`+tt.operations+`]`, Standard)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Complex(tt.urn)); diff != "" {
				t.Errorf("wrong result (-want +got):\n%s", diff)
			}
			checkCanonical(t, User, got)
		})
	}
	_, err = DecodeResource(User, []byte(`{"userName":"a","`+CustomFieldsURN+`":{"":1}}`))
	wantError(t, err, 400, TypeInvalidValue)
}

func with(object, more map[string]any) map[string]any {
	out := maps.Clone(object)
	maps.Copy(out, more)
	return out
}
