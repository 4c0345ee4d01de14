#!/usr/bin/env bash
# What clients leave out, at the SCIM plugin of Better Auth. A user who has left comes back with the next PUT that does not name "active", as
# clients do that leave out just false. Whoever has no name is called by the e-mail address, in displayName. An attribute that the plugin
# does not keep is taken without a word in a POST; in a PATCH it is a 400, also for the operations beside it. A user without an e-mail
# address is refused.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --legacy-peer-deps --prefix . @better-auth/scim@1.7.5 better-auth@1.7.5 @better-auth/core@1.7.5 \
  @better-auth/utils@0.4.2 better-call@1.4.0 >/dev/null

cat > look.mjs <<'JS'
import { scim } from '@better-auth/scim';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { getAuthTables } from 'better-auth/db';
const token = 'example-token-'.repeat(4);
const plugins = [scim({ connections: [{ id: 'okta', credentials: [{ type: 'bearer', id: 'one', token }] }] })];
const tables = Object.fromEntries(Object.values(getAuthTables({ plugins })).map(({ modelName }) => [modelName, []]));
const baseURL = 'http://localhost:3000';
const auth = betterAuth({ secret: token, baseURL, plugins, database: memoryAdapter(tables), telemetry: { enabled: false } });
async function ask(method, path, body) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json' };
  const answer = await auth.handler(new Request(`${baseURL}/api/auth/scim/v2${path}`, { method, headers, body: JSON.stringify(body) }));
  const resource = await answer.json();
  const { active, displayName, title, nickName, scimType } = resource;
  console.log(method, answer.status, JSON.stringify({ active, displayName, title, nickName, scimType }));
  return resource;
}
const schemas = ['urn:ietf:params:scim:schemas:core:2.0:User'];
const emails = [{ type: 'work', value: 'jane@example.com' }];
const { id } = await ask('POST', '/Users', { schemas, userName: 'jane', emails, nickName: 'Jay', active: false });
await ask('PUT', `/Users/${id}`, { schemas, userName: 'jane', emails });
const Operations = [{ op: 'replace', path: 'title', value: 'Engineer' }, { op: 'replace', path: 'nickName', value: 'Jay' }];
await ask('PATCH', `/Users/${id}`, { schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'], Operations });
await ask('POST', '/Users', { schemas, userName: 'joan' });
JS
node look.mjs 2>/dev/null | tee seen
diff seen - <<'SEEN'
POST 201 {"active":false,"displayName":"jane@example.com"}
PUT 200 {"active":true,"displayName":"jane@example.com"}
PATCH 400 {"scimType":"invalidPath"}
POST 400 {"scimType":"invalidValue"}
SEEN
echo "@better-auth/scim 1.7.5: as stated"
