package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// counted is a value that counts how often it is compared.
type counted struct {
	types.Int
	times *int
}

func (c counted) Equal(other ref.Val) ref.Val {
	*c.times++
	if o, ok := other.(counted); ok {
		return c.Int.Equal(o.Int)
	}
	return types.False
}

// alike are lists that differ in their last entry alone, so that comparing two takes all of them.
func alike(lists, entries int, times *int) ref.Val {
	all := make([]ref.Val, lists)
	for i := range all {
		one := make([]ref.Val, entries)
		for j := range one {
			one[j] = counted{0, times}
		}
		one[entries-1] = counted{types.Int(i), times}
		all[i] = types.NewRefValList(types.DefaultTypeAdapter, one)
	}
	return types.NewRefValList(types.DefaultTypeAdapter, all)
}

// evaluated gives the value of an expression about customFields, and what it cost.
func evaluated(t *testing.T, expression string, fields traits.Mapper) (ref.Val, uint64) {
	t.Helper()
	env, err := userSubject.env()
	if err != nil {
		t.Fatal(err)
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		t.Fatal(issues.Err())
	}
	program, err := env.Program(ast)
	if err != nil {
		t.Fatal(err)
	}
	value, details, err := program.ContextEval(t.Context(), map[string]any{"customFields": fields})
	if err != nil {
		t.Fatal(err)
	}
	return value, *details.ActualCost()
}

// TestCostIsWhatIsWalkedThrough counts the comparisons that a call makes: they cost no less than their number, but for
// == and !=, of which ten cost one.
func TestCostIsWhatIsWalkedThrough(t *testing.T) {
	for expression, perUnit := range map[string]int{
		`customFields.list.indexOf(customFields.last)`:                     1,
		`customFields.list.lastIndexOf(customFields.first)`:                1,
		`customFields.list.includes(customFields.last)`:                    1,
		`customFields.list.distinct()`:                                     1,
		`sets.contains(customFields.list, customFields.list)`:              1,
		`sets.intersects(customFields.list, customFields.others)`:          1,
		`sets.equivalent(customFields.list, customFields.list)`:            1,
		`customFields.last in customFields.list`:                           1,
		`customFields.list == customFields.list`:                           10,
		`customFields.list != customFields.list`:                           10,
		`optional.of(customFields.list) == optional.of(customFields.list)`: 10,
		`{"a": customFields.list} == {"a": customFields.list}`:             10,
	} {
		t.Run(expression, func(t *testing.T) {
			times := 0
			list := alike(20, 40, &times).(traits.Lister)
			fields := types.NewRefValMap(types.DefaultTypeAdapter, map[ref.Val]ref.Val{
				types.String("list"): list, types.String("first"): list.Get(types.IntZero), types.String("last"): list.Get(types.Int(19)),
				types.String("others"): alike(20, 41, &times),
			})
			_, cost := evaluated(t, expression, fields)
			if times/perUnit > int(cost) {
				t.Errorf("%d comparisons cost %d", times, cost)
			}
			if least := 40; times < least && !strings.Contains(expression, "intersects") {
				t.Errorf("only %d comparisons: the test does not test", times)
			}
		})
	}
}

// TestWalksThatWouldCostTooMuchAreNotBegun has one expression make a value that is large because it holds another one
// again and again. What is refused is refused before it takes any time.
func TestWalksThatWouldCostTooMuchAreNotBegun(t *testing.T) {
	large := `[1]` + strings.Repeat(`.map(a, [a, a, a, a, a, a, a, a, a, a])`, 6) + `.map(b, `
	text := `[user.title.replace("x", "xxxxxxxxxx")].map(b, `
	for expression, want := range map[string]string{
		large + `[b].indexOf(b))[0] >= 0`:                                                              "walk through",
		large + `[b].lastIndexOf(b))[0] >= 0`:                                                          "walk through",
		large + `[b].includes(b))[0]`:                                                                  "walk through",
		large + `[b, b].distinct())[0].size() > 0`:                                                     "walk through",
		large + `[b].flatten(8))[0].size() > 0`:                                                        "walk through",
		large + `sets.contains([b], [b]))[0]`:                                                          "walk through",
		large + `sets.intersects([b], [b]))[0]`:                                                        "walk through",
		large + `sets.equivalent([b], [b]))[0]`:                                                        "walk through",
		text + `b.indexOf(b))[0] >= 0`:                                                                 "walk through",
		text + `b.indexOf(b, 1))[0] >= -1`:                                                             "walk through",
		text + `b.lastIndexOf(b))[0] >= 0`:                                                             "walk through",
		text + `b.indexOf(user.title))[0] == 0`:                                                        "",
		text + `b.charAt(10239))[0] == "x"`:                                                            "",
		`[lists.range(1000)]` + strings.Repeat(`.map(a, a + a)`, 9) + `.map(a, a.size())[0] > 0`:       "a sum of lists would have more than 500000 entries",
		`[lists.range(1000)]` + strings.Repeat(`.map(a, a + a)`, 8) + `.map(a, a.size())[0] == 256000`: "",
	} {
		t.Run(expression, func(t *testing.T) {
			rule := compiled(t, changed(withExpression("x", expression), withSet("vip", "x")))
			in := Input{User: user(userID, v1alpha1.ScimUserSpec{UserName: "jane@example.com", Title: strings.Repeat("x", MaxTextLength)})}
			outcome := plannedAtLeisure(t, []*Rule{rule}, in, &memory{persons: []*v1alpha1.Person{linkedJane(func(*v1alpha1.PersonSpec) {})}}).Outcomes[0]
			switch {
			case want != "" && (outcome.Reason != v1alpha1.ReasonExpressionError || !strings.Contains(outcome.Message, want)):
				t.Errorf("%s: %s", outcome.Reason, outcome.Message)
			case want == "" && (outcome.After == nil || !outcome.After.(*v1alpha1.Person).Spec.VIP):
				t.Errorf("%s: %s", outcome.Reason, outcome.Message)
			}
		})
	}
}

func TestWalksAreWhatTheyWere(t *testing.T) {
	for _, expression := range []string{
		`[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && [1].indexOf(3) == -1 && [[1], [2]].indexOf([2]) == 1`,
		`["a"].includes("a") && !["a"].includes("b") && "a".includes("a") && [["a"], ["b"]].includes(["b"])`,
		`[[1], [2], [1]].distinct() == [[1], [2]] && [].distinct().size() == 0`,
		`[[1], [2]].flatten() == [1, 2] && [[[1]], [[2, 3]]].flatten(2) == [1, 2, 3]`,
		`sets.contains([1, 2], [2]) && !sets.contains([1], [2]) && sets.intersects([1, 2], [2, 3]) && sets.equivalent([1, 1], [1])`,
		`"banana".indexOf("an") == 1 && "banana".indexOf("an", 2) == 3 && "banana".indexOf("") == 0 && "ä".indexOf("x") == -1`,
		`"banana".lastIndexOf("an") == 3 && "banana".lastIndexOf("an", 2) == 1 && "bär".charAt(1) == "ä" && "a".charAt(1) == ""`,
		`[1] + [2] == [1, 2] && "a" + "b" == "ab" && 1 + 2 == 3 && ([1] + []).size() == 1 && timestamp("2026-01-31T12:00:00Z") + duration("1s") != timestamp("2026-01-31T12:00:00Z")`,
	} {
		if value, _ := evaluated(t, expression, customFields(nil).(traits.Mapper)); value != types.True {
			t.Errorf("%s: %v", expression, value)
		}
	}
}

// shut is a map that is only to be asked for a key.
type shut struct {
	traits.Mapper
	t *testing.T
}

func (s shut) Iterator() traits.Iterator {
	s.t.Error("the whole map is walked through")
	return s.Mapper.Iterator()
}

func TestMapIsAskedForTheKeyAlone(t *testing.T) {
	fields := shut{types.NewStringInterfaceMap(types.DefaultTypeAdapter, map[string]any{"a": 1, "b": 2}), t}
	value, cost := evaluated(t, `"a" in customFields && !("c" in customFields)`, fields)
	if value != types.True || cost > 20 {
		t.Errorf("%v for %d", value, cost)
	}
}

// TestRefusalsAddUp has a loop go on after each refusal.
func TestRefusalsAddUp(t *testing.T) {
	large := `[1]` + strings.Repeat(`.map(a, [a, a, a, a, a, a, a, a, a, a])`, 6)
	for _, refused := range []string{`[b].includes(b)`, `b == b`, `b in [b]`} {
		rule := compiled(t, changed(withExpression("x", large+`.exists(b, lists.range(1000).exists(i, `+refused+` && i < 0))`), withSet("vip", "x")))
		outcome := plannedAtLeisure(t, []*Rule{rule}, Input{User: activeUser(userID, true)}, &memory{}).Outcomes[0]
		if outcome.Reason != v1alpha1.ReasonExpressionError || !strings.Contains(outcome.Message, "was stopped for this subject at the limit of 1000000 cost units") {
			t.Errorf("%s: %s: %s", refused, outcome.Reason, outcome.Message)
		}
	}
}

// asked is a list that counts how often it is asked for an entry.
type asked struct {
	traits.Lister
	times *int
}

func (a asked) Get(index ref.Val) ref.Val {
	*a.times++
	return a.Lister.Get(index)
}

// TestASumOfListsIsOneList: to get an entry of a sum takes no step for each list that it was made of. Copying costs what it
// takes, and nothing of that is what a loop collects.
func TestASumOfListsIsOneList(t *testing.T) {
	const entries = 1000
	times := 0
	list := asked{types.NewRefValList(types.DefaultTypeAdapter, slices.Repeat([]ref.Val{types.Int(1)}, entries)), &times}
	fields, ok := types.DefaultTypeAdapter.NativeToValue(map[string]any{"list": list}).(traits.Mapper)
	if !ok {
		t.Fatal("no map")
	}
	sum, cost := evaluated(t, `[dyn(2)] + customFields.list + customFields.list`, fields)
	if cost < 3*entries {
		t.Errorf("it costs %d, and copies %d entries", cost, 3*entries)
	}
	times = 0
	if all, ok := sum.(traits.Lister); !ok || all.Size() != types.Int(2*entries+1) || all.Get(types.Int(0)) != types.Int(2) || all.Get(types.Int(entries)) != types.Int(1) {
		t.Errorf("it is %v", sum)
	}
	if times != 0 {
		t.Errorf("the lists that it was made of were asked %d times more", times)
	}
	if _, cost := evaluated(t, `customFields.list.map(e, e)`, fields); cost > 20*entries {
		t.Errorf("a loop costs %d for %d entries", cost, entries)
	}
}
