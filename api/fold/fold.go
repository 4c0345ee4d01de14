// Package fold says when two names or e-mail addresses are the same, and which characters
// they may hold. The SCIM server, the rules and their preview must agree on it, or a user
// could be unique for one of them and not for the other.
package fold

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// String returns the form of s in which names are compared. Names that the profile
// UsernameCaseMapped of PRECIS (RFC 8265 section 3.3, which RFC 7644 section 5 asks for)
// takes as equal have the same form:
//
//  1. White space around s is left out.
//  2. Full-width and half-width characters become the usual ones.
//  3. Letters are case folded, language not looked at. The profile has lower case; folding
//     also makes "Straße" and "STRASSE" equal.
//  4. The result is composed (NFC), so that an accent typed as a character of its own
//     makes no difference.
//
// Unlike the profile it refuses nothing, because names of groups have blanks and symbols:
// every s has a form, and text that is not UTF-8 is its own. White space within s counts.
// String(String(s)) equals String(s).
//
// Claims are named by a digest of the form, and so are new records. Unicode never changes
// the form of a character that it has; newer tables give one to characters that are new.
// Should the form of a name change all the same, with a change of this function, then
// claims named by the old form stand for nothing: until the sweeper has made them anew an
// index keeps the name from being given twice, but not between replicas of two versions.
func String(s string) string { return Part(strings.TrimSpace(s)) }

// Part is String for a part of a name: white space around it is kept, since within the
// name it counts.
func Part(s string) string {
	ascii, lower := true, true
	for i := range len(s) {
		c := s[i]
		ascii = ascii && c < utf8.RuneSelf
		lower = lower && (c < 'A' || 'Z' < c)
	}
	switch {
	case ascii && lower:
		return s
	case ascii:
		return strings.ToLower(s)
	case !utf8.ValidString(s):
		return s
	}
	// Folding can undo the composed form and composing can need folding again
	// (U+0345 moves), hence the decomposition in between; this is the canonical
	// caseless match of the Unicode standard, section 3.13.
	folded := cases.Fold().String(norm.NFD.String(width.Fold.String(s)))
	folded = cases.Fold().String(norm.NFD.String(folded))
	// cases.Fold exchanges the cases of Cherokee, so that folded twice they are as they were.
	return norm.NFC.String(strings.ToLower(folded))
}

// Equal reports whether a and b have the same String.
func Equal(a, b string) bool {
	if a == b {
		return true
	}
	if isASCII(a) && isASCII(b) {
		return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
	}
	return String(a) == String(b)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// maxDomain is the most bytes of a domain with its @
// (RFC 1035 section 2.3.4).
const maxDomain = 256

// encodedLabel begins a label of a domain that is written in ASCII (RFC 5890 section 2.3.1).
const encodedLabel = "xn--"

// Email returns the form in which e-mail addresses are compared: String of the address,
// with a domain that is written in ASCII ("xn--") in its Unicode form, because
// both are one domain. Email(Email(s)) equals Email(s).
func Email(address string) string {
	folded := String(address)
	at := strings.LastIndexByte(folded, '@')
	if at < 0 || len(folded)-at > maxDomain || !strings.Contains(folded[at:], encodedLabel) {
		return folded
	}
	domain, err := idna.Punycode.ToUnicode(folded[at+1:])
	if err != nil {
		return folded // no such domain exists, so it has one form only
	}
	if domain = String(domain); strings.Contains(domain, "@") || strings.Contains(domain, encodedLabel) {
		return folded
	}
	return folded[:at+1] + domain
}
