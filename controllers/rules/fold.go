package rules

import (
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold returns the form of s in which names and e-mail addresses are compared
// whatever the case of their letters: the canonical caseless form of the Unicode
// standard (section 3.13), composed. It is the form in which SCIM values are
// compared, too. Fold(Fold(s)) is Fold(s); white space is kept.
func Fold(s string) string {
	if isASCII(s) {
		return lowerASCII(s)
	}
	// Folding can undo a composed form, and decomposing can give letters that fold
	// once more; two rounds reach the fixed point.
	for range 2 {
		s = cases.Fold().String(norm.NFD.String(s))
	}
	return norm.NFC.String(s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func lowerASCII(s string) string {
	for i := range len(s) {
		if isUpperASCII(s[i]) {
			lower := []byte(s)
			for ; i < len(lower); i++ {
				if isUpperASCII(lower[i]) {
					lower[i] += 'a' - 'A'
				}
			}
			return string(lower)
		}
	}
	return s
}

func isUpperASCII(c byte) bool { return 'A' <= c && c <= 'Z' }
