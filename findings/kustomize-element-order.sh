#!/usr/bin/env bash
# An entry that a strategic merge patch adds to a list of named ones (env, ports, containers) is put before those that are there, by an
# API server and by kustomize alike. For env the order counts: $(HOST) is taken from entries above only, so an added URL that uses it
# keeps the text $(HOST). What says otherwise is $setElementOrder/env, which kubectl itself sends: the API server follows it, kustomize
# takes it without a word, puts the entry first, and leaves the directive in what it builds. Naming all entries in order works with both.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require (
	k8s.io/api v0.37.2
	k8s.io/apimachinery v0.37.2
	sigs.k8s.io/kustomize/api v0.21.1
	sigs.k8s.io/kustomize/kyaml v0.21.1
	sigs.k8s.io/yaml v1.6.0
)
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const (
	pod = `{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: i,
  env: [{name: HOST, value: scim.example.com}], ports: [{name: scim, containerPort: 8080}]}]}}`
	added = `{name: URL, value: "https://$(HOST)/scim/v2"}`
	port  = `{name: https, containerPort: 8443}`
)

func main() {
	for _, look := range []struct{ what, container string }{
		{"one more of each", `{name: c, env: [` + added + `], ports: [` + port + `]}`},
		{"one more container", `{name: d, image: j}`},
		{"all named in their order", `{name: c, env: [{name: HOST, value: scim.example.com}, ` + added + `]}`},
		{"with $setElementOrder", `{name: c, $setElementOrder/env: [{name: HOST}, {name: URL}], env: [` + added + `]}`},
	} {
		patch := `{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [` + look.container + `]}}`
		fmt.Println(look.what)
		fmt.Println("  apimachinery:", apimachinery(patch))
		fmt.Println("  kustomize:   ", kustomize(patch))
	}
}

func apimachinery(patch string) string {
	original, err := yaml.YAMLToJSON([]byte(pod))
	if err != nil {
		panic(err)
	}
	change, err := yaml.YAMLToJSON([]byte(patch))
	if err != nil {
		panic(err)
	}
	merged, err := strategicpatch.StrategicMergePatch(original, change, corev1.Pod{})
	if err != nil {
		return "error: " + err.Error()
	}
	return tell(merged)
}

func kustomize(patch string) string {
	files := filesys.MakeFsInMemory()
	for name, text := range map[string]string{"kustomization.yaml": "resources: [pod.yaml]\npatches: [{path: patch.yaml}]\n", "pod.yaml": pod, "patch.yaml": patch} {
		if err := files.WriteFile("/look/"+name, []byte(text)); err != nil {
			panic(err)
		}
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, "/look")
	if err != nil {
		return "error"
	}
	merged, err := built.Resources()[0].MarshalJSON()
	if err != nil {
		panic(err)
	}
	return tell(merged)
}

func tell(merged []byte) string {
	var p corev1.Pod
	if err := json.Unmarshal(merged, &p); err != nil {
		panic(err)
	}
	var seen []string
	for _, c := range p.Spec.Containers {
		seen = append(seen, c.Name)
		for _, e := range c.Env {
			seen = append(seen, e.Name+"="+e.Value)
		}
		for _, port := range c.Ports {
			seen = append(seen, port.Name)
		}
	}
	for directive := range strings.SplitSeq(string(merged), `"`) {
		if strings.HasPrefix(directive, "$") && strings.Contains(directive, "Order") {
			seen = append(seen, "and still "+directive)
		}
	}
	return strings.Join(seen, " ")
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
one more of each
  apimachinery: c URL=https://$(HOST)/scim/v2 HOST=scim.example.com https scim
  kustomize:    c URL=https://$(HOST)/scim/v2 HOST=scim.example.com https scim
one more container
  apimachinery: d c HOST=scim.example.com scim
  kustomize:    d c HOST=scim.example.com scim
all named in their order
  apimachinery: c HOST=scim.example.com URL=https://$(HOST)/scim/v2 scim
  kustomize:    c HOST=scim.example.com URL=https://$(HOST)/scim/v2 scim
with $setElementOrder
  apimachinery: c HOST=scim.example.com URL=https://$(HOST)/scim/v2 scim
  kustomize:    c URL=https://$(HOST)/scim/v2 HOST=scim.example.com scim and still $setElementOrder/env
SEEN
echo "apimachinery v0.37.2, kustomize api v0.21.1: as stated"
