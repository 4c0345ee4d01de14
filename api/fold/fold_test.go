package fold_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"

	"rservice.dev/scim-operator/api/fold"
)

func TestComparesAsUnicodeDoes(t *testing.T) {
	same := [][2]string{
		{"Alice@Example.COM", "alice@example.com"}, {"Straße", "STRASSE"}, {"ÉCOLE", "école"},
		{"e\u0301cole", "\u00c9cole"}, {"ΣΊΣΥΦΟΣ", "σίσυφος"}, {"ﬁn", "FIN"}, {"ꭰ", "Ꭰ"}, {"\u212a", "k"}, {"Ǆ", "ǆ"},
		{"\u1fb3\u0301", "\u0391\u0301\u0345"}, {" Org X ", "org x"}, {"Ｏｒｇ　Ｘ", "org x"}, {"Ⓐ", "ⓐ"},
	}
	for _, pair := range same {
		if fold.String(pair[0]) != fold.String(pair[1]) || !fold.Equal(pair[0], pair[1]) {
			t.Errorf("%q and %q differ: %q, %q", pair[0], pair[1], fold.String(pair[0]), fold.String(pair[1]))
		}
		if again := fold.String(fold.String(pair[0])); again != fold.String(pair[0]) {
			t.Errorf("folding %q twice gives %q", pair[0], again)
		}
	}
	for _, pair := range [][2]string{{"a", "b"}, {"a", "á"}, {"I", "ı"}, {"ab", "a"}, {"a b", "ab"}, {"a  b", "a b"},
		{"A\xff", "a\xff"}, {"\xff", "\xfe"}, {"\xff", "\ufffd"}, {"½", "1/2"}, {"①", "1"}} {
		if fold.Equal(pair[0], pair[1]) {
			t.Errorf("%q and %q are equal", pair[0], pair[1])
		}
	}
}

func TestIsStableForEveryCharacter(t *testing.T) {
	for r := range rune(unicode.MaxRune + 1) {
		s := fold.String(string(r))
		if again := fold.String(s); again != s {
			t.Fatalf("%U folds to %q and then to %q", r, s, again)
		}
	}
}

// TestAgreesWithPRECIS compares the form of each character that a user name may have, and
// so shows that full-width and composed forms are the same.
func TestAgreesWithPRECIS(t *testing.T) {
	compared := 0
	for r := range rune(unicode.MaxRune + 1) {
		name := "a" + string(r)
		key, err := precis.UsernameCaseMapped.CompareKey(name)
		if err != nil {
			continue
		}
		compared++
		if fold.String(key) != fold.String(name) {
			t.Errorf("%U: PRECIS takes %q and %q as equal", r, name, key)
		}
	}
	if compared < 100_000 {
		t.Errorf("only %d characters were compared", compared)
	}
}

// TestFormsStay fails when another edition of Unicode or a change of the function gives a
// character another form. Claims are named by digests of forms: read what String says of
// that, and let only characters be in the difference that Unicode did not have before.
func TestFormsStay(t *testing.T) {
	const want = "16ac16717b4344564dc008e24db9278c5f9dbc1eb398e0466354863cccf8536a"
	hash := sha256.New()
	for r := range rune(unicode.MaxRune + 1) {
		if form := fold.Part(string(r)); form != string(r) {
			fmt.Fprintf(hash, "%U %+q\n", r, form)
		}
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		t.Errorf("the digest of all forms is %s with Unicode %s, was %s with Unicode 15.0.0", got, norm.Version, want)
	}
}

func TestPartKeepsWhiteSpaceAround(t *testing.T) {
	if got := fold.Part(" Ａ "); got != " a " {
		t.Errorf("got %q", got)
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
		"letters whose cases are exchanged":  {"ᏣᎳᎩ", "ꮳꮃꭹ"},
		"white space around it":              {"\u00a0 A\u3000\t", "a"},
		"white space within":                 {" a  b ", "a  b"},
		"full-width letters":                 {"Ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "jane@example.com"},
		"half-width katakana":                {"ｶﾞ", "ガ"},
		"blanks and symbols of a group":      {"R&D / №1 (★)", "r&d / №1 (★)"},
		"text that is not UTF-8":             {"A\xff", "A\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fold.String(c.in); got != c.want {
				t.Errorf("fold.String(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func FuzzFoldIsStable(f *testing.F) {
	for _, seed := range []string{"Straße", "\u0345\u0301Α", "İ", "K", "ΣΑΣ", "ｶﾞ ", "\u3000ﾞ"} {
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
		"white space around it":           {" jane@XN--BCHER-KVA.example ", "jane@bücher.example"},
		"full-width":                      {"ｊａｎｅ＠ｘｎ－－ｂｃｈｅｒ－ｋｖａ．ｅｘａｍｐｌｅ", "jane@bücher.example"},
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
	for _, seed := range []string{"a@xn--bcher-kva.example", "a@xn--xn---epa.example", "a@b", "@", "a@xn--\u0345", "a@ｘｎ－－a", " a@xn--a "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if once, twice := fold.Email(s), fold.Email(fold.Email(s)); utf8.ValidString(s) && once != twice {
			t.Errorf("fold.Email(%q) = %q, and again %q", s, once, twice)
		}
	})
}
