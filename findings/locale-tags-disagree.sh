#!/usr/bin/env bash
# Values that directories have for locale and preferredLanguage, read by golang.org/x/text and by the ECMAScript function (in the package of
# formatjs). "en-USA" is, for Go, the language Usarufa of Papua New Guinea, without an error. What POSIX writes, en_US, is a tag there and
# an error here; the word "german" is the opposite. Old countries, and Moldavian, become different things, Go changes what it
# was given even where it reports an error: en_US.UTF-8 is en. A list with weights, which RFC 7643 allows, is no tag for either.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . @formatjs/intl-getcanonicallocales@3.2.12 >/dev/null
cat > go.mod <<'MOD'
module look
go 1.26
require golang.org/x/text v0.44.0
MOD
cat > main.go <<'GO'
package main

import (
	"bufio"
	"fmt"
	"os"

	"golang.org/x/text/language"
)

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		tag, err := language.Parse(lines.Text())
		if err != nil {
			fmt.Println(tag, "with an error")
			continue
		}
		fmt.Println(tag)
	}
}
GO
cat > look.mjs <<'JS'
import { getCanonicalLocales } from '@formatjs/intl-getcanonicallocales';
import { readFileSync } from 'node:fs';
const read = (name) => readFileSync(name, 'utf8').trimEnd().split('\n');
const go = read('go.seen');
read('tags').forEach((tag, index) => {
  let canonical = 'an error';
  try { [canonical] = getCanonicalLocales(tag); } catch { /* a RangeError */ }
  console.log(`${tag}: Go ${go[index]}, ECMAScript ${canonical}`);
});
JS
cat > tags <<'TAGS'
en-US
en_US
en-USA
en_US.UTF-8
en-US,en;q=0.7
german
mo
sr-YU
zh-cmn
en-US-POSIX
TAGS
go run -mod=mod . < tags 2>/dev/null > go.seen
node look.mjs | tee seen
diff seen - <<'SEEN'
en-US: Go en-US, ECMAScript en-US
en_US: Go en-US, ECMAScript an error
en-USA: Go usa, ECMAScript an error
en_US.UTF-8: Go en with an error, ECMAScript an error
en-US,en;q=0.7: Go en with an error, ECMAScript an error
german: Go und with an error, ECMAScript german
mo: Go ro-MD, ECMAScript ro
sr-YU: Go sr-YU, ECMAScript sr-RS
zh-cmn: Go cmn, ECMAScript an error
en-US-POSIX: Go en-US-u-va-posix, ECMAScript en-US-posix
SEEN
echo "golang.org/x/text v0.44.0, @formatjs/intl-getcanonicallocales 3.2.12: as stated"
