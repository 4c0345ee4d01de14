package scim

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold returns the form of s in which strings are compared without regard to
// case: full Unicode case folding ("Straße" and "STRASSE" are equal, language
// is not looked at) of the composed normal form NFC, so that an accent typed
// as a character of its own makes no difference either. It is the form to
// derive names, claims and index keys from; Fold(Fold(s)) equals Fold(s).
// White space is kept.
func Fold(s string) string {
	if isASCII(s) {
		return lowerASCII(s)
	}
	// Folding can undo the composed form and composing can need folding again
	// (U+0345 moves), hence the decomposition in between; this is the canonical
	// caseless match of the Unicode standard, section 3.13.
	folded := cases.Fold().String(norm.NFD.String(s))
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(folded)))
}

// EqualFold reports whether a and b have the same Fold.
func EqualFold(a, b string) bool {
	if a == b {
		return true
	}
	if isASCII(a) && isASCII(b) {
		return len(a) == len(b) && strings.EqualFold(a, b)
	}
	return Fold(a) == Fold(b)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// lowerASCII is for names that the standard limits to ASCII: attribute names, operators, URNs.
func lowerASCII(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			return lowerASCIIFrom(s, i)
		}
	}
	return s
}

func lowerASCIIFrom(s string, start int) string {
	out := []byte(s)
	for i := start; i < len(out); i++ {
		if c := out[i]; 'A' <= c && c <= 'Z' {
			out[i] = c + ('a' - 'A')
		}
	}
	return string(out)
}
