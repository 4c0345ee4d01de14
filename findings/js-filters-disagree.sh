#!/usr/bin/env bash
# The three SCIM filter libraries of the npm registry that are used most, on one user without nickName: whether an absent attribute is "ne" to
# a text, whether letters count in userName, whether a boolean equals its text, whether one moment written in two ways is one moment. No two
# agree; scimmy compares moments in "ge" and spellings in "eq", the others spellings always; one knows neither URNs nor "not".
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . scim2-parse-filter@0.2.10 scimmy@1.3.5 scim-query-filter-parser@2.0.4 >/dev/null

cat > look.mjs <<'JS'
import parseFilter from 'scim2-parse-filter';
import SCIMMY from 'scimmy';
import queryFilter from 'scim-query-filter-parser';
const user = {
  userName: 'Jane', active: false, meta: { lastModified: '2026-05-13T04:42:34Z' },
  'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User': { department: 'Sales' },
};
const libraries = [
  (text) => parseFilter.filter(parseFilter.parse(text))(user),
  (text) => new SCIMMY.Types.Filter(text).match([user]).length > 0,
  (text) => queryFilter.compileFilter(text)(user),
];
for (const text of [
  'nickName ne "x"', 'userName eq "jane"', 'not (userName eq "x")', 'active eq "false"',
  'meta.lastModified eq "2026-05-13T04:42:34.000Z"', 'meta.lastModified ge "2026-05-13T06:42:34+02:00"',
  'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "Sales"',
]) console.log(text, libraries.map((match) => { try { return match(text); } catch { return 'error'; } }).join(' '));
JS
node look.mjs | tee seen
diff seen - <<'SEEN'
nickName ne "x" false true false
userName eq "jane" false false true
not (userName eq "x") true true error
active eq "false" false true false
meta.lastModified eq "2026-05-13T04:42:34.000Z" false false false
meta.lastModified ge "2026-05-13T06:42:34+02:00" false true false
urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "Sales" true false error
SEEN
echo "scim2-parse-filter 0.2.10, scimmy 1.3.5, scim-query-filter-parser 2.0.4: as stated"
