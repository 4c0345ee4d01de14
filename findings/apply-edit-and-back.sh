#!/usr/bin/env bash
# Somebody edits a field that a GitOps tool applied by server-side apply, and sets it back: the object is as it was, but the field is not the
# tool's alone any more. Applying the same again makes the tool an owner beside the other one, without a conflict, forced or not. When the
# field is then taken out of Git it stays in the cluster with its value, and no apply reports anything. Had the edit not been set
# back, a forced apply would have taken the field over for good, and it would go; it would as well after an edit that removed it.
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
	"fmt"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/merge"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

const schema = `types:
- name: person
  map:
    fields:
    - {name: name, type: {scalar: string}}
    - {name: title, type: {scalar: string}}
`

// oneVersion is the converter of a kind that has one version.
type oneVersion struct{}

func (oneVersion) Convert(object *typed.TypedValue, _ fieldpath.APIVersion) (*typed.TypedValue, error) { return object, nil }
func (oneVersion) IsMissingVersionError(error) bool                                                    { return false }

func must[T any](result T, err error) T {
	if err != nil {
		panic(err)
	}
	return result
}

func main() {
	parser := must(typed.NewParser(schema))
	read := func(text string) *typed.TypedValue { return must(parser.Type("person").FromYAML(typed.YAMLObject(text))) }
	updater := (&merge.UpdaterBuilder{Converter: oneVersion{}}).BuildUpdater()

	const inGit, withoutTitle, edited = `{name: Jane, title: Engineer}`, `{name: Jane}`, `{name: Jane, title: Boss}`
	for _, edits := range [][]string{{}, {edited, inGit}, {edited}, {withoutTitle}} {
		live, managers := read(`{}`), fieldpath.ManagedFields{}
		apply := func(text string) {
			applied, owners, err := updater.Apply(live, read(text), "v1", managers, "git", true)
			if managers = must(owners, err); applied != nil {
				live = applied
			}
		}
		apply(inGit)
		for _, edit := range edits {
			stored, owners, err := updater.Update(live, read(edit), "v1", managers, "hand")
			live, managers = must(stored, err), owners
		}
		apply(inGit)
		apply(withoutTitle)
		fmt.Printf("edits %v: title taken out of Git leaves %s\n", edits, must(value.ToJSON(live.AsValue())))
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
edits []: title taken out of Git leaves {"name":"Jane"}
edits [{name: Jane, title: Boss} {name: Jane, title: Engineer}]: title taken out of Git leaves {"name":"Jane","title":"Engineer"}
edits [{name: Jane, title: Boss}]: title taken out of Git leaves {"name":"Jane"}
edits [{name: Jane}]: title taken out of Git leaves {"name":"Jane"}
SEEN
echo "sigs.k8s.io/structured-merge-diff v6.4.2: as stated"
