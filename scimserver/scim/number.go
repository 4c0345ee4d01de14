package scim

import (
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Numbers occur in extensions whose schema is not known. An API server keeps a whole number in 64
// bits and any other in double precision, and gives back the shortest text that means the same: 1.0 is
// 1 afterwards. Numbers are brought into that form when they are read, so that what is
// answered is what was understood, and what is sent again is no change.

// maxNumber is the most characters of a number. No double has more decimals than 1,074; to reduce a fraction of a million digits
// takes seconds.
const maxNumber = 1100

// canonicalNumber returns a number as it will be stored. A whole number, in whatever notation, keeps
// its value or is an error; another one has the precision of a double (RFC 8259 section 6).
func canonicalNumber(n json.Number) (json.Number, error) {
	if len(n) > maxNumber {
		return "", invalidValue("a number has more than %d characters: send it as text", maxNumber)
	}
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return json.Number(strconv.FormatInt(i, 10)), nil
	}
	f, err := strconv.ParseFloat(string(n), 64)
	switch {
	case err != nil || math.Abs(f) >= 1<<63:
		return "", invalidValue("a number is beyond 64 bits, and would not be kept as it is: send it as text")
	case f == 0 && isZero(n):
		return "0", nil
	case f == 0: // to work out the fraction may take a million digits, however few characters it has
		return "", tooSmall()
	}
	exact, ok := new(big.Rat).SetString(string(n))
	if !ok {
		return "", tooSmall()
	}
	if exact.IsInt() {
		// A double's neighbours of whole numbers near 1<<63 are whole numbers, too.
		return json.Number(exact.Num().String()), nil
	}
	text, err := json.Marshal(f)
	return json.Number(text), err
}

func tooSmall() error {
	return invalidValue("a number is too small to be kept as it is: send it as text")
}

// isZero reports whether a number has no digit but 0 before its exponent.
func isZero(n json.Number) bool {
	digits := string(n)
	if exponent := strings.IndexAny(digits, "eE"); exponent >= 0 {
		digits = digits[:exponent]
	}
	return !strings.ContainsAny(digits, "123456789")
}

// canonicalNumbers returns a copy of a value with all numbers as they will be stored.
func canonicalNumbers(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		return canonicalNumber(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			if out[i], err = canonicalNumbers(v[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			if out[name], err = canonicalNumbers(member); err != nil {
				return nil, err
			}
		}
		return out, nil
	default:
		return v, nil
	}
}

// double is a number as a double, with a whole number also exactly. Beyond the range of a double it is infinite.
type double struct {
	float   float64
	integer int64
	whole   bool
}

func parseDouble(text string) (double, bool) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return double{float64(i), i, true}, true
	}
	f, err := strconv.ParseFloat(text, 64)
	return double{float: f}, err == nil || errors.Is(err, strconv.ErrRange)
}

// compareNumbers compares numbers by what they come to, whole numbers of 64 bits exactly.
func compareNumbers(a, b any) (order int, ok bool) {
	textA, okA := numberText(a)
	textB, okB := numberText(b)
	if !okA || !okB {
		return 0, false
	}
	x, okX := parseDouble(textA)
	y, okY := parseDouble(textB)
	if !okX || !okY {
		return 0, false
	}
	// Doubles of the same value differ by what the double does not say, which a fraction never does.
	return cmp.Or(cmp.Compare(x.float, y.float), cmp.Compare(x.rest(), y.rest())), true
}

// rest is what a whole number is more than its double, which is at most 512.
func (d double) rest() int64 {
	switch {
	case !d.whole:
		return 0
	case d.float == 1<<63: // no int64
		return d.integer - math.MaxInt64 - 1
	default:
		return d.integer - int64(d.float)
	}
}
