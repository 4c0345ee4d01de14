#!/usr/bin/env bash
# Server-side apply of the same configuration twice should change nothing the second time. With an empty list that is a set (or a map) it does:
# applied over a list of the applier's own items it takes the list away, applied again it puts an empty one there, which counts as a change
# of the object. That empty list then is nobody's: the applier leaves the field out, and it stays. A list that is atomic behaves.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require sigs.k8s.io/structured-merge-diff/v6 v6.4.2
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/merge"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

const schema = `types:
- name: person
  map:
    fields:
    - {name: name, type: {scalar: string}}
    - {name: set, type: {list: {elementType: {scalar: string}, elementRelationship: associative}}}
    - {name: atomic, type: {list: {elementType: {scalar: string}, elementRelationship: atomic}}}
`

// oneVersion is the converter of a kind that has one version.
type oneVersion struct{}

func (oneVersion) Convert(object *typed.TypedValue, _ fieldpath.APIVersion) (*typed.TypedValue, error) { return object, nil }
func (oneVersion) IsMissingVersionError(error) bool                                                    { return false }

func main() {
	parser, err := typed.NewParser(schema)
	if err != nil {
		panic(err)
	}
	read := func(text string) *typed.TypedValue {
		object, err := parser.Type("person").FromYAML(typed.YAMLObject(text))
		if err != nil {
			panic(err)
		}
		return object
	}
	updater := (&merge.UpdaterBuilder{Converter: oneVersion{}}).BuildUpdater()
	for _, list := range []string{"set", "atomic"} {
		live, managers := read(`{}`), fieldpath.ManagedFields{}
		for _, config := range []string{list + `: [a]`, list + `: []`, list + `: []`, list + `: []`, ``} {
			applied, owners, err := updater.Apply(live, read(`{name: Jane, `+config+`}`), "v1", managers, "rules", false)
			if err != nil {
				panic(err)
			}
			changed := applied != nil
			if managers = owners; changed {
				live = applied
			}
			stored, err := json.Marshal(live.AsValue().Unstructured())
			if err != nil {
				panic(err)
			}
			fmt.Printf("apply {name: Jane, %s} changed %t: %s\n", config, changed, stored)
		}
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
apply {name: Jane, set: [a]} changed true: {"name":"Jane","set":["a"]}
apply {name: Jane, set: []} changed true: {"name":"Jane"}
apply {name: Jane, set: []} changed true: {"name":"Jane","set":[]}
apply {name: Jane, set: []} changed false: {"name":"Jane","set":[]}
apply {name: Jane, } changed false: {"name":"Jane","set":[]}
apply {name: Jane, atomic: [a]} changed true: {"atomic":["a"],"name":"Jane"}
apply {name: Jane, atomic: []} changed true: {"atomic":[],"name":"Jane"}
apply {name: Jane, atomic: []} changed false: {"atomic":[],"name":"Jane"}
apply {name: Jane, atomic: []} changed false: {"atomic":[],"name":"Jane"}
apply {name: Jane, } changed true: {"name":"Jane"}
SEEN
echo "sigs.k8s.io/structured-merge-diff v6.4.2: as stated"
