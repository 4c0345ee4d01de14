package fold_test

import (
	"testing"
	"unicode/utf8"

	"rservice.dev/scim-operator/api/fold"
)

func TestComparesAsUnicodeDoes(t *testing.T) {
	same := [][2]string{
		{"Alice@Example.COM", "alice@example.com"}, {"Straße", "STRASSE"}, {"ÉCOLE", "école"},
		{"e\u0301cole", "\u00c9cole"}, {"ΣΊΣΥΦΟΣ", "σίσυφος"}, {"ﬁn", "FIN"}, {"\u212a", "k"}, {"Ǆ", "ǆ"},
		{"\u1fb3\u0301", "\u0391\u0301\u0345"},
	}
	for _, pair := range same {
		if fold.String(pair[0]) != fold.String(pair[1]) || !fold.Equal(pair[0], pair[1]) {
			t.Errorf("%q and %q differ: %q, %q", pair[0], pair[1], fold.String(pair[0]), fold.String(pair[1]))
		}
		if again := fold.String(fold.String(pair[0])); again != fold.String(pair[0]) {
			t.Errorf("folding %q twice gives %q", pair[0], again)
		}
	}
	for _, pair := range [][2]string{{"a", "b"}, {"a", "á"}, {"a ", "a"}, {"I", "ı"}, {"ab", "a"}} {
		if fold.Equal(pair[0], pair[1]) {
			t.Errorf("%q and %q are equal", pair[0], pair[1])
		}
	}
}

func TestIsStableForEveryCharacter(t *testing.T) {
	for r := range rune(0x20000) {
		s := fold.String(string(r))
		if again := fold.String(s); again != s {
			t.Fatalf("%U folds to %q and then to %q", r, s, again)
		}
	}
}

func TestString(t *testing.T) {
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
			if got := fold.String(c.in); got != c.want {
				t.Errorf("fold.String(%q) = %q, want %q", c.in, got, c.want)
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
		if once, twice := fold.String(s), fold.String(fold.String(s)); once != twice {
			t.Errorf("fold.String(%q) = %q, and again %q", s, once, twice)
		}
	})
}

func TestEmail(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"case":                            {"Jane@EXAMPLE.com", "jane@example.com"},
		"a domain in Unicode":             {"jane@BÜCHER.example", "jane@bücher.example"},
		"the same domain in ASCII":        {"jane@XN--BCHER-KVA.example", "jane@bücher.example"},
		"an accent of its own":            {"jane@bu\u0308cher.example", "jane@bücher.example"},
		"an accent in the local part":     {"JOSE\u0301@example.com", "josé@example.com"},
		"xn-- before the @":               {"xn--bcher-kva@example.com", "xn--bcher-kva@example.com"},
		"a domain that cannot be decoded": {"jane@xn--a-ä.example", "jane@xn--a-ä.example"},
		"no domain":                       {"Jane", "jane"},
	} {
		t.Run(name, func(t *testing.T) {
			got := fold.Email(c.in)
			if got != c.want {
				t.Errorf("fold.Email(%q) = %q, want %q", c.in, got, c.want)
			}
			if again := fold.Email(got); again != got {
				t.Errorf("fold.Email(%q) = %q", got, again)
			}
		})
	}
}

func FuzzEmailIsStable(f *testing.F) {
	for _, seed := range []string{"a@xn--bcher-kva.example", "a@xn--xn---epa.example", "a@b", "@", "a@xn--\u0345"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if once, twice := fold.Email(s), fold.Email(fold.Email(s)); utf8.ValidString(s) && once != twice {
			t.Errorf("fold.Email(%q) = %q, and again %q", s, once, twice)
		}
	})
}
