#!/usr/bin/env bash
# Exports of people as CSV, with the guards of three libraries against cells that a spreadsheet takes for formulas. That papaparse and csv-stringify
# put an apostrophe before +1 201 555 0123 is what they say; nothing that reads CSV takes it off again, csv-parse and papaparse themselves
# included, so that the next import has another number. json-2-csv cuts characters off instead: the plus of a phone
# number with blanks, not that of one without; the @ of a handle; and a lone dash, the usual "none", whole.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . papaparse@5.7.1 csv-stringify@6.9.0 csv-parse@7.0.3 json-2-csv@5.6.0 >/dev/null

cat > look.cjs <<'JS'
const papa = require('papaparse');
const { stringify } = require('csv-stringify/sync');
const { parse } = require('csv-parse/sync');
const { json2csv } = require('json-2-csv');
for (const text of ['+1 201 555 0123', '+12015550123', '(201) 555-0123', '@jane', '-', '-12', '- none -']) {
  const people = [{ phone: text }];
  const back = {
    papaparse: papa.parse(papa.unparse(people, { escapeFormulae: true }), { header: true }).data[0].phone,
    csv: parse(stringify(people, { header: true, escape_formulas: true }), { columns: true })[0].phone,
    'json-2-csv': json2csv([{ name: 'Jane', ...people[0] }], { preventCsvInjection: true }).split('\n')[1].split(',')[1],
  };
  console.log(`${text}: ${Object.entries(back).map(([name, read]) => `${name} "${read}"`).join(', ')}`);
}
JS
node look.cjs | tee seen
diff seen - <<'SEEN'
+1 201 555 0123: papaparse "'+1 201 555 0123", csv "'+1 201 555 0123", json-2-csv "1 201 555 0123"
+12015550123: papaparse "'+12015550123", csv "'+12015550123", json-2-csv "+12015550123"
(201) 555-0123: papaparse "(201) 555-0123", csv "(201) 555-0123", json-2-csv "(201) 555-0123"
@jane: papaparse "'@jane", csv "'@jane", json-2-csv "jane"
-: papaparse "'-", csv "'-", json-2-csv ""
-12: papaparse "'-12", csv "'-12", json-2-csv "-12"
- none -: papaparse "'- none -", csv "'- none -", json-2-csv " none -"
SEEN
echo "papaparse 5.7.1, csv-stringify 6.9.0, json-2-csv 5.6.0: as stated"
