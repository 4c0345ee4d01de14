package rules

import (
	"fmt"
	"strings"
)

// causes translate CEL's run-time errors, which can quote a value. Those of CEL's
// messages that begin with their own words come first.
var causes = []struct{ celText, meaning string }{
	{"URL parse error", "url() is given text that is no URL; isURL() tells"},
	{"IP Address ", "ip() is given text that is no IP address; isIP() tells"},
	{"network address parse error", `cidr() is given text that is no network such as "10.0.0.0/8"; isCIDR() tells`},
	{"quantities must match", `quantity() is given text that is no quantity such as "1.5Gi"; isQuantity() tells`},
	{"No Major.Minor.Patch elements found", `semver() is given text that is no version such as "1.2.3"; isSemver() tells`},
	{"Invalid character(s) found in", `semver() is given text that is no version such as "1.2.3"; isSemver() tells`},
	{"insert failed: key", "transformMapEntry() gives a key twice; a map has each once"},
	{"cannot slice(", "slice() is given a start or an end that the list does not have; a list is cut with groups.slice(0, [groups.size(), 100].min())"},
	// The count of what a list function costs fails on a list that is an error itself.
	{"interface conversion: *types.Err", "a list that the expression makes cannot be made; a list is cut with groups.slice(0, [groups.size(), 100].min())"},
	{"lists.range: size must be", "lists.range() is given a number below zero"},
	{"level must be non-negative", "flatten() is given a depth below zero"},
	{"min called on empty list", `min() is given an empty list; add a value to it: (["z"] + list).min()`},
	{"max called on empty list", `max() is given an empty list; add a value to it: ([""] + list).max()`},
	{"a rule cannot make a value", "a rule makes values of the types Contact and Address alone"},
	{tooLarge, fmt.Sprintf("values that are larger than %d bytes are not compared; cut lists with groups.slice(0, [groups.size(), 100].min())", MaxValuesSize)},
	{tooFar, fmt.Sprintf("indexOf(), includes(), distinct(), flatten() or a function of sets would cost more than the limit of %d for what it has to walk through; "+
		"cut lists with groups.slice(0, [groups.size(), 100].min()), and texts with substring()", MaxCost)},
	{tooManyEntries, fmt.Sprintf("a sum of lists would have more than %d entries", MaxRange)},
	{tooLong, fmt.Sprintf("a text would be longer than %d bytes, which is the most that replace(), join() and format() make; cut with substring() and slice() what they are given", MaxMadeText)},
	{"error during formatting", "format() is given a value that the % of its text does not take; %s takes any"},
	{"unsupported index", "an entry of a list has a whole number; others are found with filter()"},
	{"expected iterable type", "a loop is over what is no list and no map; has() and type() tell"},
	{"invalid substring range", "substring() is given an end that is before its start"},
	{"unknown time zone", `a time zone is not known; it has a name such as "Europe/Amsterdam"`},
	{"no such key", "a map has no such key; write [?key] or .?key where it can be missing"},
	{"no such field", "an object has no such field"},
	{"index out of bounds", "a list has no such entry; write [?index] where it can be missing"},
	{"index out of range", "a position is beyond the end of the text; size() tells how long it is"},
	{"optional.none() dereference", "a value is taken out of an optional that is none; use orValue()"},
	{"no such overload", "a value has a type that the operator or function does not take; string(), int() and double() convert, type() tells"},
	{"division by zero", "a number is divided by zero"},
	{"modulus by zero", "a number is divided by zero"},
	{"overflow", "a number is too large"},
	{"conversion error from 'string' to 'int'", `int() is given text that is no whole number; matches("^-?[0-9]{1,18}$") tells`},
	{"conversion error from 'string' to 'uint'", `uint() is given text that is no whole number from 0; matches("^[0-9]{1,18}$") tells`},
	{"conversion error from 'string' to 'double'", `double() is given text that is no number; matches("^-?[0-9]+([.][0-9]+)?$") tells`},
	{"conversion error from 'string' to 'bool'", `bool() is given text that is neither "true" nor "false"; compare it with ==`},
	{"conversion error from 'string' to 'google.protobuf.Timestamp'", `timestamp() is given text that is no time such as "2026-01-31T12:00:00Z"; a date becomes one with + "T00:00:00Z"`},
	{"conversion error from 'string' to 'google.protobuf.Duration'", `duration() is given text that is no duration such as "36h30m"; there are no days`},
	{"conversion error", "a value cannot be converted to the type"},
	{"invalid UTF-8", "string() is given bytes that are not UTF-8"},
}

// causeOf says what CEL's error means, without the values that it can quote.
func causeOf(celText string) string {
	if _, reason, ok := strings.Cut(celText, "error parsing regexp: "); ok {
		for _, code := range patternCodes {
			if !strings.HasPrefix(reason, string(code)) {
				continue
			}
			if hint := patternHint(code); hint != "" {
				return wrongPattern + ": " + string(code) + "; " + hint
			}
			return wrongPattern + ": " + string(code)
		}
		return wrongPattern
	}
	for _, cause := range causes {
		if strings.Contains(celText, cause.celText) {
			return cause.meaning
		}
	}
	return "the expression cannot be evaluated for this subject"
}
