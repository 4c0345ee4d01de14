#!/usr/bin/env bash
# RFC 7644 section 5 has user names prepared by PRECIS. The one implementation in Go refuses what directories hold: the apostrophe that word
# processors make (O’Brien) and every blank, and says of names in Chinese or Japanese with a blank or a middle dot alone that the rule for
# scripts from right to left failed. It takes the empty name, which RFC 8265 section 3.3.3 forbids, and does not make capitals and
# small letters of a Greek name that ends in sigma one name.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require golang.org/x/text v0.44.0
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"golang.org/x/text/secure/precis"
)

func main() {
	for _, name := range []string{
		"O'Brien", "O’Brien", "Jane Roe", "李 雷", "カ・タ", "・", "", "οδυσσευς", "ΟΔΥΣΣΕΥΣ", "Ａｎｎ",
	} {
		mapped, err := precis.UsernameCaseMapped.String(name)
		fmt.Printf("%q %q %v\n", name, mapped, err)
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
"O'Brien" "o'brien" <nil>
"O’Brien" "" precis: disallowed rune encountered
"Jane Roe" "" precis: disallowed rune encountered
"李 雷" "" bidirule: failed Bidi Rule
"カ・タ" "カ・タ" <nil>
"・" "" bidirule: failed Bidi Rule
"" "" <nil>
"οδυσσευς" "οδυσσευς" <nil>
"ΟΔΥΣΣΕΥΣ" "οδυσσευσ" <nil>
"Ａｎｎ" "ann" <nil>
SEEN
echo "golang.org/x/text v0.44.0: as stated"
