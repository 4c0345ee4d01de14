#!/usr/bin/env bash
# The CEL of Kubernetes' AuthenticationConfiguration declares claims as a map to 'any', which is not 'dyn': a list among the claims of a
# token, such as groups, has no filter(), map() or exists(), an error when the API server reads its configuration. A list one level
# deeper, such as Keycloak's roles, has them all. What makes another type of the same list helps: dyn(), slice(), an empty
# list added to it; orValue([]) does not. What names no variable for an entry, such as 'in', works in any case.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require (
	github.com/google/cel-go v0.29.2
	k8s.io/apiserver v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apiserver/pkg/authentication/cel"
)

const token = `{"groups":["scim-admins","all"],"realm_access":{"roles":["scim-viewer","offline_access"]}}`

func main() {
	var read map[string]any
	if err := json.Unmarshal([]byte(token), &read); err != nil {
		panic(err)
	}
	claims := types.DefaultTypeAdapter.NativeToValue(read).(traits.Mapper)
	compiler := cel.NewDefaultCompiler()
	for _, expression := range []string{
		`claims.groups`,
		`claims.groups.filter(g, g.startsWith("scim-"))`,
		`claims.groups.map(g, "idp:" + g)`,
		`claims.groups.exists(g, g == "all") ? ["all"] : []`,
		`claims.?groups.orValue([]).filter(g, g.startsWith("scim-"))`,
		`claims.realm_access.roles.filter(r, r.startsWith("scim-"))`,
		`claims.?realm_access.?roles.orValue([]).filter(r, r.startsWith("scim-"))`,
		`dyn(claims.groups).filter(g, g.startsWith("scim-"))`,
		`(claims.groups + []).filter(g, g.startsWith("scim-"))`,
		`claims.groups.slice(0, 2).filter(g, g.startsWith("scim-"))`,
		`"all" in claims.groups ? ["all"] : []`,
	} {
		compiled, err := compiler.CompileClaimsExpression(&cel.ClaimMappingExpression{Expression: expression})
		if err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			_, message, _ := strings.Cut(first, "<input>:")
			fmt.Println(expression, "->", message)
			continue
		}
		result, err := cel.NewClaimsMapper([]cel.CompilationResult{compiled}).EvalClaimMapping(context.Background(), claims)
		if err != nil {
			panic(err)
		}
		fmt.Println(expression, "->", types.Format(result.EvalResult))
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
claims.groups -> ["scim-admins", "all"]
claims.groups.filter(g, g.startsWith("scim-")) -> 1:7: expression of type 'any' cannot be range of a comprehension (must be list, map, or dynamic)
claims.groups.map(g, "idp:" + g) -> 1:7: expression of type 'any' cannot be range of a comprehension (must be list, map, or dynamic)
claims.groups.exists(g, g == "all") ? ["all"] : [] -> 1:7: expression of type 'any' cannot be range of a comprehension (must be list, map, or dynamic)
claims.?groups.orValue([]).filter(g, g.startsWith("scim-")) -> 1:23: expression of type 'any' cannot be range of a comprehension (must be list, map, or dynamic)
claims.realm_access.roles.filter(r, r.startsWith("scim-")) -> ["scim-viewer"]
claims.?realm_access.?roles.orValue([]).filter(r, r.startsWith("scim-")) -> ["scim-viewer"]
dyn(claims.groups).filter(g, g.startsWith("scim-")) -> ["scim-admins"]
(claims.groups + []).filter(g, g.startsWith("scim-")) -> ["scim-admins"]
claims.groups.slice(0, 2).filter(g, g.startsWith("scim-")) -> ["scim-admins"]
"all" in claims.groups ? ["all"] : [] -> ["all"]
SEEN
echo "k8s.io/apiserver v0.37.2: as stated"
