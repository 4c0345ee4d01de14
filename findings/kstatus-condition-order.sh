#!/usr/bin/env bash
# kstatus, by which Flux and kpt tell whether an object is ready, takes the first of Reconciling and Stalled that is True in the order
# of the list: the same two conditions are InProgress or Failed. The observedGeneration of a condition, which metav1.Condition has for this
# purpose, is not looked at: Ready of the last generation is Current. That of the status is, and a larger one, as after a restore
# with status, is InProgress until it is written again. Ready False alone never fails, Failed True is nothing at all.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require (
	k8s.io/apimachinery v0.37.2
	sigs.k8s.io/cli-utils v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func main() {
	for _, text := range []string{
		`{"conditions":[{"type":"Reconciling","status":"True"},{"type":"Stalled","status":"True"}]}`,
		`{"conditions":[{"type":"Stalled","status":"True"},{"type":"Reconciling","status":"True"}]}`,
		`{"conditions":[{"type":"Ready","status":"True","observedGeneration":1}]}`,
		`{"conditions":[{"type":"Stalled","status":"True","observedGeneration":1}]}`,
		`{"observedGeneration":3,"conditions":[{"type":"Ready","status":"True"}]}`,
		`{"conditions":[{"type":"Ready","status":"False","reason":"Invalid"}]}`,
		`{"conditions":[{"type":"Failed","status":"True"}]}`,
	} {
		object := &unstructured.Unstructured{}
		whole := `{"apiVersion":"example.com/v1","kind":"Rule","metadata":{"name":"a","generation":2},"status":` + text + `}`
		if err := object.UnmarshalJSON([]byte(whole)); err != nil {
			panic(err)
		}
		result, err := status.Compute(object)
		if err != nil {
			panic(err)
		}
		fmt.Println(text, result.Status)
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
{"conditions":[{"type":"Reconciling","status":"True"},{"type":"Stalled","status":"True"}]} InProgress
{"conditions":[{"type":"Stalled","status":"True"},{"type":"Reconciling","status":"True"}]} Failed
{"conditions":[{"type":"Ready","status":"True","observedGeneration":1}]} Current
{"conditions":[{"type":"Stalled","status":"True","observedGeneration":1}]} Failed
{"observedGeneration":3,"conditions":[{"type":"Ready","status":"True"}]} InProgress
{"conditions":[{"type":"Ready","status":"False","reason":"Invalid"}]} InProgress
{"conditions":[{"type":"Failed","status":"True"}]} Current
SEEN
echo "sigs.k8s.io/cli-utils v0.37.2 (kstatus): as stated"
