#!/usr/bin/env bash
# Making a given and a family name of a display name, with the two libraries of the npm registry that are used most. For humanparser a last word Ma,
# V or I is a degree or a number: such people have no family name. For parse-full-name Bin, Van, E and De are particles wherever they stand,
# so that Bin Li has a family name only, Miss and Dr are titles also at the end, and capitals are changed.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . humanparser@2.7.0 parse-full-name@1.2.7 >/dev/null

cat > look.cjs <<'JS'
const { parseName } = require('humanparser');
const { parseFullName } = require('parse-full-name');
const part = (text) => text || '-';
for (const name of ['Jane Roe', 'Wei Ma', 'Jane V', 'Bin Li', 'Van Nguyen', 'Ana e Silva', 'Jane Miss', 'Christian Dr', 'JANE ROE', 'Jane']) {
  const one = parseName(name);
  const two = parseFullName(name);
  console.log(`${name}: ${part(one.firstName)} | ${part(one.lastName)}, ${part(two.first)} | ${part(two.last)}`);
}
JS
node look.cjs | tee seen
diff seen - <<'SEEN'
Jane Roe: Jane | Roe, Jane | Roe
Wei Ma: Wei | -, Wei | Ma
Jane V: Jane | -, Jane | V
Bin Li: Bin | Li, - | Bin Li
Van Nguyen: Van | Nguyen, - | Van Nguyen
Ana e Silva: Ana | Silva, - | Ana e Silva
Jane Miss: Jane | Miss, - | Jane
Christian Dr: Christian | Dr, - | Christian
JANE ROE: JANE | ROE, Jane | Roe
Jane: Jane | -, - | Jane
SEEN
echo "humanparser 2.7.0, parse-full-name 1.2.7: as stated"
