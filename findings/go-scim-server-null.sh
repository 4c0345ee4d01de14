#!/usr/bin/env bash
# elimity-com/scim, the SCIM server library in Go, and null, which by RFC 7643 section 2.5 is the same as no value. A POST or PUT may have it; a
# PATCH that clears the title with it is 400 invalidValue, with and without a path. An empty list is given to the program as null. An answer
# names the schemas of all extensions, whether the user has any of their attributes or not (section 3: those that are present). The list
# with a slash behind it asks the program for the user whose id is the empty text.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
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

// told says what the library asks of a program.
type told struct{}

func (told) Create(_ *http.Request, attributes scim.ResourceAttributes) (scim.Resource, error) {
	fmt.Println("  create", text(attributes))
	return scim.Resource{ID: "1", Attributes: attributes}, nil
}

func (told) Get(_ *http.Request, id string) (scim.Resource, error) {
	fmt.Printf("  get %q\n", id)
	return scim.Resource{ID: "1", Attributes: scim.ResourceAttributes{"userName": "jane"}}, nil
}

func (told) GetAll(*http.Request, scim.ListRequestParams) (scim.Page, error) {
	fmt.Println("  list")
	return scim.Page{}, nil
}

func (told) Replace(_ *http.Request, _ string, attributes scim.ResourceAttributes) (scim.Resource, error) {
	fmt.Println("  replace", text(attributes))
	return scim.Resource{ID: "1", Attributes: attributes}, nil
}

func (told) Patch(_ *http.Request, _ string, operations []scim.PatchOperation) (scim.Resource, error) {
	for _, operation := range operations {
		fmt.Println("  patch", operation.Op, text(operation.Value))
	}
	return scim.Resource{ID: "1", Attributes: scim.ResourceAttributes{"userName": "jane"}}, nil
}

func (told) Delete(*http.Request, string) error { return nil }

func main() {
	server, err := scim.NewServer(&scim.ServerArgs{
		ServiceProviderConfig: &scim.ServiceProviderConfig{SupportPatch: true},
		ResourceTypes: []scim.ResourceType{{
			Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema(), Handler: told{},
			SchemaExtensions: []scim.SchemaExtension{{Schema: schema.ExtensionEnterpriseUser()}},
		}},
	})
	must(err)
	ask := func(method, path, body string) {
		fmt.Println(method, path, body)
		switch method {
		case http.MethodPost, http.MethodPut:
			body = `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], ` + body + `}`
		case http.MethodPatch:
			body = `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [` + body + `]}`
		}
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, httptest.NewRequest(method, path, strings.NewReader(body)))
		var said struct {
			ScimType string
			Schemas  []string
		}
		must(json.Unmarshal(answer.Body.Bytes(), &said))
		if answer.Code >= http.StatusBadRequest {
			fmt.Println(" ", answer.Code, said.ScimType)
			return
		}
		fmt.Println(" ", answer.Code, len(said.Schemas), "schemas")
	}
	ask("POST", "/Users", `"userName": "jane", "title": null, "name": null, "emails": null`)
	ask("PUT", "/Users/1", `"userName": "jane", "title": null`)
	ask("PATCH", "/Users/1", `{"op": "replace", "path": "title", "value": null}`)
	ask("PATCH", "/Users/1", `{"op": "replace", "value": {"title": null}}`)
	ask("PATCH", "/Users/1", `{"op": "replace", "path": "emails", "value": []}`)
	ask("PATCH", "/Users/1", `{"op": "remove", "path": "title"}`)
	ask("GET", "/Users", "")
	ask("GET", "/Users/", "")
}

func text(value any) string {
	encoded, err := json.Marshal(value)
	must(err)
	return string(encoded)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
POST /Users "userName": "jane", "title": null, "name": null, "emails": null
  create {"userName":"jane"}
  201 2 schemas
PUT /Users/1 "userName": "jane", "title": null
  replace {"userName":"jane"}
  200 2 schemas
PATCH /Users/1 {"op": "replace", "path": "title", "value": null}
  400 invalidValue
PATCH /Users/1 {"op": "replace", "value": {"title": null}}
  400 invalidValue
PATCH /Users/1 {"op": "replace", "path": "emails", "value": []}
  patch replace null
  200 2 schemas
PATCH /Users/1 {"op": "remove", "path": "title"}
  patch remove null
  200 2 schemas
GET /Users 
  list
  200 1 schemas
GET /Users/ 
  get ""
  200 2 schemas
SEEN
echo "elimity-com/scim 2641426a1539: as stated"
