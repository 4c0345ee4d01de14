package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// endless is a list that counts how far it is walked.
type endless struct {
	traits.Lister
	taken int
}

func (e *endless) Iterator() traits.Iterator { return endlessIterator{list: e} }

type endlessIterator struct {
	traits.Iterator
	list *endless
}

func (endlessIterator) HasNext() ref.Val { return types.True }
func (i endlessIterator) Next() ref.Val  { i.list.taken++; return types.String("abcd") }

func TestMeasuringEndsAtTheLimit(t *testing.T) {
	list := &endless{Lister: types.NewStringList(types.DefaultTypeAdapter, nil)}
	if got := sizeOf(list, 0, 1000); got <= 1000 || list.taken != 1000/(nodeSize+4) {
		t.Errorf("measured %d by %d entries", got, list.taken)
	}
}

func TestWhatAValueMeasures(t *testing.T) {
	adapt := types.DefaultTypeAdapter.NativeToValue
	for name, c := range map[string]struct {
		value ref.Val
		want  int
	}{
		"a number":       {types.Int(7), nodeSize},
		"a text":         {types.String("äb"), nodeSize + 3},
		"bytes":          {types.Bytes("abc"), nodeSize + 3},
		"none":           {types.OptionalNone, nodeSize},
		"an optional":    {types.OptionalOf(types.String("abc")), 2*nodeSize + 3},
		"a list":         {adapt([]any{"a", []any{"bc"}}), 4*nodeSize + 3},
		"a map":          {adapt(map[string]any{"key": "value"}), 3*nodeSize + 8},
		"what is set":    {userType.value(user("u", v1alpha1.ScimUserSpec{UserName: "jane", Title: "Chef"})), 3*nodeSize + 1 + 8},
		"and not unused": {managerType.value(&v1alpha1.ScimManager{Value: "m"}), 2*nodeSize + 1},
	} {
		t.Run(name, func(t *testing.T) {
			want := c.want
			if name == "what is set" {
				want += nodeSize // the id
			}
			if got := sizeOf(c.value, 0, 1<<20); got != want {
				t.Errorf("%d, want %d", got, want)
			}
		})
	}
}

// TestValuesThatGrowFromOneExpressionToTheNextStopTheRule hands lists on whose size in memory
// is small, because they hold the same list again and again.
func TestValuesThatGrowFromOneExpressionToTheNextStopTheRule(t *testing.T) {
	changes := []ruleChange{withExpression("x0", `["a"]`)}
	for i := range 5 {
		changes = append(changes, withExpression(fmt.Sprintf("x%d", i+1), "["+strings.TrimSuffix(strings.Repeat(fmt.Sprintf("x%d, ", i), 20), ", ")+"]"))
	}
	grows := compiled(t, namedRule("grows", append(changes, withSet("jobTitle", `"Chef"`))...))
	other := compiled(t, namedRule("other", withSet("location", `"Attic"`)))
	known := linkedJane(func(*v1alpha1.PersonSpec) {})
	outcomes := plannedAtLeisure(t, []*Rule{grows, other}, Input{User: activeUser(userID, true)}, &memory{persons: []*v1alpha1.Person{known}}).Outcomes
	const want = "rule grows: expression \"x5\": the values of the rule's expressions up to here are larger than the limit of 16777216 bytes for this subject; "
	if first := outcomes[0]; first.Reason != v1alpha1.ReasonExpressionError || !strings.HasPrefix(first.Message, want) || len(first.Expressions) != 5 {
		t.Errorf("%s, %d expressions: %s", first.Reason, len(first.Expressions), first.Message)
	}
	if second := outcomes[1]; second.Reason != v1alpha1.ReasonApplied {
		t.Errorf("%s: %s", second.Reason, second.Message)
	}
}

func TestValuesThatAreSetCount(t *testing.T) {
	list := "[" + strings.TrimSuffix(strings.Repeat("x, ", 50), ", ") + "]"
	rule := compiled(t, changed(withExpression("x", `groups.map(g, [g.id, g.displayName])`), withSet("customFields.a", list)))
	outcome := plannedAtLeisure(t, []*Rule{rule}, Input{User: activeUser(userID, true), Groups: manyGroups(maxGroups)}, &memory{}).Outcomes[0]
	if outcome.Reason != v1alpha1.ReasonExpressionError || !strings.HasPrefix(outcome.Message, "rule rule: set[0] customFields.a: the values") {
		t.Errorf("%s: %s", outcome.Reason, outcome.Message)
	}
}

func TestTextsThatWouldBeTooLongAreNotMade(t *testing.T) {
	const tooLongText = "a text would be longer than 1048576 bytes"
	long := strings.Repeat("x", MaxTextLength)
	for expression, stopped := range map[string]bool{
		`user.title.replace("", user.title).size() > 0`:                                                 true,
		`user.title.replace("x", user.title, 1023).size() > 0`:                                          false,
		`user.title.replace("x", user.title, -1).size() == 1024 * 1024`:                                 false,
		`user.title.replace("x", user.title + "x", -1).size() > 0`:                                      true,
		`user.title.replace("x", "").size() == 0`:                                                       false,
		`lists.range(1100).map(i, "").join(user.title).size() > 0`:                                      true,
		`lists.range(1000).map(i, "").join(user.title).size() == 999 * 1024`:                            false,
		`lists.range(1100).map(i, user.title).join("").size() > 0`:                                      true,
		`"%s".format([lists.range(1100).map(i, user.title)]).size() > 0`:                                true,
		`"%s: %s".format([user.title, user.title]).size() == 2050`:                                      false,
		`"%s".format([lists.range(100).map(i, user.title)]).size() > 100 * 1024`:                        false,
		`["a", "b"].join(", ") == "a, b" && "banana".replace("a", "o", 2) == "bonona"`:                  false,
		`"%d of %s, %.2f".format([1, "x", 2.5]) == "1 of x, 2.50" && "ab".replace("", "-").size() == 5`: false,
	} {
		t.Run(expression, func(t *testing.T) {
			rule := compiled(t, changed(withExpression("x", expression), withSet("vip", "x")))
			in := Input{User: user(userID, v1alpha1.ScimUserSpec{UserName: "jane@example.com", Title: long})}
			outcome := plannedAtLeisure(t, []*Rule{rule}, in, &memory{persons: []*v1alpha1.Person{linkedJane(func(*v1alpha1.PersonSpec) {})}}).Outcomes[0]
			switch {
			case stopped && (outcome.Reason != v1alpha1.ReasonExpressionError || !strings.Contains(outcome.Message, tooLongText)):
				t.Errorf("%s: %s", outcome.Reason, outcome.Message)
			case !stopped && (outcome.After == nil || !outcome.After.(*v1alpha1.Person).Spec.VIP):
				t.Errorf("%s: %s", outcome.Reason, outcome.Message)
			}
		})
	}
}

// TestWhatIsTooLargeIsNotCompared has one expression make a value that is a little too large.
func TestWhatIsTooLargeIsNotCompared(t *testing.T) {
	nested := `[1]` + strings.Repeat(`.map(a, [a, a, a, a, a, a, a, a, a, a])`, 6)
	for _, compared := range []string{`b == b`, `b != b`, `b in [b]`, `{"b": b} == {"b": b}`, `optional.of(b) == optional.of(b)`} {
		t.Run(compared, func(t *testing.T) {
			rule := compiled(t, changed(withExpression("x", nested+`.map(b, `+compared+`)[0]`), withSet("vip", "x")))
			outcome := planned(t, []*Rule{rule}, Input{User: activeUser(userID, true)}, &memory{}).Outcomes[0]
			if outcome.Reason != v1alpha1.ReasonExpressionError || !strings.Contains(outcome.Message, "values that are larger than 16777216 bytes are not compared") {
				t.Errorf("%s: %s", outcome.Reason, outcome.Message)
			}
		})
	}
}

func TestComparisonsAreWhatTheyWere(t *testing.T) {
	for _, expression := range []string{
		`[1, 2] == [1, 2] && [1, 2] != [2, 1] && !("a" != "a") && dyn(1) == dyn(1.0)`, `"a" in ["b", "a"] && !("c" in ["b"]) && "k" in {"k": 1}`,
		`user.title == "" && user.title in ["", "x"]`, `customFields == {} && !("x" in customFields)`, `dyn("a") != dyn(1) && user == user`,
	} {
		t.Run(expression, func(t *testing.T) {
			rule := compiled(t, changed(withExpression("x", expression), withSet("vip", "x")))
			outcome := planned(t, []*Rule{rule}, Input{User: activeUser(userID, true)}, &memory{persons: []*v1alpha1.Person{linkedJane(func(*v1alpha1.PersonSpec) {})}}).Outcomes[0]
			if outcome.After == nil || !outcome.After.(*v1alpha1.Person).Spec.VIP {
				t.Errorf("%s: %s", outcome.Reason, outcome.Message)
			}
		})
	}
}
