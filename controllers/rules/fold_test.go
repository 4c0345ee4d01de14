package rules

import (
	"testing"
	"unicode/utf8"
)

func TestFold(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"letters of ASCII":                   {"Jane@EXAMPLE.com", "jane@example.com"},
		"text that is folded":                {"jane", "jane"},
		"a letter that folds to two":         {"Straße", "strasse"},
		"a composed letter":                  {"É", "é"},
		"a letter with an accent of its own": {"E\u0301", "é"},
		"the final sigma":                    {"ΣΑΣ", "σασ"},
		"white space is kept":                {" A ", " a "},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Fold(c.in); got != c.want {
				t.Errorf("Fold(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func FuzzFoldIsStable(f *testing.F) {
	for _, seed := range []string{"Straße", "\u0345\u0301Α", "İ", "K", "ΣΑΣ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			t.Skip()
		}
		if once, twice := Fold(s), Fold(Fold(s)); once != twice {
			t.Errorf("Fold(%q) = %q, and again %q", s, once, twice)
		}
	})
}
