#!/usr/bin/env bash
# A bulk request refers to what it creates by "bulkId:" and the id that the client chose (RFC 7644 3.7.2). SCIMMY puts in only the last reference of
# a resource: the other members of the group are stored as the texts "bulkId:a". Where one id begins another, as 1 and 10 of any counter, a
# member is someone else: User-1 followed by a zero. A group before its two users is stored three times, two copies stay.
# Between them it is a 400 with a message of the JavaScript engine. All but that last answer say 201 for each operation.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . scimmy@1.3.5 >/dev/null

cat > look.mjs <<'JS'
import SCIMMY from 'scimmy';
const stored = { User: [], Group: [] };
for (const [kind, list] of Object.entries(stored)) {
  SCIMMY.Resources.declare(SCIMMY.Resources[kind]).ingress(({ id }, sent) => {
    const resource = { ...sent, id: id ?? `${kind}-${list.length + 1}` };
    const old = list.findIndex((other) => other.id === id);
    list.splice(old < 0 ? list.length : old, 1, resource);
    return resource;
  }).egress(({ id }) => (id ? list.find((resource) => resource.id === id) : list));
}
const core = 'urn:ietf:params:scim:schemas:core:2.0';
const user = (bulkId) => ({ method: 'POST', path: '/Users', bulkId, data: { schemas: [`${core}:User`], userName: `user${bulkId}` } });
const group = (...ids) => {
  const data = { schemas: [`${core}:Group`], displayName: 'Sales', members: ids.map((id) => ({ value: `bulkId:${id}`, type: 'User' })) };
  return { method: 'POST', path: '/Groups', bulkId: 'group', data };
};
async function bulk(...Operations) {
  for (const list of Object.values(stored)) list.length = 0;
  const request = { schemas: ['urn:ietf:params:scim:api:messages:2.0:BulkRequest'], Operations };
  const answer = await new SCIMMY.Messages.BulkRequest(request).apply();
  const groups = stored.Group.map(({ id, members = [] }) => `${id}: ${members.map(({ value }) => value)}`);
  console.log(answer.Operations.map(({ bulkId, status }) => `${bulkId} ${status}`).join(', '), JSON.stringify(groups));
  for (const { response } of answer.Operations) if (response) console.log(response.detail);
}
await bulk(user('a'), user('b'), group('a', 'b'));
await bulk(user('1'), user('10'), group('10', '1'));
await bulk(group('a', 'b'), user('a'), user('b'));
await bulk(user('a'), group('a', 'b'), user('b'));
JS
node look.mjs | tee seen
diff seen - <<'SEEN'
a 201, b 201, group 201 ["Group-1: bulkId:a,User-2"]
1 201, 10 201, group 201 ["Group-1: User-10,User-1"]
group 201, a 201, b 201 ["Group-1: ","Group-2: ","Group-3: bulkId:a,User-2"]
a 201, group 400, b 201 []
Cannot read properties of undefined (reading 'includes')
SEEN
echo "scimmy 1.3.5: as stated"
