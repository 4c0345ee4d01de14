#!/usr/bin/env bash
# Formats in the schema of a CustomResourceDefinition, checked as an API server does it, beside Go types that read such fields. The server stores
# dates that metav1.Time cannot read (a small t, an offset of 99 hours, anything behind a second T) and durations that metav1.Duration
# cannot (days, "1 hour", ISO 8601); the typed list of the kind fails then. The format "email" takes a name and a comment
# with the address, and blanks around it. "byte" refuses the empty text, which is how Go writes an empty []byte, "uuid" takes
# one without hyphens, or with some, "hostname" letters beyond ASCII, "uri" a blank, and a scheme alone.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require (
	k8s.io/apimachinery v0.37.2
	k8s.io/kube-openapi v0.0.0-20260721132016-d427ff9ee9ad
)
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
)

func main() {
	for _, field := range []struct{ format, text string }{
		{"date-time", "2026-11-28T10:00:59Z"}, {"date-time", "2026-11-28t10:00:59z"}, {"date-time", "2026-11-28T10:00:59+99:00"},
		{"date-time", "2026-11-28T10:00:59ZTea"}, {"date-time", "2026-11-28T1:00:59Z"},
		{"duration", "1h30m"}, {"duration", "1 hour"}, {"duration", "1d"}, {"duration", "P1D"},
		{"email", "jane@example.com"}, {"email", "Jane Roe <jane@example.com>"}, {"email", " jane@example.com (at work) "},
		{"byte", "YQ=="}, {"byte", ""}, {"uuid", "550e8400e29b-41d4a716446655440000"}, {"hostname", "exämple.com"},
		{"uri", "https://example.com/a b"}, {"uri", "https://"},
	} {
		fmt.Printf("%s %q stored %t", field.format, field.text, strfmt.Default.Validates(field.format, field.text))
		data, err := json.Marshal(field.text)
		if err != nil {
			panic(err)
		}
		switch field.format {
		case "date-time":
			fmt.Printf(", metav1.Time reads it %t", json.Unmarshal(data, new(metav1.Time)) == nil)
		case "duration":
			fmt.Printf(", metav1.Duration reads it %t", json.Unmarshal(data, new(metav1.Duration)) == nil)
		}
		fmt.Println()
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
date-time "2026-11-28T10:00:59Z" stored true, metav1.Time reads it true
date-time "2026-11-28t10:00:59z" stored true, metav1.Time reads it false
date-time "2026-11-28T10:00:59+99:00" stored true, metav1.Time reads it false
date-time "2026-11-28T10:00:59ZTea" stored true, metav1.Time reads it false
date-time "2026-11-28T1:00:59Z" stored false, metav1.Time reads it true
duration "1h30m" stored true, metav1.Duration reads it true
duration "1 hour" stored true, metav1.Duration reads it false
duration "1d" stored true, metav1.Duration reads it false
duration "P1D" stored true, metav1.Duration reads it false
email "jane@example.com" stored true
email "Jane Roe <jane@example.com>" stored true
email " jane@example.com (at work) " stored true
byte "YQ==" stored true
byte "" stored false
uuid "550e8400e29b-41d4a716446655440000" stored true
hostname "exämple.com" stored true
uri "https://example.com/a b" stored true
uri "https://" stored true
SEEN
echo "k8s.io/kube-openapi d427ff9ee9ad, k8s.io/apimachinery v0.37.2: as stated"
