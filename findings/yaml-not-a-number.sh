#!/usr/bin/env bash
# The package yaml of the npm registry, told to read YAML 1.1, as files for Kubernetes are, takes some plain texts for numbers and finds that they are
# none: a dot and the user name e3 become NaN, which JSON has not, so both end as null. sigs.k8s.io/yaml writes
# just these texts without quotes. js-yaml, and the same package in its default, YAML 1.2, read the texts.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . yaml@2.9.1 js-yaml@5.5.0 >/dev/null
cat > go.mod <<'MOD'
module look
go 1.26
require sigs.k8s.io/yaml v1.6.0
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

func main() {
	text, err := yaml.Marshal(map[string]string{"initials": ".", "userName": "e3", "nickName": "1e3"})
	if err != nil {
		panic(err)
	}
	fmt.Print(string(text))
}
GO
cat > look.cjs <<'JS'
const yaml = require('yaml');
const jsYaml = require('js-yaml');
const text = require('node:fs').readFileSync('object.yaml', 'utf8');
console.log('1.1', JSON.stringify(yaml.parse(text, { version: '1.1' })));
console.log('1.2', JSON.stringify(yaml.parse(text)));
console.log('js-yaml', JSON.stringify(jsYaml.load(text)));
JS
go run -mod=mod . 2>/dev/null > object.yaml
{ cat object.yaml; node look.cjs; } | tee seen
diff seen - <<'SEEN'
initials: .
nickName: "1e3"
userName: e3
1.1 {"initials":null,"nickName":"1e3","userName":null}
1.2 {"initials":".","nickName":"1e3","userName":"e3"}
js-yaml {"initials":".","nickName":"1e3","userName":"e3"}
SEEN
echo "yaml 2.9.1, js-yaml 5.5.0, sigs.k8s.io/yaml v1.6.0: as stated"
