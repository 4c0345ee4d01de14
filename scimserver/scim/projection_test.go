package scim

import (
	"maps"
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
		"one attribute, in any case":         {[]string{"USERNAME"}, nil, object{"userName": "a"}},
		"several in one parameter":           {[]string{"userName, title"}, nil, object{"userName": "a", "title": "T"}},
		"a sub-attribute":                    {[]string{"name.givenname"}, nil, object{"name": object{"givenName": "G"}}},
		"a sub-attribute of every value":     {[]string{"emails.type"}, nil, object{"emails": mails(object{"type": "work"}, object{"type": "home"})}},
		"an attribute and its sub-attribute": {[]string{"name", "name.givenName"}, nil, object{"name": object{"givenName": "G", "familyName": "F"}}},
		"a core attribute with its URN":      {[]string{UserURN + ":title"}, nil, object{"title": "T"}},
		"an extension":                       {[]string{enterprise}, nil, object{enterprise: object{"department": "D", "manager": object{"value": "m", "$ref": "r"}}}},
		"an attribute of an extension":       {[]string{enterprise + ":department"}, nil, object{enterprise: object{"department": "D"}}},
		"a sub-attribute of an extension":    {[]string{enterprise + ":manager.value"}, nil, object{enterprise: object{"manager": object{"value": "m"}}}},
		"an unknown extension":               {[]string{"URN:X:Y"}, nil, object{"urn:x:y": object{"c": "red"}}},
		"an attribute of an unknown one":     {[]string{"urn:x:y:c"}, nil, object{"urn:x:y": object{"c": "red"}}},
		"part of meta":                       {[]string{"meta.version"}, nil, object{"meta": object{"version": "1"}}},
		"what does not exist":                {[]string{"shoeSize", "name.shoe", "photos", "emails.display"}, nil, object{}},
		"what is never returned":             {[]string{"password"}, nil, object{}},
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
		"meta":                            {[]string{"meta"}, func(r Resource) { delete(r, "meta") }},
		"what is always returned":         {[]string{"id", "schemas"}, func(Resource) {}},
		"nothing":                         {[]string{"", " , "}, func(Resource) {}},
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
	}
}

func project(rt *ResourceType, res Resource, attributes, excludedAttributes []string) (Resource, error) {
	p, err := ParseProjection(rt, attributes, excludedAttributes)
	if err != nil {
		return nil, err
	}
	return p.Apply(res), nil
}
