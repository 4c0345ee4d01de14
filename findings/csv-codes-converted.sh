#!/usr/bin/env bash
# Reading a directory's CSV export with conversion of values, each of them quoted. That 00123 loses its zeros is known. For csv-parse a badge in
# hexadecimal is a number, and the number is 0, whichever badge it is; asked for dates as well, it takes the room A 5 for the 1st of May and
# R 101 for a day of the year 101. SheetJS, which converts unless it is told "raw", makes a negative number of a code in
# brackets, a day of 2.10.5, 15 of 1,5 and a number of a phone number; A 5, R 101 and 5k stay texts.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . csv-parse@7.0.3 xlsx@0.18.5 >/dev/null

cat > look.cjs <<'JS'
const { parse } = require('csv-parse/sync');
const { read, SSF } = require('xlsx');
const codes = ['0x1F', '0x2A', 'A 5', 'R 101', 'MAR1', '5k', '2-3', '2.10.5', '(12)', '1,5', '+12015550123', '12E3', '10%'];
const text = codes.map((code) => `"${code}"`).join('\n');
const day = (value) => (value instanceof Date ? value.toISOString().slice(0, 10) : value);
const cast = parse(text, { cast: true });
const dates = parse(text, { cast: true, cast_date: true });
const { Sheet1: sheet } = read(text, { type: 'string', cellNF: true }).Sheets;
const sheetJS = ({ v, z = 'General' }) => (SSF.is_date(z) ? SSF.format('yyyy-mm-dd', v) : v);
const show = (value) => (typeof value === 'string' && !/^\d{4}-\d\d-\d\d$/.test(value) ? 'as it is' : value);
codes.forEach((code, i) => {
  const seen = { cast: cast[i][0], cast_date: day(dates[i][0]), SheetJS: sheetJS(sheet[`A${i + 1}`]) };
  console.log(`${code}: ${Object.entries(seen).map(([name, value]) => `${name} ${show(value)}`).join(', ')}`);
});
JS
TZ=UTC node look.cjs | tee seen
diff seen - <<'SEEN'
0x1F: cast 0, cast_date 0, SheetJS 31
0x2A: cast 0, cast_date 0, SheetJS 42
A 5: cast as it is, cast_date 2001-05-01, SheetJS as it is
R 101: cast as it is, cast_date 0101-01-01, SheetJS as it is
MAR1: cast as it is, cast_date 2001-03-01, SheetJS as it is
5k: cast as it is, cast_date as it is, SheetJS as it is
2-3: cast as it is, cast_date 2001-02-03, SheetJS 2001-02-03
2.10.5: cast as it is, cast_date 2005-02-10, SheetJS 2005-02-10
(12): cast as it is, cast_date as it is, SheetJS -12
1,5: cast as it is, cast_date 2001-01-05, SheetJS 15
+12015550123: cast 12015550123, cast_date 12015550123, SheetJS 12015550123
12E3: cast 12000, cast_date 12000, SheetJS 12000
10%: cast as it is, cast_date 2001-10-01, SheetJS 0.1
SEEN
echo "csv-parse 7.0.3, xlsx 0.18.5: as stated"
