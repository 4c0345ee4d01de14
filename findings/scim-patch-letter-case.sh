#!/usr/bin/env bash
# Attribute names and, unless caseExact, values are compared without regard to case (RFC 7643 2.1, 7644 3.4.2.2). scim-patch compares both
# exactly and does not refuse what it does not find: "replace" makes a second attribute that differs in case, and a value filter that
# is written in other letters makes a second work address beside the first.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . scim-patch@0.8.3 >/dev/null

cat > look.cjs <<'JS'
const { scimPatch } = require('scim-patch');
const user = () => ({
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'], userName: 'jane', emails: [{ type: 'work', value: 'jane@example.com' }],
});
for (const [path, value] of [['USERNAME', 'joan'], ['emails[type eq "WORK"].value', 'joan@example.com']]) {
  const { schemas, ...rest } = scimPatch(user(), [{ op: 'replace', path, value }]);
  console.log(path, JSON.stringify(rest));
}
JS
node look.cjs | tee seen
diff seen - <<'SEEN'
USERNAME {"userName":"jane","emails":[{"type":"work","value":"jane@example.com"}],"USERNAME":"joan"}
emails[type eq "WORK"].value {"userName":"jane","emails":[{"type":"work","value":"jane@example.com"},{"type":"WORK","value":"joan@example.com"}]}
SEEN
echo "scim-patch 0.8.3: as stated"
