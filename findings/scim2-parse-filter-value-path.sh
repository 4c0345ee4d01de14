#!/usr/bin/env bash
# In emails[type eq "home" and value co "@work.example"] one value has to meet both conditions (RFC 7644 3.4.2.2). scim2-parse-filter answers
# true when one address is of that type and another one has that value, as it does, rightly, for the form without brackets.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . scim2-parse-filter@0.2.10 >/dev/null

cat > look.cjs <<'JS'
const { parse, filter } = require('scim2-parse-filter');
const user = { emails: [{ type: 'work', value: 'jane@work.example' }, { type: 'home', value: 'jane@home.example' }] };
for (const text of ['emails[type eq "home" and value co "@work.example"]', 'emails.type eq "home" and emails.value co "@work.example"'])
  console.log(text, filter(parse(text))(user));
JS
node look.cjs | tee seen
diff seen - <<'SEEN'
emails[type eq "home" and value co "@work.example"] true
emails.type eq "home" and emails.value co "@work.example" true
SEEN
echo "scim2-parse-filter 0.2.10: as stated"
