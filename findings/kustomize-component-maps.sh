#!/usr/bin/env bash
# With behavior replace or merge a configMapGenerator changes a ConfigMap that a base has. Of one that a component brings it says "does
# not exist", though it is in what is built: generators run after the resources and before the components. A patch in the same
# kustomization comes after both and reaches it. The other way round it works: a component replaces what the kustomization
# that takes it in generates, and of two components the later one what the earlier one does.
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
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const (
	component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
	patch     = "patches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {by: parent}}'}]\n"
	plain     = "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {by: a}}"
)

func main() {
	create := component + generator("create", "a")
	for _, look := range []struct{ what, parent, a, b string }{
		{"the parent replaces a base's", "resources: [a]\n" + generator("replace", "parent"), generator("create", "a"), ""},
		{"the parent replaces a component's", "components: [a]\n" + generator("replace", "parent"), create, ""},
		{"the parent merges a component's", "components: [a]\n" + generator("merge", "parent"), create, ""},
		{"the parent replaces a component's resource", "components: [a]\n" + generator("replace", "parent"), component + "resources: [map.yaml]\n", ""},
		{"the parent patches a component's", "components: [a]\n" + patch, create, ""},
		{"a component replaces the parent's", "components: [a]\n" + generator("create", "parent"), component + generator("replace", "a"), ""},
		{"a component replaces an earlier component's", "components: [a, b]\n", create, component + generator("replace", "b")},
		{"a component replaces a later component's", "components: [b, a]\n", create, component + generator("replace", "b")},
	} {
		fmt.Println(look.what, "->", build(look.parent, look.a, look.b))
	}
}

func generator(behavior, by string) string {
	return "configMapGenerator: [{name: settings, behavior: " + behavior + ", literals: [by=" + by + "]}]\n"
}

// build tells what is in the ConfigMaps that are built.
func build(parent, a, b string) string {
	files := filesys.MakeFsInMemory()
	for name, text := range map[string]string{
		"kustomization.yaml": parent, "a/kustomization.yaml": a, "a/map.yaml": plain, "b/kustomization.yaml": b,
	} {
		if err := files.WriteFile("/look/"+name, []byte(text)); err != nil {
			panic(err)
		}
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, "/look")
	if err != nil {
		message := err.Error()
		return strings.TrimRight(message[strings.LastIndex(message, "does not exist"):], `"`)
	}
	var seen []string
	for _, object := range built.Resources() {
		seen = append(seen, fmt.Sprint("by ", object.GetDataMap()["by"]))
	}
	return strings.Join(seen, ", ")
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
the parent replaces a base's -> by parent
the parent replaces a component's -> does not exist; cannot merge or replace
the parent merges a component's -> does not exist; cannot merge or replace
the parent replaces a component's resource -> does not exist; cannot merge or replace
the parent patches a component's -> by parent
a component replaces the parent's -> by a
a component replaces an earlier component's -> by b
a component replaces a later component's -> does not exist; cannot merge or replace
SEEN
echo "kustomize api v0.21.1: as stated"
