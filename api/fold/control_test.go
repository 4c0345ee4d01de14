package fold_test

import (
	"testing"

	"rservice.dev/scim-operator/api/fold"
)

func TestControlCharacters(t *testing.T) {
	for s, want := range map[string]struct{ line, text bool }{
		"":                         {true, true},
		"Zoë O'Neil-Müller 山田":     {true, true},
		"می\u200cخواهم":            {true, true}, // Persian needs the zero-width non-joiner
		"👩\u200d🚀":                 {true, true},
		"שלום\u200f":               {true, true}, // marks say a direction, but override none
		"\ufffd":                   {true, true},
		"a\nb":                     {false, true},
		"a\r\nb\t":                 {false, true},
		"a\x00":                    {false, false},
		"\x1b[31m":                 {false, false},
		"\x7f":                     {false, false},
		"\u0080":                   {false, false},
		"\u009b31m":                {false, false},
		"\u0085":                   {false, false},
		"\u2028":                   {false, false},
		"\u2029":                   {false, false},
		"\u202aa":                  {false, false},
		"annexe\u202egpj":          {false, false},
		"\u2066a\u2069":            {false, false},
		"\u2065\u206a\u2027\u202f": {true, true},
	} {
		if fold.IsLine(s) != want.line || fold.IsText(s) != want.text {
			t.Errorf("%q: IsLine %t, IsText %t", s, fold.IsLine(s), fold.IsText(s))
		}
	}
}

func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"Zoë O'Neil 山田 😀":  "Zoë O'Neil 山田 😀",
		"":                 "",
		`a "b" \`:          `a "b" \`,
		"ok\nFAIL":         `"ok\nFAIL"`,
		"\x1b[2J":          `"\x1b[2J"`,
		"a\u202eb":         `"a\u202eb"`,
		"\u009b":           `"\u009b"`,
		"a\xff":            `"a\xff"`,
		"\ta":              `"\ta"`,
		"a\u00a0":          `"a\u00a0"`,
		"\u200b\U000e0001": `"\u200b\U000e0001"`,
	} {
		if got := fold.Printable(s); got != want {
			t.Errorf("%q is printed as %s, want %s", s, got, want)
		}
	}
}

func TestPrintableJSON(t *testing.T) {
	for s, want := range map[string]string{
		"{\n \"a\": \"Zoë\"}":        "{\n \"a\": \"Zoë\"}",
		"\"\u009b\u202e\U000e0001\"": `"\u009b\u202e\udb40\udc01"`,
		"\"a\x7f\"":                  `"a\u007f"`,
	} {
		if got := fold.PrintableJSON(s); got != want {
			t.Errorf("%q is printed as %s, want %s", s, got, want)
		}
	}
}
