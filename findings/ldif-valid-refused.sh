#!/usr/bin/env bash
# Valid LDIF (RFC 2849), in the package of go-ldap and in ldif of the npm registry. An attribute without a value, as exports have it, is
# an error for both, and so is a "DN:" in capitals, though the grammar takes letters of any case. One attribute in two spellings is two.
# The continuation of a comment is an error for one, a rename (modrdn) for the other.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . ldif@0.5.1 >/dev/null
cat > go.mod <<'MOD'
module look
go 1.24
require github.com/go-ldap/ldif v0.0.0-20200320164324-fd88d9b715b3
MOD
cat > main.go <<'GO'
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"

	"github.com/go-ldap/ldif"
)

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		text, err := strconv.Unquote(lines.Text())
		if err != nil {
			panic(err)
		}
		file, err := ldif.Parse(text)
		if err != nil {
			fmt.Println("error")
			continue
		}
		if entry := file.Entries[0].Entry; entry != nil {
			fmt.Println(len(entry.Attributes), "attributes")
		}
	}
}
GO
cat > look.cjs <<'JS'
const ldif = require('ldif');
const fs = require('node:fs');
const read = (name) => fs.readFileSync(name, 'utf8').trimEnd().split('\n');
const go = read('go.seen');
read('files').forEach((line, index) => {
  let seen = 'error';
  try {
    const [entry] = ldif.parse(JSON.parse(line)).entries;
    seen = entry.type === 'record' ? `${Object.keys(entry.toObject({}).attributes).length} attributes` : `change ${entry.changetype ?? entry.type}`;
  } catch { /* the parser throws */ }
  console.log(`${line} go-ldap ${go[index]}, npm ${seen}`);
});
JS
cat > files <<'FILES'
"dn: cn=Jane,dc=example\ncn: Jane\nsn: Roe\n"
"dn: cn=Jane,dc=example\ncn: Jane\ntitle:\n"
"DN: cn=Jane,dc=example\ncn: Jane\n"
"dn: cn=Jane,dc=example\nmail: a@example.com\nMAIL: b@example.com\n"
"# exported\n today\ndn: cn=Jane,dc=example\ncn: Jane\n"
"dn: cn=Jane,dc=example\nchangetype: modrdn\nnewrdn: cn=Joan\ndeleteoldrdn: 1\n"
FILES
go run -mod=mod . < files 2>/dev/null > go.seen
node look.cjs | tee seen
diff seen - <<'SEEN'
"dn: cn=Jane,dc=example\ncn: Jane\nsn: Roe\n" go-ldap 2 attributes, npm 2 attributes
"dn: cn=Jane,dc=example\ncn: Jane\ntitle:\n" go-ldap error, npm error
"DN: cn=Jane,dc=example\ncn: Jane\n" go-ldap error, npm error
"dn: cn=Jane,dc=example\nmail: a@example.com\nMAIL: b@example.com\n" go-ldap 2 attributes, npm 2 attributes
"# exported\n today\ndn: cn=Jane,dc=example\ncn: Jane\n" go-ldap 1 attributes, npm error
"dn: cn=Jane,dc=example\nchangetype: modrdn\nnewrdn: cn=Joan\ndeleteoldrdn: 1\n" go-ldap error, npm change modrdn
SEEN
echo "go-ldap/ldif fd88d9b715b3, ldif 0.5.1: as stated"
