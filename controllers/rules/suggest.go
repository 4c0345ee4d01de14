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

// hint suggests what may have been meant by a name that CEL does not know.
func hint(env *cel.Env, message string) string {
	if name, ok := quoted(message, "undefined field '"); ok {
		return didYouMean(name, fieldPaths())
	}
	if name, ok := quoted(message, "undeclared reference to '"); ok {
		if name == recordVariable {
			return recordHint
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
	if nearest == "" || best >= len(name) {
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
