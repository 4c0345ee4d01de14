#!/usr/bin/env bash
# controller-gen gives a field of type metav1.MicroTime the schema "format: date-time", under which an API server stores any RFC 3339 time. The
# Go type reads exactly six digits of a second: neither a time without a fraction, nor with three digits as JavaScript writes it, nor
# with nine. One such object, and every typed list of its kind fails, which stops an informer. metav1.Time reads all four.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require k8s.io/apimachinery v0.37.2
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func main() {
	for _, text := range []string{"10:00:59Z", "10:00:59.123Z", "10:00:59.123456Z", "10:00:59.123456789Z"} {
		var micro metav1.MicroTime
		var seconds metav1.Time
		value := []byte(`"2026-11-28T` + text + `"`)
		fmt.Println(text, "MicroTime", json.Unmarshal(value, &micro) == nil, "Time", json.Unmarshal(value, &seconds) == nil)
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
10:00:59Z MicroTime false Time true
10:00:59.123Z MicroTime false Time true
10:00:59.123456Z MicroTime true Time true
10:00:59.123456789Z MicroTime false Time true
SEEN
echo "k8s.io/apimachinery v0.37.2: as stated"
