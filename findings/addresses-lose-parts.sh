#!/usr/bin/env bash
# Putting the parts of a SCIM address together to one text, as for "formatted", with two libraries of the npm registry, each with the table of
# countries of others (OpenCage, Google). What the form of a country has no place for is left out, without a word: of Tokyo the ward, of Dubai
# the community, of Hong Kong the district, of Macao the island, of Turkey and Italy the province, by which one of them tells towns of one
# name apart. With UK for GB one of them leaves out the post code. In the United States, where such things are tried, nothing is lost.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . @fragaria/address-formatter@6.7.1 localized-address-format@1.3.3 >/dev/null

cat > look.cjs <<'JS'
const { format } = require('@fragaria/address-formatter');
const { formatAddress } = require('localized-address-format');
const addresses = {
  US: { street: 'Main Street 1', city: 'Springfield', code: '62701', region: 'IL' },
  GB: { street: 'Park Road 1', city: 'Leeds', code: 'LS1 1AA' },
  UK: { street: 'Park Road 1', city: 'Leeds', code: 'LS1 1AA' },
  IT: { street: 'Via Roma 1', city: 'Rho', code: '20017', region: 'MI' },
  TR: { street: 'Park Sokak 1', city: 'Ortaca', code: '48600', region: 'Mugla' },
  JP: { street: 'Marunouchi 1', city: 'Chiyoda-ku', code: '100-0005', region: 'Tokyo' },
  AE: { street: 'Street 1', city: 'Jebel Ali', region: 'Dubai' },
  HK: { street: 'Nathan Road 1', city: 'Mong Kok', region: 'Kowloon' },
  MO: { street: 'Rua Direita 1', city: 'Taipa' },
};
const libraries = {
  fragaria: (a) => format({ road: a.street, city: a.city, postcode: a.code, state: a.region, countryCode: a.country }),
  localized: (a) => formatAddress({ addressLines: [a.street], locality: a.city, postalCode: a.code, administrativeArea: a.region, postalCountry: a.country }).join('\n'),
};
for (const [country, parts] of Object.entries(addresses)) {
  const seen = Object.entries(libraries).map(([name, put]) => {
    const text = put({ ...parts, country });
    const lost = Object.entries(parts).filter(([, part]) => !text.includes(part)).map(([part]) => part);
    return `${name} loses ${lost.join(', ') || 'nothing'}`;
  });
  console.log(`${country}: ${seen.join('; ')}`);
}
JS
node look.cjs | tee seen
diff seen - <<'SEEN'
US: fragaria loses nothing; localized loses nothing
GB: fragaria loses nothing; localized loses nothing
UK: fragaria loses nothing; localized loses code
IT: fragaria loses region; localized loses nothing
TR: fragaria loses region; localized loses nothing
JP: fragaria loses nothing; localized loses city
AE: fragaria loses nothing; localized loses city
HK: fragaria loses city; localized loses nothing
MO: fragaria loses city; localized loses city
SEEN
echo "@fragaria/address-formatter 6.7.1, localized-address-format 1.3.3: as stated"
