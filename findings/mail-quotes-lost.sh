#!/usr/bin/env bash
# A mailbox whose name has a blank or a dot at its end is written in quotes (RFC 5322 section 3.4.1), and the quotes belong to the address.
# Of four parsers two give it back without them, as "address", and then read nothing in it. addressparser also puts a blank before the @ of any
# address with quotes. nodemailer drops them where only a dot needs them. Go's net/mail keeps what is needed
# and no more.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . email-addresses@5.0.0 address-rfc2822@2.2.4 addressparser@1.0.1 nodemailer@10.6.1 >/dev/null
cat > go.mod <<'MOD'
module look
go 1.26
MOD
cat > main.go <<'GO'
package main

import (
	"bufio"
	"fmt"
	"net/mail"
	"os"
	"strings"
)

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		address, err := mail.ParseAddress(lines.Text())
		if err != nil {
			panic(err)
		}
		fmt.Println(strings.Trim(address.String(), "<>"))
	}
}
GO
cat > look.cjs <<'JS'
const { readFileSync } = require('node:fs');
const { parseAddressList } = require('email-addresses');
const rfc2822 = require('address-rfc2822');
const addressparser = require('addressparser');
const nodemailer = require('nodemailer/lib/addressparser');
const lines = (name) => readFileSync(name, 'utf8').trimEnd().split('\n');
const libraries = { 'email-addresses': parseAddressList, 'address-rfc2822': rfc2822.parse, addressparser, nodemailer };
const go = lines('go.seen');
const read = (parse, text) => {
  let found = null;
  try { found = parse(text); } catch { /* the parser throws */ }
  return (found ?? []).map(({ address }) => address);
};
lines('addresses').forEach((text, i) => {
  console.log(`${text}: net/mail ${go[i]}`);
  for (const [name, parse] of Object.entries(libraries)) {
    const [address] = read(parse, text);
    const again = read(parse, address);
    console.log(`  ${name} ${address}, read again ${again.length === 1 && again[0] === address ? 'the same' : again.join(' and ') || 'nothing'}`);
  }
});
JS
cat > addresses <<'ADDRESSES'
"jane"@example.com
"jane roe"@example.com
"jane."@example.com
ADDRESSES
go run . < addresses > go.seen
node look.cjs | tee seen
diff seen - <<'SEEN'
"jane"@example.com: net/mail jane@example.com
  email-addresses jane@example.com, read again the same
  address-rfc2822 jane@example.com, read again the same
  addressparser jane @example.com, read again the same
  nodemailer jane@example.com, read again the same
"jane roe"@example.com: net/mail "jane roe"@example.com
  email-addresses jane roe@example.com, read again nothing
  address-rfc2822 jane roe@example.com, read again nothing
  addressparser jane roe @example.com, read again the same
  nodemailer "jane roe"@example.com, read again the same
"jane."@example.com: net/mail "jane."@example.com
  email-addresses jane.@example.com, read again nothing
  address-rfc2822 jane.@example.com, read again nothing
  addressparser jane. @example.com, read again the same
  nodemailer jane.@example.com, read again the same
SEEN
echo "email-addresses 5.0.0, address-rfc2822 2.2.4, addressparser 1.0.1, nodemailer 10.6.1: as stated"
