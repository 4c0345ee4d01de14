#!/usr/bin/env bash
# Directories hold the names of countries where RFC 7643 section 4.1.2 has codes of ISO 3166-1. Of five libraries that make a code of an English name
# no two know the same ones: there is no usual name of the Netherlands, the United States or Great Britain that all of them take. "United
# States" is nothing for two, "United States of America" is nothing for two. One minds the capitals. The Virgin Islands are British or
# American. For the one in Go "None" and "International" are valid countries.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . i18n-iso-countries@7.14.0 iso-3166-1@2.1.1 country-code-lookup@0.1.5 country-list@2.4.1 >/dev/null
cat > go.mod <<'MOD'
module look
go 1.26
require github.com/biter777/countries v1.7.5
MOD
cat > main.go <<'GO'
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/biter777/countries"
)

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		country := countries.ByName(lines.Text())
		if country.IsValid() {
			fmt.Println(country.Alpha2())
		} else {
			fmt.Println("-")
		}
	}
}
GO
cat > look.cjs <<'JS'
const { readFileSync } = require('node:fs');
const i18n = require('i18n-iso-countries');
const iso = require('iso-3166-1');
const lookup = require('country-code-lookup');
const list = require('country-list');
i18n.registerLocale(require('i18n-iso-countries/langs/en.json'));
const libraries = {
  i18n: (name) => i18n.getAlpha2Code(name, 'en'), iso: (name) => iso.whereCountry(name)?.alpha2,
  lookup: (name) => lookup.byCountry(name)?.iso2, list: (name) => list.getCode(name),
};
const lines = (name) => readFileSync(name, 'utf8').trimEnd().split('\n');
const go = lines('go.seen');
lines('names').forEach((name, i) => {
  const seen = Object.entries(libraries).map(([library, code]) => `${library} ${code(name) ?? '-'}`);
  console.log(`${name}: ${[...seen, `Go ${go[i]}`].join(', ')}`);
});
JS
cat > names <<'NAMES'
Canada
canada
Netherlands
The Netherlands
Netherlands (Kingdom of the)
United States
United States of America
United Kingdom
Great Britain
United Kingdom of Great Britain and Northern Ireland
Turkey
South Korea
Virgin Islands
England
None
International
NAMES
go run -mod=mod . < names 2>/dev/null > go.seen
node look.cjs | tee seen
diff seen - <<'SEEN'
Canada: i18n CA, iso CA, lookup CA, list CA, Go CA
canada: i18n CA, iso CA, lookup -, list CA, Go CA
Netherlands: i18n NL, iso NL, lookup NL, list -, Go NL
The Netherlands: i18n NL, iso -, lookup -, list -, Go -
Netherlands (Kingdom of the): i18n NL, iso -, lookup -, list NL, Go NL
United States: i18n US, iso -, lookup US, list -, Go US
United States of America: i18n US, iso US, lookup -, list -, Go US
United Kingdom: i18n GB, iso -, lookup GB, list -, Go GB
Great Britain: i18n GB, iso -, lookup -, list -, Go GB
United Kingdom of Great Britain and Northern Ireland: i18n -, iso GB, lookup -, list -, Go -
Turkey: i18n TR, iso TR, lookup -, list -, Go TR
South Korea: i18n KR, iso -, lookup KR, list -, Go KR
Virgin Islands: i18n -, iso VG, lookup VI, list -, Go -
England: i18n -, iso -, lookup -, list -, Go GB
None: i18n -, iso -, lookup -, list -, Go None
International: i18n -, iso -, lookup -, list -, Go International
SEEN
echo "i18n-iso-countries 7.14.0, iso-3166-1 2.1.1, country-code-lookup 0.1.5, country-list 2.4.1, biter777/countries v1.7.5: as stated"
