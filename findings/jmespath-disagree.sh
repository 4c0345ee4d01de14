#!/usr/bin/env bash
# JMESPath has a specification with compliance tests, and three implementations of it: jmespath and @metrichor/jmespath of the npm registry and
# go-jmespath. The specification lets max_by and min_by compare texts. For both of npm the user with the greatest name is nobody, silently, but
# is somebody where the texts look like numbers; sort_by and max are right. to_number takes hexadecimal, blanks and the empty
# text, which is 0, or none of these; all take 08, which is no number of JSON. The average of nothing is NaN in Go.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . jmespath@0.16.0 @metrichor/jmespath@0.3.1 >/dev/null
cat > go.mod <<'MOD'
module look
go 1.26
require github.com/jmespath/go-jmespath v0.4.0
MOD
cat > users.json <<'JSON'
{"users": [{"name": "jane", "badge": "08"}, {"name": "zoe", "badge": "9"}, {"name": "ann", "badge": "10"}], "none": []}
JSON
cat > questions <<'QUESTIONS'
max_by(users, &name).name
min_by(users, &name).name
max_by(users, &badge).name
sort_by(users, &name)[-1].name
max(users[*].name)
to_number('')
to_number(' 8 ')
to_number('0x1F')
to_number('08')
avg(none)
sum(none)
QUESTIONS
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/jmespath/go-jmespath"
)

func ask(question string, users any) string {
	found, err := jmespath.Search(question, users)
	if err != nil {
		return "error"
	}
	text, err := json.Marshal(found)
	if err != nil {
		return fmt.Sprint(found)
	}
	return string(text)
}

func main() {
	text, err := os.ReadFile("users.json")
	if err != nil {
		panic(err)
	}
	var users any
	if err := json.Unmarshal(text, &users); err != nil {
		panic(err)
	}
	questions, err := os.ReadFile("questions")
	if err != nil {
		panic(err)
	}
	for _, question := range strings.Split(strings.TrimSpace(string(questions)), "\n") {
		fmt.Println(ask(question, users))
	}
}
GO
go run -mod=mod . 2>/dev/null > go-jmespath

cat > look.cjs <<'JS'
const { readFileSync } = require('node:fs');
const libraries = { jmespath: require('jmespath'), '@metrichor/jmespath': require('@metrichor/jmespath') };
const lines = (name) => readFileSync(name, 'utf8').trimEnd().split('\n');
const users = JSON.parse(readFileSync('users.json', 'utf8'));
const go = lines('go-jmespath');
lines('questions').forEach((question, i) => {
  const seen = Object.entries(libraries).map(([name, library]) => {
    try { return `${name} ${JSON.stringify(library.search(users, question))}`; } catch { return `${name} error`; }
  });
  console.log(`${question}: ${[...seen, `go-jmespath ${go[i]}`].join(', ')}`);
});
JS
node look.cjs | tee seen
diff seen - <<'SEEN'
max_by(users, &name).name: jmespath null, @metrichor/jmespath null, go-jmespath "zoe"
min_by(users, &name).name: jmespath null, @metrichor/jmespath null, go-jmespath "ann"
max_by(users, &badge).name: jmespath "zoe", @metrichor/jmespath "zoe", go-jmespath "zoe"
sort_by(users, &name)[-1].name: jmespath "zoe", @metrichor/jmespath "zoe", go-jmespath "zoe"
max(users[*].name): jmespath "zoe", @metrichor/jmespath "zoe", go-jmespath "zoe"
to_number(''): jmespath 0, @metrichor/jmespath 0, go-jmespath null
to_number(' 8 '): jmespath 8, @metrichor/jmespath 8, go-jmespath null
to_number('0x1F'): jmespath 31, @metrichor/jmespath 31, go-jmespath null
to_number('08'): jmespath 8, @metrichor/jmespath 8, go-jmespath 8
avg(none): jmespath null, @metrichor/jmespath null, go-jmespath NaN
sum(none): jmespath 0, @metrichor/jmespath 0, go-jmespath 0
SEEN
echo "jmespath 0.16.0, @metrichor/jmespath 0.3.1, go-jmespath v0.4.0: as stated"
