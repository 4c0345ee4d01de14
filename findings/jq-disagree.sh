#!/usr/bin/env bash
# One program of jq, run by jq itself (jq-web is jq for browsers), by gojq, which Argo CD asks which differences of an object it leaves alone, and
# by jqjs, which has all that is asked here on its list: "//" gives both the null and what should come in its place, del() of two entries
# leaves two nulls, "@sh" of any name is the text string. gojq sorts keys, also where to_entries gives them in order, takes a time with an
# offset, which jq refuses, and leaves a large number as it is when nothing is added to it, which jq does not.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . @michaelhomer/jqjs@1.6.0 jq-web@0.6.2 >/dev/null
cat > go.mod <<'MOD'
module look
go 1.26
require github.com/itchyny/gojq v0.12.20
MOD
cat > main.go <<'GO'
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/itchyny/gojq"
)

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		document, program, _ := strings.Cut(lines.Text(), "\t")
		fmt.Println(run(document, program))
	}
}

func run(document, program string) string {
	decoder := json.NewDecoder(strings.NewReader(document))
	decoder.UseNumber()
	var value any
	must(decoder.Decode(&value))
	query, err := gojq.Parse(program)
	must(err)
	var seen []string
	for results := query.Run(value); ; {
		result, more := results.Next()
		if !more {
			return strings.Join(seen, " and ")
		}
		if _, failed := result.(error); failed {
			return "error"
		}
		text, err := gojq.Marshal(result)
		must(err)
		seen = append(seen, string(text))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
GO
cat > look.mjs <<'JS'
import { readFileSync } from 'node:fs';
import jqjs from '@michaelhomer/jqjs';
import web from 'jq-web';
const { raw } = await web;
const lines = (name) => readFileSync(name, 'utf8').trimEnd().split('\n');
const go = lines('go.seen');
async function ran(library) {
  try { return (await library()).join(' and ') || 'nothing'; } catch { return 'error'; }
}
for (const [i, line] of lines('programs').entries()) {
  const [document, program] = line.split('\t');
  const jq = await ran(async () => (await raw(document, program, ['-c'])).trim().split('\n'));
  const js = await ran(() => [...jqjs(program, JSON.parse(document))].map((value) => JSON.stringify(value)));
  console.log(`${document} ${program}: jq ${jq}, gojq ${go[i]}, jqjs ${js}`);
}
JS
tr '~' '\t' > programs <<'PROGRAMS'
{"active":false}~.active // true
{"nickName":null}~.nickName // "none"
["Sales","EMEA","Staff"]~del(.[0],.[1])
["Sales","EMEA","Staff"]~.[-1:]
"Jane O'Brien"~@sh
"<R&D>"~@html
{"b":1,"a":2}~to_entries|map(.key)
9007199254740993~.
9007199254740993~.+0
"2026-11-30T12:00:00+01:00"~fromdate
" 5 "~tonumber
"1_000"~tonumber
PROGRAMS
go run -mod=mod . < programs 2>/dev/null > go.seen
node look.mjs | tee seen
diff seen - <<'SEEN'
{"active":false} .active // true: jq true, gojq true, jqjs false
{"nickName":null} .nickName // "none": jq "none", gojq "none", jqjs null and "none"
["Sales","EMEA","Staff"] del(.[0],.[1]): jq ["Staff"], gojq ["Staff"], jqjs [null,null,"Staff"]
["Sales","EMEA","Staff"] .[-1:]: jq ["Staff"], gojq ["Staff"], jqjs nothing
"Jane O'Brien" @sh: jq "'Jane O'\\''Brien'", gojq "'Jane O'\\''Brien'", jqjs "'string'"
"<R&D>" @html: jq "&lt;R&amp;D&gt;", gojq "&lt;R&amp;D&gt;", jqjs "&amp;lt;R&amp;D&amp;gt;"
{"b":1,"a":2} to_entries|map(.key): jq ["b","a"], gojq ["a","b"], jqjs ["b","a"]
9007199254740993 .: jq 9007199254740993, gojq 9007199254740993, jqjs 9007199254740992
9007199254740993 .+0: jq 9007199254740992, gojq 9007199254740993, jqjs 9007199254740992
"2026-11-30T12:00:00+01:00" fromdate: jq error, gojq 1796036400, jqjs 1796036400
" 5 " tonumber: jq 5, gojq error, jqjs 5
"1_000" tonumber: jq error, gojq error, jqjs 1
SEEN
echo "jq-web 0.6.2, gojq v0.12.20, @michaelhomer/jqjs 1.6.0: as stated"
