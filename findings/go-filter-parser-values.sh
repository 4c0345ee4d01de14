#!/usr/bin/env bash
# scim2/filter-parser, the filter parser of Go's SCIM servers, on values and paths that the grammar allows (RFC 7644 3.4.2.2): a whole number
# beyond int64 turns negative without an error, an escaped quote stays escaped in the value, a \u escape is a syntax error, "not" inside
# brackets is one, and the URN of an extension alone is split at its last colon, so the attribute is called "User".
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.24
require github.com/scim2/filter-parser/v2 v2.3.1
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	filter "github.com/scim2/filter-parser/v2"
)

func main() {
	for _, text := range []string{
		`badge eq 9223372036854775808`, `title eq "a \"b\""`, `title eq "caf\u00e9"`, `emails[type eq "work" and not (value co "x")]`,
	} {
		expression, err := filter.ParseFilter([]byte(text))
		if attribute, ok := expression.(*filter.AttributeExpression); ok {
			fmt.Printf("%s: value %v\n", text, attribute.CompareValue)
		} else {
			fmt.Printf("%s: error %t\n", text, err != nil)
		}
	}
	path, err := filter.ParsePath([]byte("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"))
	fmt.Println("path: schema", path.AttributePath.URI(), "attribute", path.AttributePath.AttributeName, err)
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
badge eq 9223372036854775808: value -9223372036854775808
title eq "a \"b\"": value a \"b\"
title eq "caf\u00e9": error true
emails[type eq "work" and not (value co "x")]: error true
path: schema urn:ietf:params:scim:schemas:extension:enterprise:2.0 attribute User <nil>
SEEN
echo "scim2/filter-parser v2.3.1: as stated"
