#!/usr/bin/env bash
# The directory sync of saml-jackson (Ory Polis), set to Entra ID, which writes "Add": such an operation on members is answered with 200 and does
# nothing, "add" does it. Replacing all members, as Okta's "Push Now" does, is 200 and nothing as well. Whatever attribute a filter
# names, the value is looked up among first e-mail addresses: who was created as "jane" is not found by userName. A user's
# event keeps the old address when all are replaced, "add" of an address takes the others away, DELETE is 200 with a body.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts --omit=optional --prefix . @boxyhq/saml-jackson@26.2.0 >/dev/null

cat > look.cjs <<'JS'
const jackson = require('@boxyhq/saml-jackson').default;
const quiet = { info() {}, warn() {}, error() {} };
const core = 'urn:ietf:params:scim:schemas:core:2.0';
async function look() {
  const options = { externalUrl: 'http://localhost:5225', samlPath: '/saml', scimPath: '/scim', noAnalytics: true, logger: quiet };
  const { directorySyncController: sync } = await jackson({ ...options, db: { engine: 'mem' } });
  const { data: directory } = await sync.directories.create({ tenant: 'example', product: 'demo', name: 'Entra', type: 'azure-scim-v2' });
  const ask = async (method, resourceType, resourceId, body, query = {}) => {
    const events = [];
    const request = { method, resourceType, resourceId, body, query, directoryId: directory.id, apiSecret: directory.scim.secret };
    const answer = await sync.requests.handle(request, (event) => { events.push(event); });
    return { ...answer, events };
  };
  const patch = (kind, id, op) => {
    const schemas = ['urn:ietf:params:scim:api:messages:2.0:PatchOp'];
    return ask('PATCH', kind, id, { schemas, Operations: [op] });
  };
  const names = ({ events }) => events.map(({ event }) => event).join(' ') || 'nothing';

  const emails = [{ type: 'home', value: 'home@example.com' }, { type: 'work', value: 'jane@example.com', primary: true }];
  const { data: user } = await ask('POST', 'users', undefined, { schemas: [`${core}:User`], userName: 'jane', externalId: '7', emails });
  const { data: group } = await ask('POST', 'groups', undefined, { schemas: [`${core}:Group`], displayName: 'Sales' });
  const value = [{ value: user.id }];
  for (const op of ['Add', 'add']) {
    const answer = await patch('groups', group.id, { op, path: 'members', value });
    console.log(op, 'members', answer.status, names(answer));
  }
  const pushed = await patch('groups', group.id, { op: 'replace', path: 'members', value: [] });
  console.log('replace members', pushed.status, names(pushed));
  for (const filter of ['userName eq "jane"', 'externalId eq "7"', 'userName eq "home@example.com"']) {
    const { data } = await ask('GET', 'users', undefined, undefined, { filter });
    console.log(filter, data.totalResults);
  }
  const replaced = await patch('users', user.id, { op: 'replace', path: 'emails', value: [{ type: 'work', value: 'new@example.com' }] });
  console.log('replace emails', names(replaced), replaced.events[0].data.email);
  const added = await patch('users', user.id, { op: 'add', path: 'emails', value: [{ type: 'home', value: 'second@example.com' }] });
  console.log('add emails', added.data.emails.map(({ value: address }) => address).join(' '));
  console.log('DELETE', (await ask('DELETE', 'users', user.id)).status);
}
look().then(() => process.exit(0));
JS
node look.cjs | tee seen
diff seen - <<'SEEN'
Add members 200 nothing
add members 200 group.user_added
replace members 200 nothing
userName eq "jane" 0
externalId eq "7" 0
userName eq "home@example.com" 1
replace emails user.updated home@example.com
add emails second@example.com
DELETE 200
SEEN
echo "@boxyhq/saml-jackson 26.2.0: as stated"
