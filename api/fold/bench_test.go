package fold_test

import (
	"strings"
	"testing"

	"rservice.dev/scim-operator/api/fold"
)

// The fold is on every request and in every index: what is folded already costs no memory.
var benchmarks = map[string]string{
	"Lower":      "jane.roe@example.com",
	"Upper":      "Jane.Roe@Example.com",
	"LowerBlank": "jane.roe@example.com ",
	"Accents":    "josé.müller@bücher.example",
}

func BenchmarkString(b *testing.B) {
	for name, s := range benchmarks {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fold.String(s)
			}
		})
	}
}

func BenchmarkEqual(b *testing.B) {
	for name, s := range benchmarks {
		other := strings.ToUpper(s)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fold.Equal(s, other)
			}
		})
	}
}
