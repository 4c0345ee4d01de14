// Package fold compares names and e-mail addresses whatever the case of their
// letters. The SCIM server and the rules must agree on it, or a user could be
// unique for one of them and not for the other.
package fold

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// String returns the form of s in which strings are compared: full Unicode case
// folding ("Straße" and "STRASSE" are equal; language is not looked at) of the
// composed normal form NFC, so that an accent typed as a character of its own
// makes no difference either. It is the form to derive names, claims and index
// keys from; String(String(s)) equals String(s). White space is kept.
func String(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	// Folding can undo the composed form and composing can need folding again
	// (U+0345 moves), hence the decomposition in between; this is the canonical
	// caseless match of the Unicode standard, section 3.13.
	folded := cases.Fold().String(norm.NFD.String(s))
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(folded)))
}

// Equal reports whether a and b have the same String.
func Equal(a, b string) bool {
	if a == b {
		return true
	}
	if isASCII(a) && isASCII(b) {
		return len(a) == len(b) && strings.EqualFold(a, b)
	}
	return String(a) == String(b)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
