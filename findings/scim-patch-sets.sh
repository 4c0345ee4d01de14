#!/usr/bin/env bash
# Two rules for multi-valued attributes that scim-patch leaves to nobody: adding a primary value takes "primary" from the one before (RFC
# 7644 3.5.2), and a member is the same member whatever its "display" says. It leaves two primary addresses, and lists a member twice as
# soon as the client sends its display name along, so a group grows at every push of the same members.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . scim-patch@0.8.3 >/dev/null

cat > look.cjs <<'JS'
const { scimPatch } = require('scim-patch');
const user = { schemas: [], emails: [{ type: 'work', value: 'a@example.com', primary: true }] };
scimPatch(user, [{ op: 'add', path: 'emails', value: [{ type: 'home', value: 'b@example.com', primary: true }] }]);
console.log(JSON.stringify(user.emails));
const group = { schemas: [], displayName: 'Sales', members: [{ value: '1' }] };
for (const display of ['Jane', 'Jane', 'Jane Roe']) scimPatch(group, [{ op: 'add', path: 'members', value: [{ value: '1', display }] }]);
console.log(JSON.stringify(group.members));
JS
node look.cjs | tee seen
diff seen - <<'SEEN'
[{"type":"work","value":"a@example.com","primary":true},{"type":"home","value":"b@example.com","primary":true}]
[{"value":"1"},{"value":"1","display":"Jane"},{"value":"1","display":"Jane Roe"}]
SEEN
echo "scim-patch 0.8.3: as stated"
