package scim

import "rservice.dev/scim-operator/api/fold"

// folds keeps what texts fold to while a PATCH, or a filter in one resource, compares the same ones again and again. Only those that are not ASCII
// are kept: folding one of 1,024 characters may take a millisecond, while ASCII costs less than to keep it. A nil folds
// keeps nothing. It is not safe for concurrent use.
type folds map[string]string

// of returns fold.String(s).
func (f folds) of(s string) string {
	if f == nil || isASCII(s) {
		return fold.String(s)
	}
	folded, known := f[s]
	if !known {
		folded = fold.String(s)
		f[s] = folded
	}
	return folded
}
