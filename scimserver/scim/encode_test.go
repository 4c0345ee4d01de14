package scim

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEncodeOrdersAttributes(t *testing.T) {
	res := mustDecode(t, User, `{"urn:b:c":{"z":1,"a":[true,null,-1.50e3,{"k":"v"}]},"urn:a:b":{"x":{"y":""}},"`+enterprise+`":{"manager":{"$ref":"r","value":"m"},"department":"D"},
		"emails":[{"primary":true,"type":"work","value":"e"}],"title":"T","userName":"a","externalId":"x"}`)
	created := time.Date(2025, 1, 2, 3, 4, 5, 600, time.FixedZone("", 3600))
	Stamp(User, res, "i", "https://h/scim/v2/", Meta{Created: created, LastModified: created.Add(time.Second), Version: `W/"1"`})
	got, err := Encode(User, res)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"schemas":["` + UserURN + `","urn:a:b","urn:b:c","` + enterprise + `"],"id":"i","externalId":"x",` +
		`"meta":{"resourceType":"User","created":"2025-01-02T02:04:05.0000006Z","lastModified":"2025-01-02T02:04:06.0000006Z",` +
		`"location":"https://h/scim/v2/Users/i","version":"W/\"1\""},` +
		`"userName":"a","title":"T","emails":[{"value":"e","type":"work","primary":true}],` +
		`"` + enterprise + `":{"department":"D","manager":{"value":"m","$ref":"r"}},` +
		`"urn:a:b":{"x":{"y":""}},"urn:b:c":{"a":[true,null,-1500,{"k":"v"}],"z":1}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("wrong JSON (-want +got):\n%s", diff)
	}
}

func TestEncodeEscapesAsJSONNeeds(t *testing.T) {
	var all strings.Builder
	for r := range rune(0x3000) {
		all.WriteRune(r)
	}
	text := all.String() + "日本 \U0001F600 <b>&</b>"
	var decoded string
	if err := json.Unmarshal(appendString(nil, text), &decoded); err != nil {
		t.Fatal(err)
	}
	if decoded != text {
		t.Error("text is read back as something else")
	}
	if got, want := string(appendString(nil, "a\xffb\"\\\n\x01é<")), `"a`+"\ufffd"+`b\"\\\n\u0001é<"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEncodeRefusesTypesThatAResourceCannotHold(t *testing.T) {
	for _, v := range []any{struct{}{}, []string{"x"}, object{"a": make(chan int)}} {
		if out, err := Encode(User, Resource{"title": v}); err == nil {
			t.Errorf("%T is encoded as %s", v, out)
		}
	}
	for _, v := range []any{1, int64(1), float64(1), json.Number("1")} {
		if out, err := Encode(User, Resource{"title": v}); err != nil || string(out) != `{"title":1}` {
			t.Errorf("%T is encoded as %s, %v", v, out, err)
		}
	}
}

func TestEncodeOfNothingIsAnEmptyObject(t *testing.T) {
	out, err := Encode(User, nil)
	if err != nil || string(out) != "{}" {
		t.Errorf("got %s, %v", out, err)
	}
}

// encodedList is the message with these resources, which are of these types.
func encodedList(t *testing.T, list ListResponse, types []*ResourceType, resources ...Resource) string {
	t.Helper()
	for i, r := range resources {
		if err := list.Add(types[i], r); err != nil {
			t.Fatal(err)
		}
	}
	return string(slices.Concat(list.Encode()))
}

func TestListResponseHasIntegerCountsAndAlwaysResources(t *testing.T) {
	got := encodedList(t, ListResponse{TotalResults: 3, StartIndex: 2}, []*ResourceType{User, User}, Resource{"userName": "b"}, Resource{"userName": "c"})
	want := `{"schemas":["` + ListResponseURN + `"],"totalResults":3,"startIndex":2,"itemsPerPage":2,"Resources":[{"userName":"b"},{"userName":"c"}]}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wrong JSON (-want +got):\n%s", diff)
	}
	if got := encodedList(t, ListResponse{StartIndex: 1}, nil); !strings.HasSuffix(got, `"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}`) {
		t.Errorf("an empty list is %s", got)
	}
	if err := (&ListResponse{}).Add(User, Resource{"title": struct{}{}}); err == nil {
		t.Error("a resource that cannot be encoded is no error")
	}
}

func TestErrorBodyHasStatusAsString(t *testing.T) {
	var err error = BadRequest(TypeInvalidPath, "no %q", "x")
	var scimErr *Error
	if !errors.As(err, &scimErr) {
		t.Fatal("not an Error")
	}
	want := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","scimType":"invalidPath","detail":"no \"x\""}`
	if diff := cmp.Diff(want, string(scimErr.Encode())); diff != "" {
		t.Errorf("wrong body (-want +got):\n%s", diff)
	}
	if out, err := json.Marshal(scimErr); err != nil || string(out) != want {
		t.Errorf("encoding/json gives %s, %v", out, err)
	}
	plain := string(NewError(404, "no such user").Encode())
	if diff := cmp.Diff(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"404","detail":"no such user"}`, plain); diff != "" {
		t.Errorf("wrong body (-want +got):\n%s", diff)
	}
	if c := Conflict("taken"); c.Status != 409 || c.ScimType != TypeUniqueness || !strings.Contains(c.Error(), "409 uniqueness: taken") {
		t.Errorf("got %v", c)
	}
}

func TestParsePage(t *testing.T) {
	tests := map[string]struct {
		startIndex, count string
		want              Page
	}{
		"defaults":       {"", "", Page{StartIndex: 1, Count: 100}},
		"as asked":       {"101", "50", Page{StartIndex: 101, Count: 50}},
		"count 0":        {"1", "0", Page{StartIndex: 1, Count: 0}},
		"too small":      {"0", "-5", Page{StartIndex: 1, Count: 0}},
		"negative start": {"-3", "1", Page{StartIndex: 1, Count: 1}},
		"too large":      {"1", "5000", Page{StartIndex: 1, Count: 1000}},
		"beyond 64 bits": {"99999999999999999999", "99999999999999999999", Page{StartIndex: 1<<31 - 1, Count: 1000}},
		"far below":      {"-99999999999999999999", "-99999999999999999999", Page{StartIndex: 1, Count: 0}},
		"blanks around":  {" 2 ", " 3 ", Page{StartIndex: 2, Count: 3}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParsePage(tt.startIndex, tt.count)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	for _, bad := range []string{"x", "1.5", "1e2", "0x10", "1,2"} {
		_, err := ParsePage(bad, "")
		wantError(t, err, 400, TypeInvalidValue)
		_, err = ParsePage("", bad)
		wantError(t, err, 400, TypeInvalidValue)
	}
}

func TestAppendStringEscapesWhereverTheByteIs(t *testing.T) {
	for _, odd := range []string{"\"", "\\", "\x00", "\x1f", " ", "!", "#", "[", "]", "\x7f", "é", "日", "\xff", "\U0001F600"} {
		for before := range 20 {
			for after := range 10 {
				text := strings.Repeat("a", before) + odd + strings.Repeat("~", after)
				var decoded string
				if err := json.Unmarshal(appendString(nil, text), &decoded); err != nil || decoded != strings.ToValidUTF8(text, "\ufffd") {
					t.Fatalf("%q is encoded as %s, which is %q, %v", text, appendString(nil, text), decoded, err)
				}
			}
		}
	}
}

func TestALongListIsWrittenInPieces(t *testing.T) {
	for n, whole := range map[int]bool{0: true, 3: true, 3000: false} {
		list, stream := crowd(20 * n)
		resources := []Resource{{"displayName": "first"}, stream, {"displayName": "last"}}
		var pieces largestWrite
		long := ListResponse{TotalResults: 9, StartIndex: 4, NextCursor: "n", To: &pieces}
		for range 2 { // with the same memory
			pieces.Reset()
			for _, r := range resources {
				if err := long.Add(Group, r); err != nil {
					t.Fatal(err)
				}
			}
			if long.Begun() == whole {
				t.Fatalf("%d members: begun is %t", 20*n, long.Begun())
			}
			if whole {
				_, _ = pieces.Write(slices.Concat(long.Encode()))
			} else if err := long.End(); err != nil {
				t.Fatal(err)
			}
			short := ListResponse{TotalResults: 9, StartIndex: 4, NextCursor: "n"}
			want := encodedList(t, short, []*ResourceType{Group, Group, Group}, resources[0], list, resources[2])
			var got, meant any
			if err := errors.Join(json.Unmarshal(pieces.Bytes(), &got), json.Unmarshal([]byte(want), &meant)); err != nil {
				t.Fatal(err)
			}
			if !cmp.Equal(got, meant) || whole && pieces.String() != want || pieces.largest > wholeList+1024 {
				t.Errorf("%d members: %.300s…, want %.300s; %d at once", 20*n, pieces.String(), want, pieces.largest)
			}
			long.Reset()
			long.TotalResults, long.StartIndex, long.NextCursor, long.To = 9, 4, "n", &pieces
		}
	}
	long := ListResponse{To: &largestWrite{left: 2}}
	_, stream := crowd(60_000)
	if err := long.Add(Group, stream); err == nil {
		t.Error("the client has gone and the list goes on")
	}
}
