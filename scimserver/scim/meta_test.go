package scim

import "testing"

func TestVersionsMatchWeakly(t *testing.T) {
	for tags, want := range map[string]bool{
		`W/"3"`: true, `"3"`: true, `*`: true, `"1", W/"3"`: true, ` W/"3" `: true,
		``: false, `W/"4"`: false, `"1","2"`: false, `,`: false, `3`: false,
	} {
		if got := MatchesVersion(tags, `W/"3"`); got != want {
			t.Errorf("%q matches: got %t, want %t", tags, got, want)
		}
	}
}
