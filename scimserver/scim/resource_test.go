package scim

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEqualSeesChangesOfWhatTheClientWrote(t *testing.T) {
	tests := map[string]struct {
		a, b string
		want bool
	}{
		"the same":                        {`{"userName":"a","name":{"givenName":"G"}}`, `{"name":{"givenName":"G"},"userName":"a"}`, true},
		"other spelling":                  {`{"userName":"a"}`, `{"userName":"A"}`, false},
		"an attribute more":               {`{"userName":"a"}`, `{"userName":"a","title":"T"}`, false},
		"an attribute less":               {`{"userName":"a","title":"T"}`, `{"userName":"a"}`, false},
		"a sub-attribute more":            {`{"userName":"a","name":{"givenName":"G"}}`, `{"userName":"a","name":{"givenName":"G","familyName":"F"}}`, false},
		"an empty string":                 {`{"userName":"a"}`, `{"userName":"a","title":""}`, false},
		"false and absent":                {`{"userName":"a"}`, `{"userName":"a","active":false}`, false},
		"values in another order":         {`{"userName":"a","emails":[{"value":"1"},{"value":"2"}]}`, `{"userName":"a","emails":[{"value":"2"},{"value":"1"}]}`, false},
		"an extension":                    {`{"userName":"a","` + enterprise + `":{"division":"x"}}`, `{"userName":"a","` + enterprise + `":{"division":"y"}}`, false},
		"numbers of an unknown extension": {`{"userName":"a","urn:x:y":{"n":1}}`, `{"userName":"a","urn:x:y":{"n":2}}`, false},
		"arrays of an unknown extension":  {`{"userName":"a","urn:x:y":{"n":[1,{"a":2}]}}`, `{"userName":"a","urn:x:y":{"n":[1,{"a":2}]}}`, true},
		"arrays of another length":        {`{"userName":"a","urn:x:y":{"n":[1]}}`, `{"userName":"a","urn:x:y":{"n":[1,2]}}`, false},
		"another type":                    {`{"userName":"a","urn:x:y":{"n":1}}`, `{"userName":"a","urn:x:y":{"n":"1"}}`, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a, b := mustDecode(t, User, tt.a), mustDecode(t, User, tt.b)
			if got := Equal(a, b); got != tt.want {
				t.Errorf("Equal(a, b) = %v", got)
			}
			if got := Equal(b, a); got != tt.want {
				t.Errorf("Equal(b, a) = %v", got)
			}
		})
	}
}

func TestEqualIgnoresWhatTheServerMakes(t *testing.T) {
	a := mustDecode(t, User, `{"userName":"a"}`)
	b := a.Clone()
	Stamp(User, b, "id-1", "https://x", Meta{Version: "2"})
	b["groups"] = []any{object{"value": "g"}}
	b["title"], b["emails"], b["name"] = nil, []any{}, object{"givenName": nil}
	if !Equal(a, b) || !Equal(b, a) {
		t.Error("id, meta, groups or unassigned attributes make a difference")
	}
	if diff := cmp.Diff(Resource{"userName": "a"}, canonical(b)); diff != "" {
		t.Errorf("wrong canonical form (-want +got):\n%s", diff)
	}
}

func TestEqualComparesMembersAsASet(t *testing.T) {
	a := mustDecode(t, Group, `{"displayName":"g","members":[{"value":"u1","type":"User"},{"value":"u2"}]}`)
	b := mustDecode(t, Group, `{"displayName":"g","members":[{"value":"u2"},{"value":"u1"}]}`)
	c := mustDecode(t, Group, `{"displayName":"g","members":[{"value":"u2"},{"value":"u3"}]}`)
	d := mustDecode(t, Group, `{"displayName":"g"}`)
	if !Equal(a, b) {
		t.Error("the order or the type of members makes a difference")
	}
	for _, other := range []Resource{c, d} {
		if Equal(a, other) || Equal(other, a) {
			t.Errorf("%v equals %v", a, other)
		}
	}
}

func TestCloneSharesNothing(t *testing.T) {
	res := mustDecode(t, User, sampleUser)
	clone := res.Clone()
	clone.Complex("name")["givenName"] = "X"
	clone.Values("emails")[0].(map[string]any)["value"] = "X"
	if diff := cmp.Diff(mustDecode(t, User, sampleUser), res); diff != "" {
		t.Errorf("the original changed (-want +got):\n%s", diff)
	}
	if Resource(nil).Clone() != nil {
		t.Error("the clone of nothing is something")
	}
}

// canonical returns what the client wrote: the resource without the attributes that
// the service provider makes, and without unassigned ones.
func canonical(r Resource) Resource {
	out := make(Resource, len(r))
	for key, v := range r {
		if !slices.Contains(notClientData, key) && !unassigned(v) {
			out[key] = v
		}
	}
	return out
}
