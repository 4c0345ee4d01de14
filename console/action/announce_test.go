package action

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestANoteSaysWhatWasDoneWhoeverDidIt(t *testing.T) {
	const what, end = "released what the safety brake holds, generation 7", " released what the safety brake holds, generation 7 in the console."
	for name, of := range map[string]struct{ user, want string }{
		"a name":                         {"anna@example.com", "anna@example.com" + end},
		"a name of other letters":        {"Åsa Öberg", "Åsa Öberg" + end},
		"a name of two lines":            {"anna did nothing in the console.\nben", `"anna did nothing in the console.\nben"` + end},
		"a name that turns the rest":     {"anna\u202e", `"anna\u202e"` + end},
		"a name that a terminal obeys":   {"anna\x1b[2K", `"anna\x1b[2K"` + end},
		"a name longer than a note":      {strings.Repeat("a", 5000), strings.Repeat("a", maxNote-len(end)-len("…")) + "…" + end},
		"a name of long letters, cut":    {strings.Repeat("ö", 5000), strings.Repeat("ö", (maxNote-len(end)-len("…"))/2) + "…" + end},
		"a name of long letters, by one": {"x" + strings.Repeat("ö", 5000), "x" + strings.Repeat("ö", (maxNote-1-len(end)-len("…"))/2) + "…" + end},
	} {
		t.Run(name, func(t *testing.T) {
			got := note(of.user, what)
			if got != of.want || len(got) > maxNote || !utf8.ValidString(got) {
				t.Errorf("%d bytes: %q, not %q", len(got), got, of.want)
			}
		})
	}
}
