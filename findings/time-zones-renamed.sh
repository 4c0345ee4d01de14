#!/usr/bin/env bash
# A client in the world of Windows sends the names of Windows, SCIM has those of IANA (RFC 7643 4.1.1). windows-iana, which translates, knows names
# that IANA has replaced, and not those that are in their place: Europe/Kiev, not Europe/Kyiv, and gives the old one for "FLE Standard
# Time". countries-and-timezones, of the same registry, says of just that one that it is deprecated. New zones, and the
# abbreviation CET, have no name of Windows; EST has one without summer time.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . windows-iana@5.1.0 countries-and-timezones@3.10.0 >/dev/null

cat > look.mjs <<'JS'
import zones from 'countries-and-timezones';
import { findIana, findWindows } from 'windows-iana';
for (const name of ['Europe/Kiev', 'Europe/Kyiv', 'Pacific/Kanton', 'America/Coyhaique', 'CET', 'EST']) {
  const { deprecated, aliasOf } = zones.getTimezone(name) ?? {};
  console.log(`${name}: ${String(findWindows(name) ?? '') || 'none'}${deprecated ? `, deprecated for ${aliasOf}` : ''}`);
}
console.log('FLE Standard Time:', findIana('FLE Standard Time')[0]);
JS
node look.mjs | tee seen
diff seen - <<'SEEN'
Europe/Kiev: FLE Standard Time, deprecated for Europe/Kyiv
Europe/Kyiv: none
Pacific/Kanton: none
America/Coyhaique: none
CET: none, deprecated for Europe/Brussels
EST: SA Pacific Standard Time, deprecated for America/Panama
FLE Standard Time: Europe/Kiev
SEEN
echo "windows-iana 5.1.0, countries-and-timezones 3.10.0: as stated"
