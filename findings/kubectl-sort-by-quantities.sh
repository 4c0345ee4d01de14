#!/usr/bin/env bash
# kubectl get --sort-by compares two texts as amounts of a resource when both can be read so, and else as texts. Rooms "5k", "1Ki" and "250m"
# of custom resources are 5000, 1024 and a quarter. As soon as one text is no amount there is no order any more: 9 comes before 10, 10 before 1a
# and 1a before 9, and what is printed depends on the order in which the server gave the objects. No message.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require (
	k8s.io/apimachinery v0.37.2
	k8s.io/kubectl v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubectl/pkg/cmd/get"
)

func main() {
	for _, rooms := range [][]string{
		{"5k", "250m", "1", "1Ki", "300"}, {"10", "9", "8"}, {"10", "9", "1a"}, {"9", "1a", "10"}, {"1a", "10", "9"},
	} {
		var objects []runtime.Object
		for _, room := range rooms {
			spec := map[string]any{"room": room}
			objects = append(objects, &unstructured.Unstructured{Object: map[string]any{"kind": "Person", "apiVersion": "example.com/v1", "spec": spec}})
		}
		if _, err := get.SortObjects(unstructured.UnstructuredJSONScheme, objects, ".spec.room"); err != nil {
			panic(err)
		}
		fmt.Print(rooms, " sorted")
		for _, object := range objects {
			room, _, err := unstructured.NestedString(object.(*unstructured.Unstructured).Object, "spec", "room")
			if err != nil {
				panic(err)
			}
			fmt.Print(" ", room)
		}
		fmt.Println()
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
[5k 250m 1 1Ki 300] sorted 250m 1 300 1Ki 5k
[10 9 8] sorted 8 9 10
[10 9 1a] sorted 9 10 1a
[9 1a 10] sorted 1a 9 10
[1a 10 9] sorted 10 1a 9
SEEN
echo "k8s.io/kubectl v0.37.2: as stated"
