#!/usr/bin/env bash
# Codes with leading zeros in YAML for Kubernetes, as cost centers and badges have them. That unquoted ones are numbers is known. But 08 and 010 are
# both 8; of two badges of one form, the one without an 8 or a 9 is octal, and the other keeps its digits; and one of 22 octal digits
# becomes the largest int64, without an error, so that different ones are equal. In the opposite direction, as text, all of them
# are quoted and safe.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require sigs.k8s.io/yaml v1.6.0
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

func main() {
	for _, code := range []string{"08", "010", "01234567", "01234568", "0777777777777777777777", "07777777777777777777770", "0_8"} {
		object, err := yaml.YAMLToJSON([]byte("costCenter: " + code))
		if err != nil {
			panic(err)
		}
		text, err := yaml.Marshal(map[string]string{"costCenter": code})
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s read %s written %s", code, object, text)
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
08 read {"costCenter":8} written costCenter: "08"
010 read {"costCenter":8} written costCenter: "010"
01234567 read {"costCenter":342391} written costCenter: "01234567"
01234568 read {"costCenter":1234568} written costCenter: "01234568"
0777777777777777777777 read {"costCenter":9223372036854775807} written costCenter: "0777777777777777777777"
07777777777777777777770 read {"costCenter":7.777777777777777e+21} written costCenter: "07777777777777777777770"
0_8 read {"costCenter":8} written costCenter: "0_8"
SEEN
echo "sigs.k8s.io/yaml v1.6.0: as stated"
