// Package fold compares names and e-mail addresses whatever the case of their
// letters. The SCIM server and the rules must agree on it, or a user could be
// unique for one of them and not for the other.
package fold

import (
	"strings"

	"golang.org/x/net/idna"
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

// maxDomain is the most bytes of a domain with its @
// (RFC 1035 section 2.3.4).
const maxDomain = 256

// Email returns the form in which e-mail addresses are compared: String of the address,
// with a domain that is written in ASCII (RFC 5890, "xn--") in its Unicode form, because
// both are one domain. Email(Email(s)) equals Email(s).
func Email(address string) string {
	folded := String(address)
	at := strings.LastIndexByte(folded, '@')
	if at < 0 || len(folded)-at > maxDomain || !strings.Contains(folded[at:], "xn--") {
		return folded
	}
	domain, err := idna.Punycode.ToUnicode(folded[at+1:])
	if err != nil || strings.Contains(domain, "@") {
		return folded // no such domain exists, so it has one form only
	}
	return folded[:at+1] + String(domain)
}
