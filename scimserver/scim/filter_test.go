package scim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// filterUser has a value of every type that filters compare.
func filterUser(t testing.TB) Resource {
	t.Helper()
	res := mustDecode(t, User, sampleUser)
	Stamp(User, res, "Id-1", "https://example.com/scim/v2", Meta{
		Created: time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC), LastModified: time.Date(2025, 6, 2, 12, 0, 0, 5e8, time.UTC), Version: `W/"7"`})
	res["groups"] = []any{map[string]any{"value": "g1", "display": "Tour Guides"}}
	return res
}

func TestFilterMatches(t *testing.T) {
	custom := CustomFieldsURN
	tests := map[string]bool{
		// case rules
		`userName eq "BJENSEN@example.com"`: true,
		`USERNAME EQ "bjensen@example.com"`: true,
		`externalId eq "00u1"`:              true,
		`externalId eq "00U1"`:              false,
		`id eq "Id-1"`:                      true,
		`id eq "id-1"`:                      false,
		`id ne "id-1"`:                      true,
		// text
		`title co "GUIDE"`: true,
		`addresses.streetAddress eq "GROSSE STRASSE 1"`: true,
		`addresses.streetAddress co "STRASSE"`:          true,
		`addresses.streetAddress ne "große straße 1"`:   false,
		`title sw "tour g"`:                             true,
		`title ew "ide"`:                                true,
		`title eq ""`:                                   false,
		`title co ""`:                                   true,
		`nickName co ""`:                                false,
		`title ge "tour guide" and title le "TOUR GUIDE" and not (title lt "Tour Guide") and not (title gt "tour guide")`: true,
		// white space around, width
		`title eq " Tour Guide\u00a0"`: true,
		`title ne "Tour Guide "`:       false,
		`title eq "Tour  Guide"`:       false,
		`title eq "Ｔour　Guide"`:        true,
		`title sw " tour "`:            true,
		`title sw "tour guide "`:       false,
		`title ew " guide "`:           true,
		`title co " "`:                 true,
		`title co " tour"`:             false,
		`title ge " Tour Guide"`:       true,
		`nickName eq " Babs"`:          false,
		`externalId eq " 00u1"`:        false,
		// absent attributes
		`nickName eq "x"`:                    false,
		`nickName ne "x"`:                    true,
		`nickName gt "a" or nickName lt "z"`: false,
		`nickName eq null`:                   true,
		`title eq null`:                      false,
		`title ne null`:                      true,
		`nickName ne NULL`:                   false,
		`emails.display eq null`:             true,
		`photos pr`:                          false,
		`photos.value ne "x"`:                true,
		`photos[value ne "x"]`:               false,
		// booleans
		`active eq TRUE`:    true,
		`active eq "False"`: false,
		`active ne false`:   true,
		`emails.primary eq true and emails[primary eq "true" and type eq "work"]`: true,
		// multi-valued attributes
		`emails eq "babs@jensen.org"`:                         true,
		`emails co "JENSEN.ORG"`:                              true,
		`emails.type eq "home" and emails.type eq "work"`:     true,
		`emails[type eq "home" and type eq "work"]`:           false,
		`emails[type eq "home" and value sw "babs"]`:          true,
		`emails[type eq "work" and value sw "babs"]`:          false,
		`emails[type eq "home"].value ew "org"`:               true,
		`emails[type eq "work" or type eq "x"].value sw "ba"`: false,
		`emails[not (type eq "work")]`:                        true,
		`emails.value ne "babs@jensen.org"`:                   true,
		`not (emails.value eq "babs@jensen.org")`:             false,
		`emails pr and emails[value pr]`:                      true,
		`groups.value eq "g1" and groups.display co "tour"`:   true,
		`groups eq "g2"`:                                      false,
		`name[familyName eq "jensen"]`:                        true,
		// instants
		`meta.created eq "2025-06-01T14:00:00+02:00"`:      true,
		`meta.created eq "2025-06-01T14:00:00 02:00"`:      true,
		`meta.created ge "2025-06-01T12:00:00"`:            true,
		`meta.created lt "2025-06-01T24:00:00Z"`:           true,
		`meta.created lt "2025-05-31T24:00:00-12:00"`:      false,
		`meta.created gt "2025-05-31T24:00:00.00+14:00"`:   true,
		`meta.lastModified gt "2025-06-02T12:00:00Z"`:      true,
		`meta.lastModified lt "2025-06-02T12:00:00.500Z"`:  false,
		`meta.lastModified ne "2025-06-02T12:00:00.5000Z"`: false,
		`meta.created sw "2025-06"`:                        true,
		`meta.resourceType eq "User"`:                      true,
		`meta.resourceType eq "user"`:                      false,
		`meta.version eq "W/\"7\""`:                        true,
		`meta.created lt "0001-01-01T00:00:00Z"`:           false,
		// extensions
		enterprise + `:department eq "tours"`:                                     true,
		strings.ToLower(enterprise) + `:DEPARTMENT eq "tours"`:                    true,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department pr`: true,
		enterprise + `:manager eq "m1"`:                                           true,
		enterprise + `:manager.value ne "m1"`:                                     false,
		enterprise + `:manager[value eq "M1"]`:                                    true,
		enterprise + `:costCenter ne "1"`:                                         true,
		`schemas eq "` + strings.ToLower(enterprise) + `"`:                        true,
		// extensions without schema
		custom + `:badge eq 7`:                        true,
		custom + `:badge eq 7.0`:                      true,
		custom + `:badge ge 8`:                        false,
		custom + `:badge lt 1e2`:                      true,
		custom + `:badge eq "7"`:                      false,
		custom + `:badge ne "7"`:                      true,
		custom + `:TAGS eq "B"`:                       true,
		custom + `:tags[value sw "b"]`:                true,
		custom + `:car.plate sw "x"`:                  true,
		custom + `:car[plate eq "X-1"]`:               true,
		custom + `:car.doors eq null`:                 true,
		custom + `:car.doors pr`:                      false,
		`urn:example:none:1.0:x ne "y"`:               true,
		`urn:example:none:1.0:x eq true`:              false,
		strings.ToUpper(custom) + `:tags pr`:          true,
		custom + `:cars.plate eq "a"`:                 true,
		custom + `:cars.doors gt 1`:                   true,
		custom + `:cars.plate eq 5`:                   false,
		custom + `:cars[plate eq "A" and doors eq 2]`: false,
		custom + `:car eq "X-1"`:                      false,
		custom + `:car ne "X-1"`:                      true,
		custom + `:cars pr and ` + custom + `:car pr`: true,
		custom + `:none eq null`:                      true,
		custom + `:none pr`:                           false,
		custom + `:badge.x eq 1`:                      false,
		custom + ` pr`:                                true,
		// logic and layout
		`(title eq "x") or ` + strings.Repeat(`(title eq "x") or `, 2*MaxFilterDepth) + `title pr`: true,
		`title pr and (active eq false or name.givenName eq "barbara")`:                            true,
		`active eq false and title pr or name pr`:                                                  true,
		`active eq false and (title pr or name pr)`:                                                false,
		` ( title pr )and(name pr) `:                                                               true,
		`not(title pr)`:                                                                            false,
		`title eq"Tour Guide"`:                                                                     true,
		`name.familyName eq "J\u0065nsen"`:                                                         true,
	}
	res := filterUser(t)
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			f, err := ParseFilter(User, text)
			if err != nil {
				t.Fatal(err)
			}
			if got := f.Match(res); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
			again, err := ParseFilter(User, f.String())
			if err != nil || again.String() != f.String() || again.Match(res) != want {
				t.Errorf("String gives %q, which is read as %v, %v", f, again, err)
			}
		})
	}
}

func TestParseFilterRefuses(t *testing.T) {
	tests := map[string]string{ // filter: what the detail speaks of
		``:                                         "attribute name",
		`userName`:                                 "operators",
		`userName eq`:                              "value",
		`userName eq dave`:                         "value",
		`userName eq 'dave'`:                       "value",
		`userName eq "dave`:                        "value",
		`userName eq "\x"`:                         "value",
		`userName is "dave"`:                       "operators",
		`userName eq "a" "b"`:                      "and, or",
		`userName eq "a" and`:                      "attribute name",
		`and userName eq "a"`:                      "and",
		`userName eq "a" or or title pr`:           "or",
		`not userName eq "a"`:                      "not",
		`(userName eq "a"`:                         "closing )",
		`userName eq "a")`:                         "and, or",
		`()`:                                       "attribute name",
		`emails[type eq "work"`:                    "closing ]",
		`emails[type eq "work")`:                   "closing ]",
		`emails[]`:                                 "attribute name",
		`emails[emails[type pr]]`:                  "emails",
		`emails[type eq "x"].value`:                "operators",
		`emails[type eq "x"].foo pr`:               "foo",
		`emails[type eq "x"] .value pr`:            "and, or",
		`userName[value eq "x"]`:                   "complex",
		`emails.value[type pr]`:                    "complex",
		`shoeSize eq 5`:                            "shoeSize",
		`emails.shoe pr`:                           "shoe",
		`userName.x pr`:                            "userName",
		`emails.value.x pr`:                        "malformed",
		`1title pr`:                                "malformed",
		`department eq "x"`:                        enterprise + ":department",
		enterprise + `:foo pr`:                     "foo",
		enterprise + `: pr`:                        "colon",
		enterprise + ` pr`:                         "schema",
		GroupURN + `:displayName pr`:               "not a schema",
		`name eq "x"`:                              "complex",
		`addresses eq "x"`:                         "complex",
		`userName eq 5`:                            "quotes",
		`userName eq true`:                         "quotes",
		`userName gt null`:                         "null",
		`active gt true`:                           "boolean",
		`active co "t"`:                            "boolean",
		`active eq "yes"`:                          "boolean",
		`active eq 1`:                              "boolean",
		`meta.created gt "yesterday"`:              "dateTime",
		`meta.created gt "2025-06-01T24:00:00.5Z"`: "dateTime",
		`meta.created gt 5`:                        "quotes",
		`x509Certificates.value gt "a"`:            "binary",
		`password eq "x"`:                          "password",
		`urn:example:x:1.0:a co 5`:                 "string",
		`urn:example:x:1.0:a eq 05`:                "value",
		`title eq "\ud83d"`:                        "value",
		`title ne "a\u0000"`:                       "value",
		"title eq \"\xff\"":                        "UTF-8",
		strings.Repeat("(", 40) + `title pr` + strings.Repeat(")", 40): "deeper",
		`title eq "` + strings.Repeat("x", MaxFilterLength) + `"`:      "longer",
	}
	for text, detail := range tests {
		t.Run(text, func(t *testing.T) {
			_, err := ParseFilter(User, text)
			wantError(t, err, 400, TypeInvalidFilter)
			if !strings.Contains(err.Error(), detail) {
				t.Errorf("%q does not speak of %q", err, detail)
			}
		})
	}
}

func TestFilterStringIsCanonical(t *testing.T) {
	tests := map[string]string{
		`USERNAME Eq "Dave"`: `userName eq "Dave"`,
		`(title pr and (nickName PR)) and (active eq "TRUE" or (locale pr))`: `title pr and nickName pr and (active eq true or locale pr)`,
		`NOT((title pr))`: `not (title pr)`,
		`emails[type eq "a" or type eq "b"].value eq "x"`: `emails[(type eq "a" or type eq "b") and value eq "x"]`,
		`Emails eq "x" or emails EQ null`:                 `emails.value eq "x" or emails.value eq null`,
		UserURN + `:title sw "\u0041\n"`:                  `title sw "A\n"`,
		strings.ToUpper(enterprise) + `:manager eq "m"`:   enterprise + `:manager.value eq "m"`,
		`urn:x:y:1.0:a.b eq 1.50`:                         `urn:x:y:1.0:a.b eq 1.5`,
	}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			f, err := ParseFilter(User, text)
			if err != nil {
				t.Fatal(err)
			}
			if got := f.String(); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestFilterEqualityConstraintsHoldInEveryMatch(t *testing.T) {
	tests := map[string][]EqConstraint{
		`userName eq "Dave"`: {{"userName", "Dave"}},
		`active eq true and (externalId eq "e" and id eq "i")`: {{"externalId", "e"}, {"id", "i"}},
		`emails[type eq "work" and value eq "x"]`:              {{"emails.type", "work"}, {"emails.value", "x"}},
		`emails[type eq "work"].value eq "x"`:                  {{"emails.type", "work"}, {"emails.value", "x"}},
		`emails eq "x"`:                                        {{"emails.value", "x"}},
		enterprise + `:manager[value eq "m"]`:                  {{enterprise + ":manager.value", "m"}},
		`groups.value eq "g" and title co "x"`:                 {{"groups.value", "g"}},
		`userName eq "a" or userName eq "b"`:                   nil,
		`not (userName eq "a")`:                                nil,
		`userName ne "a"`:                                      nil,
		`userName eq null`:                                     nil,
		`emails[type eq "a" or value eq "b"]`:                  nil,
		`meta.created eq "2025-06-01T12:00:00Z"`:               nil,
		`urn:x:y:1.0:a eq "b"`:                                 nil,
	}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			f, err := ParseFilter(User, text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, f.EqualityConstraints()); diff != "" {
				t.Errorf("wrong constraints (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFilterUsesTellsWhichAttributesAreLookedAt(t *testing.T) {
	f, err := ParseFilter(Group, `displayName eq "x" and not (members[value eq "u"] or meta.created pr)`)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"displayName": true, "members": true, "meta": true, "externalId": false} {
		if got := f.Uses(name); got != want {
			t.Errorf("Uses(%s) = %v", name, got)
		}
	}
}

func TestFilterNamesTheMembersThatDecideIt(t *testing.T) {
	for filter, want := range map[string][]string{
		`displayName eq "x"`: {},
		`members.value eq "a" or not (members eq "b" and displayName pr)`: {"a", "b"},
		`members[type eq "User" and value eq "a"]`:                        {"a"},
		`members[value eq "a"].type eq "User"`:                            {"a"},
		`members.value ne "a"`:                                            nil,
		`members.value eq null`:                                           nil,
		`members.display eq "a"`:                                          nil,
		`members pr or members.value eq "a"`:                              nil,
		`members[value eq "a" or type eq "User"]`:                         nil,
		`members[not (value eq "a")]`:                                     nil,
	} {
		f, err := ParseFilter(Group, filter)
		if err != nil {
			t.Fatal(err)
		}
		got, only := f.NamedValues("members")
		if only != (want != nil) || only && !slices.Equal(got, want) {
			t.Errorf("%s names %q, %t, want %q", filter, got, only, want)
		}
		if !only {
			continue
		}
		// What the filter does not name must not matter.
		for _, named := range [][]string{nil, {"a"}, {"b"}, {"a", "b"}} {
			few := Resource{"displayName": "y"}
			for _, id := range named {
				few["members"] = append(few.Values("members"), map[string]any{"value": id, "type": "User"})
			}
			all := few.Clone()
			all["members"] = append([]any{map[string]any{"value": "c", "type": "User"}, map[string]any{"value": "d", "type": "Group"}}, all.Values("members")...)
			if f.Match(few) != f.Match(all) {
				t.Errorf("%s of %v depends on members that it does not name", filter, few)
			}
		}
	}
}

// TestFilterFoldsATextOnce for a resource, however many terms look at it: folding one may take a millisecond.
func TestFilterFoldsATextOnce(t *testing.T) {
	res := Resource{"userName": strings.Repeat("É", 100)}
	for _, term := range []string{`userName co "x"`, `userName eq "x"`, `not (userName pr and userName gt "")`} {
		allocations := func(times int) float64 {
			f, err := ParseFilter(User, strings.Repeat(" or "+term, times)[4:])
			if err != nil {
				t.Fatal(err)
			}
			return testing.AllocsPerRun(10, func() {
				if f.Match(res) {
					t.Fatalf("%s matches", term)
				}
			})
		}
		if once, often := allocations(2), allocations(100); often > once {
			t.Errorf("%s takes %g allocations, 50 times that %g", term, once, often)
		}
	}
}

func TestFilterCountsItsTerms(t *testing.T) {
	for text, want := range map[string]int{
		`userName eq "a"`: 1, `not (userName pr)`: 1, `userName pr and (title pr or active eq true)`: 3, `emails[type eq "work" and value pr]`: 3,
	} {
		f, err := ParseFilter(User, text)
		if err != nil || f.Terms() != want {
			t.Errorf("%s has %d terms (%v), want %d", text, f.Terms(), err, want)
		}
	}
}
