#!/usr/bin/env bash
# An objectGUID of Active Directory is 16 bytes (MS-DTYP section 2.3.4). activedirectory2, a client of such directories for Node.js, writes it as
# if it were an objectSid: a security identifier that nobody has. The second byte is left out, so that two users may have the same one, and
# nothing that another program has noted of a user is found by it. ldapts gives bytes, but text where they happen to be UTF-8: the SID of
# a user is a Buffer, the one of the group Administrators a string of 16 characters.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . activedirectory2@2.2.0 ldapjs@2.3.3 ldapts@9.2.0 >/dev/null
cat > look.cjs <<'JS'
const ActiveDirectory = require('activedirectory2');
const ldapjs = require('ldapjs');
const { Client } = require('ldapts');
const base = 'dc=example';
const filter = '(cn=*)';
const attributes = ['cn', 'objectGUID', 'objectSid'];
const login = ['cn=reader,dc=example', 'for this run only'];
const entries = [
  { cn: 'ada', objectGUID: '0112b6c1d49d4e4fa1b2c3d4e5f60718', objectSid: '0105000000000005150000008a3ce1f4b19d27c6e05f13a951040000' },
  { cn: 'bob', objectGUID: '0113b6c1d49d4e4fa1b2c3d4e5f60718', objectSid: '0105000000000005150000008a3ce1f4b19d27c6e05f13a952040000' },
  { cn: 'Administrators', objectGUID: 'b5b6c1d4e9d43f4ba6b2c3d4e5f60718', objectSid: '01020000000000052000000020020000' },
];
// guid is the GUID as all tools of the directory print it: its first three numbers have their lowest byte first.
function guid(hex) {
  const bytes = hex.match(/../g);
  return [[3, 2, 1, 0], [5, 4], [7, 6], [8, 9], [10, 11, 12, 13, 14, 15]].map((part) => part.map((i) => bytes[i]).join('')).join('-');
}
const bytes = (hex) => Buffer.from(hex, 'hex');
const server = ldapjs.createServer();
server.bind(base, (req, res, next) => { res.end(); next(); });
server.search(base, (req, res, next) => {
  for (const { cn, objectGUID, objectSid } of entries) {
    res.send({ dn: `cn=${cn},${base}`, attributes: { cn, objectGUID: bytes(objectGUID), objectSid: bytes(objectSid) } });
  }
  res.end();
  next();
});
async function look() {
  const directory = new ActiveDirectory({ url: server.url, baseDN: base, username: login[0], password: login[1] });
  const found = await new Promise((done, failed) => {
    directory.find({ filter, attributes, includeMembership: [] }, (error, all) => (error ? failed(error) : done(all.other)));
  });
  const client = new Client({ url: server.url });
  await client.bind(...login);
  const { searchEntries } = await client.search(base, { filter, attributes });
  await client.unbind();
  entries.forEach(({ cn, objectGUID }, i) => {
    const [one, two] = [found[i], searchEntries[i]];
    const type = (value) => (Buffer.isBuffer(value) ? 'a Buffer' : `a ${typeof value}`);
    console.log(`${cn}, ${guid(objectGUID)}`);
    console.log(`  activedirectory2: objectGUID ${one.objectGUID}, objectSid ${one.objectSid}`);
    console.log(`  ldapts: objectGUID is ${type(two.objectGUID)}, objectSid ${type(two.objectSid)}`);
  });
}
server.listen(0, '127.0.0.1', () => look().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); }));
JS
node look.cjs | tee seen
diff seen - <<'SEEN'
ada, c1b61201-9dd4-4f4e-a1b2-c3d4e5f60718
  activedirectory2: objectGUID S-1-200943612022351-3569595041-403175141, objectSid S-1-5-21-4108401802-3324485041-2836619232-1105
  ldapts: objectGUID is a Buffer, objectSid a Buffer
bob, c1b61301-9dd4-4f4e-a1b2-c3d4e5f60718
  activedirectory2: objectGUID S-1-200943612022351-3569595041-403175141, objectSid S-1-5-21-4108401802-3324485041-2836619232-1106
  ldapts: objectGUID is a Buffer, objectSid a Buffer
Administrators, d4c1b6b5-d4e9-4b3f-a6b2-c3d4e5f60718
  activedirectory2: objectGUID S-181-213120200228683-3569595046-403175141, objectSid S-1-5-32-544
  ldapts: objectGUID is a Buffer, objectSid a string
SEEN
echo "activedirectory2 2.2.0, ldapts 9.2.0: as stated"
