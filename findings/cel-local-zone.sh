#!/usr/bin/env bash
# Functions such as getHours take the name of a time zone in CEL. "Local" is one for cel-go, also in the CEL of Kubernetes: the zone of the
# process, so that one expression says something else at each API server, and in a terminal. Two libraries of the npm registry have an error, as
# for any name that is in no list. A timestamp keeps in cel-go the offset that it was written with: two that are equal have two texts,
# while the hours of both are those of UTC. @bufbuild/cel writes UTC, @marcbachmann/cel-js no text at all.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . @bufbuild/cel@0.6.1 @marcbachmann/cel-js@8.0.0 >/dev/null
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
	_ "time/tzdata"

	"github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/cel/environment"
)

func main() {
	env, err := environment.MustBaseEnvSet(version.MajorMinor(1, 37)).Env(environment.StoredExpressions)
	if err != nil {
		panic(err)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(evaluate(env, lines.Text()))
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
import { run } from '@bufbuild/cel';
import { evaluate } from '@marcbachmann/cel-js';
const lines = (name) => readFileSync(name, 'utf8').trimEnd().split('\n');
const [utc, tokyo] = [lines('go.utc'), lines('go.tokyo')];
function seen(library, text) {
  try {
    const value = library(text);
    return value instanceof Error || value?.name === 'CelError' ? 'error' : String(value);
  } catch { return 'error'; }
}
lines('texts').forEach((text, i) => {
  console.log(`${text}: cel-go in UTC ${utc[i]}, in Tokyo ${tokyo[i]}, @bufbuild/cel ${seen(run, text)}, @marcbachmann/cel-js ${seen(evaluate, text)}`);
});
JS
cat > texts <<'TEXTS'
timestamp("2026-11-30T12:00:00Z").getHours("Local")
timestamp("2026-11-30T22:00:00Z").getDate("Local")
timestamp("2026-11-30T12:00:00Z").getHours("Nowhere")
timestamp("2026-11-30T12:00:00Z").getHours("Asia/Tokyo")
timestamp("2026-11-30T12:00:00+05:00").getHours()
timestamp("2026-11-30T12:00:00+05:00") == timestamp("2026-11-30T07:00:00Z")
string(timestamp("2026-11-30T12:00:00+05:00"))
string(timestamp("2026-11-30T07:00:00Z"))
TEXTS
for zone in UTC Asia/Tokyo; do TZ=$zone go run -mod=mod . < texts 2>/dev/null > "go.$(basename "${zone,,}")"; done
TZ=Asia/Tokyo node look.mjs | tee seen
diff seen - <<'SEEN'
timestamp("2026-11-30T12:00:00Z").getHours("Local"): cel-go in UTC 12, in Tokyo 21, @bufbuild/cel error, @marcbachmann/cel-js error
timestamp("2026-11-30T22:00:00Z").getDate("Local"): cel-go in UTC 30, in Tokyo 1, @bufbuild/cel error, @marcbachmann/cel-js error
timestamp("2026-11-30T12:00:00Z").getHours("Nowhere"): cel-go in UTC error, in Tokyo error, @bufbuild/cel error, @marcbachmann/cel-js error
timestamp("2026-11-30T12:00:00Z").getHours("Asia/Tokyo"): cel-go in UTC 21, in Tokyo 21, @bufbuild/cel 21, @marcbachmann/cel-js 21
timestamp("2026-11-30T12:00:00+05:00").getHours(): cel-go in UTC 7, in Tokyo 7, @bufbuild/cel 7, @marcbachmann/cel-js 7
timestamp("2026-11-30T12:00:00+05:00") == timestamp("2026-11-30T07:00:00Z"): cel-go in UTC true, in Tokyo true, @bufbuild/cel true, @marcbachmann/cel-js true
string(timestamp("2026-11-30T12:00:00+05:00")): cel-go in UTC 2026-11-30T12:00:00+05:00, in Tokyo 2026-11-30T12:00:00+05:00, @bufbuild/cel 2026-11-30T07:00:00Z, @marcbachmann/cel-js error
string(timestamp("2026-11-30T07:00:00Z")): cel-go in UTC 2026-11-30T07:00:00Z, in Tokyo 2026-11-30T07:00:00Z, @bufbuild/cel 2026-11-30T07:00:00Z, @marcbachmann/cel-js error
SEEN
echo "apiserver v0.37.2, cel-go v0.29.2, @bufbuild/cel 0.6.1, @marcbachmann/cel-js 8.0.0: as stated"
