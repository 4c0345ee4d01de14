#!/usr/bin/env bash
# The JSON Patch of Kubernetes API servers and of kubectl (version 4 of evanphx/json-patch) is not RFC 6902 where programs rely on it. "test"
# compares spellings: an "é" that a serializer escapes is another one, 1.0 is not 1 (section 4.6 compares values). A test for null is
# true of what is not there. "replace" creates what does not exist, "add" without a value adds null. Version 5 of the library gets
# three of these right. An index may be negative, or have leading zeros.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.24
require (
	github.com/evanphx/json-patch/v5 v5.9.11
	gopkg.in/evanphx/json-patch.v4 v4.13.0
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	five "github.com/evanphx/json-patch/v5"
	four "gopkg.in/evanphx/json-patch.v4"
)

const document = `{"name":"Zoé","age":1,"tags":["a","b"]}`

func main() {
	for _, patch := range []string{
		`[{"op":"test","path":"/name","value":"Zo\u00e9"}]`, `[{"op":"test","path":"/age","value":1.0}]`,
		`[{"op":"test","path":"/badge","value":null}]`, `[{"op":"replace","path":"/badge","value":7}]`, `[{"op":"add","path":"/badge"}]`,
		`[{"op":"remove","path":"/tags/-1"}]`, `[{"op":"replace","path":"/tags/01","value":"c"}]`,
	} {
		fmt.Println(patch)
		if decoded, err := four.DecodePatch([]byte(patch)); err != nil {
			fmt.Println("  4 refused")
		} else {
			show(4)(decoded.Apply([]byte(document)))
		}
		if decoded, err := five.DecodePatch([]byte(patch)); err != nil {
			fmt.Println("  5 refused")
		} else {
			show(5)(decoded.Apply([]byte(document)))
		}
	}
}

func show(version int) func(patched []byte, err error) {
	return func(patched []byte, err error) {
		if err != nil {
			fmt.Printf("  %d failed\n", version)
			return
		}
		fmt.Printf("  %d %s\n", version, patched)
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
[{"op":"test","path":"/name","value":"Zo\u00e9"}]
  4 failed
  5 {"name":"Zoé","age":1,"tags":["a","b"]}
[{"op":"test","path":"/age","value":1.0}]
  4 failed
  5 failed
[{"op":"test","path":"/badge","value":null}]
  4 {"age":1,"name":"Zoé","tags":["a","b"]}
  5 {"name":"Zoé","age":1,"tags":["a","b"]}
[{"op":"replace","path":"/badge","value":7}]
  4 {"age":1,"badge":7,"name":"Zoé","tags":["a","b"]}
  5 failed
[{"op":"add","path":"/badge"}]
  4 {"age":1,"badge":null,"name":"Zoé","tags":["a","b"]}
  5 refused
[{"op":"remove","path":"/tags/-1"}]
  4 {"age":1,"name":"Zoé","tags":["a"]}
  5 {"name":"Zoé","age":1,"tags":["a"]}
[{"op":"replace","path":"/tags/01","value":"c"}]
  4 {"age":1,"name":"Zoé","tags":["a","c"]}
  5 {"name":"Zoé","age":1,"tags":["a","c"]}
SEEN
echo "evanphx/json-patch v4.13.0 and v5.9.11: as stated"
