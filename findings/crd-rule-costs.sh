#!/usr/bin/env bash
# An API server refuses a CustomResourceDefinition with a rule whose estimated cost is above 10,000,000, and the remedy is known: bounds for lists
# and texts. With optional values the bounds are lost: of two rules that say the same of ten names, has() costs 55, orValue() the largest
# number there is. The same with min(), format(), charAt() (one character!) and getHost() of a URL, before anything that depends on a
# size. substring(), slice(), sort() and sortBy() of texts keep the bounds.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require (
	k8s.io/apiextensions-apiserver v0.37.2
	k8s.io/apiserver v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

const person = `{"type":"object","properties":{
"name":{"type":"string","maxLength":20},"names":{"type":"array","maxItems":10,"items":{"type":"string","maxLength":20}}}}`

func main() {
	environments := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())
	for _, rule := range []string{
		`!has(self.names) || self.names.all(n, n.startsWith("a"))`, `self.?names.orValue([]).all(n, n.startsWith("a"))`,
		`self.names.sort().all(n, n.matches("a"))`, `self.names.sortBy(n, n).all(n, n.matches("a"))`,
		`self.names.slice(0, 2).all(n, n.matches("a"))`, `self.names[0].matches("a")`, `self.names.min().matches("a")`,
		`self.name.substring(0, 1).matches("a")`, `self.name.charAt(0).matches("a")`, `"%s".format([self.name]).matches("a")`,
		`url(self.name).getHost().matches("a")`, `(self.names + self.names).all(n, n.matches("a"))`,
	} {
		var props v1.JSONSchemaProps
		must(json.Unmarshal([]byte(person), &props))
		props.XValidations = v1.ValidationRules{{Rule: rule}}
		var internal apiextensions.JSONSchemaProps
		must(v1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&props, &internal, nil))
		structural, err := schema.NewStructural(&internal)
		must(err)
		declared := model.SchemaDeclType(structural, false)
		compiled, err := cel.Compile(structural, declared, celconfig.PerCallLimit, environments, cel.NewExpressionsEnvLoader())
		must(err)
		if compiled[0].Error != nil {
			panic(compiled[0].Error)
		}
		cost := compiled[0].MaxCost
		fmt.Println(rule, "cost", cost, "refused", cost > validation.StaticEstimatedCostLimit)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
!has(self.names) || self.names.all(n, n.startsWith("a")) cost 55 refused false
self.?names.orValue([]).all(n, n.startsWith("a")) cost 18446744073709551615 refused true
self.names.sort().all(n, n.matches("a")) cost 724 refused false
self.names.sortBy(n, n).all(n, n.matches("a")) cost 877 refused false
self.names.slice(0, 2).all(n, n.matches("a")) cost 26 refused false
self.names[0].matches("a") cost 12 refused false
self.names.min().matches("a") cost 1844674407370955356 refused true
self.name.substring(0, 1).matches("a") cost 19 refused false
self.name.charAt(0).matches("a") cost 1844674407370955267 refused true
"%s".format([self.name]).matches("a") cost 1844674407370955277 refused true
url(self.name).getHost().matches("a") cost 1844674407370955275 refused true
(self.names + self.names).all(n, n.matches("a")) cost 106 refused false
SEEN
echo "k8s.io/apiextensions-apiserver v0.37.2: as stated"
