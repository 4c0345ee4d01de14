package rules

import (
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
)

// maxDistance is the most letters by which a name may differ to be suggested.
const maxDistance = 2

// recordHint explains where the record is known.
const recordHint = "the condition and the values of set, add and remove alone can use the record"

// nameHint suggests what may have been meant by a name that CEL does not know.
func nameHint(env *cel.Env, message string) string {
	if name, ok := quoted(message, "undefined field '"); ok {
		return didYouMean(name, fieldPaths())
	}
	if name, ok := quoted(message, "undeclared reference to '"); ok {
		if name == recordVariable {
			return recordHint
		}
		if written, ok := writtenOtherwise[name]; ok {
			return written
		}
		return didYouMean(name, knownNames(env))
	}
	return ""
}

func quoted(message, prefix string) (string, bool) {
	_, rest, ok := strings.Cut(message, prefix)
	if !ok {
		return "", false
	}
	name, _, ok := strings.Cut(rest, "'")
	return name, ok
}

// fieldPaths are the fields of all types, each with the path that leads to it.
func fieldPaths() map[string]string {
	paths := map[string]string{}
	for _, s := range structs() {
		for _, f := range s.fields {
			// The first type wins: structs begins with what rules use most.
			if _, known := paths[f.name]; known {
				continue
			}
			if strings.Contains(s.path, " ") {
				paths[f.name] = f.name + " (of " + s.path + ")"
			} else {
				paths[f.name] = s.path + "." + f.name
			}
		}
	}
	return paths
}

func knownNames(env *cel.Env) map[string]string {
	names := map[string]string{}
	for name := range env.Functions() {
		if isWord(name) {
			names[name] = name + "()"
		}
	}
	for _, v := range env.Variables() {
		if isWord(v.Name()) {
			names[v.Name()] = v.Name()
		}
	}
	return names
}

func isWord(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && r != '.' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) && name[0] != '_'
}

// didYouMean finds the nearest of the candidates, of equals the first by name.
func didYouMean(name string, candidates map[string]string) string {
	nearest, best := "", maxDistance+1
	for candidate := range candidates {
		d := distance(strings.ToLower(name), strings.ToLower(candidate))
		if d < best || d == best && candidate < nearest {
			nearest, best = candidate, d
		}
	}
	if nearest == "" || 3*best > len(name) {
		return ""
	}
	return "did you mean " + candidates[nearest] + "?"
}

// distance is the number of letters to add, drop, exchange or swap with a neighbour.
func distance(a, b string) int {
	if len(a)-len(b) > maxDistance || len(b)-len(a) > maxDistance {
		return maxDistance + 1
	}
	beforePrevious := make([]int, len(b)+1)
	previous := make([]int, len(b)+1)
	current := make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			exchange := previous[j-1]
			if a[i-1] != b[j-1] {
				exchange++
			}
			current[j] = slices.Min([]int{previous[j] + 1, current[j-1] + 1, exchange})
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], beforePrevious[j-2]+1)
			}
		}
		beforePrevious, previous, current = previous, current, beforePrevious
	}
	return previous[len(b)]
}

// lookupNamed says how a function of find is called, where one is read as a field.
func lookupNamed(name string) (string, bool) {
	for _, f := range functions {
		if f.name == findVariable+"."+name && f.overloads[0].lookup {
			return "a look-up is called with what it looks for: " + f.examples[0].expression, true
		}
	}
	return "", false
}

// writtenOtherwise are names of other languages, and of CEL's macros, which CEL does
// not know by another number of arguments.
var writtenOtherwise = map[string]string{
	"lower": "letters are made small with lowerAscii()", "toLower": "letters are made small with lowerAscii()", "toLowerCase": "letters are made small with lowerAscii()",
	"upper": "letters are made capital with upperAscii()", "toUpper": "letters are made capital with upperAscii()", "toUpperCase": "letters are made capital with upperAscii()",
	"length": "the length is size()", "len": "the length is size()", "count": "the length is size(); how many fit is user.emails.filter(e, e.primary).size()",
	"isEmpty": `what is empty equals "" or []`, "empty": `what is empty equals "" or []`,
	"strip": "white space at the ends is cut off with trim()", "substr": "did you mean substring()?", "concat": "+ puts texts and lists together",
	"math": "the largest and smallest of some are [1, 2].max() and [1, 2].min()",
	"now":  "a rule gives the same at any time, so it cannot ask for the time", "regex": "the functions of regular expressions are matches(), find() and findAll(), called on a text",
	"exists": "it is written user.emails.exists(e, e.primary)", "all": "it is written user.emails.all(e, e.primary)",
	"exists_one": "it is written user.emails.exists_one(e, e.primary)", "existsOne": "it is written user.emails.exists_one(e, e.primary)",
	"filter": "it is written user.emails.filter(e, e.primary)", "map": "it is written user.emails.map(e, e.value)",
	"sortBy":        "it is written user.emails.sortBy(e, e.value)",
	"transformList": "it is written user.emails.transformList(i, e, e.value)", "transformMap": "it is written user.emails.transformMap(i, e, e.value)",
	"transformMapEntry": "it is written user.emails.transformMapEntry(i, e, {e.value: e.type})",
	"has":               "it is written has(user.title)",
}
