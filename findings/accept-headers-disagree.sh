#!/usr/bin/env bash
# What a server gives that has application/scim+json and application/json: negotiator (Express), @hapi/accept, and goautoneg (Kubernetes API
# servers). With a charset behind the type, which is a parameter like any other, Express finds nothing, which ends in 406. goautoneg takes
# "q=0", which means "not this one", for yes, and knows no capital letters. None of them has the "+json" of RFC 6839 as a range.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . negotiator@1.0.0 @hapi/accept@6.0.3 >/dev/null
cat > go.mod <<'MOD'
module look
go 1.24
require github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822
MOD
cat > main.go <<'GO'
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/munnerz/goautoneg"
)

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(goautoneg.Negotiate(lines.Text(), []string{"application/scim+json", "application/json"}))
	}
}
GO
cat > look.cjs <<'JS'
const Negotiator = require('negotiator');
const hapi = require('@hapi/accept');
const fs = require('node:fs');
const read = (name) => fs.readFileSync(name, 'utf8').trimEnd().split('\n');
const types = ['application/scim+json', 'application/json'];
const go = read('go.seen');
read('headers').forEach((accept, index) => {
  const seen = [new Negotiator({ headers: { accept } }).mediaType(types), hapi.mediaType(accept, types), go[index]];
  console.log(accept, '->', seen.map((type) => type || 'none').join(', '));
});
JS
cat > headers <<'HEADERS'
application/*
application/scim+json; charset=utf-8
application/json;q=0
application/scim+json;q=0, */*
APPLICATION/SCIM+JSON
application/*+json
application/json;q=x
HEADERS
go run -mod=mod . < headers 2>/dev/null > go.seen
node look.cjs | tee seen
diff seen - <<'SEEN'
application/* -> application/scim+json, application/scim+json, application/scim+json
application/scim+json; charset=utf-8 -> none, application/scim+json;charset=utf-8, application/scim+json
application/json;q=0 -> none, none, application/json
application/scim+json;q=0, */* -> application/json, application/json, application/scim+json
APPLICATION/SCIM+JSON -> application/scim+json, application/scim+json, none
application/*+json -> none, none, none
application/json;q=x -> none, application/json, application/json
SEEN
echo "negotiator 1.0.0, @hapi/accept 6.0.3, goautoneg a7dc8b61c822: as stated"
