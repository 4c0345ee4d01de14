#!/usr/bin/env bash
# Schemas that controller-gen makes of Go's number types, and what the types read. An uint8 has no bounds at all, an int16 neither, so that the
# API server stores -1 and 300, and the typed list of the kind fails. uint64 is "int64": its upper half is refused, negative numbers
# are not. An enumeration of digits for a text is one of numbers, so no text is allowed; the markers of a type that is used for the
# keys of a map are lost. None of this is reported.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
mkdir api
cat > go.mod <<'MOD'
module look
go 1.26
require (
	k8s.io/apimachinery v0.37.2
	sigs.k8s.io/controller-tools v0.23.0
)
tool sigs.k8s.io/controller-tools/cmd/controller-gen
MOD
cat > api/types.go <<'GO'
// +groupName=example.com
// +versionName=v1
package api

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// +kubebuilder:validation:MaxLength=5
type Name string

// +kubebuilder:object:root=true
type Person struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Level             uint8           `json:"level"`
	Room              int16           `json:"room"`
	Badge             uint64          `json:"badge"`
	Floor             int32           `json:"floor"`
	Titles            map[Name]string `json:"titles"`
	// +kubebuilder:validation:Enum=1;2
	Grade string `json:"grade"`
}
GO
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	"look/api"
)

func main() {
	for _, text := range []string{`{"level":-1}`, `{"level":300}`, `{"room":40000}`, `{"badge":-1}`} {
		fmt.Println(text, json.Unmarshal([]byte(text), &api.Person{}) == nil)
	}
}
GO
go mod tidy 2>/dev/null
{
  go tool controller-gen crd paths=./api output:crd:stdout >crd
  sed -n '/^          badge:/,/^          kind:/p; /^          level:/,/^          metadata:/p; /^          room:/,/^        required:/p' crd
  go run .
} | tee seen
diff seen - <<'SEEN'
          badge:
            format: int64
            type: integer
          floor:
            format: int32
            type: integer
          grade:
            enum:
            - 1
            - 2
            type: string
          kind:
          level:
            type: integer
          metadata:
          room:
            type: integer
          titles:
            additionalProperties:
              type: string
            type: object
        required:
{"level":-1} false
{"level":300} false
{"room":40000} false
{"badge":-1} false
SEEN
echo "sigs.k8s.io/controller-tools v0.23.0: as stated"
