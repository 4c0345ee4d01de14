#!/usr/bin/env bash
# The three CEL libraries of the npm registry that are used most, with the data of one user. A rule that is tried in one of them may do something
# else in another, and in a cluster: cel-js divides whole numbers into fractions, rounds large ones, keeps \u escapes, and evaluates "&&"
# from the left only; @bufbuild/cel says that a field which is null is not there; @marcbachmann/cel-js takes moments within one
# millisecond as one. A number of JSON is a double in the two that have types: 5 + 1 is an error there, 5 == 5 is not.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . cel-js@0.8.2 @bufbuild/cel@0.6.1 @marcbachmann/cel-js@8.0.0 >/dev/null

cat > look.mjs <<'JS'
import { evaluate as first } from 'cel-js';
import { run } from '@bufbuild/cel';
import { evaluate as third } from '@marcbachmann/cel-js';
const user = () => ({ user: { age: 5, nickName: null, title: 'Engineer' } });
const libraries = [(text) => first(text, user()), (text) => run(text, user()), (text) => third(text, user())];
for (const text of [
  '7 / 2', '9007199254740993', '"caf\\u00e9" == "café"', 'user.badge == "x" && false', 'has(user.nickName)', 'user.nickName == null',
  'user.age == 5', 'user.age + 1 == 6', '1 == 1.0',
  'timestamp("2026-11-28T10:00:59.123456Z") == timestamp("2026-11-28T10:00:59.123Z")',
]) {
  const seen = libraries.map((evaluate) => {
    try { const value = evaluate(text); return typeof value === 'object' ? 'error' : String(value); } catch { return 'error'; }
  });
  console.log(text, '->', seen.join(' '));
}
JS
node look.mjs | tee seen
diff seen - <<'SEEN'
7 / 2 -> 3.5 3 3
9007199254740993 -> 9007199254740992 9007199254740993 9007199254740993
"caf\u00e9" == "café" -> false true true
user.badge == "x" && false -> error false false
has(user.nickName) -> true false true
user.nickName == null -> true true true
user.age == 5 -> true true true
user.age + 1 == 6 -> true error error
1 == 1.0 -> true true error
timestamp("2026-11-28T10:00:59.123456Z") == timestamp("2026-11-28T10:00:59.123Z") -> error false true
SEEN
echo "cel-js 0.8.2, @bufbuild/cel 0.6.1, @marcbachmann/cel-js 8.0.0: as stated"
