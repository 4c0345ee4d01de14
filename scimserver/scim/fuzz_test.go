package scim

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sampleUser = `{
  "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
  "userName": "Bjensen@Example.com", "externalId": "00u1", "active": true, "title": "Tour Guide",
  "name": {"givenName": "Barbara", "familyName": "Jensen"},
  "emails": [{"value": "bjensen@example.com", "type": "work", "primary": true}, {"value": "babs@jensen.org", "type": "home"}],
  "phoneNumbers": [{"value": "555-555-5555", "type": "work"}],
  "addresses": [{"type": "work", "locality": "Hollywood", "streetAddress": "Große Straße 1", "country": "US"}],
  "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Tours", "manager": {"value": "m1"}},
  "urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields": {"badge": 7, "tags": ["a", "b"], "car": {"plate": "X-1"}, "cars": [{"plate": "A"}, {"doors": 2}], "none": []}
}`

const sampleGroup = `{"displayName": "Tour Guides", "members": [{"value": "u1"}, {"value": "u2", "type": "User"}]}`

// sampleResources returns one stamped resource of each type.
func sampleResources(t testing.TB) map[*ResourceType]Resource {
	t.Helper()
	out := map[*ResourceType]Resource{
		User:  mustDecode(t, User, sampleUser),
		Group: mustDecode(t, Group, sampleGroup),
	}
	for rt, res := range out {
		Stamp(rt, res, "id-1", "https://example.com/scim/v2", Meta{Version: `W/"1"`})
	}
	return out
}

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{
		`userName eq "bjensen@example.com"`,
		`emails[type eq "work" and value co "@example.com"] or not (active eq "True")`,
		`emails[type eq "work" or primary eq true].value sw "b"`,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq null`,
		`urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields:badge ge 6.5e0`,
		`urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields:car[plate ne "X-1"]`,
		`((title pr) and (nickName pr and not(locale pr))) or displayName eq "\u00e9\\\""`,
		`meta.created gt "2011-05-13T06:42:34+02:00"`,
		`members[value eq "u1"] and displayName gt "a"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for rt, res := range sampleResources(t) {
			filter, err := ParseFilter(rt, text)
			if err != nil {
				wantError(t, err, 400, TypeInvalidFilter)
				continue
			}
			filter.EqualityConstraints()
			canonical := filter.String()
			again, err := ParseFilter(rt, canonical)
			if err != nil {
				t.Fatalf("%q became %q, which is refused: %v", text, canonical, err)
			}
			if again.String() != canonical {
				t.Fatalf("%q became %q and then %q", text, canonical, again)
			}
			if filter.Match(res) != again.Match(res) {
				t.Fatalf("%q and %q match differently", text, canonical)
			}
		}
	})
}

func FuzzParsePatch(f *testing.F) {
	for _, seed := range []string{
		`{"Operations":[{"op":"Replace","value":{"active":"False","name.givenName":"B"}}]}`,
		`{"Operations":[{"op":"add","path":"emails","value":[{"value":"x@y","type":"other","primary":true}]}]}`,
		`{"Operations":[{"op":"replace","path":"emails[type eq \"other\"].value","value":"x@y"}]}`,
		`{"Operations":[{"op":"remove","path":"emails[type eq \"work\"]"},{"op":"remove","path":"name.givenName"}]}`,
		`{"Operations":[{"op":"remove","path":"members","value":[{"value":"u1"}]},{"op":"add","path":"members","value":{"value":"u3"}}]}`,
		`{"Operations":[{"op":"add","path":"members[value eq \"u9\"]","value":{"type":"User"}}]}`,
		`{"Operations":[{"op":"add","path":"urn:example:ext:1.0:color","value":[1,{"a":null}]}]}`,
		`{"Operations":[{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields","value":{"badge":null,"car":{"doors":4}}}]}`,
		`{"Operations":[{"op":"replace","path":"urn:x:custom_fields:custom_fields","value":[{"id":"a.b","value":1},{"id":"a","value":{"c":2}}]},{"op":"remove","path":"urn:x:custom_fields[id eq \"a\"].value"}]}`,
		`{"Operations":[{"op":"remove","path":"urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields:cars","value":[{"plate":"A"},"x",1]},{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields:cars[doors eq 2].value","value":{"value":{}}}]}`,
		`{"Operations":[{"op":"add","path":"urn:x:2.0:User:a[b.c eq 1 and value eq \"d\"].e.f","value":[2]},{"op":"remove","path":"urn:x:2.0:User","value":{"a":{"value":"d"},"tags":["a"]}}]}`,
		`{"Operations":[{"op":"add","path":"urn:x:a:b","value":{"value":{"value":{}}}},{"op":"replace","path":"urn:x:a:b.value","value":{"value":[]}},{"op":"remove","path":"urn:x:a","value":{"b.value":{"value":1}}}]}`,
		`{"Operations":[{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":[{"$ref":null,"value":"m2"}]}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		patch, err := ParsePatch(User, body)
		if err != nil {
			return
		}
		for rt, res := range sampleResources(t) {
			before := res.Clone()
			for _, profile := range []Profile{Standard, Okta, Entra} {
				patch.Type, patch.Profile = rt, profile
				after, err := patch.Apply(t.Context(), res)
				if diff := cmp.Diff(before, res); diff != "" {
					t.Fatalf("the patch changed its input (-before +after):\n%s", diff)
				}
				if err != nil {
					continue
				}
				checkCanonical(t, rt, after)
			}
		}
	})
}

func FuzzDecodeResource(f *testing.F) {
	for _, seed := range []string{
		sampleUser, sampleGroup,
		`{"USERNAME":"a","Active":"TRUE","emails":{"value":"b"},"urn:x:y":{"a":{"b":[null,{}]}},"urn:x:y:c":1e3}`,
		`{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0User":{"manager":"m"},"roles":["r","r"]}`,
		`{"userName":"a","urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields":{"x":1,"custom_fields":[{"id":"y","value":null},{"id":"z.q","value":[{}]}]},"urn:b:Custom_Fields:f":{"a":1}}`,
		`{"userName":"a","urn:ietf:params:scim:schemas:core:2.0:User":{"title":"t"},"groups":[1],"password":"p","nick.name":{}}`,
		`{"displayName":"g","members":["u1",{"value":"u1","$ref":null},{"VALUE":"u2"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, rt := range ResourceTypes() {
			if res, err := DecodeResource(rt, body); err == nil {
				checkCanonical(t, rt, res)
			}
		}
	})
}

// checkCanonical checks that a resource is in the form in which its own encoding would be read.
func checkCanonical(t *testing.T, rt *ResourceType, res Resource) {
	t.Helper()
	encoded, err := Encode(rt, res)
	if err != nil {
		t.Fatal(err)
	}
	again, err := DecodeResource(rt, encoded)
	if err != nil {
		t.Fatalf("the encoding %s is refused: %v", encoded, err)
	}
	if !Equal(res, again) {
		t.Fatalf("%s is read as something else (-had +got):\n%s", encoded, cmp.Diff(canonical(res), canonical(again)))
	}
	delete(res, "id")
	delete(res, "meta")
	delete(again, "id")
	delete(again, "meta")
	first, err := Encode(rt, res)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Encode(rt, again)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Fatalf("the encoding changed from\n%s to\n%s", first, second)
	}
}
