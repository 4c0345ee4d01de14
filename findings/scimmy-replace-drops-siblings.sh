#!/usr/bin/env bash
# "replace" of a complex attribute leaves the sub-attributes that it does not name (RFC 7644 3.5.2.3). SCIMMY takes them away: a PATCH of
# name with a given name alone loses the family name. Naming an extension's attribute works, taking the extension away by its URN, or
# asking for one of its attributes, ends in a 400 that carries a message of the JavaScript engine.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
npm install --silent --no-audit --no-fund --prefix . scimmy@1.3.5 >/dev/null

cat > look.mjs <<'JS'
import SCIMMY from 'scimmy';
const { User } = SCIMMY.Resources;
const urn = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
let stored;
SCIMMY.Resources.declare(User).ingress((_, data) => (stored = { ...stored, ...data, id: '1' })).egress(() => stored);
User.extend(SCIMMY.Schemas.EnterpriseUser);
await new User().write({
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:User', urn], userName: 'jane',
  name: { givenName: 'Jane', familyName: 'Roe' }, [urn]: { department: 'Sales' },
});
const patch = (op) => new User('1').patch({ schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'], Operations: [op] });
const say = async (what, act) => console.log(what, await act().then((user) => JSON.stringify(user.name), (e) => `${e.status} ${e.message}`));
await say('replace name', () => patch({ op: 'replace', path: 'name', value: { givenName: 'Joan' } }));
await say('remove extension', () => patch({ op: 'remove', path: urn }));
await say('attributes=', () => new User('1', { attributes: `${urn}:department` }).read());
JS
node look.mjs | tee seen
diff seen - <<'SEEN'
replace name {"givenName":"Joan"}
remove extension 400 Cannot convert undefined or null to object for 'remove' op of operation 1 in PatchOp request body
attributes= 400 Cannot read properties of undefined (reading 'includes')
SEEN
echo "scimmy 1.3.5: as stated"
