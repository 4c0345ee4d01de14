package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/cel/environment"
)

// listFunctions are what the libraries have for lists, each called on list. Those that
// come with CEL itself (size, in, all, exists, filter, map) are in the language's own
// definition.
var listFunctions = []struct{ call, doc string }{
	{`list.sort()`, "in order; entries are text, numbers, true and false, times or durations"},
	{`list.sortBy(e, e)`, "in the order of what is made of each entry, such as one of its fields"},
	{`list.distinct()`, "each entry once, in the order of the list"},
	{`list.reverse()`, "from the last to the first"},
	{`list.slice(0, 1)`, "the entries from the first number up to, and without, the second; fails where the list is shorter"},
	{`list.first()`, "the first entry as an optional: `list.first().orValue(\"\")`"},
	{`list.last()`, "the last entry as an optional"},
	{`[list].flatten()`, "lists of lists as one; with a number, how many levels"},
	{`list.min()`, "the smallest entry; fails on an empty list"},
	{`list.max()`, "the largest entry; fails on an empty list"},
	{`[1, 2].sum()`, "numbers or durations added up"},
	{`list.isSorted()`, "whether the entries are in order"},
	{`list.indexOf("a")`, "where the value is first, counted from 0; -1 where it is not"},
	{`list.lastIndexOf("a")`, "where the value is last"},
	{`list.includes("a")`, "whether the value is in the list; also of a single value"},
	{`list.join(", ")`, "texts put together"},
	{`sets.contains(list, ["a"])`, "whether all of the second list are in the first; also `sets.intersects`, `sets.equivalent`"},
	{`list.transformList(i, e, e)`, "`map` with the entry's number"},
	{`list.transformMap(i, e, e)`, "a map by number"},
	{`list.transformMapEntry(i, e, {string(i): e})`, "a map by keys of your own; fails where two are equal"},
	{`lists.range(100)`, "the numbers from 0 up to it"},
}

// listsTable says since which version of Kubernetes a function is there, and what it
// is estimated to cost for the texts of all groups and of all e-mail addresses.
func listsTable(t *testing.T) string {
	t.Helper()
	text := "| Call | Gives | Since | Cost for groups | for e-mail addresses |\n|---|---|---|---|---|\n"
	for _, f := range listFunctions {
		text += fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n", f.call, f.doc, since(t, f.call),
			costOf(t, f.call, "groups.map(g, g.displayName)"), costOf(t, f.call, "user.emails.map(e, e.value)"))
	}
	return text
}

// since is the first version of Kubernetes that compiles the call.
func since(t *testing.T, call string) string {
	t.Helper()
	compiles := func(minor uint) bool {
		env, err := environment.MustBaseEnvSet(version.MajorMinor(1, minor)).NewExpressionsEnv().Extend(cel.Variable("list", listOfStrings))
		if err != nil {
			t.Fatal(err)
		}
		_, issues := env.Compile(call)
		return issues.Err() == nil
	}
	const oldest = 28 // with optionals, and long out of support
	for minor := uint(oldest); minor <= libraryVersion.Minor(); minor++ {
		switch {
		case !compiles(minor):
		case minor == oldest:
			return "ever"
		default:
			return fmt.Sprintf("1.%d", minor)
		}
	}
	t.Errorf("%s does not compile", call)
	return ""
}

// costOf is the estimate for the call beyond that for the list itself.
func costOf(t *testing.T, call, list string) string {
	t.Helper()
	estimate := func(expression string) uint64 {
		env, err := userSubject.env()
		if err != nil {
			t.Fatal(err)
		}
		ast, issues := env.Compile(expression)
		if issues.Err() != nil {
			t.Fatal(issues.Err())
		}
		cost, err := env.EstimateCost(ast, newCostEstimator())
		if err != nil {
			t.Fatal(err)
		}
		return cost.Max
	}
	if !strings.Contains(call, "list.") && !strings.Contains(call, "list]") && !strings.Contains(call, "(list,") {
		return fmt.Sprint(estimate(call))
	}
	total := estimate(strings.Replace(call, "list", list, 1))
	if strings.HasPrefix(call, "sets.") || strings.HasPrefix(call, "[list]") {
		total = estimate(strings.NewReplacer("(list,", "("+list+",", "[list]", "["+list+"]").Replace(call))
	}
	if total > MaxEstimatedCost {
		return fmt.Sprintf("**%d: too much**", total-estimate(list))
	}
	return fmt.Sprint(total - estimate(list))
}
