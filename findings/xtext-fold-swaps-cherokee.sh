#!/usr/bin/env bash
# Case folding is for comparing: both cases of a letter get one form, and folding again changes nothing (Unicode, section 3.13). cases.Fold of
# golang.org/x/text exchanges the two cases of Cherokee instead: each becomes the other, so a name and its capitals stay different, and a
# key that is folded twice is not the key. It is so for 172 characters, all Cherokee; strings.EqualFold gets all of them right.
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
	"strings"
	"unicode"

	"golang.org/x/text/cases"
)

func main() {
	fold := cases.Fold().String
	for _, name := range []string{"ᏣᎳᎩ", "ꮳꮃꭹ"} {
		fmt.Println(name, fold(name), fold(fold(name)))
	}
	fmt.Println("EqualFold", strings.EqualFold("ᏣᎳᎩ", "ꮳꮃꭹ"))
	unstable, others := 0, 0
	for letter := range rune(unicode.MaxRune + 1) {
		once := fold(string(letter))
		if once == fold(once) {
			continue
		}
		unstable++
		if !unicode.Is(unicode.Cherokee, letter) || !strings.EqualFold(once, string(letter)) {
			others++
		}
	}
	fmt.Println("not stable", unstable, "of these not Cherokee, or not right in strings", others)
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
ᏣᎳᎩ ꮳꮃꭹ ᏣᎳᎩ
ꮳꮃꭹ ᏣᎳᎩ ꮳꮃꭹ
EqualFold true
not stable 172 of these not Cherokee, or not right in strings 0
SEEN
echo "golang.org/x/text v0.44.0: as stated"
