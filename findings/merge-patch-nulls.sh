#!/usr/bin/env bash
# By RFC 7396 a merge patch takes a list as it is: of {"keys":[{"lock":null}]} the null is a value. In both versions of evanphx/json-patch (4 is
# the one of API servers) whether it stays depends on what was there before: in the place of nothing, a text or a list it is taken out,
# in the place of an object it stays. A controller that compares what it wants with what it finds writes for ever. json-merge-patch of the npm
# registry does what the RFC says. The patch that kubectl apply makes of two large numbers that follow one another is empty, so that the
# badge in the cluster stays the old one.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . json-merge-patch@1.0.2 >/dev/null
cat > go.mod <<'MOD'
module look
go 1.26
require (
	github.com/evanphx/json-patch/v5 v5.9.11
	gopkg.in/evanphx/json-patch.v4 v4.13.0
	k8s.io/apimachinery v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"bufio"
	"fmt"
	"os"

	five "github.com/evanphx/json-patch/v5"
	four "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
)

const patch = `{"keys":[{"lock":null,"door":1}]}`

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(merged(four.MergePatch(lines.Bytes(), []byte(patch))), merged(five.MergePatch(lines.Bytes(), []byte(patch))))
	}
	before, after := []byte(`{"badge":9007199254740992}`), []byte(`{"badge":9007199254740993}`)
	fmt.Println(merged(jsonmergepatch.CreateThreeWayJSONMergePatch(before, after, before)), merged(five.CreateMergePatch(before, after)))
}

func merged(document []byte, err error) string {
	if err != nil {
		panic(err)
	}
	return string(document)
}
GO
cat > look.cjs <<'JS'
const { readFileSync } = require('node:fs');
const { apply } = require('json-merge-patch');
const lines = (name) => readFileSync(name, 'utf8').trimEnd().split('\n');
const go = lines('go.seen');
lines('documents').forEach((text, i) => {
  const [four, five] = go[i].split(' ');
  const npm = JSON.stringify(apply(JSON.parse(text), JSON.parse('{"keys":[{"lock":null,"door":1}]}')));
  console.log(`${text}: 4 ${four}, 5 ${five}, npm ${npm}`);
});
const [kubectl, five] = go.at(-1).split(' ');
console.log(`the patch for the next badge number: kubectl ${kubectl}, 5 ${five}`);
JS
cat > documents <<'DOCUMENTS'
{}
{"keys":[{"lock":7}]}
{"keys":"none"}
{"keys":{"lock":7}}
{"keys":[{"lock":null,"door":1}]}
DOCUMENTS
go run -mod=mod . < documents 2>/dev/null > go.seen
node look.cjs | tee seen
diff seen - <<'SEEN'
{}: 4 {"keys":[{"door":1}]}, 5 {"keys":[{"door":1}]}, npm {"keys":[{"lock":null,"door":1}]}
{"keys":[{"lock":7}]}: 4 {"keys":[{"door":1}]}, 5 {"keys":[{"door":1}]}, npm {"keys":[{"lock":null,"door":1}]}
{"keys":"none"}: 4 {"keys":[{"door":1}]}, 5 {"keys":[{"door":1}]}, npm {"keys":[{"lock":null,"door":1}]}
{"keys":{"lock":7}}: 4 {"keys":[{"lock":null,"door":1}]}, 5 {"keys":[{"lock":null,"door":1}]}, npm {"keys":[{"lock":null,"door":1}]}
{"keys":[{"lock":null,"door":1}]}: 4 {"keys":[{"door":1}]}, 5 {"keys":[{"door":1}]}, npm {"keys":[{"lock":null,"door":1}]}
the patch for the next badge number: kubectl {}, 5 {"badge":9007199254740993}
SEEN
echo "evanphx/json-patch v4.13.0 and v5.9.11, apimachinery v0.37.2, json-merge-patch 1.0.2: as stated"
