package scim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// patchUser is the resource that the PATCH tests below begin with; they tell
// the attributes that change, with nil for one that is removed.
const patchUser = `{
  "userName": "a", "active": true, "title": "T", "name": {"givenName": "G", "familyName": "F"},
  "emails": [{"value": "w@x", "type": "work", "primary": true}, {"value": "h@x", "type": "home"}],
  "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
    {"department": "D", "manager": {"value": "m1", "$ref": "https://x/Users/m1"}},
  "urn:example:ext:1.0": {"color": "red", "tags": ["a"], "car": {"plate": "X", "doors": 4}}
}`

type object = map[string]any

var (
	workMail = object{"value": "w@x", "type": "work", "primary": true}
	homeMail = object{"value": "h@x", "type": "home"}
)

func TestApplyPatchChanges(t *testing.T) {
	const example = "urn:example:ext:1.0"
	manager := func(v any) object { return object{"department": "D", "manager": v} }
	tests := map[string]struct {
		operations string
		want       object
	}{
		"add sets a single-valued attribute":          {`[{"op":"ADD","path":"title","value":"U"}]`, object{"title": "U"}},
		"add of null changes nothing":                 {`[{"op":"add","path":"title","value":null}]`, object{}},
		"add of a null sub-attribute changes nothing": {`[{"op":"add","path":"name","value":{"givenName":null}},{"op":"add","path":"name.familyName","value":null}]`, object{}},
		"add of a complex attribute leaves other sub-attributes": {`[{"op":"add","path":"name","value":{"givenName":"H"}}]`,
			object{"name": object{"givenName": "H", "familyName": "F"}}},
		"replace of a complex attribute leaves other sub-attributes": {`[{"op":"replace","path":"name","value":{"givenName":"H"}}]`,
			object{"name": object{"givenName": "H", "familyName": "F"}}},
		"replace of a sub-attribute by null clears it": {`[{"op":"replace","path":"name","value":{"givenName":null}}]`,
			object{"name": object{"familyName": "F"}}},
		"replace of a complex attribute by null clears it": {`[{"op":"replace","value":{"name":null}}]`, object{"name": nil}},
		"removing all sub-attributes removes the attribute": {`[{"op":"remove","path":"name.givenName"},{"op":"remove","path":"name.familyName"}]`,
			object{"name": nil}},
		"dotted and qualified keys in a value without path": {
			`[{"op":"replace","value":{"name.givenName":"H","` + enterprise + `:department":"E","` + UserURN + `:title":"U"}}]`,
			object{"title": "U", "name": object{"givenName": "H", "familyName": "F"},
				enterprise: object{"department": "E", "manager": object{"value": "m1", "$ref": "https://x/Users/m1"}}}},
		"a key with a value filter in a value without path": {`[{"op":"replace","value":{"emails[type eq \"home\"].value":"n@x"}}]`,
			object{"emails": []any{workMail, object{"value": "n@x", "type": "home"}}}},
		"unknown keys in a value without path are ignored": {`[{"op":"add","value":{"shoe":1,"name.shoe":2,"title":"U"}}]`, object{"title": "U"}},
		"id and meta in a value without path are ignored": {
			`[{"op":"replace","value":{"id":"id-1","meta":{"version":"9"},"groups":[],"schemas":[],"title":"U"}}]`, object{"title": "U"}},
		"a core path with its URN":        {`[{"op":"replace","path":"` + UserURN + `:name.givenName","value":"H"}]`, object{"name": object{"givenName": "H", "familyName": "F"}}},
		"the core URN as a path":          {`[{"op":"add","path":"` + UserURN + `","value":{"title":"U"}}]`, object{"title": "U"}},
		"a password, which goes nowhere":  {`[{"op":"replace","path":"password","value":"s"},{"op":"add","value":{"password":"s"}}]`, object{}},
		"schemas, which are derived":      {`[{"op":"add","path":"schemas","value":["urn:x"]}]`, object{}},
		"a boolean as a string":           {`[{"op":"Add","path":"active","value":"FALSE"}]`, object{"active": false}},
		"the old form of Entra":           {`[{"op":"Replace","path":"active","value":[{"$ref":null,"value":"False"}]}]`, object{"active": false}},
		"active, which nobody takes away": {`[{"op":"remove","path":"active"},{"op":"replace","path":"` + UserURN + `:ACTIVE","value":null},{"op":"replace","value":{"active":null}},{"op":"add","path":"active","value":null}]`, object{}},
		"no operations":                   {`[]`, object{}},
		"remove of what is not there":     {`[{"op":"remove","path":"photos"},{"op":"remove","path":"emails[type eq \"x\"]"},{"op":"remove","path":"emails[type eq \"x\"].value"}]`, object{}},

		"add appends to a multi-valued attribute": {`[{"op":"add","path":"emails","value":{"value":"o@x","type":"other"}}]`,
			object{"emails": []any{workMail, homeMail, object{"value": "o@x", "type": "other"}}}},
		"add of a value that is there changes nothing": {`[{"op":"add","path":"emails","value":[{"value":"H@X","type":"HOME"}]}]`, object{}},
		"add of the same value as primary moves the mark": {`[{"op":"add","path":"emails","value":[{"value":"h@x","type":"home","primary":true}]}]`,
			object{"emails": []any{object{"value": "w@x", "type": "work", "primary": false}, object{"value": "h@x", "type": "home", "primary": true}}}},
		"add of the primary value beside a new primary one moves the mark": {`[{"op":"add","path":"emails","value":[{"value":"w@x","type":"work"},{"value":"o@x","primary":true}]}]`,
			object{"emails": []any{object{"value": "w@x", "type": "work", "primary": false}, homeMail, object{"value": "o@x", "primary": true}}}},
		"a primary set through a filter moves the mark": {`[{"op":"replace","path":"emails[type eq \"home\"].primary","value":"True"}]`,
			object{"emails": []any{object{"value": "w@x", "type": "work", "primary": false}, object{"value": "h@x", "type": "home", "primary": true}}}},
		"replace by an empty array clears":                                          {`[{"op":"replace","path":"emails","value":[]}]`, object{"emails": nil}},
		"replace of selected values is not a merge, but keeps what the filter says": {`[{"op":"replace","path":"emails[type eq \"work\"]","value":{"value":"n@x"}}]`, object{"emails": []any{object{"value": "n@x", "type": "work"}, homeMail}}},
		"replace of selected values keeps the spelling of what it keeps":            {`[{"op":"replace","path":"emails[type eq \"WORK\"]","value":{"value":"n@x"}}]`, object{"emails": []any{object{"value": "n@x", "type": "work"}, homeMail}}},
		"replace of the primary value leaves it primary":                            {`[{"op":"replace","path":"emails[primary eq true and value co \"@\"]","value":{"value":"n@x","type":"other"}}]`, object{"emails": []any{object{"value": "n@x", "type": "other", "primary": true}, homeMail}}},
		"replace of selected values by text is their value":                         {`[{"op":"replace","path":"emails[type eq \"work\"]","value":"n@x"}]`, object{"emails": []any{object{"value": "n@x", "type": "work", "primary": true}, homeMail}}},
		"text through a filter that matches nothing":                                {`[{"op":"add","path":"emails[type eq \"other\"]","value":"o@x"}]`, object{"emails": []any{workMail, homeMail, object{"value": "o@x", "type": "other"}}}},
		"a sub-attribute of several values":                                         {`[{"op":"replace","path":"emails.type","value":"other"}]`, object{"emails": []any{object{"value": "w@x", "type": "other", "primary": true}, object{"value": "h@x", "type": "other"}}}},
		"a sub-attribute added to several values":                                   {`[{"op":"add","path":"emails.display","value":"D"}]`, object{"emails": []any{object{"value": "w@x", "type": "work", "primary": true, "display": "D"}, object{"value": "h@x", "type": "home", "display": "D"}}}},
		"remove of what a complex value names":                                      {`[{"op":"remove","path":"name","value":{"givenName":"whatever","shoe":1}}]`, object{"name": object{"familyName": "F"}}},
		"remove of no part of a complex value":                                      {`[{"op":"remove","path":"name","value":{}}]`, object{}},
		"remove of a manager by its value":                                          {`[{"op":"remove","path":"` + enterprise + `:manager","value":{"value":"m1"}}]`, object{enterprise: object{"department": "D"}}},
		"remove of what an extension names":                                         {`[{"op":"remove","path":"` + enterprise + `","value":{"DEPARTMENT":"whatever"}}]`, object{enterprise: object{"manager": object{"value": "m1", "$ref": "https://x/Users/m1"}}}},
		"remove of nothing of an extension":                                         {`[{"op":"remove","path":"` + enterprise + `","value":{}}]`, object{}},
		"remove of what the core schema names":                                      {`[{"op":"remove","path":"` + UserURN + `","value":{"title":null,"name.givenName":1,"active":true,"id":"x"}}]`, object{"title": nil, "name": object{"familyName": "F"}}},

		"add to selected values is a merge": {`[{"op":"add","path":"emails[type eq \"work\"]","value":{"display":"W"}}]`,
			object{"emails": []any{object{"value": "w@x", "type": "work", "primary": true, "display": "W"}, homeMail}}},
		"add through a filter that matches nothing creates the value": {`[{"op":"add","path":"emails[type eq \"other\" and primary eq true].value","value":"o@x"}]`,
			object{"emails": []any{object{"value": "w@x", "type": "work", "primary": false}, homeMail, object{"value": "o@x", "type": "other", "primary": true}}}},
		"add through a filter to an absent attribute creates it": {`[{"op":"add","path":"phoneNumbers[type eq \"mobile\"].value","value":"1"}]`,
			object{"phoneNumbers": []any{object{"value": "1", "type": "mobile"}}}},
		"a selected value in an array of one": {`[{"op":"replace","path":"emails[type eq \"home\"]","value":[{"value":"n@x","type":"home"}]}]`,
			object{"emails": []any{workMail, object{"value": "n@x", "type": "home"}}}},
		"remove of a sub-attribute leaves the value": {`[{"op":"remove","path":"emails[type eq \"work\"].primary"}]`, object{"emails": []any{object{"value": "w@x", "type": "work"}, homeMail}}},
		"a bracket within a filter's text": {`[{"op":"add","path":"emails","value":{"value":"]@x"}},{"op":"add","path":"emails[value eq \"]@x\"].display","value":"B"}]`,
			object{"emails": []any{workMail, homeMail, object{"value": "]@x", "display": "B"}}}},
		"remove of the last values removes the attribute": {`[{"op":"remove","path":"emails[value co \"@\"]"}]`, object{"emails": nil}},
		"remove with a list removes what it names":        {`[{"op":"remove","path":"emails","value":[{"value":"W@x"},{"type":"home","value":"other"}]}]`, object{"emails": []any{homeMail}}},
		"remove with a list of nothing":                   {`[{"op":"remove","path":"emails","value":[{},{"shoe":1}]},{"op":"remove","path":"emails","value":[]}]`, object{}},
		"a sub-attribute of the only value":               {`[{"op":"remove","path":"emails[type eq \"home\"]"},{"op":"replace","path":"emails.value","value":"n@x"}]`, object{"emails": []any{object{"value": "n@x", "type": "work", "primary": true}}}},
		"a sub-attribute of an attribute without value":   {`[{"op":"add","path":"phoneNumbers.value","value":"1"}]`, object{"phoneNumbers": []any{object{"value": "1"}}}},
		"remove of a sub-attribute of all values":         {`[{"op":"remove","path":"emails.type"}]`, object{"emails": []any{object{"value": "w@x", "primary": true}, object{"value": "h@x"}}}},
		"values that become the same are merged":          {`[{"op":"replace","path":"emails[type pr]","value":{"value":"n@x"}}]`, object{"emails": []any{object{"value": "n@x"}}}},

		"an extension attribute of a user without the extension": {`[{"op":"remove","path":"` + enterprise + `"},{"op":"add","path":"` + enterprise + `:organization","value":"O"}]`,
			object{enterprise: object{"organization": "O"}}},
		"the last attribute of an extension": {`[{"op":"remove","path":"` + enterprise + `:department"},{"op":"remove","path":"` + enterprise + `:manager.value"},{"op":"remove","path":"` + enterprise + `:manager.$ref"}]`,
			object{enterprise: nil}},
		"another manager drops the reference to the old one": {`[{"op":"replace","path":"` + enterprise + `:manager.value","value":"m2"}]`, object{enterprise: manager(object{"value": "m2"})}},
		"the same manager keeps its reference":               {`[{"op":"replace","path":"` + enterprise + `:manager","value":"m1"}]`, object{}},
		"a manager as an array":                              {`[{"op":"Add","path":"` + enterprise + `:manager","value":[{"$ref":"https://x/Users/m2","value":"m2"}]}]`, object{enterprise: manager(object{"value": "m2", "$ref": "https://x/Users/m2"})}},
		"remove of the manager":                              {`[{"op":"remove","path":"` + enterprise + `:manager"}]`, object{enterprise: object{"department": "D"}}},
		"an extension as a path, misspelt":                   {`[{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0User","value":{"department":"E","x":1}}]`, object{enterprise: object{"department": "E", "manager": object{"value": "m1", "$ref": "https://x/Users/m1"}}}},

		"an attribute of an unknown extension":               {`[{"op":"replace","path":"` + example + `:COLOR","value":"blue"}]`, object{example: object{"color": "blue", "tags": []any{"a"}, "car": object{"plate": "X", "doors": number("4")}}}},
		"a nested attribute of an unknown extension":         {`[{"op":"remove","path":"` + example + `:car.plate"}]`, object{example: object{"color": "red", "tags": []any{"a"}, "car": object{"doors": number("4")}}}},
		"add appends to an array of an unknown extension":    {`[{"op":"add","path":"` + example + `:tags","value":["b","a"]}]`, object{example: object{"color": "red", "tags": []any{"a", "b"}, "car": object{"plate": "X", "doors": number("4")}}}},
		"null clears an attribute of an unknown extension":   {`[{"op":"replace","value":{"` + example + `":{"color":null,"car":{"seats":2},"tags":[]}}}]`, object{example: object{"car": object{"plate": "X", "doors": number("4"), "seats": number("2")}}}},
		"an object for an attribute of an unknown extension": {`[{"op":"add","path":"` + example + `:car","value":{"doors":5}}]`, object{example: object{"color": "red", "tags": []any{"a"}, "car": object{"plate": "X", "doors": number("5")}}}},
		"an unknown extension in another spelling":           {`[{"op":"add","value":{"` + strings.ToUpper(example) + `":{"color":"blue"}}}]`, object{example: object{"color": "blue", "tags": []any{"a"}, "car": object{"plate": "X", "doors": number("4")}}}},
		"an extension that sounds like custom fields":        {`[{"op":"add","value":{"urn:x:custom_fields2":{"custom_fields":[{"id":"a","value":1}]}}}]`, object{"urn:x:custom_fields2": object{"custom_fields": []any{object{"id": "a", "value": number("1")}}}}},
		"an unknown extension as a whole":                    {`[{"op":"remove","path":"` + strings.ToUpper(example) + `"}]`, object{example: nil}},
		"a new unknown extension":                            {`[{"op":"add","path":"urn:new:ext:1.0","value":{"a.b":1}},{"op":"add","path":"urn:new:ext:1.0:c.d","value":2},{"op":"add","path":"urn:new:ext:1.0:a","value":3}]`, object{"urn:new:ext:1.0": object{"a": number("3"), "a.b": number("1"), "c": object{"d": number("2")}}}},
		"an extension whose URN begins another's": {`[{"op":"add","value":{"urn:n":{"a":1},"urn:n:e":{"b":1}}},{"op":"add","path":"urn:n:e:c","value":2},{"op":"add","path":"urn:n:f","value":3}]`,
			object{"urn:n": object{"a": number("1"), "f": number("3")}, "urn:n:e": object{"b": number("1"), "c": number("2")}}},
		"custom fields by their path": {`[{"op":"add","path":"` + CustomFieldsURN + `:badge","value":"7"}]`, object{CustomFieldsURN: object{"badge": "7"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			current := mustDecode(t, User, patchUser)
			current["id"] = "id-1"
			want := current.Clone()
			got, err := patchWith(User, current, tt.operations, Standard)
			if err != nil {
				t.Fatal(err)
			}
			for key, v := range tt.want {
				if want[key] = v; v == nil {
					delete(want, key)
				}
			}
			want.setSchemas(User)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("wrong result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplyPatchRefuses(t *testing.T) {
	tests := map[string]struct {
		operations, scimType string
	}{
		"another id by path":                              {`[{"op":"replace","path":"id","value":"x"}]`, TypeMutability},
		"another id without path":                         {`[{"op":"replace","value":{"id":"x","title":"U"}}]`, TypeMutability},
		"read-only attributes alone":                      {`[{"op":"replace","value":{"groups":[{"value":"g"}]}}]`, TypeMutability},
		"groups by path":                                  {`[{"op":"add","path":"groups","value":[{"value":"g"}]}]`, TypeMutability},
		"a sub-attribute of meta":                         {`[{"op":"replace","path":"meta.created","value":"x"}]`, TypeMutability},
		"a read-only sub-attribute":                       {`[{"op":"replace","path":"` + enterprise + `:manager.displayName","value":"x"}]`, TypeMutability},
		"remove of userName":                              {`[{"op":"remove","path":"userName"}]`, TypeMutability},
		"replace of userName by null":                     {`[{"op":"replace","value":{"userName":null}}]`, TypeInvalidValue},
		"replace of userName by null, with a path":        {`[{"op":"replace","path":"userName","value":null}]`, TypeInvalidValue},
		"replace of userName by null in the core schema":  {`[{"op":"replace","path":"` + UserURN + `","value":{"userName":null}}]`, TypeInvalidValue},
		"replace of userName by blanks":                   {`[{"op":"replace","path":"userName","value":" "}]`, TypeInvalidValue},
		"remove of schemas":                               {`[{"op":"remove","path":"schemas"}]`, TypeMutability},
		"remove of the core schema":                       {`[{"op":"remove","path":"` + UserURN + `"}]`, TypeMutability},
		"remove without path":                             {`[{"op":"remove","value":{"title":"T"}}]`, TypeNoTarget},
		"replace through a filter that matches nothing":   {`[{"op":"replace","path":"emails[type eq \"other\"]","value":{"value":"o@x"}}]`, TypeNoTarget},
		"add through a filter that cannot create a value": {`[{"op":"add","path":"emails[type sw \"other\"].value","value":"o@x"}]`, TypeNoTarget},
		"a sub-attribute of several values":               {`[{"op":"replace","path":"emails.value","value":"o@x"}]`, TypeNoTarget},
		"replace without value":                           {`[{"op":"replace","path":"title"}]`, TypeInvalidValue},
		"a value without path that is no object":          {`[{"op":"add","value":"x"}]`, TypeInvalidValue},
		"neither path nor value":                          {`[{"op":"add"}]`, TypeInvalidValue},
		"a number for text":                               {`[{"op":"add","path":"title","value":1}]`, TypeInvalidValue},
		"an array for text":                               {`[{"op":"add","path":"title","value":["x"]}]`, TypeInvalidValue},
		"an object for text":                              {`[{"op":"add","path":"title","value":{"value":"x"}}]`, TypeInvalidValue},
		"text for e-mails":                                {`[{"op":"add","path":"emails","value":"x@y"}]`, TypeInvalidValue},
		"a selected value replaced by nothing of use":     {`[{"op":"replace","path":"emails[type eq \"work\"]","value":{"shoe":1}}]`, TypeInvalidValue},
		"two primary values that replace others":          {`[{"op":"replace","path":"emails","value":[{"value":"1","primary":true},{"value":"2","primary":true}]}]`, TypeInvalidValue},
		"an empty filter":                                 {`[{"op":"remove","path":"emails[]"}]`, TypeInvalidFilter},
		"a member for the core schema":                    {`[{"op":"add","path":"` + UserURN + `","value":"x"}]`, TypeInvalidValue},
		"text for an unknown extension":                   {`[{"op":"add","path":"urn:example:ext:1.0","value":"x"}]`, TypeInvalidValue},
		"two primary values in one operation":             {`[{"op":"add","path":"emails","value":[{"value":"1","primary":true},{"value":"2","primary":true}]}]`, TypeInvalidValue},
		"two primary values through a filter":             {`[{"op":"replace","path":"emails[type pr].primary","value":true}]`, TypeInvalidValue},
		"text that is too long":                           {`[{"op":"add","path":"title","value":"` + strings.Repeat("x", 1025) + `"}]`, TypeInvalidValue},
		"values to remove that are no objects":            {`[{"op":"remove","path":"emails","value":5}]`, TypeInvalidValue},
		"an extension that is no object":                  {`[{"op":"add","path":"` + enterprise + `","value":"x"}]`, TypeInvalidValue},
		"an unknown attribute":                            {`[{"op":"add","path":"shoeSize","value":1}]`, TypeInvalidPath},
		"an unknown attribute of an extension":            {`[{"op":"add","path":"` + enterprise + `:shoe","value":1}]`, TypeInvalidPath},
		"an unknown sub-attribute":                        {`[{"op":"add","path":"name.shoe","value":1}]`, TypeInvalidPath},
		"an unknown sub-attribute after brackets":         {`[{"op":"add","path":"emails[type eq \"work\"].shoe","value":1}]`, TypeInvalidPath},
		"a control character in a path of an extension":   {`[{"op":"add","path":"urn:x:y:a\nb","value":1}]`, TypeInvalidPath},
		"a control character in an id within brackets":    {`[{"op":"add","path":"` + CustomFieldsURN + `[id eq \"a\\nb\"].value","value":1}]`, TypeInvalidPath},
		"a control character in a new value":              {`[{"op":"replace","path":"displayName","value":"a\nb"}]`, TypeInvalidValue},
		"a control character in a value without path":     {`[{"op":"replace","value":{"name.givenName":"\u202e"}}]`, TypeInvalidValue},
		"a control character in one of several values":    {`[{"op":"add","path":"emails","value":[{"value":"a@b"},{"value":"a\u001b@b"}]}]`, TypeInvalidValue},
		"half of a surrogate pair in brackets":            {`[{"op":"add","path":"emails[value eq \"\\ud83d\"].type","value":"x"}]`, TypeInvalidFilter},
		"a JSON pointer":                                  {`[{"op":"add","path":"/title","value":"x"}]`, TypeInvalidPath},
		"a path of three names":                           {`[{"op":"add","path":"name.givenName.x","value":"x"}]`, TypeInvalidPath},
		"a path that is no string":                        {`[{"op":"add","path":["title"],"value":"x"}]`, TypeInvalidPath},
		"an open bracket":                                 {`[{"op":"add","path":"emails[type eq \"]\"","value":1}]`, TypeInvalidPath},
		"text after a bracket":                            {`[{"op":"add","path":"emails[type eq \"work\"]value","value":1}]`, TypeInvalidPath},
		"brackets after a simple attribute":               {`[{"op":"add","path":"title[value eq \"x\"]","value":1}]`, TypeInvalidPath},
		"brackets after a single-valued attribute":        {`[{"op":"add","path":"name[givenName eq \"x\"]","value":1}]`, TypeInvalidPath},
		"a value of several, for all of them":             {`[{"op":"add","path":"emails.value","value":"o@x"}]`, TypeNoTarget},
		"remove of the value of several":                  {`[{"op":"remove","path":"emails.value"}]`, TypeNoTarget},
		"text for a selected address":                     {`[{"op":"add","path":"addresses[type eq \"work\"]","value":"x"}]`, TypeInvalidValue},
		"text as parts of an extension to remove":         {`[{"op":"remove","path":"` + enterprise + `","value":"department"}]`, TypeInvalidValue},
		"userName among what the core schema names":       {`[{"op":"remove","path":"` + UserURN + `","value":{"userName":"a"}}]`, TypeMutability},
		"brackets after an unknown extension":             {`[{"op":"remove","path":"urn:example:ext:1.0[value eq \"a\"]"}]`, TypeInvalidPath},
		"a blank name in an unknown extension":            {`[{"op":"add","path":"urn:example:ext:1.0:car..plate","value":1}]`, TypeInvalidPath},
		"a part of a simple value without a schema":       {`[{"op":"add","path":"urn:example:ext:1.0:color.name","value":1}]`, TypeInvalidValue},
		"a filter that cannot be parsed":                  {`[{"op":"remove","path":"emails[type]"}]`, TypeInvalidFilter},
		"a filter on an unknown sub-attribute":            {`[{"op":"remove","path":"emails[shoe eq \"x\"]"}]`, TypeInvalidFilter},
		"a filter of the wrong type":                      {`[{"op":"remove","path":"emails[primary gt true]"}]`, TypeInvalidFilter},
		"an unknown op":                                   {`[{"op":"move","path":"title","value":"x"}]`, TypeInvalidSyntax},
		"no op":                                           {`[{"path":"title","value":"x"}]`, TypeInvalidSyntax},
		"an operation that is no object":                  {`["add"]`, TypeInvalidSyntax},
		"operations that are no array":                    {`{"op":"add"}`, TypeInvalidSyntax},
		"a second operation that fails":                   {`[{"op":"replace","path":"title","value":"U"},{"op":"add","path":"shoe","value":1}]`, TypeInvalidPath},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			current := mustDecode(t, User, patchUser)
			current["id"] = "id-1"
			before := current.Clone()
			got, err := patchWith(User, current, tt.operations, Standard)
			wantError(t, err, 400, tt.scimType)
			if got != nil {
				t.Error("a refused patch has a result")
			}
			if diff := cmp.Diff(before, current); diff != "" {
				t.Errorf("a refused patch changed its input (-before +after):\n%s", diff)
			}
		})
	}
}

func TestApplyPatchErrorsNameTheOperation(t *testing.T) {
	_, err := patchWith(User, mustDecode(t, User, patchUser), `[{"op":"remove","path":"title"},{"op":"remove","path":"shoe"}]`, Standard)
	if err == nil || !strings.Contains(err.Error(), "operation 2") {
		t.Errorf("%v does not name operation 2", err)
	}
}

func TestApplyPatchRefusesMoreThan100Values(t *testing.T) {
	current := mustDecode(t, User, patchUser)
	for i := range MaxValues - 2 {
		var err error
		if current, err = patchWith(User, current, fmt.Sprintf(`[{"op":"add","path":"emails","value":{"value":"%d"}}]`, i), Standard); err != nil {
			t.Fatal(err)
		}
	}
	_, err := patchWith(User, current, `[{"op":"add","path":"emails","value":{"value":"x"}}]`, Standard)
	wantError(t, err, 400, TypeInvalidValue)
}

func TestApplyPatchDoesNotBoundGroupsOfAUser(t *testing.T) {
	current := mustDecode(t, User, patchUser)
	current["groups"] = memberList(0, MaxValues+1)
	got, err := patchWith(User, current, `[{"op":"replace","path":"title","value":"U"}]`, Standard)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.Values("groups")); n != MaxValues+1 {
		t.Errorf("%d groups are left", n)
	}
}

func TestProfilesDiffer(t *testing.T) {
	current := mustDecode(t, User, patchUser)
	current["id"] = "id-1"
	missing := `[{"op":"Replace","path":"emails[type eq \"other\"].value","value":"o@x"}]`
	foreign := `[{"op":"replace","value":{"id":"other","title":"U"}}]`
	for _, profile := range []Profile{Standard, Okta} {
		_, err := patchWith(User, current, missing, profile)
		wantError(t, err, 400, TypeNoTarget)
	}
	for _, profile := range []Profile{Standard, Entra} {
		_, err := patchWith(User, current, foreign, profile)
		wantError(t, err, 400, TypeMutability)
	}
	_, err := patchWith(User, current, `[{"op":"Replace","path":"emails[type eq \"a\\nb\"].value","value":"o@x"}]`, Entra)
	wantError(t, err, 400, TypeInvalidValue)
	got, err := patchWith(User, current, missing, Entra)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{workMail, homeMail, object{"value": "o@x", "type": "other"}}, got["emails"]); diff != "" {
		t.Errorf("Entra: wrong emails (-want +got):\n%s", diff)
	}
	got, err = patchWith(User, current, foreign, Okta)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID() != "id-1" || got.String("title") != "U" {
		t.Errorf("Okta: got id %q and title %q", got.ID(), got.String("title"))
	}
	for _, p := range []Profile{Standard, Okta, Entra} {
		if again, ok := ParseProfile(strings.ToUpper(p.String())); !ok || again != p {
			t.Errorf("%s is not read back", p)
		}
	}
	if _, ok := ParseProfile("other"); ok {
		t.Error("an unknown profile is accepted")
	}
}

func TestParsePatchBounds(t *testing.T) {
	operation := `{"op":"remove","path":"title"}`
	body := func(n int) []byte {
		return []byte(`{"operations":[` + strings.TrimSuffix(strings.Repeat(operation+",", n), ",") + `]}`)
	}
	patch, err := ParsePatch(User, body(MaxPatchOperations))
	if err != nil || len(patch.Operations) != MaxPatchOperations {
		t.Fatalf("%d operations: %v", MaxPatchOperations, err)
	}
	_, err = ParsePatch(User, body(MaxPatchOperations+1))
	wantError(t, err, 413, "")
	_, err = ParsePatch(User, []byte(`{"schemas":[]}`))
	wantError(t, err, 400, TypeInvalidSyntax)
	_, err = ParsePatch(User, []byte(`[]`))
	wantError(t, err, 400, TypeInvalidSyntax)
}
