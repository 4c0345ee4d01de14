package scim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rootResources are a user, a group, and a group with an extension of its own.
func rootResources(t *testing.T) ([]Resource, []*ResourceType) {
	t.Helper()
	samples := sampleResources(t)
	other := mustDecode(t, Group, `{"displayName":"Other","urn:x:y":{"color":"red"}}`)
	Stamp(Group, other, "id-2", "https://h", Meta{})
	return []Resource{samples[User], samples[Group], other}, []*ResourceType{User, Group, Group}
}

func TestRootFilterTreatsUnknownAttributesAsAbsent(t *testing.T) {
	tests := map[string]string{
		`meta.resourceType eq "User"`:                       "0",
		`meta.resourceType eq "Group"`:                      "12",
		`meta.resourceType eq "group"`:                      "",
		`userName eq "bjensen@example.com"`:                 "0",
		`userName pr`:                                       "0",
		`not (userName pr)`:                                 "12",
		`userName ne "x"`:                                   "012",
		`userName eq null`:                                  "12",
		`displayName eq "tour guides" or userName sw "bj"`:  "01",
		`members.value eq "u1"`:                             "1",
		`members[value eq "u1"]`:                            "1",
		`emails[type eq "work"] or displayName eq "Other"`:  "02",
		`id eq "id-2"`:                                      "2",
		`schemas eq "` + UserURN + `"`:                      "0",
		UserURN + `:userName pr`:                            "0",
		GroupURN + `:displayName pr`:                        "12",
		EnterpriseURN + `:department eq "tours"`:            "0",
		`not (` + EnterpriseURN + `:department eq "tours")`: "12",
		`urn:x:y:color eq "RED"`:                            "2",
		CustomFieldsURN + `:badge eq 7`:                     "0",
		`active eq true and meta.resourceType ne "Group"`:   "0",
	}
	resources, types := rootResources(t)
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			f, err := ParseRootFilter(text)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, i := range matches(f, resources) {
				got.WriteByte(byte('0' + i))
				if !f.CanMatch(types[i]) {
					t.Errorf("CanMatch denies resource %d, which matches", i)
				}
			}
			if got.String() != want {
				t.Errorf("got %s, want %s", got.String(), want)
			}
		})
	}
}

func TestRootFilterRefusesWhatNoTypeHas(t *testing.T) {
	for _, text := range []string{
		`shoe eq "1"`, `name.shoe pr`, `members.shoe pr`, EnterpriseURN + `:shoe pr`, UserURN + `:members pr`, GroupURN + `:userName pr`,
		UserURN + ` pr`, `password pr`, `active gt true`, `members eq 1`, `emails[shoe pr]`, `department pr`, `userName`, ``,
	} {
		t.Run(text, func(t *testing.T) {
			_, err := ParseRootFilter(text)
			wantError(t, err, 400, TypeInvalidFilter)
		})
	}
}

func TestCanMatchTellsTheTypesToLookAt(t *testing.T) {
	tests := map[string]struct{ user, group bool }{
		`meta.resourceType eq "User"`:              {true, false},
		`meta.resourceType ne "User"`:              {false, true},
		`not (meta.resourceType eq "User")`:        {false, true},
		`meta[resourceType eq "Group"]`:            {true, true},
		`meta.created pr`:                          {true, true},
		`meta.resourceType eq "Device"`:            {false, false},
		`userName eq "a"`:                          {true, false},
		`userName ne "a"`:                          {true, true},
		`not (userName eq "a")`:                    {true, true},
		`members[value eq "a"]`:                    {false, true},
		`displayName eq "a"`:                       {true, true},
		`displayName eq "a" and userName pr`:       {true, false},
		`displayName eq "a" or userName pr`:        {true, true},
		`members pr or userName pr`:                {true, true},
		`members pr and userName pr`:               {false, false},
		`not (members pr or userName pr)`:          {true, true},
		`groups pr or meta.resourceType eq "User"`: {true, false},
		`(displayName pr and members pr) or (title pr and meta.resourceType pr)`:     {true, true},
		EnterpriseURN + `:department pr`:                                             {true, true}, // a group may have it as an extension without a schema
		`urn:x:y:z pr`:                                                               {true, true},
		`(displayName pr or userName pr) and (groups pr or meta.resourceType eq "")`: {true, false},
	}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			f, err := ParseRootFilter(text)
			if err != nil {
				t.Fatal(err)
			}
			got := struct{ user, group bool }{f.CanMatch(User), f.CanMatch(Group)}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestRootFilterAgreesWithTheFilterOfAType(t *testing.T) {
	resources, types := rootResources(t)
	for _, text := range []string{`displayName pr`, `meta.created pr`, `id eq "id-1"`, `urn:x:y:color pr`, `externalId ne "x"`} {
		root, err := ParseRootFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		for i, res := range resources {
			f, err := ParseFilter(types[i], text)
			if err != nil {
				t.Fatal(err)
			}
			if f.Match(res) != root.Match(res) {
				t.Errorf("%s: resource %d matches for its type or for all, not both", text, i)
			}
			if diff := cmp.Diff(f.EqualityConstraints(), root.EqualityConstraints()); diff != "" {
				t.Errorf("%s: other constraints (-type +root):\n%s", text, diff)
			}
		}
	}
}
