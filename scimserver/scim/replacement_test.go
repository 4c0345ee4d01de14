package scim

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReplacementKeepsActiveAndMembers(t *testing.T) {
	leaver := Resource{"userName": "a", "title": "T", "active": false}
	members := []any{object{"value": "u1", "type": "User"}, object{"value": "u2", "type": "User"}}
	guides := Resource{"displayName": "g", "groupType": "Site", "members": members}
	tests := map[string]struct {
		rt      *ResourceType
		current Resource
		body    string
		want    Resource
	}{
		"active left out":             {User, leaver, `{"userName":"b"}`, Resource{"userName": "b", "active": false}},
		"active as null":              {User, leaver, `{"userName":"b","ACTIVE":null}`, Resource{"userName": "b", "active": false}},
		"active as null, qualified":   {User, leaver, `{"userName":"b","` + UserURN + `":{"active":null}}`, Resource{"userName": "b", "active": false}},
		"active as said":              {User, leaver, `{"userName":"b","active":"True"}`, Resource{"userName": "b", "active": true}},
		"active as said, qualified":   {User, leaver, `{"userName":"b","` + UserURN + `:active":true}`, Resource{"userName": "b", "active": true}},
		"members left out":            {Group, guides, `{"displayName":"h"}`, Resource{"displayName": "h", "members": members}},
		"members as null":             {Group, guides, `{"displayName":"h","members":null}`, Resource{"displayName": "h", "members": members}},
		"members of nothing":          {Group, guides, `{"displayName":"h","members":[null,{},{"value":null,"type":null}]}`, Resource{"displayName": "h", "members": members}},
		"members as an empty object":  {Group, guides, `{"displayName":"h","members":{}}`, Resource{"displayName": "h", "members": members}},
		"members of null, qualified":  {Group, guides, `{"displayName":"h","` + GroupURN + `:members":[null]}`, Resource{"displayName": "h", "members": members}},
		"active as a list of null":    {User, leaver, `{"userName":"b","active":[{"value":null}]}`, Resource{"userName": "b", "active": false}},
		"a member beside nothing":     {Group, guides, `{"displayName":"h","members":[null,"u3"]}`, Resource{"displayName": "h", "members": []any{object{"value": "u3"}}}},
		"no members":                  {Group, guides, `{"displayName":"h","members":[]}`, Resource{"displayName": "h"}},
		"no members, qualified":       {Group, guides, `{"displayName":"h","` + GroupURN + `":{"Members":[]}}`, Resource{"displayName": "h"}},
		"other members":               {Group, guides, `{"displayName":"h","members":[{"value":"u3"}]}`, Resource{"displayName": "h", "members": []any{object{"value": "u3"}}}},
		"members of an empty group":   {Group, Resource{"displayName": "g"}, `{"displayName":"h"}`, Resource{"displayName": "h"}},
		"anything else that is there": {User, leaver, `{"userName":"b","active":false,"title":null}`, Resource{"userName": "b", "active": false}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := DecodeReplacement(tt.rt, []byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			before := tt.current.Clone()
			for range 2 { // a write that meets another one replaces again
				got, err := r.Apply(t.Context(), tt.current)
				if err != nil {
					t.Fatal(err)
				}
				delete(got, "schemas")
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("wrong resource (-want +got):\n%s", diff)
				}
			}
			if diff := cmp.Diff(before, tt.current); diff != "" {
				t.Errorf("the resource that is replaced was changed:\n%s", diff)
			}
		})
	}
}

func TestDecodeReplacementRefusesWhatDecodeResourceRefuses(t *testing.T) {
	for body, scimType := range map[string]string{`{"active":true}`: TypeInvalidValue, `{"userName":"a","active":[]}`: TypeInvalidValue, `[]`: TypeInvalidSyntax} {
		_, err := DecodeReplacement(User, []byte(body))
		wantError(t, err, 400, scimType)
	}
}
