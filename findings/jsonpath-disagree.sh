#!/usr/bin/env bash
# Whose address of three is not primary (a: true, b: false, c: nothing said)? Four implementations of JSONPath: jsonpath-plus and jsonpath of the npm
# registry, json-p3, which follows RFC 9535, and the one of kubectl. None of the questions has one answer. What is not there differs from true,
# but not for kubectl; "has a primary" means true, or there at all; of two things that are missing kubectl alone says that they
# are not equal. The last of a list is nothing for the two of most use, and a slice beyond its end is an error of kubectl.
# The same element asked for twice is one for jsonpath; a list backwards is nothing for jsonpath-plus.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . jsonpath-plus@10.4.0 jsonpath@1.3.0 json-p3@2.3.1 >/dev/null
cat > go.mod <<'MOD'
module look
go 1.26
require k8s.io/client-go v0.37.2
MOD
cat > user.json <<'JSON'
{"emails": [{"value": "a", "primary": true}, {"value": "b", "primary": false}, {"value": "c"}], "codes": ["08", "8", "9"]}
JSON
cat > paths <<'PATHS'
$.emails[?(@.primary!=true)].value
$.emails[?(@.primary)].value
$.emails[?(@.type==@.display)].value
$.codes[-1]
$.codes[0:9]
$.codes[0,0]
$.codes[::-1]
PATHS
cat > main.go <<'GO'
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"k8s.io/client-go/util/jsonpath"
)

func ask(path string, user any) string {
	query := jsonpath.New("look").AllowMissingKeys(true)
	if err := query.Parse("{" + path + "}"); err != nil {
		return "error"
	}
	var seen bytes.Buffer
	if err := query.Execute(&seen, user); err != nil {
		return "error"
	}
	return strings.ReplaceAll(seen.String(), " ", ",")
}

func main() {
	text, err := os.ReadFile("user.json")
	if err != nil {
		panic(err)
	}
	var user any
	if err := json.Unmarshal(text, &user); err != nil {
		panic(err)
	}
	paths, err := os.ReadFile("paths")
	if err != nil {
		panic(err)
	}
	for _, path := range strings.Split(strings.TrimSpace(string(paths)), "\n") {
		fmt.Println(ask(path, user))
	}
}
GO
go run -mod=mod . 2>/dev/null > kubectl

cat > look.cjs <<'JS'
const { readFileSync } = require('node:fs');
const { JSONPath } = require('jsonpath-plus');
const jsonpath = require('jsonpath');
const p3 = require('json-p3');
const lines = (name) => readFileSync(name, 'utf8').trimEnd().split('\n');
const user = JSON.parse(readFileSync('user.json', 'utf8'));
const kubectl = lines('kubectl');
lines('paths').forEach((path, i) => {
  const seen = {
    'jsonpath-plus': JSONPath({ path, json: user }), jsonpath: jsonpath.query(user, path), 'json-p3': p3.jsonpath.query(path, user).values(),
    kubectl: kubectl[i],
  };
  console.log(`${path}: ${Object.entries(seen).map(([name, found]) => `${name} ${String(found) || '-'}`).join(' | ')}`);
});
JS
node look.cjs | tee seen
diff seen - <<'SEEN'
$.emails[?(@.primary!=true)].value: jsonpath-plus b,c | jsonpath b,c | json-p3 b,c | kubectl b
$.emails[?(@.primary)].value: jsonpath-plus a | jsonpath a | json-p3 a,b | kubectl a,b
$.emails[?(@.type==@.display)].value: jsonpath-plus a,b,c | jsonpath a,b,c | json-p3 a,b,c | kubectl -
$.codes[-1]: jsonpath-plus - | jsonpath - | json-p3 9 | kubectl 9
$.codes[0:9]: jsonpath-plus 08,8,9 | jsonpath 08,8,9 | json-p3 08,8,9 | kubectl error
$.codes[0,0]: jsonpath-plus 08,08 | jsonpath 08 | json-p3 08,08 | kubectl 08,08
$.codes[::-1]: jsonpath-plus - | jsonpath 9,8,08 | json-p3 9,8,08 | kubectl error
SEEN
echo "jsonpath-plus 10.4.0, jsonpath 1.3.0, json-p3 2.3.1, k8s.io/client-go v0.37.2: as stated"
