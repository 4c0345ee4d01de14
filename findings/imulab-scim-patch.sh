#!/usr/bin/env bash
# imulab/go-scim, a Go library for SCIM servers, with attributes annotated as in its own schemas. "Remove" of the first of two addresses takes
# it out and then fails with noTarget, because the list has got shorter; of the last one it succeeds. "Replace" of an address that is not
# there (400 noTarget in RFC 7644 section 3.5.2.3) succeeds and does nothing. A new primary address leaves the old one primary. A dateTime must
# not have a zone, also not Z, which all examples of RFC 7643 have; one in a filter compares as false. A value path is no filter.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require github.com/imulab/go-scim/pkg/v2 v2.2.0
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/imulab/go-scim/pkg/v2/crud"
	scimjson "github.com/imulab/go-scim/pkg/v2/json"
	"github.com/imulab/go-scim/pkg/v2/prop"
	"github.com/imulab/go-scim/pkg/v2/spec"
)

const (
	list  = `{"@AutoCompact": {}, "@ExclusivePrimary": {}, "@ElementAnnotations": {"@StateSummary": {}}}`
	known = `{"schemas":["urn:example:User"],"hired":"2026-11-30T12:00:00",
		"emails":[{"value":"a@example.com","type":"work","primary":true},{"value":"b@example.com","type":"home"}]}`
)

var userType spec.ResourceType

func main() {
	register("core", `{"id": "schemas", "name": "schemas", "_path": "schemas", "type": "reference", "multiValued": true, "_annotations": {"@AutoCompact": {}}}`)
	register("urn:example:User",
		`{"id": "urn:example:User:hired", "name": "hired", "_path": "hired", "type": "dateTime", "_index": 100}`,
		`{"id": "urn:example:User:emails", "name": "emails", "_path": "emails", "type": "complex", "_index": 101, "multiValued": true, "_annotations": `+list+`, "subAttributes": [
			{"id": "urn:example:User:emails.value", "name": "value", "_path": "emails.value", "type": "string", "_index": 0, "_annotations": {"@Identity": {}}},
			{"id": "urn:example:User:emails.type", "name": "type", "_path": "emails.type", "type": "string", "_index": 1, "_annotations": {"@Identity": {}}},
			{"id": "urn:example:User:emails.primary", "name": "primary", "_path": "emails.primary", "type": "boolean", "_index": 2, "_annotations": {"@Primary": {}}}]}`)
	must(json.Unmarshal([]byte(`{"id": "User", "name": "User", "endpoint": "/Users", "schema": "urn:example:User"}`), &userType))
	crud.Register(&userType)

	for _, path := range []string{`emails[type eq "home"]`, `emails[type eq "work"]`} {
		patch("remove "+path, func(r *prop.Resource) error { return crud.Delete(r, path) })
	}
	for _, path := range []string{`emails[type eq "work"].value`, `emails[type eq "other"].value`} {
		patch("replace "+path, func(r *prop.Resource) error { return crud.Replace(r, path, "c@example.com") })
	}
	patch(`replace emails[type eq "home"].primary`, func(r *prop.Resource) error { return crud.Replace(r, `emails[type eq "home"].primary`, true) })
	patch("add a primary address", func(r *prop.Resource) error {
		return crud.Add(r, "emails", []any{map[string]any{"value": "c@example.com", "primary": true}})
	})
	patch("replace hired", func(r *prop.Resource) error { return crud.Replace(r, "hired", "2026-11-30T12:00:00Z") })
	for _, filter := range []string{
		`hired gt "2026-11-30T11:00:00"`, `hired gt "2026-11-30T11:00:00Z"`, `hired lt "2026-11-30T11:00:00Z"`,
		`emails.type eq "work"`, `emails[type eq "work"]`,
	} {
		matches, err := crud.Evaluate(user(), filter)
		fmt.Println(filter, "->", matches, reason(err))
	}
}

func register(id string, attributes ...string) {
	schema := &spec.Schema{}
	must(json.Unmarshal([]byte(`{"id": "`+id+`", "name": "`+id+`", "attributes": [`+strings.Join(attributes, ",")+`]}`), schema))
	spec.Schemas().Register(schema)
}

func user() *prop.Resource {
	resource := prop.NewResource(&userType)
	must(scimjson.Deserialize([]byte(known), resource))
	return resource
}

func patch(what string, change func(*prop.Resource) error) {
	resource := user()
	err := change(resource)
	text, serializing := scimjson.Serialize(resource)
	must(serializing)
	var after struct {
		Emails []struct {
			Value   string
			Primary bool
		}
	}
	must(json.Unmarshal(text, &after))
	fmt.Println(what, "->", after.Emails, reason(err))
}

// reason is what stands in scimType.
func reason(err error) string {
	if err == nil {
		return "no error"
	}
	kind, _, _ := strings.Cut(strings.ReplaceAll(err.Error(), ",", ":"), ":")
	return kind
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
remove emails[type eq "home"] -> [{a@example.com true}] no error
remove emails[type eq "work"] -> [{b@example.com false}] noTarget
replace emails[type eq "work"].value -> [{c@example.com true} {b@example.com false}] no error
replace emails[type eq "other"].value -> [{a@example.com true} {b@example.com false}] no error
replace emails[type eq "home"].primary -> [{a@example.com false} {b@example.com true}] no error
add a primary address -> [{a@example.com true} {b@example.com false} {c@example.com true}] no error
replace hired -> [{a@example.com true} {b@example.com false}] invalidValue
hired gt "2026-11-30T11:00:00" -> true no error
hired gt "2026-11-30T11:00:00Z" -> false no error
hired lt "2026-11-30T11:00:00Z" -> false no error
emails.type eq "work" -> true no error
emails[type eq "work"] -> false invalidFilter
SEEN
echo "imulab/go-scim v2.2.0: as stated"
