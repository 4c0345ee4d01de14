#!/usr/bin/env bash
# elimity-com/scim, the most used SCIM server library in Go, gives JSON null where clients expect a list: "Resources" of a list without
# result (Okta's SPEC test wants an array), and a multi-valued attribute that was sent as []. It takes one object in the place of the list
# of addresses and gives it back as one, accepts an empty userName, and says itemsPerPage 5 for no items.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.24
require github.com/elimity-com/scim v0.0.0-20260728105928-2641426a1539
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/elimity-com/scim"
	"github.com/elimity-com/scim/schema"
)

// users has no users, and gives back what it is sent.
type users struct{ scim.ResourceHandler }

func (users) Create(_ *http.Request, sent scim.ResourceAttributes) (scim.Resource, error) {
	return scim.Resource{ID: "1", Attributes: sent}, nil
}

func (users) GetAll(*http.Request, scim.ListRequestParams) (scim.Page, error) { return scim.Page{}, nil }

func main() {
	server, err := scim.NewServer(&scim.ServerArgs{
		ServiceProviderConfig: &scim.ServiceProviderConfig{},
		ResourceTypes:         []scim.ResourceType{{Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema(), Handler: users{}}},
	})
	if err != nil {
		panic(err)
	}
	ask := func(method, path, body string, members ...string) {
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, httptest.NewRequest(method, path, strings.NewReader(body)))
		fmt.Print(answer.Code)
		var got map[string]json.RawMessage
		if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
			panic(err)
		}
		for _, member := range members {
			fmt.Printf(" %s=%s", member, got[member])
		}
		fmt.Println()
	}
	const core = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]`
	ask(http.MethodGet, "/Users?count=5", "", "Resources", "itemsPerPage")
	ask(http.MethodPost, "/Users", `{`+core+`,"userName":"jane","emails":[]}`, "emails")
	ask(http.MethodPost, "/Users", `{`+core+`,"userName":"","emails":{"value":"jane@example.com"}}`, "userName", "emails")
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
200 Resources=null itemsPerPage=5
201 emails=null
201 userName="" emails={"value":"jane@example.com"}
SEEN
echo "elimity-com/scim 2641426a1539: as stated"
