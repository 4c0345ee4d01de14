#!/usr/bin/env bash
# RFC 7643 section 4.1.2 wants phone numbers as tel: URIs (RFC 3966). Of the three libraries of the npm registry used most, awesome-phonenumber
# takes none of them. The two others know the parameters, but the E.164 form has no extension, so two people at one
# switchboard have one number. A remark in brackets is dialled by Google's own port: "(mobile)" is 662453, silently; libphonenumber-js cuts a
# vanity number off at its first letter and keeps +1800. Only that one takes a sip: address for a phone number.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . libphonenumber-js@1.13.16 google-libphonenumber@3.2.47 awesome-phonenumber@7.8.0 >/dev/null

cat > look.cjs <<'JS'
const { parsePhoneNumber } = require('libphonenumber-js');
const { PhoneNumberUtil, PhoneNumberFormat } = require('google-libphonenumber');
const awesome = require('awesome-phonenumber');
const google = PhoneNumberUtil.getInstance();
const libraries = {
  js: (text) => { const { number, ext } = parsePhoneNumber(text); return [number, ext]; },
  google: (text) => { const number = google.parse(text); return [google.format(number, PhoneNumberFormat.E164), number.getExtension()]; },
  awesome: (text) => { const { number, ext } = awesome.parsePhoneNumber(text); return [number?.e164 ?? 'none', ext]; },
};
for (const text of [
  '+1 201 555 0123', 'tel:+1-201-555-0123', 'tel:+1-201-555-0123;ext=12', 'tel:555-0123;phone-context=+1-201', '+1 201 555 0123 x12',
  '+44 20 7946 0018 (mobile)', '+1-800-FLOWERS', 'sip:+12015550123@example.com',
]) {
  const seen = Object.entries(libraries).map(([name, read]) => {
    try { return [name, ...read(text).filter(Boolean)].join(' '); } catch { return `${name} error`; }
  });
  console.log(`${text}: ${seen.join(', ')}`);
}
JS
node look.cjs | tee seen
diff seen - <<'SEEN'
+1 201 555 0123: js +12015550123, google +12015550123, awesome +12015550123
tel:+1-201-555-0123: js +12015550123, google +12015550123, awesome none
tel:+1-201-555-0123;ext=12: js +12015550123 12, google +12015550123 12, awesome none
tel:555-0123;phone-context=+1-201: js +12015550123, google +12015550123, awesome none
+1 201 555 0123 x12: js +12015550123 12, google +12015550123 12, awesome +12015550123
+44 20 7946 0018 (mobile): js +442079460018, google +442079460018662453, awesome +442079460018662453
+1-800-FLOWERS: js +1800, google +18003569377, awesome +18003569377
sip:+12015550123@example.com: js +12015550123, google error, awesome none
SEEN
echo "libphonenumber-js 1.13.16, google-libphonenumber 3.2.47, awesome-phonenumber 7.8.0: as stated"
