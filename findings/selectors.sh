#!/usr/bin/env bash
# kubectl's two selectors look alike and have different grammars. In --field-selector a backslash begins an escape, which the page about them does not
# tell: the user EXAMPLE\jane is an error, and so is a name with a comma or an equals sign. Blanks around = belong to the
# field's name and to the value; in -l they do not. Quotes belong to the value. In -l an empty set, which NewRequirement refuses, is the
# set of the empty value, and so is what follows the last comma.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require k8s.io/apimachinery v0.37.2
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

func main() {
	for _, text := range []string{
		`spec.userName=jane`, `spec.userName = jane`, `spec.userName="jane"`, `spec.userName=EXAMPLE\jane`, `spec.userName=EXAMPLE\\jane`,
		`spec.userName=Roe, Jane`, `spec.userName=Roe\, Jane`, `spec.userName=a=b`, `spec.userName=a\=b`,
	} {
		selector, err := fields.ParseSelector(text)
		if err != nil {
			fmt.Println("--field-selector", text, "->", err)
			continue
		}
		for _, requirement := range selector.Requirements() {
			fmt.Printf("--field-selector %s -> %q is %q\n", text, requirement.Field, requirement.Value)
		}
	}
	for _, text := range []string{`team = sales`, `team in (sales)`, `team in (sales,)`, `team in ()`} {
		selector, err := labels.Parse(text)
		if err != nil {
			panic(err)
		}
		fmt.Print("-l '", text, "' selects")
		for _, set := range []labels.Set{{"team": "sales"}, {"team": ""}, {}} {
			if selector.Matches(set) {
				fmt.Printf(" %q", set)
			}
		}
		fmt.Println()
	}
	_, err := labels.NewRequirement("team", selection.In, nil)
	fmt.Println("NewRequirement:", err)
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
--field-selector spec.userName=jane -> "spec.userName" is "jane"
--field-selector spec.userName = jane -> "spec.userName " is " jane"
--field-selector spec.userName="jane" -> "spec.userName" is "\"jane\""
--field-selector spec.userName=EXAMPLE\jane -> invalid field selector: invalid escape sequence: \j
--field-selector spec.userName=EXAMPLE\\jane -> "spec.userName" is "EXAMPLE\\jane"
--field-selector spec.userName=Roe, Jane -> invalid selector: 'spec.userName=Roe, Jane'; can't understand ' Jane'
--field-selector spec.userName=Roe\, Jane -> "spec.userName" is "Roe, Jane"
--field-selector spec.userName=a=b -> invalid field selector: unescaped character in value: 61
--field-selector spec.userName=a\=b -> "spec.userName" is "a=b"
-l 'team = sales' selects "team=sales"
-l 'team in (sales)' selects "team=sales"
-l 'team in (sales,)' selects "team=sales" "team="
-l 'team in ()' selects "team="
NewRequirement: values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty
SEEN
echo "k8s.io/apimachinery v0.37.2: as stated"
