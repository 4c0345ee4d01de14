#!/usr/bin/env bash
# What a client is told behind a 401, WWW-Authenticate (RFC 9110 section 11.6.1), read by three packages of the npm registry and by the Go SDK of
# MCP. A scheme alone, which the grammar allows, is an error for the three. Where a proxy offers Basic and the server Bearer in one line, Basic
# gets Bearer's realm, both realms, or a parameter called "Bearer realm". Blanks around = (section 11.2, BWS) lose the parameter, quotes
# within quotes keep their backslashes or are an error. The Go SDK reads all of that, and no token68, which Kerberos has.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . auth-header@1.0.0 http-auth-utils@6.0.1 www-authenticate@0.6.3 >/dev/null
cat > go.mod <<'MOD'
module look
go 1.26
require github.com/modelcontextprotocol/go-sdk v1.8.0
MOD
cat > main.go <<'GO'
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		challenges, err := oauthex.ParseWWWAuthenticate([]string{lines.Text()})
		if err != nil {
			fmt.Println("error")
			continue
		}
		for i, challenge := range challenges {
			if i > 0 {
				fmt.Print(" and ")
			}
			params, err := json.Marshal(challenge.Params)
			if err != nil {
				panic(err)
			}
			fmt.Printf("%s %s", challenge.Scheme, params)
		}
		fmt.Println()
	}
}
GO
cat > look.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { parse } from 'auth-header';
import { BASIC, BEARER, parseWWWAuthenticateHeader } from 'http-auth-utils';
import legacy from 'www-authenticate';
const lines = (name) => readFileSync(name, 'utf8').trimEnd().split('\n');
const libraries = {
  'auth-header': (text) => { const { scheme, params } = parse(text); return [scheme, params]; },
  'http-auth-utils': (text) => { const { type, data } = parseWWWAuthenticateHeader(text, [BASIC, BEARER], { strict: false }); return [type, data]; },
  'www-authenticate': (text) => {
    const { scheme, parms, err } = new legacy.parsers.WWW_Authenticate(text);
    if (err) throw new Error(err);
    return [scheme, parms];
  },
};
const go = lines('go.seen');
lines('headers').forEach((text, i) => {
  console.log(text);
  for (const [name, read] of Object.entries(libraries)) {
    let seen = 'error';
    try { const [scheme, params] = read(text); seen = `${scheme} ${JSON.stringify(params)}`; } catch { /* it throws */ }
    console.log(`  ${name}: ${seen}`);
  }
  console.log(`  go-sdk: ${go[i]}`);
});
JS
cat > headers <<'HEADERS'
Bearer realm="scim", error="invalid_token"
Bearer
Basic realm="proxy", Bearer realm="scim"
Bearer realm = "scim", error="invalid_token"
Bearer error_description="no \"sub\" in it"
Negotiate dG9rZW4=
HEADERS
go run -mod=mod . < headers 2>/dev/null > go.seen
node look.mjs | tee seen
diff seen - <<'SEEN'
Bearer realm="scim", error="invalid_token"
  auth-header: Bearer {"realm":"scim","error":"invalid_token"}
  http-auth-utils: Bearer {"realm":"scim","error":"invalid_token"}
  www-authenticate: Bearer {"realm":"scim","error":"invalid_token"}
  go-sdk: bearer {"error":"invalid_token","realm":"scim"}
Bearer
  auth-header: error
  http-auth-utils: error
  www-authenticate: error
  go-sdk: bearer null
Basic realm="proxy", Bearer realm="scim"
  auth-header: Basic {"realm":["proxy","scim"]}
  http-auth-utils: Basic {"realm":"scim"}
  www-authenticate: Basic {"realm":"proxy","Bearer realm":"scim"}
  go-sdk: basic {"realm":"proxy"} and bearer {"realm":"scim"}
Bearer realm = "scim", error="invalid_token"
  auth-header: Bearer {"error":"invalid_token"}
  http-auth-utils: Bearer {"error":"invalid_token"}
  www-authenticate: error
  go-sdk: bearer {"error":"invalid_token","realm":"scim"}
Bearer error_description="no \"sub\" in it"
  auth-header: Bearer {"error_description":"no \"sub\" in it"}
  http-auth-utils: Bearer {"error_description":"no \\\"sub\\\" in it"}
  www-authenticate: error
  go-sdk: bearer {"error_description":"no \"sub\" in it"}
Negotiate dG9rZW4=
  auth-header: Negotiate {}
  http-auth-utils: error
  www-authenticate: error
  go-sdk: error
SEEN
echo "auth-header 1.0.0, http-auth-utils 6.0.1, www-authenticate 0.6.3, modelcontextprotocol/go-sdk v1.8.0: as stated"
