#!/usr/bin/env bash
# The checks of an API server for custom resources. A list that is a set may hold 1 and 1.0: they are two values when they come, and one when they are
# read back, so that the object, sent again as it was got, is refused as a duplicate. The keys of a list that is a map likewise.
# The message for a text that is too long counts bytes; the limit counts characters (code points). Limits are compared as doubles: a
# minimum of 2^53+1 lets 2^53 in. An enum compares exactly.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require (
	k8s.io/apiextensions-apiserver v0.37.2
	k8s.io/apimachinery v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func main() {
	const set = `{"type":"array","x-kubernetes-list-type":"set","items":{"type":"integer"}}`
	const byKey = `{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"],
"items":{"type":"object","required":["k"],"properties":{"k":{"type":"integer"}}}}`
	for _, test := range []struct{ schema, value string }{
		{set, `[1,1.0]`}, {byKey, `[{"k":1},{"k":1.0}]`},
		{`{"type":"string","maxLength":4}`, `"café"`}, {`{"type":"string","maxLength":4}`, `"cafés"`},
		{`{"type":"integer","minimum":9007199254740993}`, `9007199254740992`}, {`{"type":"integer","enum":[9007199254740993]}`, `9007199254740992`},
	} {
		stored := check(test.schema, test.value)
		if stored != test.value {
			check(test.schema, stored)
		}
	}
}

// check prints what the API server has against the value of a field, and returns how it stores the value.
func check(schemaText, text string) string {
	var props v1.JSONSchemaProps
	must(json.Unmarshal([]byte(schemaText), &props))
	var internal apiextensions.JSONSchemaProps
	must(v1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&props, &internal, nil))
	validator, _, err := validation.NewSchemaValidator(&internal)
	must(err)
	structural, err := schema.NewStructural(&apiextensions.JSONSchemaProps{
		Type: "object", Properties: map[string]apiextensions.JSONSchemaProps{"spec": internal},
	})
	must(err)
	var value any
	must(kjson.Unmarshal([]byte(text), &value))
	errs := validation.ValidateCustomResource(field.NewPath("spec"), value, validator)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, structural, map[string]any{"spec": value})...)
	stored, err := json.Marshal(value)
	must(err)
	fmt.Println(text, "stored", string(stored), errs)
	return string(stored)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
[1,1.0] stored [1,1] []
[1,1] stored [1,1] [spec[1]: Duplicate value: 1]
[{"k":1},{"k":1.0}] stored [{"k":1},{"k":1}] []
[{"k":1},{"k":1}] stored [{"k":1},{"k":1}] [spec[1]: Duplicate value: {"k":1}]
"café" stored "café" []
"cafés" stored "cafés" [spec: Too long: may not be more than 4 bytes]
9007199254740992 stored 9007199254740992 []
9007199254740992 stored 9007199254740992 [spec: Unsupported value: 9007199254740992: supported values: "9007199254740993"]
SEEN
echo "k8s.io/apiextensions-apiserver v0.37.2: as stated"
