#!/usr/bin/env bash
# The Go libraries under Microsoft's Graph SDK, through which programs read Entra's users. Of an ISO 8601 duration without a fraction the
# seconds are lost: PT3600S is nothing at all, without an error, and what is written for it, "P", is no duration. A minus is lost too. Thirty
# days are written as weeks and days, which ISO 8601 does not mix. Whole numbers pass through float64 even where the schema says int64, so that
# the next LargeInteger of a directory extension is the same one; what the schema does not know is a pointer to a float64, and null is
# not there. The library of the same family for TypeScript reads durations, and takes half a second of a time of day for half a
# microsecond.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . @microsoft/kiota-abstractions@1.0.0-preview.109 >/dev/null
cat > go.mod <<'MOD'
module look
go 1.26
require (
	github.com/microsoft/kiota-abstractions-go v1.9.3
	github.com/microsoft/kiota-serialization-json-go v1.1.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	"github.com/microsoft/kiota-abstractions-go/serialization"
	kiota "github.com/microsoft/kiota-serialization-json-go"
)

// user has one property that is known to its schema.
type user struct {
	badge      int64
	additional map[string]any
}

func (u *user) GetFieldDeserializers() map[string]func(serialization.ParseNode) error {
	return map[string]func(serialization.ParseNode) error{"badge": func(node serialization.ParseNode) error {
		badge, err := node.GetInt64Value()
		if err == nil {
			u.badge = *badge
		}
		return err
	}}
}

func (u *user) Serialize(writer serialization.SerializationWriter) error {
	return writer.WriteAdditionalData(u.additional)
}

func (u *user) GetAdditionalData() map[string]any { return u.additional }

func (u *user) SetAdditionalData(data map[string]any) { u.additional = data }

func main() {
	for _, text := range []string{"PT1H30M", "PT90M", "PT3600S", "PT1H0M6S", "PT1.5S", "PT0S", "-PT1H", "P30D"} {
		duration, err := serialization.ParseISODuration(text)
		must(err)
		length, err := duration.ToDuration()
		must(err)
		writer := kiota.NewJsonSerializationWriter()
		must(writer.WriteISODurationValue("", duration))
		written, err := writer.GetSerializedContent()
		must(err)
		fmt.Println(text, "is", length, "and is written", string(written))
	}
	node, err := kiota.NewJsonParseNode([]byte(`{"badge":9007199254740993,"extension_badge":9007199254740993,"extension_floor":3,"extension_room":null}`))
	must(err)
	seen := &user{additional: map[string]any{}}
	_, err = node.GetObjectValue(func(serialization.ParseNode) (serialization.Parsable, error) { return seen, nil })
	must(err)
	writer := kiota.NewJsonSerializationWriter()
	must(writer.WriteObjectValue("", seen))
	written, err := writer.GetSerializedContent()
	must(err)
	var properties map[string]json.Number
	must(json.Unmarshal(written, &properties))
	fmt.Printf("int64 %d, the floor is a %T, %d properties more, the badge is written %s\n", seen.badge, seen.additional["extension_floor"], len(properties), properties["extension_badge"])
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
GO
cat > look.mjs <<'JS'
import { Duration, TimeOnly } from '@microsoft/kiota-abstractions';
console.log('in TypeScript: PT3600S is written', Duration.parse('PT3600S').toString(), 'and 08:00:00.5', TimeOnly.parse('08:00:00.5').toString());
JS
{ go run -mod=mod . 2>/dev/null; node look.mjs; } | tee seen
diff seen - <<'SEEN'
PT1H30M is 1h30m0s and is written "PT1H30M"
PT90M is 1h30m0s and is written "PT1H30M"
PT3600S is 0s and is written "P"
PT1H0M6S is 1h0m0s and is written "PT1H"
PT1.5S is 1s and is written "PT1S"
PT0S is 0s and is written "P"
-PT1H is 1h0m0s and is written "PT1H"
P30D is 720h0m0s and is written "P4W2D"
int64 9007199254740992, the floor is a *float64, 2 properties more, the badge is written 9007199254740992
in TypeScript: PT3600S is written PT3600S and 08:00:00.5 08:00:00.0000005
SEEN
echo "kiota-abstractions-go v1.9.3, @microsoft/kiota-abstractions 1.0.0-preview.109, kiota-serialization-json-go v1.1.2: as stated"
