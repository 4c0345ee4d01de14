package scim

import (
	"bytes"
	"encoding/base64"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var cursorKey = []byte("0123456789abcdef0123456789abcdef")

func sampleCursor() Cursor {
	return Cursor{
		Position: SortKey{ID: "0190a0b0-0000-7000-8000-000000000001", Value: "straße\x00\xff"},
		Query:    (&SearchRequest{Filter: "title pr"}).Digest("tenant", "/Users"),
		Count:    50,
		Issued:   time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC),
	}
}

func TestCursorsAreReadAsTheyWereWritten(t *testing.T) {
	backward, bare := sampleCursor(), Cursor{Issued: time.UnixMilli(0).UTC()}
	backward.Backward = true
	long := sampleCursor()
	long.Position.Value = strings.Repeat("ß€", MaxReference/2)
	for name, want := range map[string]Cursor{"forward": sampleCursor(), "backward": backward, "without position": bare, "with a long position": long} {
		t.Run(name, func(t *testing.T) {
			token := EncodeCursor(cursorKey, want)
			if rest := strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"); rest != "" {
				t.Errorf("%q is not safe in a URL", rest)
			}
			got, err := DecodeCursor(cursorKey, token, want.Issued.Add(time.Hour), time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("wrong cursor (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCursorsHideTheirPosition(t *testing.T) {
	c := sampleCursor()
	first, second := EncodeCursor(cursorKey, c), EncodeCursor(cursorKey, c)
	if first == second {
		t.Error("equal cursors have equal tokens")
	}
	sealed, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{c.Position.Value[:4], c.Position.ID[:8]} {
		if bytes.Contains(sealed, []byte(secret)) {
			t.Errorf("the token shows %q", secret)
		}
	}
}

func TestDecodeCursorRefusesWhatItDidNotMake(t *testing.T) {
	c := sampleCursor()
	token := EncodeCursor(cursorKey, c)
	decode := func(key []byte, token string) error {
		_, err := DecodeCursor(key, token, c.Issued, time.Hour)
		return err
	}
	for name, other := range map[string]string{
		"nothing": "", "no base64": "*", "a padded token": token + "=", "a longer token": token + "AAAA", "a shorter one": token[:len(token)-4],
		"only a nonce": token[:16], "a number": "3", "a token of any length": strings.Repeat("A", maxCursorLength+1),
	} {
		t.Run(name, func(t *testing.T) { wantError(t, decode(cursorKey, other), 400, TypeInvalidCursor) })
	}
	t.Run("another key", func(t *testing.T) { wantError(t, decode([]byte("other"), token), 400, TypeInvalidCursor) })
	t.Run("any changed character", func(t *testing.T) {
		for i := range token {
			other := byte('A')
			if token[i] == other {
				other = 'B'
			}
			changed := token[:i] + string(other) + token[i+1:]
			wantError(t, decode(cursorKey, changed), 400, TypeInvalidCursor)
		}
	})
}

func TestDecodeCursorRefusesOtherVersionsAndBrokenContent(t *testing.T) {
	c := sampleCursor()
	plain := c.marshal()
	if _, err := unmarshalCursor(plain); err != nil {
		t.Fatal(err)
	}
	newer := bytes.Clone(plain)
	newer[0]++
	if _, err := unmarshalCursor(newer); err == nil {
		t.Error("another version is read")
	}
	// Everything before the end of the id is needed.
	for i := range len(plain) - len(c.Position.Value) {
		if _, err := unmarshalCursor(plain[:i]); err == nil {
			t.Errorf("the first %d bytes are enough", i)
		}
	}
}

func TestDecodeCursorRefusesOldOnes(t *testing.T) {
	c := sampleCursor()
	token := EncodeCursor(cursorKey, c)
	_, err := DecodeCursor(cursorKey, token, c.Issued.Add(time.Hour+time.Millisecond), time.Hour)
	wantError(t, err, 400, TypeExpiredCursor)
	for name, now := range map[string]time.Time{
		"at the last moment":           c.Issued.Add(time.Hour),
		"by a clock that is behind":    c.Issued.Add(-time.Minute),
		"at once, when it was made":    c.Issued,
		"much later, without a limit ": c.Issued.Add(1e6 * time.Hour),
	} {
		ttl := time.Hour
		if strings.Contains(name, "without a limit") {
			ttl = 0
		}
		if _, err := DecodeCursor(cursorKey, token, now, ttl); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCursorBelongsToItsQuery(t *testing.T) {
	c := sampleCursor()
	if err := c.CheckQuery(c.Query, 50); err != nil {
		t.Error(err)
	}
	wantError(t, c.CheckQuery(c.Query, 51), 400, TypeInvalidCount)
	wantError(t, c.CheckQuery(QueryDigest{}, 50), 400, TypeInvalidCursor)
	wantError(t, c.CheckQuery(QueryDigest{}, 51), 400, TypeInvalidCursor)
}

func TestListResponseWithCursors(t *testing.T) {
	got := encodedList(t, ListResponse{TotalResults: 3, PreviousCursor: "p", NextCursor: "n"}, []*ResourceType{User}, Resource{"id": "1"})
	want := `{"schemas":["` + ListResponseURN + `"],"totalResults":3,"itemsPerPage":1,"previousCursor":"p","nextCursor":"n","Resources":[{"id":"1"}]}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wrong message (-want +got):\n%s", diff)
	}
}

func TestListResponseOfSeveralTypes(t *testing.T) {
	got := encodedList(t, ListResponse{TotalResults: 2, StartIndex: 1}, []*ResourceType{Group, User},
		Resource{"members": []any{object{"display": "D", "value": "1"}}, "displayName": "G"}, Resource{"title": "T", "displayName": "U"})
	want := `{"schemas":["` + ListResponseURN + `"],"totalResults":2,"startIndex":1,"itemsPerPage":2,"Resources":[` +
		`{"displayName":"G","members":[{"value":"1","display":"D"}]},{"displayName":"U","title":"T"}]}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wrong message (-want +got):\n%s", diff)
	}
}

// TestCursorsFindEveryResourceThatStays reads a list page by page while others
// change it. A page is what comes after the position in the list as it then is.
func TestCursorsFindEveryResourceThatStays(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		s, err := ParseSort(User, pick(random, []string{"", "title", "active"}), pick(random, []string{"", "descending"}))
		if err != nil {
			t.Fatal(err)
		}
		list := map[string]Resource{}
		write := func() (id string) {
			id = string(rune('a' + random.IntN(26)))
			list[id] = Resource{"id": id, "title": pick(random, modelTexts), "active": maybe(random)}
			return id
		}
		for range 20 {
			write()
		}
		stays, seen := maps.Clone(list), map[string]int{}
		for token := ""; ; {
			page := nextPage(t, s, list, token, 3)
			for _, key := range page {
				seen[key.ID]++
			}
			if len(page) < 3 {
				break
			}
			token = EncodeCursor(cursorKey, Cursor{Position: page[2], Issued: time.Now()})
			for range random.IntN(4) {
				id := write()
				delete(stays, id)
				if maybe(random) {
					delete(list, id)
				}
			}
		}
		for id := range stays {
			if seen[id] != 1 {
				t.Fatalf("%s was there all the time and came %d times", id, seen[id])
			}
		}
	}
}

func nextPage(t *testing.T, s *Sort, list map[string]Resource, token string, count int) []SortKey {
	t.Helper()
	var after *SortKey
	if token != "" {
		c, err := DecodeCursor(cursorKey, token, time.Now(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		after = &c.Position
	}
	var keys []SortKey
	for _, res := range list {
		if key := s.Key(res); after == nil || s.Compare(key, *after) > 0 {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, s.Compare)
	return keys[:min(count, len(keys))]
}
