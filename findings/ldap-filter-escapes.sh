#!/usr/bin/env bash
# In an LDAP filter any byte may be written as a backslash and two digits (RFC 4515 section 3), and go-ldap writes letters beyond ASCII so. Clients in
# JavaScript send something else for it to the server: ldapts takes each byte for a letter and encodes it once more, @ldapjs/filter, the
# one of ldapjs, sends backslash and digits as they are, also those of the star. The search succeeds, and finds nobody.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . ldapts@8.2.0 @ldapjs/filter@2.1.1 >/dev/null
cat > go.mod <<'MOD'
module look
go 1.24
require github.com/go-ldap/ldap/v3 v3.4.11
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/go-ldap/ldap/v3"
)

func main() {
	for _, name := range []string{"Zoë", "a*b"} {
		text := "(cn=" + ldap.EscapeFilter(name) + ")"
		packet, err := ldap.CompileFilter(text)
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(os.Stderr, text)
		fmt.Printf("%s go-ldap %q\n", text, packet.Children[1].Data.Bytes())
	}
}
GO
cat > look.cjs <<'JS'
const ldapts = require('ldapts');
const ldapjs = require('@ldapjs/filter');
const value = (bytes) => JSON.stringify(bytes.subarray(8).toString('utf8')); // behind tag and length of filter, attribute (cn) and value
for (const text of require('node:fs').readFileSync('filters', 'utf8').trim().split('\n')) {
  const writer = new ldapts.BerWriter();
  ldapts.FilterParser.parseString(text).write(writer);
  console.log(text, 'ldapts', value(writer.buffer), '@ldapjs/filter', value(ldapjs.parseString(text).toBer().buffer));
}
JS
go mod tidy 2>/dev/null
go run . 2>filters >seen
{ cat seen; node look.cjs; } | tee both
diff both - <<'SEEN'
(cn=Zo\c3\ab) go-ldap "Zoë"
(cn=a\2ab) go-ldap "a*b"
(cn=Zo\c3\ab) ldapts "ZoÃ«" @ldapjs/filter "Zo\\c3\\ab"
(cn=a\2ab) ldapts "a*b" @ldapjs/filter "a\\2ab"
SEEN
echo "go-ldap v3.4.11, ldapts 8.2.0, @ldapjs/filter 2.1.1: as stated"
