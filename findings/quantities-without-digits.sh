#!/usr/bin/env bash
# A quantity of Kubernetes begins with digits, says the documentation of its type. "Gi", which a chart writes when the number before it has no
# value, is 0 for its parser and for CEL, without an error; so are "m", "-" and ".". Beyond int64 Value is the largest int64 where the suffix
# is binary, and 0 where it is decimal. For kubernetes-resource-parser of the npm registry 1.5Gi is one byte, and of the five spellings that
# the documentation of Kubernetes has for about 123 MiB one is 129 bytes, and one is no number.
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . k8s-resource-parser@0.2.2 kubernetes-resource-parser@0.1.0 >/dev/null
cat > go.mod <<'MOD'
module look
go 1.26
require (
	github.com/google/cel-go v0.29.2
	k8s.io/apimachinery v0.37.2
	k8s.io/apiserver v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/cel/environment"
)

func main() {
	env, err := environment.MustBaseEnvSet(version.MajorMinor(1, 37)).Env(environment.StoredExpressions)
	must(err)
	env, err = env.Extend(cel.Variable("text", cel.StringType))
	must(err)
	ast, issues := env.Compile("isQuantity(text)")
	must(issues.Err())
	program, err := env.Program(ast)
	must(err)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		valid, _, err := program.Eval(map[string]any{"text": lines.Text()})
		must(err)
		quantity, err := resource.ParseQuantity(lines.Text())
		if err != nil {
			fmt.Println("error, isQuantity", valid)
			continue
		}
		fmt.Printf("%d, isQuantity %v\n", quantity.Value(), valid)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
GO
cat > look.cjs <<'JS'
const { readFileSync } = require('node:fs');
const k8s = require('k8s-resource-parser');
const kubernetes = require('kubernetes-resource-parser');
const lines = (name) => readFileSync(name, 'utf8').trimEnd().split('\n');
const go = lines('go.seen');
function read(parser, text) {
  try { return parser.memoryParser(text); } catch { return 'error'; }
}
lines('texts').forEach((text, i) => {
  console.log(`${text}: Go ${go[i]}, kubernetes-resource-parser ${read(kubernetes, text)}, k8s-resource-parser ${read(k8s, text)}`);
});
JS
cat > texts <<'TEXTS'
Gi
m
-
.
none
8E
12E
12Ei
1.5Gi
128974848
129e6
129M
128974848000m
123Mi
TEXTS
go run -mod=mod . < texts 2>/dev/null > go.seen
node look.cjs | tee seen
diff seen - <<'SEEN'
Gi: Go 0, isQuantity true, kubernetes-resource-parser NaN, k8s-resource-parser error
m: Go 0, isQuantity true, kubernetes-resource-parser NaN, k8s-resource-parser error
-: Go 0, isQuantity true, kubernetes-resource-parser NaN, k8s-resource-parser error
.: Go 0, isQuantity true, kubernetes-resource-parser NaN, k8s-resource-parser error
none: Go error, isQuantity false, kubernetes-resource-parser NaN, k8s-resource-parser error
8E: Go 8000000000000000000, isQuantity true, kubernetes-resource-parser 8000000000000000000, k8s-resource-parser 8000000000000000000
12E: Go 0, isQuantity true, kubernetes-resource-parser 12000000000000000000, k8s-resource-parser 12000000000000000000
12Ei: Go 9223372036854775807, isQuantity true, kubernetes-resource-parser 13835058055282164000, k8s-resource-parser 13835058055282164000
1.5Gi: Go 1610612736, isQuantity true, kubernetes-resource-parser 1, k8s-resource-parser 1610612736
128974848: Go 128974848, isQuantity true, kubernetes-resource-parser 128974848, k8s-resource-parser 128974848
129e6: Go 129000000, isQuantity true, kubernetes-resource-parser 129, k8s-resource-parser 129000000
129M: Go 129000000, isQuantity true, kubernetes-resource-parser 129000000, k8s-resource-parser 129000000
128974848000m: Go 128974848, isQuantity true, kubernetes-resource-parser NaN, k8s-resource-parser 128974848
123Mi: Go 128974848, isQuantity true, kubernetes-resource-parser 128974848, k8s-resource-parser 128974848
SEEN
echo "apimachinery v0.37.2, apiserver v0.37.2, kubernetes-resource-parser 0.1.0, k8s-resource-parser 0.2.2: as stated"
