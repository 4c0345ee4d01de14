#!/usr/bin/env bash
# A backslash keeps a comma or a semicolon of a vCard inside its value (RFC 6350 3.4). github.com/emersion/go-vcard, which CardDAV servers in Go use,
# splits at them all the same: who is called "Roe; Jr." has the given name Jr. A card that is read and written again without
# a change is another one: of two categories there is one, the family name has a backslash more, the line end \N in a note is two letters.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.24
require github.com/emersion/go-vcard v0.0.0-20241024213814-c9703dde27ff
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/emersion/go-vcard"
)

const text = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Jane Roe\r\nN:Roe\\; Jr.;Jane;;;\r\nCATEGORIES:R\\,D,Sales\r\nNOTE:one\\Ntwo\r\nEND:VCARD\r\n"

func main() {
	card, err := vcard.NewDecoder(strings.NewReader(text)).Decode()
	if err != nil {
		panic(err)
	}
	name := card.Name()
	fmt.Printf("family %q given %q categories %q\n", name.FamilyName, name.GivenName, card.Categories())
	if err := vcard.NewEncoder(os.Stdout).Encode(card); err != nil {
		panic(err)
	}
}
GO
go run -mod=mod . 2>/dev/null | tr -d '\r' | tee seen
diff seen - <<'SEEN'
family "Roe\\" given " Jr." categories ["R" "D" "Sales"]
BEGIN:VCARD
VERSION:4.0
CATEGORIES:R\,D\,Sales
FN:Jane Roe
N:Roe\\; Jr.;Jane;;;
NOTE:one\\Ntwo
END:VCARD
SEEN
echo "emersion/go-vcard c9703dde27ff: as stated"
