package scim

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProjectSelectsAttributes(t *testing.T) {
	always := object{"id": "id-1", "schemas": []any{UserURN, "urn:x:y", enterprise}}
	mails := func(parts ...object) []any {
		var out []any
		for _, p := range parts {
			out = append(out, p)
		}
		return out
	}
	tests := map[string]struct {
		attributes, excluded []string
		want                 object
	}{
		"one attribute, in any case":          {[]string{"USERNAME"}, nil, object{"userName": "a"}},
		"several in one parameter":            {[]string{"userName, title"}, nil, object{"userName": "a", "title": "T"}},
		"a sub-attribute":                     {[]string{"name.givenname"}, nil, object{"name": object{"givenName": "G"}}},
		"a sub-attribute of every value":      {[]string{"emails.type"}, nil, object{"emails": mails(object{"type": "work"}, object{"type": "home"})}},
		"an attribute and its sub-attribute":  {[]string{"name", "name.givenName"}, nil, object{"name": object{"givenName": "G", "familyName": "F"}}},
		"a core attribute with its URN":       {[]string{UserURN + ":title"}, nil, object{"title": "T"}},
		"an extension":                        {[]string{enterprise}, nil, object{enterprise: object{"department": "D", "manager": object{"value": "m", "$ref": "r"}}}},
		"an attribute of an extension":        {[]string{enterprise + ":department"}, nil, object{enterprise: object{"department": "D"}}},
		"a sub-attribute of an extension":     {[]string{enterprise + ":manager.value"}, nil, object{enterprise: object{"manager": object{"value": "m"}}}},
		"an unknown extension":                {[]string{"URN:X:Y"}, nil, object{"urn:x:y": object{"c": "red"}}},
		"an attribute of an unknown one":      {[]string{"urn:x:y:C"}, nil, object{"urn:x:y": object{"c": "red"}}},
		"another attribute of an unknown one": {[]string{"urn:x:y:d"}, nil, object{}},
		"the beginning of the URN of one":     {[]string{"urn:x:2"}, nil, object{}},
		"parts of unknown ones": {[]string{"urn:x:2.0:User:cars.plate,urn:x:2.0:User:Engine.size.cc", "urn:x:2.0:user:tags.value"}, nil,
			object{"urn:x:2.0:User": object{"cars": []any{object{"plate": "A"}, object{"plate": "B"}}, "engine": object{"size": object{"cc": number("9")}}, "tags": []any{"t"}}}},
		"an unknown one less a part": {[]string{"urn:x:2.0:User"}, []string{"urn:x:2.0:User:cars", "urn:x:2.0:User:engine.size.cc", "urn:x:2.0:User:tags.value"},
			object{"urn:x:2.0:User": object{"engine": object{"fuel": "gas", "size": object{"kw": number("7")}}}}},
		"the list of custom fields": {[]string{CustomFieldsURN + ":custom_fields"}, nil, object{CustomFieldsURN: object{"badge": "7", "Floor": number("3")}}},
		"a custom field":            {[]string{CustomFieldsURN + ":floor"}, nil, object{CustomFieldsURN: object{"Floor": number("3")}}},
		"a name with a dot":         {[]string{"urn:x:dots:Mail.on", "urn:x:dots:a.b"}, []string{"urn:x:dots:a.b.c"}, object{"urn:x:dots": object{"mail.ON": true, "a.b": object{"d": "2"}}}},
		"part of meta":              {[]string{"meta.version"}, nil, object{"meta": object{"version": "1"}}},
		"what does not exist":       {[]string{"shoeSize", "name.shoe", "photos", "emails.display"}, nil, object{}},
		"what is never returned":    {[]string{"password"}, nil, object{}},
		"the core schema": {[]string{UserURN}, nil, object{"userName": "a", "title": "T", "name": object{"givenName": "G", "familyName": "F"},
			"emails": mails(object{"type": "work", "value": "w"}, object{"type": "home", "value": "h"})}},
		"attributes less excluded ones": {[]string{"name", "title"}, []string{"name.givenName", "title"}, object{"name": object{"familyName": "F"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := project(User, projectionUser(), tt.attributes, tt.excluded)
			if err != nil {
				t.Fatal(err)
			}
			want := Resource(tt.want)
			maps.Copy(want, always)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("wrong attributes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProjectExcludesAttributes(t *testing.T) {
	tests := map[string]struct {
		excluded []string
		without  func(Resource)
	}{
		"an attribute":                    {[]string{"EMAILS"}, func(r Resource) { delete(r, "emails") }},
		"a sub-attribute":                 {[]string{"name.givenName"}, func(r Resource) { delete(r.Complex("name"), "givenName") }},
		"all sub-attributes":              {[]string{"name.givenName,name.familyName"}, func(r Resource) { delete(r, "name") }},
		"an extension":                    {[]string{enterprise}, func(r Resource) { delete(r, enterprise) }},
		"a sub-attribute of an extension": {[]string{enterprise + ":manager.$ref"}, func(r Resource) { delete(r.Complex(enterprise)["manager"].(object), "$ref") }},
		"an unknown extension":            {[]string{"urn:X:y"}, func(r Resource) { delete(r, "urn:x:y") }},
		"an attribute of an unknown one":  {[]string{"urn:X:2.0:user:CARS"}, func(r Resource) { delete(r.Complex("urn:x:2.0:User"), "cars") }},
		"a part of a list in one": {[]string{"urn:x:2.0:User:cars.plate"}, func(r Resource) {
			r.Complex("urn:x:2.0:User")["cars"] = []any{object{"doors": number("2")}}
		}},
		"a part of an object in one": {[]string{"urn:x:2.0:User:engine.fuel"}, func(r Resource) { delete(r.Complex("urn:x:2.0:User")["engine"].(object), "fuel") }},
		"what an unknown one lacks":  {[]string{"urn:x:2.0:User:doors", "urn:x:2.0:Use", "urn:x:2"}, func(Resource) {}},
		"all of an unknown one":      {[]string{"urn:x:y:c"}, func(r Resource) { delete(r, "urn:x:y") }},
		"a custom field":             {[]string{CustomFieldsURN + ":BADGE"}, func(r Resource) { delete(r.Complex(CustomFieldsURN), "badge") }},
		"meta":                       {[]string{"meta"}, func(r Resource) { delete(r, "meta") }},
		"what is always returned":    {[]string{"id", "schemas"}, func(Resource) {}},
		"nothing":                    {[]string{"", " , "}, func(Resource) {}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			res := projectionUser()
			got, err := project(User, res, nil, tt.excluded)
			if err != nil {
				t.Fatal(err)
			}
			want := projectionUser()
			tt.without(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("wrong attributes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(projectionUser(), res); diff != "" {
				t.Errorf("the resource changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestProjectRefusesWhatIsNoAttributeName(t *testing.T) {
	_, err := project(User, projectionUser(), []string{`emails[type eq "work"]`}, nil)
	wantError(t, err, 400, TypeInvalidValue)
	_, err = project(User, projectionUser(), nil, []string{"a b"})
	wantError(t, err, 400, TypeInvalidValue)
}

func TestProjectionIsBounded(t *testing.T) {
	long := "urn:x:y:" + strings.Repeat("a", maxSelectedPath-len("urn:x:y:"))
	many := strings.Repeat("title,", MaxSelectedPaths-1)
	if _, err := ParseProjection(User, []string{long, many, " , "}, []string{many, long}); err != nil {
		t.Error(err)
	}
	for name, paths := range map[string][]string{"a long path": {long + "a"}, "many paths": {many, "title", "x"}} {
		for parameter, p := range map[string][2][]string{"attributes": {paths, nil}, "excludedAttributes": {nil, paths}} {
			_, err := ParseProjection(User, p[0], p[1])
			wantError(t, err, 400, TypeInvalidValue)
			if !strings.Contains(err.Error(), parameter) || len(err.Error()) > 200 {
				t.Errorf("%s in %s: %v", name, parameter, err)
			}
		}
	}
}

// What a path costs has nothing to do with how many URNs may be in it.
func TestProjectionKeepsAPathOnce(t *testing.T) {
	path := []string{"urn" + strings.Repeat(":", 50) + strings.Repeat("a.", 50) + "a"}
	if n := testing.AllocsPerRun(1, func() { _, _ = ParseProjection(User, path, nil) }); n > 50 {
		t.Errorf("%v allocations for one path", n)
	}
}

func TestProjectionIncludesTellsWhatIsNeeded(t *testing.T) {
	tests := map[string]struct {
		attributes, excluded string
		want                 bool
	}{
		"nothing asked":           {"", "", true},
		"members excluded":        {"", "MEMBERS", false},
		"a part of it excluded":   {"", "members.display", true},
		"only another asked":      {"displayName", "", false},
		"members asked":           {"members", "", true},
		"a part of members asked": {"members.value", "", true},
		"asked and excluded":      {"members", "members", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := ParseProjection(Group, []string{tt.attributes}, []string{tt.excluded})
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Includes("members"); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if !p.Includes("id") {
				t.Error("id is not included")
			}
		})
	}
}

func projectionUser() Resource {
	return Resource{
		"schemas": []any{UserURN, "urn:x:y", enterprise}, "id": "id-1", "userName": "a", "title": "T",
		"meta":     object{"version": "1", "resourceType": "User"},
		"name":     object{"givenName": "G", "familyName": "F"},
		"emails":   []any{object{"type": "work", "value": "w"}, object{"type": "home", "value": "h"}},
		enterprise: object{"department": "D", "manager": object{"value": "m", "$ref": "r"}},
		"urn:x:y":  object{"c": "red"},
		"urn:x:2.0:User": object{"cars": []any{object{"plate": "A", "doors": number("2")}, object{"plate": "B"}},
			"engine": object{"fuel": "gas", "size": object{"cc": number("9"), "kw": number("7")}}, "tags": []any{"t"}},
		"urn:x:dots":    object{"mail": "m", "mail.ON": true, "a.b": object{"c": "1", "d": "2"}},
		CustomFieldsURN: object{"badge": "7", "Floor": number("3")},
	}
}

func project(rt *ResourceType, res Resource, attributes, excludedAttributes []string) (Resource, error) {
	p, err := ParseProjection(rt, attributes, excludedAttributes)
	if err != nil {
		return nil, err
	}
	return p.Apply(res), nil
}
