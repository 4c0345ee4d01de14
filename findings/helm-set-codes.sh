#!/usr/bin/env bash
# What helm --set makes of codes; beside it --set-string, which leaves them alone. That digits become a number is known, and a leading zero keeps them
# a text. A sign undoes that: +12015550123 is a number without its plus, +05 and -05 are 5 and -5, while 05 stays "05". So in one list some
# codes are texts and others are numbers; 0 is a number and 00 a text, and so is a code of twenty digits, beyond int64, while
# a shorter one is a number. The family name Null takes the value away, as null does.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require helm.sh/helm/v4 v4.3.2
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	"helm.sh/helm/v4/pkg/strvals"
)

func main() {
	for _, code := range []string{"+12015550123", "05", "+05", "-05", "-0", "0", "00", "{08,9,+1}", "12345678901234567890", "Null"} {
		fmt.Print(code)
		for _, parse := range []func(string) (map[string]any, error){strvals.Parse, strvals.ParseString} {
			values, err := parse("code=" + code)
			if err != nil {
				panic(err)
			}
			text, err := json.Marshal(values["code"])
			if err != nil {
				panic(err)
			}
			fmt.Printf(" %s", text)
		}
		fmt.Println()
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
+12015550123 12015550123 "+12015550123"
05 "05" "05"
+05 5 "+05"
-05 -5 "-05"
-0 0 "-0"
0 0 "0"
00 "00" "00"
{08,9,+1} ["08",9,1] ["08","9","+1"]
12345678901234567890 "12345678901234567890" "12345678901234567890"
Null null "Null"
SEEN
echo "helm.sh/helm v4.3.2: as stated"
