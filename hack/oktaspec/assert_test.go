package oktaspec

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func decode(t *testing.T, s string) any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAssertions(t *testing.T) {
	const body = `{"n":3,"text":"3","yes":true,"no":false,"null":null,"blank":"","list":["a",{"v":"b"}],"none":[],"empty":{}}`
	got := answer{status: 200, elapsed: 599 * time.Millisecond}
	got.json = decode(t, body)
	tests := map[string]struct {
		comparison, source, property, value string
		pass                                bool
	}{
		"the status is compared as a number":       {"equal_number", sourceStatus, "", "200", true},
		"another status fails":                     {"equal_number", sourceStatus, "", "201", false},
		"a time below the limit passes":            {"is_less_than", sourceTime, "", "600", true},
		"a time at the limit fails":                {"is_less_than", sourceTime, "", "599", false},
		"equal compares a boolean as text":         {"equal", sourceJSON, "yes", "true", true},
		"equal compares a number as text":          {"equal", sourceJSON, "n", "3", true},
		"equal sees a difference":                  {"equal", sourceJSON, "text", "4", false},
		"equal wants a single value":               {"equal", sourceJSON, "list", "a", false},
		"equal_number takes a JSON number":         {"equal_number", sourceJSON, "n", "3", true},
		"equal_number refuses a number as text":    {"equal_number", sourceJSON, "text", "3", false},
		"is_a_number takes a JSON number":          {"is_a_number", sourceJSON, "n", "", true},
		"is_a_number refuses text":                 {"is_a_number", sourceJSON, "text", "", false},
		"not_empty takes false":                    {"not_empty", sourceJSON, "no", "", true},
		"not_empty refuses null":                   {"not_empty", sourceJSON, "null", "", false},
		"not_empty refuses empty text":             {"not_empty", sourceJSON, "blank", "", false},
		"not_empty refuses an empty list":          {"not_empty", sourceJSON, "none", "", false},
		"not_empty refuses an empty object":        {"not_empty", sourceJSON, "empty", "", false},
		"not_empty refuses a missing property":     {"not_empty", sourceJSON, "missing", "", false},
		"has_value finds an element":               {"has_value", sourceJSON, "list", "a", true},
		"has_value misses an element":              {"has_value", sourceJSON, "list", "b", false},
		"has_value wants a list":                   {"has_value", sourceJSON, "text", "3", false},
		"contains finds an element":                {"contains", sourceJSON, "list", "a", true},
		"contains finds a part of a text":          {"contains", sourceJSON, "list[1].v", "b", true},
		"contains misses a part of a text":         {"contains", sourceJSON, "list[1].v", "c", false},
		"an index past the end is no property":     {"not_empty", sourceJSON, "list[2]", "", false},
		"names are compared with regard to case":   {"not_empty", sourceJSON, "Text", "", false},
		"a name does not look into single values":  {"not_empty", sourceJSON, "text.x", "", false},
		"an index does not look into an object":    {"not_empty", sourceJSON, "empty[0]", "", false},
		"a value for a number has to be a number":  {"equal_number", sourceJSON, "n", "three", false},
		"a limit for a number has to be a number":  {"is_less_than", sourceTime, "", "soon", false},
		"a boolean is no number":                   {"is_a_number", sourceJSON, "yes", "", false},
		"a list element can be looked at in depth": {"equal", sourceJSON, "list[1].v", "b", true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			a := assertion{Comparison: tc.comparison, Source: tc.source, Property: tc.property}
			if !withoutValue[tc.comparison] {
				a.Value = &tc.value
			}
			if err := a.validate(); err != nil {
				t.Fatal(err)
			}
			if err := a.check(got, tc.value); (err == nil) != tc.pass {
				t.Errorf("error %v, want pass %t", err, tc.pass)
			}
		})
	}
}

func TestAnAnswerThatIsNoJSONFailsItsAssertions(t *testing.T) {
	a := assertion{Comparison: "not_empty", Source: sourceJSON, Property: "id"}
	if err := a.check(answer{jsonErr: errors.New("bad")}, ""); err == nil {
		t.Fatal("want an error")
	}
}

func TestUnknownThingsAreErrors(t *testing.T) {
	const request = `{"step_type":"request","method":"GET","url":"u"`
	tests := map[string]struct{ steps, want string }{
		"a key of the format":            {`{"step_type":"pause","color":1}`, "unknown field"},
		"a step type":                    {`{"step_type":"loop"}`, "step_type"},
		"a comparison":                   {request + `,"assertions":[{"comparison":"like","source":"response_status","value":"1"}]}`, "comparison"},
		"a comparison lacking its value": {request + `,"assertions":[{"comparison":"equal","source":"response_status"}]}`, "value"},
		"a source":                       {request + `,"assertions":[{"comparison":"equal","source":"response_xml","value":"1"}]}`, "source"},
		"a property of the status":       {request + `,"assertions":[{"comparison":"equal","source":"response_status","property":"x","value":"1"}]}`, "property"},
		"a form of property":             {request + `,"assertions":[{"comparison":"not_empty","source":"response_json","property":"$..x"}]}`, "property"},
		"a source of a variable":         {request + `,"variables":[{"source":"response_headers","name":"x"}]}`, "source"},
		"a property of a variable":       {request + `,"variables":[{"source":"response_json","name":"x","property":"a[*]"}]}`, "property"},
		"a script":                       {request + `,"scripts":["log(1)"]}`, "script"},
		"a script before the request":    {request + `,"before_scripts":["log(1)"]}`, "script"},
		"authentication by Runscope":     {request + `,"auth":{"auth_type":"basic"}}`, "auth"},
		"a form":                         {request + `,"form":{"a":["b"]}}`, "form"},
		"no steps at all":                {``, "no steps"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := run(t.Context(), nil, Config{BaseURL: "http://localhost", Auth: "x"}, []byte(`{"steps":[`+tc.steps+`]}`))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestFill(t *testing.T) {
	got, err := fill("{{ a }}-{{b}}", map[string]string{"a": "1", "b": "{{a}}"})
	if err != nil || got != "1-{{a}}" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := fill("{{a}}{{c}}", map[string]string{"a": "1"}); err == nil || !strings.Contains(err.Error(), "{{c}}") {
		t.Errorf("error %v, want one that names {{c}}", err)
	}
}
