package scim

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sortUsers are told apart by their id, which the tests below list in order.
var sortUsers = map[string]string{
	"1": `{"userName":"bob","title":"Ä","active":true,"externalId":"b","emails":[{"value":"z@x","type":"home"},{"value":"b@x","type":"work","primary":true}],
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales","manager":{"value":"m2"}},
		"urn:x:y":{"n":10,"mixed":"a","list":[{"value":"q"},{"value":"a","primary":true}]}}`,
	"2": `{"userName":"Alice","title":"","active":false,"externalId":"B","emails":[{"value":"C@x"},{"value":"a@x"}],"urn:x:y":{"n":9.5,"mixed":true}}`,
	"3": `{"userName":"carol","title":"a\u0308","externalId":"a","name":{"familyName":"C"},
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"hr","manager":{"value":"m1"}},
		"urn:x:y":{"n":-2,"mixed":7,"list":["B"]}}`,
	"4": `{"userName":"Dave","title":"z","name":{"familyName":"b"},"emails":[{"type":"work","primary":true},{"value":"d@x"}],"urn:x:y":{"n":-1e3,"mixed":{"value":false}}}`,
	"5": `{"userName":"eve","title":"Z","urn:x:y":{"n":0,"mixed":"A","list":[]}}`,
}

// sortInstants are the values of meta.created, of which 1 and 4 are the same instant.
var sortInstants = map[string]string{
	"1": "2025-06-01T12:00:00Z", "2": "2025-06-01T12:00:00.5Z", "3": "2025-06-01T13:00:00+02:00", "4": "2025-06-01T14:00:00+02:00", "5": "soon",
}

// order returns the ids of the resources in the order of the sort.
func order(s *Sort, resources []Resource) string {
	keys := make([]SortKey, 0, len(resources))
	for _, res := range resources {
		keys = append(keys, s.Key(res))
	}
	slices.SortFunc(keys, s.Compare)
	ids := make([]string, 0, len(keys))
	for _, key := range keys {
		ids = append(ids, key.ID)
	}
	return strings.Join(ids, "")
}

func sortedUsers(t *testing.T) []Resource {
	t.Helper()
	var resources []Resource
	for id, body := range sortUsers {
		res := mustDecode(t, User, body)
		res["id"], res["meta"] = id, object{"created": sortInstants[id]}
		resources = append(resources, res)
	}
	return resources
}

func TestSortOrdersResources(t *testing.T) {
	const work = EnterpriseURN + ":"
	tests := map[string]struct{ sortBy, ascending, descending string }{
		"text without regard to case":                            {"userName", "21345", "54312"},
		"a name and a white space around it in any case":         {" USERNAME ", "21345", "54312"},
		"text with regard to case where it is significant":       {"externalId", "23145", "45132"},
		"equal text by id, an empty one as none":                 {"title", "45132", "21345"},
		"a sub-attribute, none last, or first":                   {"name.familyName", "43125", "12534"},
		"booleans, false first":                                  {"active", "21345", "34512"},
		"the primary value, or the first":                        {"emails.value", "12345", "34521"},
		"a complex attribute by its value":                       {"emails", "12345", "34521"},
		"another sub-attribute of the same value":                {"emails.type", "14235", "23514"},
		"instants, whatever their zone":                          {"meta.created", "31425", "52143"},
		"an attribute of an extension":                           {work + "department", "31245", "24513"},
		"a sub-attribute of an extension":                        {work + "manager.value", "31245", "24513"},
		"a complex attribute of an extension":                    {work + "manager", "31245", "24513"},
		"a core attribute by its URN":                            {UserURN + ":userName", "21345", "54312"},
		"the id":                                                 {"id", "12345", "54321"},
		"an attribute that nobody has":                           {"nickName", "12345", "12345"},
		"numbers of an extension without a schema":               {"urn:x:y:n", "43521", "12534"},
		"booleans, numbers, text of an extension without schema": {"urn:x:y:mixed", "42315", "15324"},
		"values of an extension without a schema":                {"urn:x:y:list", "13245", "24531"},
	}
	resources := sortedUsers(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for sortOrder, want := range map[string]string{"": tt.ascending, "Ascending": tt.ascending, "DESCENDING": tt.descending} {
				s, err := ParseSort(User, tt.sortBy, sortOrder)
				if err != nil {
					t.Fatal(err)
				}
				if got := order(s, resources); got != want {
					t.Errorf("sorted %q: got %s, want %s", sortOrder, got, want)
				}
			}
		})
	}
}

func TestSortOfAllTypesTreatsUnknownAttributesAsAbsent(t *testing.T) {
	user := mustDecode(t, User, `{"userName":"a","displayName":"M"}`)
	group := mustDecode(t, Group, `{"displayName":"b","members":["1"]}`)
	user["id"], group["id"] = "1", "2"
	for sortBy, want := range map[string]string{"displayName": "21", "userName": "12", "members.value": "21", GroupURN + ":members": "21", "id": "12"} {
		s, err := ParseRootSort(sortBy, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := order(s, []Resource{user, group}); got != want {
			t.Errorf("by %s: got %s, want %s", sortBy, got, want)
		}
	}
	_, err := ParseRootSort("shoe", "")
	wantError(t, err, 400, TypeInvalidValue)
}

func TestParseSortRefuses(t *testing.T) {
	tests := map[string]struct{ sortBy, sortOrder string }{
		"an unknown attribute":                  {"shoe", ""},
		"an unknown sub-attribute":              {"name.shoe", ""},
		"an attribute of another type":          {"members", ""},
		"an attribute of an extension by name":  {"department", ""},
		"an unknown attribute of an extension":  {EnterpriseURN + ":shoe", ""},
		"a schema":                              {UserURN, ""},
		"an extension":                          {EnterpriseURN, ""},
		"a complex attribute without value":     {"name", ""},
		"a value path":                          {`emails[type eq "work"].value`, ""},
		"a list":                                {"userName,title", ""},
		"a certificate":                         {"x509Certificates", ""},
		"a password":                            {"password", ""},
		"an unknown order":                      {"userName", "desc"},
		"an unknown order without an attribute": {"", "up"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseSort(User, tt.sortBy, tt.sortOrder)
			wantError(t, err, 400, TypeInvalidValue)
		})
	}
}

func TestSortWithoutSortByOrdersByID(t *testing.T) {
	s, err := ParseSort(User, " ", "descending")
	if err != nil || s != nil {
		t.Fatalf("got %v, %v", s, err)
	}
	if got := order(s, sortedUsers(t)); got != "12345" {
		t.Errorf("got %s", got)
	}
	if diff := cmp.Diff(SortKey{ID: "7"}, s.Key(Resource{"id": "7", "userName": "a"})); diff != "" {
		t.Errorf("wrong key (-want +got):\n%s", diff)
	}
	if s.Uses("id") {
		t.Error("no sort uses an attribute")
	}
}

func TestValuesWithoutOrderHaveNoSortKey(t *testing.T) {
	s, err := ParseSort(User, "urn:x:y:a", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{"null": nil, "nothing": "", "a number that is too large": json.Number("1e999"), "an object": object{"b": "c"}, "arrays": []any{[]any{"a"}}} {
		if key := s.Key(Resource{"id": "1", "urn:x:y": object{"a": v}}); key.Value != "" {
			t.Errorf("%s: got %q", name, key.Value)
		}
	}
}

func TestSortUses(t *testing.T) {
	s, err := ParseSort(Group, "members", "")
	if err != nil {
		t.Fatal(err)
	}
	if !s.Uses("members") || s.Uses("displayName") {
		t.Error("a sort by members uses members alone")
	}
}

// TestSortCompareIsAnOrder checks what sorting and cursors rely on.
func TestSortCompareIsAnOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	values := []string{"", "a", "ab", "b"}
	key := func() SortKey {
		return SortKey{Value: values[random.IntN(len(values))], ID: string(rune('0' + random.IntN(3)))}
	}
	for range 2000 {
		s := &Sort{descending: random.IntN(2) == 0}
		a, b, c := key(), key(), key()
		if s.Compare(a, b) != -s.Compare(b, a) {
			t.Fatalf("%v and %v compare differently the other way round", a, b)
		}
		if (s.Compare(a, b) == 0) != (a == b) {
			t.Fatalf("%v and %v: only the same resource is equal", a, b)
		}
		if s.Compare(a, b) < 0 && s.Compare(b, c) < 0 && s.Compare(a, c) >= 0 {
			t.Fatalf("%v, %v, %v have no order", a, b, c)
		}
	}
}

func TestCursorsOfVeryLongTextsAreTakenBack(t *testing.T) {
	s, err := ParseSort(User, "urn:x:y:a", "")
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("ß€", 100_000)
	first := s.Key(Resource{"id": "1", "urn:x:y": object{"a": long + "b"}})
	second := s.Key(Resource{"id": "2", "urn:x:y": object{"a": long + "a"}})
	if s.Compare(first, second) >= 0 {
		t.Error("texts with the same long beginning are not in the order of their ids")
	}
	got, err := DecodeCursor([]byte("key"), EncodeCursor([]byte("key"), Cursor{Position: first}), time.Time{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, got.Position); diff != "" {
		t.Errorf("another place (-want +got):\n%s", diff)
	}
}
