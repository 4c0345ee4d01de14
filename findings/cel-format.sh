#!/usr/bin/env bash
# What format() of CEL makes, in the version of cel-go's strings that Kubernetes has (2), in the newest one of the same library, and in the one of
# @bufbuild/cel. In Kubernetes %f has a comma at the thousands, %e has superscripts and takes no precision, texts in a list are quoted,
# and numbers in a list have six decimals that they do not have by themselves. A policy or a rule that is tried elsewhere gives other texts. %d
# of a number from JSON, which is a double, is an error in Kubernetes.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . @bufbuild/cel@0.6.1 >/dev/null
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
	"github.com/google/cel-go/ext"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/cel/environment"
)

func main() {
	kubernetes, err := environment.MustBaseEnvSet(version.MajorMinor(1, 37)).Env(environment.StoredExpressions)
	if err != nil {
		panic(err)
	}
	newest, err := cel.NewEnv(ext.Strings())
	if err != nil {
		panic(err)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Printf("%s\t%s\n", evaluate(kubernetes, lines.Text()), evaluate(newest, lines.Text()))
	}
}

func evaluate(env *cel.Env, text string) string {
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return "error"
	}
	program, err := env.Program(ast)
	if err != nil {
		return "error"
	}
	value, _, err := program.Eval(map[string]any{})
	if err != nil {
		return "error"
	}
	return fmt.Sprint(value.Value())
}
GO
cat > look.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { celEnv, parse, plan } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
const lines = (name) => readFileSync(name, 'utf8').trimEnd().split('\n');
const env = celEnv({ funcs: strings });
const go = lines('go.seen');
lines('texts').forEach((text, i) => {
  const [kubernetes, newest] = go[i].split('\t');
  const value = plan(env, parse(text))({});
  console.log(`${text} -> ${[kubernetes, newest, typeof value === 'string' ? value : 'error'].join(' | ')}`);
});
JS
cat > texts <<'TEXTS'
"%.2f".format([1234.5])
"%.2e".format([1234.5])
"%s".format([1234567.0])
"%s".format([[1234567.0, 1.5]])
"%s".format([["Sales", "EMEA"]])
"%s".format([{"floor": 1.5}])
"%s".format([[timestamp("2026-11-30T12:00:00Z")]])
"%d".format([dyn(3.0)])
TEXTS
go run -mod=mod . < texts 2>/dev/null > go.seen
node look.mjs | tee seen
diff seen - <<'SEEN'
"%.2f".format([1234.5]) -> 1,234.50 | 1234.50 | 1234.50
"%.2e".format([1234.5]) -> 1.234500×10⁰³ | 1.23e+03 | 1.23e+03
"%s".format([1234567.0]) -> 1.234567e+06 | 1234567 | 1234567
"%s".format([[1234567.0, 1.5]]) -> [1234567.000000, 1.500000] | [1234567, 1.5] | [1234567, 1.5]
"%s".format([["Sales", "EMEA"]]) -> ["Sales", "EMEA"] | [Sales, EMEA] | [Sales, EMEA]
"%s".format([{"floor": 1.5}]) -> {"floor":1.500000} | {floor: 1.5} | {floor: 1.5}
"%s".format([[timestamp("2026-11-30T12:00:00Z")]]) -> [timestamp("2026-11-30T12:00:00Z")] | [2026-11-30T12:00:00Z] | [2026-11-30T12:00:00Z]
"%d".format([dyn(3.0)]) -> error | 3 | error
SEEN
echo "apiserver v0.37.2, cel-go v0.29.2, @bufbuild/cel 0.6.1: as stated"
