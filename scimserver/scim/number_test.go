package scim

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
)

func TestNumbersAreKeptOrRefused(t *testing.T) {
	for sent, kept := range map[string]string{
		"0": "0", "-0": "0", "-0.0": "0", "0e999999999": "0", "7": "7", "1.0": "1", "1e3": "1000", "-1.50e3": "-1500", "25e-1": "2.5", "1.10": "1.1",
		"9223372036854775807": "9223372036854775807", "-9223372036854775808": "-9223372036854775808", "9007199254740993": "9007199254740993",
		"9007199254740993.0": "9007199254740993", "900719925474099300e-2": "9007199254740993", "0.1": "0.1", "1e-7": "1e-7",
		"0.10000000000000001": "0.1", "123456789012.345678": "123456789012.34567", "5e-324": "5e-324",
		"9223372036854775808": "", "-9223372036854775809": "", "12345678901234567890.10": "", "1e19": "", "1e400": "", "-1e999999999": "",
		"1e-400": "", "1e-999999999": "", "1" + strings.Repeat("0", 1000): "",
		"1." + strings.Repeat("0", maxNumber-2): "1", "1." + strings.Repeat("0", maxNumber-1): "", "1." + strings.Repeat("7", maxNumber): "",
	} {
		for form, body := range map[string]string{
			"user": `{"userName":"a","urn:x:y":{"n":` + sent + `}}`, "list": `{"userName":"a","urn:x:y":{"list":[{"n":` + sent + `}]}}`,
			"custom field": `{"userName":"a","` + CustomFieldsURN + `":[{"id":"n","value":` + sent + `}]}`,
			"group":        `{"displayName":"a","urn:x:y:n":` + sent + `}`,
		} {
			rt := User
			if form == "group" {
				rt = Group
			}
			res, err := DecodeResource(rt, []byte(body))
			if kept == "" {
				wantError(t, err, 400, TypeInvalidValue)
				continue
			}
			if err != nil {
				t.Errorf("%s in a %s: %v", sent, form, err)
				continue
			}
			encoded, err := Encode(rt, res)
			if err != nil || !strings.Contains(string(encoded), ":"+kept+"}") {
				t.Errorf("%s in a %s became %s (%v), want %s", sent, form, encoded, err, kept)
			}
			checkCanonical(t, rt, res)
		}
	}
	res := mustDecode(t, User, `{"userName":"a","urn:x:y":{"list":[1,2.5]}}`)
	_, err := patchWith(User, res, `[{"op":"add","path":"urn:x:y:list","value":9223372036854775808}]`, Standard)
	wantError(t, err, 400, TypeInvalidValue)
	_, err = patchWith(User, res, `[{"op":"remove","path":"urn:x:y:list","value":[9223372036854775808,1e400]}]`, Standard)
	if err != nil {
		t.Errorf("to remove what cannot be there: %v", err)
	}
	if _, err := DecodeResource(User, []byte(`{"userName":"a","shoeSize":9223372036854775808}`)); err != nil {
		t.Errorf("an attribute that is ignored: %v", err)
	}
}

func TestNumbersAreComparedByWhatTheyComeTo(t *testing.T) {
	const largest, neighbour = "9223372036854775807", "9223372036854775806"
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"1", "1.0", 0}, {"-0", "0.0", 0}, {"1000", "1e3", 0}, {"2", "2.5", -1}, {"-2", "-2.5", 1},
		{largest, largest, 0}, {largest, neighbour, 1}, {neighbour, largest, -1}, {largest, "9223372036854775808", -1}, {largest, "9223372036854774784", 1},
		{"-" + largest, "-9223372036854775808", 1}, {"9007199254740993", "9007199254740992", 1}, {"9007199254740993", "9007199254740992.5", 1},
		{largest, "1e400", -1}, {"-5", "-1e400", 1}, {"0", "1e-400", 0},
	} {
		order, ok := compareNumbers(json.Number(tt.a), json.Number(tt.b))
		reverse, _ := compareNumbers(json.Number(tt.b), json.Number(tt.a))
		if !ok || order != tt.want || reverse != -tt.want {
			t.Errorf("%s and %s: %d and %d, want %d", tt.a, tt.b, order, reverse, tt.want)
		}
		x, y := dynamicSortValue(json.Number(tt.a)), dynamicSortValue(json.Number(tt.b))
		if strings.Compare(x, y) != tt.want && y != "" { // what no double holds cannot be stored, and has no place
			t.Errorf("%s and %s are in order %d, want %d", tt.a, tt.b, strings.Compare(x, y), tt.want)
		}
	}
	res := mustDecode(t, User, `{"userName":"a","urn:x:y":{"n":`+largest+`}}`)
	for filter, want := range map[string]bool{
		"eq 9223372036854775807e0": false, "eq 922337203685477580700e-2": false, "eq 9223372036854775808": false, "ne 9223372036854775808": true, "lt 9223372036854775808": true, "eq " + largest: true, "gt " + neighbour: true, "lt 1e400": true, "gt -1e400": true,
	} {
		f, err := ParseFilter(User, "urn:x:y:n "+filter)
		if err != nil {
			t.Fatal(err)
		}
		if f.Match(res) != want {
			t.Errorf("%s: got %t", filter, !want)
		}
	}
}

// TestTinyNumbersTakeLittle wherever a client can write many of them: as a fraction each would take megabytes.
func TestTinyNumbersTakeLittle(t *testing.T) {
	const number, times = "1e-999999", 100
	numbers := strings.Repeat(","+number, times)[1:]
	for name, read := range map[string]func() error{
		"a filter": func() error {
			_, err := ParseFilter(User, strings.Repeat(" or urn:x:y:n gt "+number, times)[4:])
			return err
		},
		"values to remove": func() error {
			res := Resource{"userName": "a", "urn:x:y": map[string]any{"list": []any{json.Number("1")}}}
			_, err := patchWith(User, res, `[{"op":"remove","path":"urn:x:y:list","value":[`+numbers+`]}]`, Standard)
			return err
		},
		"brackets": func() error {
			filter := strings.Repeat(" or n eq "+number, times)[4:]
			_, err := patchWith(User, Resource{"userName": "a"}, `[{"op":"remove","path":"urn:x:y:list[`+filter+`]"}]`, Standard)
			return err
		},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := read(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > times*16<<10 {
			t.Errorf("%s of %d numbers took %d bytes", name, times, took)
		}
	}
}
