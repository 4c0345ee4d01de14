package customfields

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func decode(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestReadTakesEitherForm(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1,"b":{"c":true}}`: `{"a":1,"b":{"c":true}}`,
		`{"custom_fields":[{"id":"a","value":1},{"id":"b","value":{"c":true}}]}`: `{"a":1,"b":{"c":true}}`,
		`{"Custom_Fields":{"ID":"a","Value":1}}`:                                 `{"a":1}`,
		`{"custom_fields":[{"id":"a","value":1}],"b":2}`:                         `{"a":1,"b":2}`,
		`[{"id":"a","value":1}]`:                                                 `{"a":1}`,
		`{"custom_fields":[{"id":"a"}]}`:                                         `{"a":null}`,
		`{"custom_fields":null}`:                                                 `{}`,
		`{}`:                                                                     `{}`,
		`null`:                                                                   `{}`,
	} {
		got, err := Read(decode(t, text))
		if diff := cmp.Diff(decode(t, want), any(got)); err != nil || diff != "" {
			t.Errorf("%s: %v, wrong fields (-want +got):\n%s", text, err, diff)
		}
	}
}

func TestReadRefusesWhatIsNeither(t *testing.T) {
	for text, want := range map[string]string{
		`"xyzzy"`:                               "must be an object",
		`[1]`:                                   "must be an object",
		`{"custom_fields":"xyzzy"}`:             "must be an object",
		`{"custom_fields":[{"value":"xyzzy"}]}`: "must be an object",
		`{"":1}`:                                "needs an id",
		`[{"id":"custom_fields.a"}]`:            "is not the id",
		`[{"id":"a\nb"}]`:                       "control characters",
		`[{"id":"a"},{"id":"A"}]`:               "more than once",
		`{"custom_fields":[{"id":"a"}],"A":"xyzzy"}`:       "more than once",
		`{"a":1,"custom_fields":[{"id":"Custom_Fields"}]}`: "is not the id",
	} {
		if _, err := Read(decode(t, text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "xyzzy") {
			t.Errorf("%s: %v, want %q and no value", text, err, want)
		}
	}
}

func TestTheEndOfTheURNTells(t *testing.T) {
	for urn, want := range map[string]bool{
		"urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields":   true,
		"URN:ietf:params:scim:schemas:extension:brand:1.0:Custom_Fields": true,
		"urn:x:custom_fields:badge":                                      false,
		"urn:x:more_custom_fields":                                       false,
		"custom_fields":                                                  false,
	} {
		if IsURN(urn) != want {
			t.Errorf("%s: %t", urn, !want)
		}
	}
}
