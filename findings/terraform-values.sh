#!/usr/bin/env bash
# The types that Terraform providers take for JSON and times, and the values below them, cty. What is equal decides whether a plan ever comes to
# rest. The type for JSON ignores "inconsequential differences": the order of names, and a name that is there twice, but not 1.0 and 1, which is
# what a server answers that keeps numbers as doubles. The same moment with another offset is a difference, zeros of a second's fraction are
# none. Where a text passes a number, the code 08 becomes 8 and the name inf becomes infinite; "1" is true, "True" an error.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require (
	github.com/hashicorp/terraform-plugin-framework-jsontypes v0.2.0
	github.com/hashicorp/terraform-plugin-framework-timetypes v0.5.0
	github.com/zclconf/go-cty v1.20.0
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-jsontypes/jsontypes"
	"github.com/hashicorp/terraform-plugin-framework-timetypes/timetypes"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

func main() {
	ctx := context.Background()
	for _, pair := range [][2]string{
		{`{"floor":1,"room":2}`, `{"room":2,"floor":1}`}, {`{"floor":1.0}`, `{"floor":1}`}, {`{"floor":1e1}`, `{"floor":10}`},
		{`{"floor":1,"floor":2}`, `{"floor":2}`}, {`{"floor":null}`, `{}`},
	} {
		equal, problems := jsontypes.NewNormalizedValue(pair[0]).StringSemanticEquals(ctx, jsontypes.NewNormalizedValue(pair[1]))
		fmt.Println(pair[0], "and", pair[1], "equal:", equal, "error:", problems.HasError())
	}
	for _, pair := range [][2]string{
		{"2026-11-30T12:00:00Z", "2026-11-30T12:00:00+00:00"}, {"2026-11-30T12:00:00Z", "2026-11-30T12:00:00.000Z"},
		{"2026-11-30T12:00:00Z", "2026-11-30T13:00:00+01:00"},
	} {
		one, problems := timetypes.NewRFC3339Value(pair[0])
		other, more := timetypes.NewRFC3339Value(pair[1])
		equal, last := one.StringSemanticEquals(ctx, other)
		fmt.Println(pair[0], "and", pair[1], "equal:", equal, "error:", problems.HasError() || more.HasError() || last.HasError())
	}
	for _, text := range []string{"08", "+5", "-0", "1.0", "1e3", "inf", "0x10"} {
		fmt.Println(text, "as a number, as a text again:", passed(text, cty.Number))
	}
	for _, text := range []string{"1", "true", "True"} {
		fmt.Println(text, "as a bool, as a text again:", passed(text, cty.Bool))
	}
}

// passed is a text that was made a value of a type and a text again.
func passed(text string, kind cty.Type) string {
	value, err := convert.Convert(cty.StringVal(text), kind)
	if err != nil {
		return "error"
	}
	again, err := convert.Convert(value, cty.String)
	if err != nil {
		return "error"
	}
	return again.AsString()
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
{"floor":1,"room":2} and {"room":2,"floor":1} equal: true error: false
{"floor":1.0} and {"floor":1} equal: false error: false
{"floor":1e1} and {"floor":10} equal: false error: false
{"floor":1,"floor":2} and {"floor":2} equal: true error: false
{"floor":null} and {} equal: false error: false
2026-11-30T12:00:00Z and 2026-11-30T12:00:00+00:00 equal: true error: false
2026-11-30T12:00:00Z and 2026-11-30T12:00:00.000Z equal: true error: false
2026-11-30T12:00:00Z and 2026-11-30T13:00:00+01:00 equal: false error: false
08 as a number, as a text again: 8
+5 as a number, as a text again: 5
-0 as a number, as a text again: -0
1.0 as a number, as a text again: 1
1e3 as a number, as a text again: 1000
inf as a number, as a text again: +Inf
0x10 as a number, as a text again: error
1 as a bool, as a text again: true
true as a bool, as a text again: true
True as a bool, as a text again: error
SEEN
echo "terraform-plugin-framework-jsontypes v0.2.0 and -timetypes v0.5.0, go-cty v1.20.0: as stated"
