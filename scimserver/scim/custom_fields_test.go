package scim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCustomFieldsAreKeptAsAnObject(t *testing.T) {
	tests := map[string]struct {
		extension string
		want      object
	}{
		"an object":                    {`{"badge":"7","floor":3}`, object{"badge": "7", "floor": number("3")}},
		"a list":                       {`{"custom_fields":[{"id":"badge","value":"7"},{"ID":"floor","Value":3,"type":"number"}]}`, object{"badge": "7", "floor": number("3")}},
		"a list of one without array":  {`{"Custom_Fields":{"id":"badge","value":"7"}}`, object{"badge": "7"}},
		"a list in place of an object": {`[{"id":"badge","value":"7"}]`, object{"badge": "7"}},
		"both":                         {`{"badge":"7","custom_fields":[{"id":"floor","value":3}]}`, object{"badge": "7", "floor": number("3")}},
		"fields without a value":       {`{"custom_fields":[{"id":"badge","value":"7"},{"id":"floor","value":null},{"id":"room"}]}`, object{"badge": "7"}},
		"values of any type":           {`{"custom_fields":[{"id":"a","value":[1,{"b":null}]},{"id":"c","value":{"d":true}}]}`, object{"a": []any{number("1"), object{}}, "c": object{"d": true}}},
		"an empty list":                {`{"custom_fields":[]}`, nil},
		"a null list":                  {`{"custom_fields":null}`, nil},
		"nothing":                      {`{}`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for urn, want := range map[string]string{
				CustomFieldsURN:                  CustomFieldsURN,
				strings.ToUpper(CustomFieldsURN): CustomFieldsURN,
				"urn:other:Brand:Custom_Fields":  "urn:other:Brand:Custom_Fields",
			} {
				res := mustDecode(t, User, `{"userName":"a","`+urn+`":`+tt.extension+`}`)
				if diff := cmp.Diff(tt.want, res.Complex(want)); diff != "" {
					t.Errorf("wrong fields of %s (-want +got):\n%s", urn, diff)
				}
				checkCanonical(t, User, res)
			}
		})
	}
}

func TestCustomFieldsArePatched(t *testing.T) {
	const urn = CustomFieldsURN
	const list = urn + ":custom_fields"
	tests := map[string]struct {
		operations string
		want       object
	}{
		"a field by its path":               {`[{"op":"replace","path":"` + urn + `:badge","value":"8"}]`, object{"badge": "8", "floor": number("3")}},
		"a field by its path in any case":   {`[{"op":"replace","path":"` + strings.ToUpper(urn) + `:BADGE","value":"8"}]`, object{"badge": "8", "floor": number("3")}},
		"a new field by its path":           {`[{"op":"add","path":"` + urn + `:room","value":"R"}]`, object{"badge": "7", "floor": number("3"), "room": "R"}},
		"a field cleared by its path":       {`[{"op":"replace","path":"` + urn + `:badge","value":null}]`, object{"floor": number("3")}},
		"a field removed by its path":       {`[{"op":"remove","path":"` + urn + `:badge"}]`, object{"floor": number("3")}},
		"a field that is an object, by key": {`[{"op":"add","value":{"` + urn + `:car":{"plate":"X"}}}]`, object{"badge": "7", "floor": number("3"), "car": object{"plate": "X"}}},
		"an object adds":                    {`[{"op":"add","path":"` + urn + `","value":{"badge":"8","room":null}}]`, object{"badge": "8", "floor": number("3")}},
		"an object replaces what it names":  {`[{"op":"replace","path":"` + urn + `","value":{"badge":"8","floor":null}}]`, object{"badge": "8"}},
		"a list adds":                       {`[{"op":"add","path":"` + urn + `","value":{"custom_fields":[{"id":"Badge","value":"8"},{"id":"room","value":"R"}]}}]`, object{"badge": "8", "floor": number("3"), "room": "R"}},
		"a list replaces what it names":     {`[{"op":"replace","value":{"` + urn + `":{"custom_fields":[{"id":"badge","value":"8"},{"id":"floor","value":null}]}}}]`, object{"badge": "8"}},
		"the list adds":                     {`[{"op":"add","path":"` + list + `","value":[{"id":"room","value":"R"}]}]`, object{"badge": "7", "floor": number("3"), "room": "R"}},
		"the list is replaced":              {`[{"op":"replace","path":"` + list + `","value":[{"id":"room","value":"R"}]}]`, object{"room": "R"}},
		"the list is replaced by nothing":   {`[{"op":"replace","path":"` + list + `","value":[]}]`, nil},
		"the list is cleared":               {`[{"op":"replace","path":"` + list + `","value":null}]`, nil},
		"the list is removed":               {`[{"op":"remove","path":"` + list + `"}]`, nil},
		"parts of the list are removed":     {`[{"op":"remove","path":"` + list + `","value":[{"id":"BADGE"}]}]`, object{"floor": number("3")}},
		"parts of the object are removed":   {`[{"op":"remove","path":"` + urn + `","value":{"badge":"whatever"}}]`, object{"floor": number("3")}},
		"all is removed":                    {`[{"op":"remove","path":"` + urn + `"}]`, nil},
		"the value of an entry":             {`[{"op":"replace","path":"` + list + `[id eq \"badge\"].value","value":"8"}]`, object{"badge": "8", "floor": number("3")}},
		"the value of a new entry":          {`[{"op":"add","path":"` + urn + `[ID eq \"room\"].Value","value":{"value":1}}]`, object{"badge": "7", "floor": number("3"), "room": object{"value": number("1")}}},
		"an entry":                          {`[{"op":"replace","path":"` + list + `[id eq \"badge\"]","value":{"id":"badge","value":"8"}}]`, object{"badge": "8", "floor": number("3")}},
		"an entry is removed":               {`[{"op":"remove","path":"` + list + `[id eq \"badge\"]"}]`, object{"floor": number("3")}},
		"parts of a list in a field":        {`[{"op":"add","path":"` + urn + `:tags","value":["a","b"]},{"op":"remove","path":"` + list + `","value":[{"id":"tags","value":["A"]}]}]`, object{"badge": "7", "floor": number("3"), "tags": []any{"b"}}},
		"a value in a field":                {`[{"op":"add","path":"` + urn + `:cars","value":[{"id":"a"},{"id":"b"}]},{"op":"remove","path":"` + urn + `:cars[id eq \"a\"]"}]`, object{"badge": "7", "floor": number("3"), "cars": []any{object{"id": "b"}}}},
		"null adds nothing":                 {`[{"op":"add","path":"` + list + `","value":null},{"op":"add","path":"` + urn + `:badge","value":null}]`, object{"badge": "7", "floor": number("3")}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for form, extension := range map[string]string{"object": `{"badge":"7","floor":3}`, "list": `{"custom_fields":[{"id":"badge","value":"7"},{"id":"floor","value":3}]}`} {
				got, err := patchWith(User, mustDecode(t, User, `{"userName":"a","`+urn+`":`+extension+`}`), tt.operations, Standard)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, got.Complex(urn)); diff != "" {
					t.Errorf("wrong fields when created as %s (-want +got):\n%s", form, diff)
				}
			}
		})
	}
}

func TestCustomFieldsOfAnotherBrandArePatched(t *testing.T) {
	const urn = "urn:example:params:scim:schemas:extension:brand:1.0:custom_fields"
	for name, operations := range map[string]string{
		"a field":             `[{"op":"add","path":"` + urn + `:badge","value":"7"}]`,
		"an object":           `[{"op":"add","path":"` + urn + `","value":{"badge":"7"}}]`,
		"a list":              `[{"op":"add","path":"` + urn + `","value":[{"id":"badge","value":"7"}]}]`,
		"the list":            `[{"op":"add","path":"` + urn + `:custom_fields","value":[{"id":"badge","value":"7"}]}]`,
		"an entry":            `[{"op":"add","path":"` + urn + `:custom_fields[id eq \"badge\"].value","value":"7"}]`,
		"without path":        `[{"op":"add","value":{"` + urn + `":{"custom_fields":[{"id":"badge","value":"7"}]}}}]`,
		"in another spelling": `[{"op":"add","path":"` + urn + `:badge","value":"6"},{"op":"add","path":"` + strings.ToUpper(urn) + `:Badge","value":"7"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := patchWith(User, Resource{"userName": "a"}, operations, Standard)
			if err != nil {
				t.Fatal(err)
			}
			want := Resource{"userName": "a", urn: object{"badge": "7"}, "schemas": []any{UserURN, urn}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("wrong resource (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCustomFieldsAreRefused(t *testing.T) {
	const urn = CustomFieldsURN
	tests := map[string]struct{ operation, scimType string }{
		"a field twice in the list":       {`{"op":"add","path":"` + urn + `","value":{"custom_fields":[{"id":"a","value":1},{"id":"A","value":2}]}}`, TypeInvalidValue},
		"a field in the object and list":  {`{"op":"add","path":"` + urn + `","value":{"a":1,"custom_fields":[{"id":"a","value":1}]}}`, TypeInvalidValue},
		"an entry without id":             {`{"op":"add","path":"` + urn + `:custom_fields","value":[{"value":1}]}`, TypeInvalidValue},
		"an entry with an empty id":       {`{"op":"add","path":"` + urn + `:custom_fields","value":[{"id":"","value":1}]}`, TypeInvalidValue},
		"an entry with a number as id":    {`{"op":"add","path":"` + urn + `:custom_fields","value":[{"id":1,"value":1}]}`, TypeInvalidValue},
		"a list that is a text":           {`{"op":"add","path":"` + urn + `","value":{"custom_fields":"a"}}`, TypeInvalidValue},
		"a text":                          {`{"op":"add","path":"` + urn + `","value":"a"}`, TypeInvalidValue},
		"a field with the list's name":    {`{"op":"add","path":"` + urn + `","value":[{"id":"custom_fields","value":1}]}`, TypeInvalidValue},
		"a path into a field called so":   {`{"op":"add","path":"` + urn + `:custom_fields.a","value":1}`, TypeInvalidPath},
		"an entry by something else":      {`{"op":"add","path":"` + urn + `:custom_fields[value eq \"badge\"].value","value":1}`, TypeInvalidPath},
		"an entry by a comparison":        {`{"op":"add","path":"` + urn + `:custom_fields[id sw \"badge\"].value","value":1}`, TypeInvalidPath},
		"another part of an entry":        {`{"op":"add","path":"` + urn + `:custom_fields[id eq \"badge\"].type","value":1}`, TypeInvalidPath},
		"a broken filter":                 {`{"op":"add","path":"` + urn + `:custom_fields[id eq].value","value":1}`, TypeInvalidFilter},
		"an entry with another's id path": {`{"op":"add","path":"` + urn + `[id eq \"custom_fields\"].value","value":1}`, TypeInvalidValue},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := patchWith(User, Resource{"userName": "a"}, `[`+tt.operation+`]`, Standard)
			wantError(t, err, 400, tt.scimType)
		})
	}
}

func TestCustomFieldsAreFiltered(t *testing.T) {
	res := mustDecode(t, User, `{"userName":"a","`+CustomFieldsURN+`":{"custom_fields":[{"id":"badge","value":"Seven"},{"id":"floor","value":3}]}}`)
	for text, want := range map[string]bool{
		CustomFieldsURN + `:badge eq "seven"`:                                  true,
		CustomFieldsURN + `:floor gt 2`:                                        true,
		CustomFieldsURN + `:room pr`:                                           false,
		CustomFieldsURN + `:custom_fields[id eq "badge" and value eq "seven"]`: true,
		CustomFieldsURN + `:CUSTOM_FIELDS[id eq "badge"].value eq "seven"`:     true,
		CustomFieldsURN + `[id eq "floor" and value gt 3]`:                     false,
		CustomFieldsURN + `[id eq "floor"].value ge 3`:                         true,
		CustomFieldsURN + `:custom_fields.id eq "floor"`:                       true,
	} {
		f, err := ParseFilter(User, text)
		if err != nil {
			t.Fatal(err)
		}
		if f.Match(res) != want {
			t.Errorf("%s: got %t", text, !want)
		}
	}
}
