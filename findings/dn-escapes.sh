#!/usr/bin/env bash
# A group "R+D" is CN=R\+D in LDAP (RFC 4514 section 2.4). For two parsers of the npm registry, @ldapjs/dn, which ldapjs sends every name
# through, and rfc2253, a backslash with plus and a letter up to F is a byte in hexadecimal, because parseInt takes the sign: a control
# character. An escaped blank before such a letter is one as well. The first cuts what is blank at an end, escaped or not, so that "R+D" is
# another entry, R. For the second C# ends before its last character, and \C3\AB is two letters. go-ldap reads all of them.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . @ldapjs/dn@1.1.0 rfc2253@0.2.0 >/dev/null
cat > go.mod <<'MOD'
module look
go 1.24
require github.com/go-ldap/ldap/v3 v3.4.11
MOD
cat > main.go <<'GO'
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/go-ldap/ldap/v3"
)

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		dn, err := ldap.ParseDN(lines.Text())
		if err != nil {
			panic(err)
		}
		fmt.Printf("%q\n", dn.RDNs[0].Attributes[0].Value)
	}
}
GO
cat > look.cjs <<'JS'
const { readFileSync } = require('node:fs');
const { DN } = require('@ldapjs/dn');
const { parse } = require('rfc2253');
const lines = (name) => readFileSync(name, 'utf8').trimEnd().split('\n');
const go = lines('go.seen');
lines('names').forEach((name, i) => {
  const first = DN.fromString(name);
  const seen = [first.rdnAt(0).getValue('CN'), parse(name).get('CN')].map((value) => JSON.stringify(value));
  console.log(`${name}: go-ldap ${go[i]}, @ldapjs/dn ${seen[0]} sent as ${first}, rfc2253 ${seen[1]}`);
});
JS
cat > names <<'NAMES'
CN=Sales\, EMEA,DC=example
CN=R\+S,DC=example
CN=R\+D,DC=example
CN=Sales\+EMEA,DC=example
CN=\ Bob,DC=example
CN=Bob\ ,DC=example
CN=C#,DC=example
CN=Zo\C3\AB,DC=example
NAMES
go mod tidy 2>/dev/null
go run . < names > go.seen
node look.cjs | tee seen
diff seen - <<'SEEN'
CN=Sales\, EMEA,DC=example: go-ldap "Sales, EMEA", @ldapjs/dn "Sales, EMEA" sent as CN=Sales\2c EMEA,DC=example, rfc2253 "Sales, EMEA"
CN=R\+S,DC=example: go-ldap "R+S", @ldapjs/dn "R+S" sent as CN=R\2bS,DC=example, rfc2253 "R+S"
CN=R\+D,DC=example: go-ldap "R+D", @ldapjs/dn "R" sent as CN=R,DC=example, rfc2253 "R\r"
CN=Sales\+EMEA,DC=example: go-ldap "Sales+EMEA", @ldapjs/dn "Sales\u000eMEA" sent as CN=Sales\0eMEA,DC=example, rfc2253 "Sales\u000eMEA"
CN=\ Bob,DC=example: go-ldap " Bob", @ldapjs/dn "ob" sent as CN=ob,DC=example, rfc2253 "\u000bob"
CN=Bob\ ,DC=example: go-ldap "Bob ", @ldapjs/dn "Bob" sent as CN=Bob,DC=example, rfc2253 "Bob "
CN=C#,DC=example: go-ldap "C#", @ldapjs/dn "C#" sent as CN=C#,DC=example, rfc2253 "C"
CN=Zo\C3\AB,DC=example: go-ldap "Zoë", @ldapjs/dn "Zoë" sent as CN=Zo\c3\ab,DC=example, rfc2253 "ZoÃ«"
SEEN
echo "go-ldap v3.4.11, @ldapjs/dn 1.1.0, rfc2253 0.2.0: as stated"
