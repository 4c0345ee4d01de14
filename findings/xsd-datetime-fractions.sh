#!/usr/bin/env bash
# A dateTime of SCIM is one of XML Schema (RFC 7643 section 2.3.5). The Go module for these, q-uint/xsd-datetime, which elimity-com/scim checks and
# compares times with, loses the zeros behind the point: .05 of a second is .5, and .007 is .7, so that a filter finds what was before the
# time that it names. Programs that write as few digits as they need, as Go does, write such fractions all the time. 24:00:00, which XML
# Schema has for the end of a day, is an error.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require (
	github.com/elimity-com/scim v0.0.0-20260728105928-2641426a1539
	github.com/q-uint/xsd-datetime v1.0.0
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"time"

	"github.com/elimity-com/scim/filter"
	"github.com/elimity-com/scim/schema"
	datetime "github.com/q-uint/xsd-datetime"
)

func main() {
	const day = "2026-11-30T12:00:00"
	for _, text := range []string{day + "Z", day + ".5Z", day + ".05Z", day + ".007Z", day + ".0000000001Z", day + "+05:30", day, "2026-11-30T24:00:00Z"} {
		moment, err := datetime.Parse(text)
		if err != nil {
			fmt.Println(text, "is an error")
			continue
		}
		fmt.Println(text, "is", moment.Format(time.RFC3339Nano))
	}
	users := schema.Schema{ID: "urn:example:User", Attributes: []schema.CoreAttribute{
		schema.SimpleCoreAttribute(schema.SimpleDateTimeParams(schema.DateTimeParams{Name: "hired"})),
	}}
	for _, text := range []string{`hired gt "` + day + `.1Z"`, `hired lt "` + day + `.1Z"`, `hired eq "` + day + `.5Z"`} {
		validator, err := filter.NewValidator(text, users)
		if err != nil {
			panic(err)
		}
		if err := validator.PassesFilter(map[string]any{"hired": day + ".05Z"}); err != nil {
			fmt.Println("hired at .05:", text, "is false")
			continue
		}
		fmt.Println("hired at .05:", text, "is true")
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
2026-11-30T12:00:00Z is 2026-11-30T12:00:00Z
2026-11-30T12:00:00.5Z is 2026-11-30T12:00:00.5Z
2026-11-30T12:00:00.05Z is 2026-11-30T12:00:00.5Z
2026-11-30T12:00:00.007Z is 2026-11-30T12:00:00.7Z
2026-11-30T12:00:00.0000000001Z is 2026-11-30T12:00:00.1Z
2026-11-30T12:00:00+05:30 is 2026-11-30T12:00:00+05:30
2026-11-30T12:00:00 is 2026-11-30T12:00:00Z
2026-11-30T24:00:00Z is an error
hired at .05: hired gt "2026-11-30T12:00:00.1Z" is true
hired at .05: hired lt "2026-11-30T12:00:00.1Z" is false
hired at .05: hired eq "2026-11-30T12:00:00.5Z" is true
SEEN
echo "q-uint/xsd-datetime v1.0.0, elimity-com/scim 2641426a1539: as stated"
