package scim

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func number(s string) json.Number { return json.Number(s) }

func TestApplyPatchToMembers(t *testing.T) {
	tests := map[string]struct {
		operations string
		want       []string
	}{
		"add is idempotent and keeps the order":       {`[{"op":"add","path":"members","value":[{"value":"u3"},{"value":"u1"},{"value":"u3"}]}]`, []string{"u1", "u2", "u3"}},
		"add of one object":                           {`[{"op":"Add","path":"members","value":{"value":"u3","$ref":null,"display":"x"}}]`, []string{"u1", "u2", "u3"}},
		"add without path":                            {`[{"op":"add","value":{"members":[{"value":"u3"}]}}]`, []string{"u1", "u2", "u3"}},
		"add of plain ids":                            {`[{"op":"add","path":"members","value":["u3"]}]`, []string{"u1", "u2", "u3"}},
		"remove with a list":                          {`[{"op":"Remove","path":"members","value":[{"value":"u1"},{"value":"u9"}]}]`, []string{"u2"}},
		"remove with one object":                      {`[{"op":"remove","path":"members","value":{"value":"u1"}}]`, []string{"u2"}},
		"remove with a plain id":                      {`[{"op":"remove","path":"members","value":"u1"}]`, []string{"u2"}},
		"remove with an empty list removes no one":    {`[{"op":"remove","path":"members","value":[]}]`, []string{"u1", "u2"}},
		"remove without value removes all":            {`[{"op":"remove","path":"members"}]`, []string{}},
		"remove with null removes all":                {`[{"op":"remove","path":"members","value":null}]`, []string{}},
		"remove by filter":                            {`[{"op":"remove","path":"members[value eq \"u2\"]"}]`, []string{"u1"}},
		"remove by a filter of several":               {`[{"op":"remove","path":"members[value eq \"u1\" or value eq \"u2\"]"}]`, []string{}},
		"remove by another filter":                    {`[{"op":"remove","path":"members[value ne \"u1\"]"}]`, []string{"u1"}},
		"remove of someone who is no member":          {`[{"op":"remove","path":"members[value eq \"u9\"]"}]`, []string{"u1", "u2"}},
		"ids are case sensitive":                      {`[{"op":"remove","path":"members[value eq \"U1\"]"},{"op":"add","path":"members","value":[{"value":"U1"}]}]`, []string{"u1", "u2", "U1"}},
		"replace":                                     {`[{"op":"replace","path":"members","value":[{"value":"u3"},{"value":"u2"}]}]`, []string{"u3", "u2"}},
		"replace by an empty list":                    {`[{"op":"replace","path":"members","value":[]}]`, []string{}},
		"replace by null":                             {`[{"op":"replace","path":"members","value":null}]`, []string{}},
		"replace without path, as Okta sends it":      {`[{"op":"replace","value":{"id":"g1","displayName":"g","members":[]}}]`, []string{}},
		"replace of id and displayName, as Okta does": {`[{"op":"replace","value":{"id":"g1","displayName":"Renamed"}}]`, []string{"u1", "u2"}},
		"a rename between membership changes":         {`[{"op":"add","path":"members","value":[{"value":"u3"}]},{"op":"replace","path":"displayName","value":"x"},{"op":"remove","path":"members[value eq \"u1\"]"}]`, []string{"u2", "u3"}},
		"removed and added again":                     {`[{"op":"remove","path":"members[value eq \"u1\"]"},{"op":"add","path":"members","value":[{"value":"u1"}]}]`, []string{"u2", "u1"}},
		"replace after changes":                       {`[{"op":"add","path":"members","value":[{"value":"u3"}]},{"op":"replace","path":"members","value":[{"value":"u4"}]},{"op":"add","path":"members","value":[{"value":"u5"}]}]`, []string{"u4", "u5"}},
		"all removed after changes":                   {`[{"op":"add","path":"members","value":[{"value":"u3"}]},{"op":"remove","path":"members"}]`, []string{}},
		"changes before a general filter":             {`[{"op":"add","path":"members","value":[{"value":"u3","type":"Group"}]},{"op":"remove","path":"members[type eq \"group\"]"},{"op":"add","path":"members","value":[{"value":"u4"}]}]`, []string{"u1", "u2", "u4"}},
		"a type for a member that has none":           {`[{"op":"add","path":"members[value eq \"u1\"].type","value":"User"}]`, []string{"u1", "u2"}},
		"a filter that creates a member":              {`[{"op":"add","path":"members[value eq \"u3\"]","value":{"type":"User"}}]`, []string{"u1", "u2", "u3"}},
		"a member replaced by another":                {`[{"op":"replace","path":"members[value eq \"u1\"]","value":{"value":"u3"}}]`, []string{"u3", "u2"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			current := mustDecode(t, Group, `{"displayName":"g","members":[{"value":"u1"},{"value":"u2"}]}`)
			current["id"] = "g1"
			got, err := patchWith(Group, current, tt.operations, Standard)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.MemberIDs()); diff != "" {
				t.Errorf("wrong members (-want +got):\n%s", diff)
			}
			list := current["members"].([]any)
			current["members"] = Stream(func(yield func(map[string]any) bool) {
				for _, m := range list {
					if !yield(cloneMap(asMap(m))) {
						return
					}
				}
			})
			streamed, err := patchWith(Group, current, tt.operations, Standard)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, streamed.MemberIDs()); diff != "" {
				t.Errorf("wrong members of a stream (-want +got):\n%s", diff)
			}
		})
	}
}

// Operations that name members by their value make no representation of the others, and what other operations look
// at is there all the same.
func TestMembersThatNobodyLooksAtAreNotMade(t *testing.T) {
	const members = 2000
	_, current := crowd(members)
	made, all := 0, current["members"].(Stream)
	current["members"] = Stream(func(yield func(map[string]any) bool) {
		for value := range all {
			if made++; !yield(value) {
				return
			}
		}
	})
	byValue := `[{"op":"add","path":"members","value":[{"value":"new"}]},{"op":"remove","path":"members[value eq \"7\"]"},{"op":"replace","path":"displayName","value":"x"}]`
	got, err := patchWith(Group, current, byValue, Standard)
	if made > 0 {
		t.Errorf("%d members are made", made)
	}
	if ids := got.MemberIDs(); err != nil || len(ids) != members || ids[members-1] != "new" {
		t.Fatalf("%d members, %v", len(ids), err)
	}
	got, err = patchWith(Group, current, strings.TrimSuffix(byValue, "]")+`,{"op":"remove","path":"members[type eq \"User\" and display eq \"member\"]"},{"op":"add","path":"members","value":"last"}]`, Standard)
	if ids := got.MemberIDs(); err != nil || !slices.Equal(ids, []string{"new", "last"}) {
		t.Errorf("%d members, %v", len(ids), err)
	}
}

func TestApplyPatchToMembersRefuses(t *testing.T) {
	tests := map[string]struct {
		operations, scimType string
	}{
		"another id for a member":       {`[{"op":"replace","path":"members[value eq \"u1\"].value","value":"u3"}]`, TypeMutability},
		"a member's id removed":         {`[{"op":"remove","path":"members[value eq \"u1\"].value"}]`, TypeMutability},
		"a member's display":            {`[{"op":"replace","path":"members[value eq \"u1\"].display","value":"x"}]`, TypeMutability},
		"a member without id":           {`[{"op":"add","path":"members","value":[{"display":"x","type":"User"}]}]`, TypeInvalidValue},
		"a new member without id":       {`[{"op":"add","path":"members[type eq \"x\"].$ref","value":"https://x"}]`, TypeInvalidValue},
		"the display name removed":      {`[{"op":"remove","path":"displayName"}]`, TypeMutability},
		"the display name by null":      {`[{"op":"replace","value":{"displayName":null}}]`, TypeInvalidValue},
		"a member's id by null":         {`[{"op":"replace","path":"members[value eq \"u1\"].value","value":null}]`, TypeInvalidValue},
		"an attribute of users":         {`[{"op":"add","path":"userName","value":"x"}]`, TypeInvalidPath},
		"the core schema of users":      {`[{"op":"add","path":"` + UserURN + `:title","value":"x"}]`, TypeInvalidPath},
		"a member without its id":       {`[{"op":"add","path":"members","value":[{"display":"Babs"}]}]`, TypeInvalidValue},
		"members that are numbers":      {`[{"op":"add","path":"members","value":[1]}]`, TypeInvalidValue},
		"an id of a member as a number": {`[{"op":"remove","path":"members","value":[{"value":1}]}]`, TypeInvalidValue},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := patchWith(Group, mustDecode(t, Group, sampleGroup), tt.operations, Standard)
			wantError(t, err, 400, tt.scimType)
		})
	}
}
