#!/usr/bin/env bash
# A PATCH whose path is the URN of an extension, and nothing behind it, replaces that extension (RFC 7644 3.5.2, 3.10). scim-patch, which
# several identity products use, takes the dot of "2.0" for the separator of a sub-attribute: it leaves the extension as it was, adds
# an attribute "urn:...:enterprise:2.0" with a member "User", and reports success.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . scim-patch@0.8.3 >/dev/null

cat > look.cjs <<'JS'
const { scimPatch } = require('scim-patch');
const urn = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const user = { schemas: ['urn:ietf:params:scim:schemas:core:2.0:User', urn], userName: 'jane', [urn]: { department: 'Sales' } };
const patched = scimPatch(user, [{ op: 'replace', path: urn, value: { department: 'Support' } }]);
delete patched.schemas;
console.log(JSON.stringify(patched, null, 1));
JS
node look.cjs | tee seen
diff seen - <<'SEEN'
{
 "userName": "jane",
 "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
  "department": "Sales"
 },
 "urn:ietf:params:scim:schemas:extension:enterprise:2.0": {
  "User": {
   "department": "Support"
  }
 }
}
SEEN
echo "scim-patch 0.8.3: as stated"
