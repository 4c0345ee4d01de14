package scim

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const enterprise = EnterpriseURN

func TestDecodeResourceAccepts(t *testing.T) {
	tests := map[string]struct {
		rt   *ResourceType
		body string
		want Resource
	}{
		"attribute names and sub-attributes in any case": {User,
			`{"USERNAME":"a","Name":{"GIVENNAME":"G"},"EMAILS":[{"Value":"e"}]}`,
			Resource{"userName": "a", "name": object{"givenName": "G"}, "emails": []any{object{"value": "e"}}}},
		"a body without schemas": {User, `{"userName":"a"}`, Resource{"userName": "a"}},
		"null and empty arrays as unassigned": {User,
			`{"userName":"a","title":null,"emails":[],"addresses":null,"name":{"givenName":null},"phoneNumbers":[null,{}]}`,
			Resource{"userName": "a"}},
		"a byte order mark":         {User, "\ufeff" + `{"userName":"a"}`, Resource{"userName": "a"}},
		"empty strings as they are": {User, `{"userName":"a","title":""}`, Resource{"userName": "a", "title": ""}},
		"read-only attributes, which are left out": {User,
			`{"userName":"a","id":"x","meta":{"version":"1"},"groups":[{"value":"g"}],"ID2":1}`, Resource{"userName": "a"}},
		"a password, which is left out": {User, `{"userName":"a","password":"s3cret"}`, Resource{"userName": "a"}},
		"unknown core attributes, which are left out": {User, `{"userName":"a","shoeSize":42,"name":{"nick":"x"},"emails":[{"value":"e","foo":1}]}`,
			Resource{"userName": "a", "emails": []any{object{"value": "e"}}}},
		"booleans as strings in any case": {User, `{"userName":"a","active":"True","emails":[{"value":"e","primary":"false"}]}`,
			Resource{"userName": "a", "active": true, "emails": []any{object{"value": "e", "primary": false}}}},
		"one value where an array is expected": {User, `{"userName":"a","emails":{"value":"e","type":"work"}}`,
			Resource{"userName": "a", "emails": []any{object{"value": "e", "type": "work"}}}},
		"base64 in either alphabet, with line breaks": {User, `{"userName":"a","x509Certificates":[{"value":"MIIB\r\n+/8=\r\n"},{"value":"MIIB-_8"}]}`,
			Resource{"userName": "a", "x509Certificates": []any{object{"value": "MIIB\r\n+/8=\r\n"}, object{"value": "MIIB-_8"}}}},
		"a manager as a plain string": {User, `{"userName":"a","` + enterprise + `":{"manager":"m"}}`,
			Resource{"userName": "a", enterprise: object{"manager": object{"value": "m"}}}},
		"a manager as an array of one": {User, `{"userName":"a","` + enterprise + `":{"manager":[{"$ref":null,"value":"m"}]}}`,
			Resource{"userName": "a", enterprise: object{"manager": object{"value": "m"}}}},
		"a read-only manager name, which is left out": {User, `{"userName":"a","` + enterprise + `":{"manager":{"value":"m","displayName":"M"}}}`,
			Resource{"userName": "a", enterprise: object{"manager": object{"value": "m"}}}},
		"the product's attributes of the enterprise extension": {User, `{"userName":"a","` + enterprise + `":{"site":"S","LOCATION":"L","supportid":"1"}}`,
			Resource{"userName": "a", enterprise: object{"site": "S", "location": "L", "supportID": "1"}}},
		"the enterprise URN in another case": {User, `{"userName":"a","` + strings.ToUpper(enterprise) + `":{"department":"D"}}`,
			Resource{"userName": "a", enterprise: object{"department": "D"}}},
		"the enterprise URN without its last colon": {User,
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0User":{"department":"D"}}`,
			Resource{"userName": "a", enterprise: object{"department": "D"}}},
		"an empty enterprise extension": {User, `{"userName":"a","` + enterprise + `":{"department":null}}`, Resource{"userName": "a"}},
		"qualified and dotted names": {User,
			`{"` + UserURN + `:userName":"a","name.givenName":"G","name":{"familyName":"F"},"` + enterprise + `:manager.value":"m"}`,
			Resource{"userName": "a", "name": object{"familyName": "F", "givenName": "G"}, enterprise: object{"manager": object{"value": "m"}}}},
		"core attributes within the core URN": {User, `{"` + UserURN + `":{"userName":"a","title":"T"}}`,
			Resource{"userName": "a", "title": "T"}},
		"unknown extensions, kept as they are": {User,
			`{"userName":"a","urn:example:ext:1.0":{"Big":1234567890123456789,"list":[1,{"a":null,"b":[]}],"gone":null}}`,
			Resource{"userName": "a", "urn:example:ext:1.0": object{
				"Big": json.Number("1234567890123456789"), "list": []any{json.Number("1"), object{"b": []any{}}}}}},
		"an attribute of an unknown extension by its full name": {Group,
			`{"displayName":"g","urn:okta:custom:group:1.0:description":"d"}`,
			Resource{"displayName": "g", "urn:okta:custom:group:1.0": object{"description": "d"}}},
		"custom fields": {User, `{"userName":"a","` + CustomFieldsURN + `":{"custom_fields":[{"id":"x","value":1}]}}`,
			Resource{"userName": "a", CustomFieldsURN: object{"x": json.Number("1")}}},
		"line ends and tabs in addresses": {User, `{"userName":"a","addresses":[{"formatted":"a\r\nb","streetAddress":"a\tb\n"}]}`,
			Resource{"userName": "a", "addresses": []any{object{"formatted": "a\r\nb", "streetAddress": "a\tb\n"}}}},
		"control characters in values of unknown extensions": {User, `{"userName":"a","urn:x:y":{"b":"a\n\u001b\u202e"}}`,
			Resource{"userName": "a", "urn:x:y": object{"b": "a\n\x1b\u202e"}}},
		"surrogate pairs, and escapes that are escaped": {User, `{"userName":"\ud83d\ude00\uFFFD","title":"\\u0000\\\\\u005cud83d"}`,
			Resource{"userName": "😀\ufffd", "title": `\u0000\\\ud83d`}},
		"white space around, as it is": {User, `{"userName":" a\u00a0"}`, Resource{"userName": " a\u00a0"}},
		"values that repeat, of which the first is kept": {User,
			`{"userName":"a","emails":[{"value":"A@x","type":"work","display":"1"},{"value":"a@X","type":"Work"},{"value":"a@x","type":"home"}]}`,
			Resource{"userName": "a", "emails": []any{object{"value": "A@x", "type": "work", "display": "1"}, object{"value": "a@x", "type": "home"}}}},
		"a repeated value that is primary, which makes the first so": {User,
			`{"userName":"a","emails":[{"value":"a@x"},{"value":"a@x","primary":true}]}`,
			Resource{"userName": "a", "emails": []any{object{"value": "a@x", "primary": true}}}},
		"addresses that repeat altogether": {User,
			`{"userName":"a","addresses":[{"type":"work","locality":"X"},{"locality":"X","type":"work"},{"type":"work","locality":"Y"}]}`,
			Resource{"userName": "a", "addresses": []any{object{"type": "work", "locality": "X"}, object{"type": "work", "locality": "Y"}}}},
		"roles as plain strings": {User, `{"userName":"a","roles":["r1","r2","r1"]}`,
			Resource{"userName": "a", "roles": []any{object{"value": "r1"}, object{"value": "r2"}}}},
		"members with null references, each once": {Group,
			`{"displayName":"g","members":[{"value":"u1","$ref":null,"display":"x"},"u2",{"value":"u1"}]}`,
			Resource{"displayName": "g", "members": []any{object{"value": "u1"}, object{"value": "u2"}}}},
		"a group with groupType and extra schemas": {Group,
			`{"schemas":["http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"displayName":"g","groupType":"Site","externalId":"e"}`,
			Resource{"displayName": "g", "groupType": "Site", "externalId": "e"}},
		"text of exactly 1,024 characters": {User, `{"userName":"` + strings.Repeat("é", 1024) + `"}`,
			Resource{"userName": strings.Repeat("é", 1024)}},
		"a certificate that is longer": {User, `{"userName":"a","x509Certificates":[{"value":"` + strings.Repeat("A", 3000) + `"}]}`,
			Resource{"userName": "a", "x509Certificates": []any{object{"value": strings.Repeat("A", 3000)}}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := mustDecode(t, tt.rt, tt.body)
			delete(got, "schemas")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("wrong resource (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeResourceDerivesSchemasFromWhatIsPresent(t *testing.T) {
	got := mustDecode(t, User, `{"schemas":["`+enterprise+`","urn:unused"],"userName":"a","urn:b":{"x":1},"`+enterprise+`":{"division":"d"}}`)
	want := []any{UserURN, "urn:b", enterprise}
	if diff := cmp.Diff(want, got["schemas"]); diff != "" {
		t.Errorf("wrong schemas (-want +got):\n%s", diff)
	}
}

func TestDecodeResourceRefuses(t *testing.T) {
	many := func(n int, format string) string {
		var items []string
		for i := range n {
			items = append(items, fmt.Sprintf(format, i))
		}
		return strings.Join(items, ",")
	}
	tests := map[string]struct {
		rt       *ResourceType
		body     string
		scimType string
		detail   string
	}{
		"binary data that is not base64":     {User, `{"userName":"a","x509Certificates":[{"value":"MIIB, or so"}]}`, TypeInvalidValue, "base64"},
		"a certificate in PEM":               {User, `{"userName":"a","x509Certificates":[{"value":"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"}]}`, TypeInvalidValue, "PEM"},
		"a byte order mark alone":            {User, "\ufeff", TypeInvalidSyntax, "ends"},
		"two byte order marks":               {User, "\ufeff\ufeff{}", TypeInvalidSyntax, "JSON"},
		"UTF-16":                             {User, "\xff\xfe{\x00}\x00", TypeInvalidSyntax, "UTF-8"},
		"a number for a telephone number":    {User, `{"userName":"a","phoneNumbers":[{"value":5551234}]}`, TypeInvalidValue, "phoneNumbers.value"},
		"an empty body":                      {User, ``, TypeInvalidSyntax, "ends"},
		"half a body":                        {User, `{"userName":"a"`, TypeInvalidSyntax, "ends"},
		"a body that is not an object":       {User, `["userName"]`, TypeInvalidSyntax, "object"},
		"a body that is not JSON":            {User, `{"userName":a}`, TypeInvalidSyntax, "JSON"},
		"a comma too many":                   {User, `{"userName":"a",}`, TypeInvalidSyntax, "JSON"},
		"data after the body":                {User, `{"userName":"a"} {}`, TypeInvalidSyntax, "goes on"},
		"text that is not UTF-8":             {User, "{\"userName\":\"\xff\"}", TypeInvalidSyntax, "UTF-8"},
		"an attribute twice":                 {User, `{"userName":"a","userName":"b"}`, TypeInvalidSyntax, "twice"},
		"an attribute twice in other case":   {User, `{"userName":"a","username":"b"}`, TypeInvalidSyntax, "twice"},
		"a sub-attribute twice":              {User, `{"userName":"a","name":{"givenName":"x","GIVENname":"y"}}`, TypeInvalidSyntax, "twice"},
		"one of many attributes twice":       {User, `{` + many(20, `"urn:a:%d":{"b":1}`) + `,"userName":"a","URN:A:3":{}}`, TypeInvalidSyntax, "twice"},
		"a body that nests too deep":         {User, `{"userName":"a","urn:x":` + strings.Repeat(`{"a":`, 30) + `1` + strings.Repeat(`}`, 31), TypeInvalidSyntax, "deeper"},
		"a user without userName":            {User, `{"displayName":"x"}`, TypeInvalidValue, "userName"},
		"a blank userName":                   {User, `{"userName":"  "}`, TypeInvalidValue, "userName"},
		"a null userName":                    {User, `{"userName":null}`, TypeInvalidValue, "userName"},
		"a group without displayName":        {Group, `{"members":[]}`, TypeInvalidValue, "displayName"},
		"a number for a string":              {User, `{"userName":"a","title":5}`, TypeInvalidValue, "title"},
		"a boolean for a string":             {User, `{"userName":"a","name":{"givenName":true}}`, TypeInvalidValue, "name.givenName"},
		"an array for a string":              {User, `{"userName":"a","title":["x"]}`, TypeInvalidValue, "title"},
		"an empty array for a boolean":       {User, `{"userName":"a","active":[]}`, TypeInvalidValue, "active"},
		"an empty array for a single value":  {User, `{"userName":"a","name":[]}`, TypeInvalidValue, "name"},
		"text for a boolean":                 {User, `{"userName":"a","active":"yes"}`, TypeInvalidValue, "active"},
		"a number for a boolean":             {User, `{"userName":"a","active":1}`, TypeInvalidValue, "active"},
		"text for a complex value":           {User, `{"userName":"a","name":"Smith"}`, TypeInvalidValue, "name"},
		"text for an e-mail":                 {User, `{"userName":"a","emails":["a@b"]}`, TypeInvalidValue, "emails"},
		"text for an extension":              {User, `{"userName":"a","` + enterprise + `":"x"}`, TypeInvalidValue, "enterprise"},
		"text of 1,025 characters":           {User, `{"userName":"a","emails":[{"value":"` + strings.Repeat("é", 1025) + `"}]}`, TypeInvalidValue, "emails.value"},
		"two primary values":                 {User, `{"userName":"a","emails":[{"value":"a","primary":true},{"value":"b","primary":"True"}]}`, TypeInvalidValue, "emails"},
		"101 values":                         {User, `{"userName":"a","emails":[` + many(101, `{"value":"%d"}`) + `]}`, TypeInvalidValue, "emails"},
		"a member without value":             {Group, `{"displayName":"g","members":[{"type":"User"}]}`, TypeInvalidValue, "members"},
		"a member with a blank value":        {Group, `{"displayName":"g","members":[{"value":" "}]}`, TypeInvalidValue, "members.value"},
		"too many unknown extensions":        {User, `{"userName":"a",` + many(17, `"urn:a:%d":{"b":1}`) + `}`, TypeInvalidValue, "extensions"},
		"NUL":                                {User, `{"userName":"a\u0000"}`, TypeInvalidValue, "byte 15"},
		"NUL in an unknown extension":        {User, `{"userName":"a","urn:x:y":{"b":["\u0000"]}}`, TypeInvalidValue, "U+0000"},
		"NUL in what is not stored":          {User, `{"userName":"a","password":"\u0000"}`, TypeInvalidValue, "U+0000"},
		"half of a surrogate pair":           {User, `{"userName":"a","urn:x:y":{"b":"\ud83d\\"}}`, TypeInvalidValue, "surrogate"},
		"the other half":                     {User, `{"userName":"\uDE00"}`, TypeInvalidValue, "surrogate"},
		"the halves in the wrong order":      {User, `{"userName":"\ude00\ud83d"}`, TypeInvalidValue, "surrogate"},
		"one half twice":                     {User, `{"userName":"\ud83d\ud83d\ude00"}`, TypeInvalidValue, "surrogate"},
		"half of a pair in a name":           {User, `{"userName":"a","urn:x:y":{"\ud83d":1}}`, TypeInvalidValue, "surrogate"},
		"half of an escape at the end":       {User, `{"userName":"\ud83d\ude`, TypeInvalidValue, "surrogate"},
		"a control character in a name":      {User, `{"userName":"a","urn:x:y":{"a\nb":1}}`, TypeInvalidValue, "name"},
		"a control character in a URN":       {User, `{"userName":"a","urn:x:\u001b":{"b":1}}`, TypeInvalidValue, "name"},
		"a control character in an id":       {User, `{"userName":"a","` + CustomFieldsURN + `":[{"id":"a\nb","value":1}]}`, TypeInvalidValue, "id"},
		"a line end in a userName":           {User, `{"userName":"a\r\n"}`, TypeInvalidValue, "userName must be one line"},
		"a tab in a displayName":             {Group, `{"displayName":"a\tb"}`, TypeInvalidValue, "displayName"},
		"an escape sequence":                 {User, `{"userName":"a","name":{"givenName":"\u001b[31m"}}`, TypeInvalidValue, "name.givenName"},
		"an escape sequence of one byte":     {User, `{"userName":"a","nickName":"\u009b31m"}`, TypeInvalidValue, "nickName"},
		"DEL":                                {User, `{"userName":"a","title":"\u007f"}`, TypeInvalidValue, "title"},
		"an override of direction":           {User, `{"userName":"a","emails":[{"value":"\u202egro.elpmaxe@a"}]}`, TypeInvalidValue, "emails.value"},
		"an isolate in an extension":         {User, `{"userName":"a","` + enterprise + `":{"department":"\u2067"}}`, TypeInvalidValue, "department"},
		"a line end in a reference":          {User, `{"userName":"a","profileUrl":"https://a.example\n"}`, TypeInvalidValue, "profileUrl"},
		"a line end in a city":               {User, `{"userName":"a","addresses":[{"locality":"a\nb"}]}`, TypeInvalidValue, "addresses.locality"},
		"an escape in an address":            {User, `{"userName":"a","addresses":[{"formatted":"a\u001b"}]}`, TypeInvalidValue, "addresses.formatted"},
		"an unknown extension that is large": {User, `{"userName":"a","urn:x:y":{"b":"` + strings.Repeat("x", MaxUnknownSize) + `"}}`, TypeInvalidValue, "urn:x:y"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeResource(tt.rt, []byte(tt.body))
			wantError(t, err, 400, tt.scimType)
			if !strings.Contains(err.Error(), tt.detail) {
				t.Errorf("%q does not speak of %q", err, tt.detail)
			}
		})
	}
}
