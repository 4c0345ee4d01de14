#!/usr/bin/env bash
# go-github reads a user's groups as texts, where RFC 7643 section 4.1.2 has objects: one user with a group, and the list of an organization's
# identities comes back empty with an error. Its types for an enterprise, which lie in the next file, read the same answer.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require github.com/google/go-github/v89 v89.0.0
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/google/go-github/v89/github"
)

const answer = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":2,"startIndex":1,"itemsPerPage":2,"Resources":[
{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"1","userName":"ann","active":true},
{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"2","userName":"bob","active":true,"groups":[{"value":"7","display":"Sales"}]}]}`

func main() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }))
	defer server.Close()
	address := server.URL + "/"
	client, err := github.NewClient(github.WithURLs(&address, nil))
	if err != nil {
		panic(err)
	}
	identities, _, err := client.SCIM.ListSCIMProvisionedIdentities(context.Background(), "example", nil)
	fmt.Println("organization", identities != nil, err)
	users, _, err := client.Enterprise.ListProvisionedSCIMUsers(context.Background(), "example", nil)
	fmt.Println("enterprise", len(users.Resources), err)
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
organization false json: cannot unmarshal object into Go struct field SCIMUserAttributes.Resources.groups of type string
enterprise 2 <nil>
SEEN
echo "go-github v89.0.0: as stated"
