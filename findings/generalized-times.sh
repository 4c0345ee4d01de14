#!/usr/bin/env bash
# The time of directories and certificates, GeneralizedTime (RFC 4517 section 3.3.13: minutes and seconds may be left out, the last part may have a
# fraction, a zone is Z or a difference). asn1-ber, which go-ldap brings along, reads all of it. Three of the npm registry have three other
# times for a difference of -0330: node-forge takes it for three hours, ldap2date goes the wrong way, asn1js fails, and once there is a
# fraction finds another day. Half an hour is half a second for ldap2date, which also writes 50 milliseconds as .50.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . asn1js@4.0.0 ldap2date@2.0.0 node-forge@1.4.3 >/dev/null
cat > go.mod <<'MOD'
module look
go 1.24
require github.com/go-asn1-ber/asn1-ber v1.5.8-0.20250403174932-29230038a667
MOD
cat > main.go <<'GO'
package main

import (
	"bufio"
	"fmt"
	"os"

	ber "github.com/go-asn1-ber/asn1-ber"
)

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		moment, err := ber.ParseGeneralizedTime(lines.Bytes())
		if err != nil {
			panic(err)
		}
		fmt.Println(moment.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
}
GO
cat > look.cjs <<'JS'
const { readFileSync } = require('node:fs');
const asn1js = require('asn1js');
const ldap2date = require('ldap2date');
const { asn1 } = require('node-forge');
const lines = (name) => readFileSync(name, 'utf8').trimEnd().split('\n');
const libraries = {
  'node-forge': (text) => asn1.generalizedTimeToDate(text),
  ldap2date: (text) => ldap2date.parse(text),
  asn1js: (value) => new asn1js.GeneralizedTime({ value }).toDate(),
};
const go = lines('go.seen');
lines('times').forEach((text, i) => {
  const seen = Object.entries(libraries).map(([name, read]) => {
    let moment = 'error';
    try { moment = read(text).toISOString(); } catch { /* the library says so, or gives an invalid Date */ }
    return `${name} ${moment === go[i] ? 'the same' : moment}`;
  });
  console.log(`${text}: asn1-ber ${go[i]}, ${seen.join(', ')}`);
});
console.log('written by ldap2date:', ldap2date.toGeneralizedTime(new Date('2026-11-30T11:15:00.050Z')));
JS
cat > times <<'TIMES'
20261130111500Z
20261130111500.5Z
20261130111500,5Z
202611301115Z
2026113011.5Z
20261130111500+0100
20261130111500-0330
20261130111500-03
20261130111500.5+0100
TIMES
go mod tidy 2>/dev/null
go run . < times > go.seen
TZ=UTC node look.cjs | tee seen
diff seen - <<'SEEN'
20261130111500Z: asn1-ber 2026-11-30T11:15:00.000Z, node-forge the same, ldap2date the same, asn1js the same
20261130111500.5Z: asn1-ber 2026-11-30T11:15:00.500Z, node-forge the same, ldap2date the same, asn1js the same
20261130111500,5Z: asn1-ber 2026-11-30T11:15:00.500Z, node-forge 2026-11-30T11:15:00.000Z, ldap2date the same, asn1js error
202611301115Z: asn1-ber 2026-11-30T11:15:00.000Z, node-forge error, ldap2date the same, asn1js the same
2026113011.5Z: asn1-ber 2026-11-30T11:30:00.000Z, node-forge error, ldap2date 2026-11-30T11:00:00.500Z, asn1js the same
20261130111500+0100: asn1-ber 2026-11-30T10:15:00.000Z, node-forge the same, ldap2date 2026-11-30T12:55:00.000Z, asn1js error
20261130111500-0330: asn1-ber 2026-11-30T14:45:00.000Z, node-forge 2026-11-30T14:15:00.000Z, ldap2date 2026-11-30T05:45:00.000Z, asn1js error
20261130111500-03: asn1-ber 2026-11-30T14:15:00.000Z, node-forge 2026-11-30T11:15:00.000Z, ldap2date 2026-11-30T11:12:00.000Z, asn1js error
20261130111500.5+0100: asn1-ber 2026-11-30T10:15:00.500Z, node-forge the same, ldap2date 2026-11-30T12:55:00.500Z, asn1js 2026-11-03T12:15:00.500Z
written by ldap2date: 20261130111500.50Z
SEEN
echo "asn1-ber 29230038a667, asn1js 4.0.0, ldap2date 2.0.0, node-forge 1.4.3: as stated"
