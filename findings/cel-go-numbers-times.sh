#!/usr/bin/env bash
# cel-go on values of a directory. A badge number of JSON, which is a double unless a program cares, is "1.234567e+06" for string() and "1234567"
# for format(). double() reads Go's notation (1_000, 0x1p4), int() does not. timestamp() takes a comma for the point, an hour of one
# digit and a zone a day away, which the schema format date-time of an API server refuses, but not the small t of RFC 3339; the
# zone of getHours() may be 99:00. A key that is twice in a map counts once, where CEL's definition has an error; 1 and 1u are two.
# The moment 1970 is not a zero value, the duration 0 is.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require github.com/google/cel-go v0.29.2
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
)

func main() {
	env, err := cel.NewEnv(cel.Variable("badge", cel.DynType), cel.OptionalTypes(), ext.Strings())
	if err != nil {
		panic(err)
	}
	for _, text := range []string{
		`string(badge)`, `"%s".format([badge])`, `string(int(badge))`, `double("1_000")`, `double("0x1p4")`, `int("1_000")`,
		`timestamp("2026-11-28T10:00:59,5Z")`, `timestamp("2026-11-28T1:00:59Z")`, `timestamp("2026-11-28T10:00:59+24:00")`,
		`timestamp("2026-11-28t10:00:59z")`, `timestamp("2026-11-28T10:00:59Z").getHours("99:00")`,
		`{"a": 1, "a": 2}`, `{1: "a", 1u: "b"}.size()`,
		`optional.ofNonZeroValue(timestamp(0)).hasValue()`, `optional.ofNonZeroValue(duration("0s")).hasValue()`,
	} {
		checked, issues := env.Compile(text)
		if issues.Err() != nil {
			panic(issues.Err())
		}
		program, err := env.Program(checked)
		if err != nil {
			panic(err)
		}
		value, _, err := program.Eval(map[string]any{"badge": 1234567.0})
		if err != nil {
			fmt.Println(text, "error")
			continue
		}
		fmt.Println(text, value.Value())
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
string(badge) 1.234567e+06
"%s".format([badge]) 1234567
string(int(badge)) 1234567
double("1_000") 1000
double("0x1p4") 16
int("1_000") error
timestamp("2026-11-28T10:00:59,5Z") 2026-11-28 10:00:59.5 +0000 UTC
timestamp("2026-11-28T1:00:59Z") 2026-11-28 01:00:59 +0000 UTC
timestamp("2026-11-28T10:00:59+24:00") 2026-11-28 10:00:59 +2400 +2400
timestamp("2026-11-28t10:00:59z") error
timestamp("2026-11-28T10:00:59Z").getHours("99:00") 13
{"a": 1, "a": 2} map[a:2]
{1: "a", 1u: "b"}.size() 2
optional.ofNonZeroValue(timestamp(0)).hasValue() true
optional.ofNonZeroValue(duration("0s")).hasValue() false
SEEN
echo "cel-go v0.29.2: as stated"
