#!/usr/bin/env bash
# Texts that kustomize changes without a word. A literal of a configMapGenerator that begins and ends with the same kind of quote loses both, as in
# a shell, but also where they are no pair: of an expression with a text at either end, a syntax error is left. A text that a replacement
# copies stays one where the field was there before. Where it is created, "08" of another object, quoted there, becomes
# the number 8, and so does the 08 of "CC-08"; the text null is no value at all.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require (
	sigs.k8s.io/kustomize/api v0.21.1
	sigs.k8s.io/kustomize/kyaml v0.21.1
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const codes = `apiVersion: v1
kind: ConfigMap
metadata: {name: codes}
data: {center: CC-08, none: x-null, whole: "08"}
`

const person = `apiVersion: example.com/v1
kind: Person
metadata: {name: jane}
spec: {there: x}
`

const kustomization = `resources: [codes.yaml, person.yaml]
configMapGenerator:
- name: rule
  options: {disableNameSuffixHash: true}
  literals:
  - expression='Dr. ' + user.name + ', PhD'
  - plain=user.name + ', PhD'
replacements:
- source: {kind: ConfigMap, name: codes, fieldPath: data.center, options: {delimiter: "-", index: 1}}
  targets: [{select: {kind: Person}, fieldPaths: [spec.there, spec.created], options: {create: true}}]
- source: {kind: ConfigMap, name: codes, fieldPath: data.none, options: {delimiter: "-", index: 1}}
  targets: [{select: {kind: Person}, fieldPaths: [spec.createdNone], options: {create: true}}]
- source: {kind: ConfigMap, name: codes, fieldPath: data.whole}
  targets: [{select: {kind: Person}, fieldPaths: [spec.createdWhole], options: {create: true}}]
`

func main() {
	files := filesys.MakeFsInMemory()
	for name, text := range map[string]string{"codes": codes, "person": person, "kustomization": kustomization} {
		if err := files.WriteFile("/look/"+name+".yaml", []byte(text)); err != nil {
			panic(err)
		}
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, "/look")
	if err != nil {
		panic(err)
	}
	for _, object := range built.Resources()[1:] {
		text, err := object.AsYAML()
		if err != nil {
			panic(err)
		}
		fmt.Print(string(text))
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
apiVersion: example.com/v1
kind: Person
metadata:
  name: jane
spec:
  created: 8
  createdNone: null
  createdWhole: 8
  there: "08"
apiVersion: v1
data:
  expression: Dr. ' + user.name + ', PhD
  plain: user.name + ', PhD'
kind: ConfigMap
metadata:
  name: rule
SEEN
echo "kustomize api v0.21.1: as stated"
