#!/usr/bin/env bash
# A client that asks for pages until one is empty, as databricks-sdk-go 0.175.0 does, finds no end at a server made with SCIMMY: a startIndex behind
# the last resource gets the first page again. totalResults says what there is, itemsPerPage what was asked for, not what is there.
# count=0, which asks for the number alone, works.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . scimmy@1.3.5 >/dev/null

cat > look.mjs <<'JS'
import SCIMMY from 'scimmy';
const users = ['ann', 'bob', 'eve'].map((userName, index) => ({ id: String(index + 1), userName }));
SCIMMY.Resources.declare(SCIMMY.Resources.User).egress(() => users);
for (const [startIndex, count] of [[1, 2], [3, 2], [5, 2], [1000, 2], [1, 0]]) {
  const { Resources, totalResults, itemsPerPage } = await new SCIMMY.Resources.User({ startIndex, count }).read();
  console.log({ startIndex, count }, Resources.map(({ userName }) => userName).join(' '), { totalResults, itemsPerPage });
}
JS
node look.mjs | tee seen
diff seen - <<'SEEN'
{ startIndex: 1, count: 2 } ann bob { totalResults: 3, itemsPerPage: 2 }
{ startIndex: 3, count: 2 } eve { totalResults: 3, itemsPerPage: 2 }
{ startIndex: 5, count: 2 } ann bob { totalResults: 3, itemsPerPage: 2 }
{ startIndex: 1000, count: 2 } ann bob { totalResults: 3, itemsPerPage: 2 }
{ startIndex: 1, count: 0 }  { totalResults: 3, itemsPerPage: 0 }
SEEN
echo "scimmy 1.3.5: as stated"
