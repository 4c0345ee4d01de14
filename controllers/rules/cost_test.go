package rules

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestALoopOverAllGroupsInsideAnotherDoesNotCompile(t *testing.T) {
	_, err := Compile(changed(withExpression("x", `groups.filter(g, groups.exists(o, o.externalId == g.id)).size()`)))
	var failed *CompileError
	if !errors.As(err, &failed) {
		t.Fatalf("error %v", err)
	}
	for _, part := range []string{"the expression could cost ", " times the limit of 10000000; " + cheaperLoops} {
		if !strings.Contains(failed.Message, part) {
			t.Errorf("%q is not in: %s", part, failed.Message)
		}
	}
}

// TestAnExpensiveRuleDoesNotHoldUpTheOthers has twice the groups that the API allows,
// so that the estimate is exceeded.
func TestAnExpensiveRuleDoesNotHoldUpTheOthers(t *testing.T) {
	expensive := compiled(t, namedRule("expensive", withSet("supportID", `string(groups.map(g, g.displayName.lowerAscii().replace("n", "m")).size())`)))
	cheap := compiled(t, namedRule("cheap", withSet("jobTitle", `"Chef"`)))
	known := linkedJane(func(*v1alpha1.PersonSpec) {})
	result := plannedAtLeisure(t, []*Rule{expensive, cheap}, Input{User: activeUser(userID, true), Groups: manyGroups(2 * maxGroups)}, &memory{persons: []*v1alpha1.Person{known}})

	first, second := result.Outcomes[0], result.Outcomes[1]
	if first.Reason != v1alpha1.ReasonExpressionError || !strings.Contains(first.Message, "stopped for this subject at the limit of 1000000 cost units") ||
		!strings.Contains(first.Message, cheaperLoop) {
		t.Errorf("reason %s: %s", first.Reason, first.Message)
	}
	if second.Reason != v1alpha1.ReasonApplied || second.After.(*v1alpha1.Person).Spec.JobTitle != "Chef" {
		t.Errorf("second outcome %+v", second)
	}
}

func TestManyExpensiveExpressionsOfARuleDoNotAddUp(t *testing.T) {
	var changes []ruleChange
	for i := range 20 {
		changes = append(changes, withExpression(fmt.Sprintf("x%d", i), `groups.map(g, g.displayName.lowerAscii().replace("n", "m")).size()`))
	}
	outcome := plannedAtLeisure(t, []*Rule{compiled(t, changed(changes...))}, Input{User: activeUser(userID, true), Groups: manyGroups(1000)}, &memory{}).Outcomes[0]
	if outcome.Reason != v1alpha1.ReasonExpressionError || !strings.Contains(outcome.Message, "times the limit of 2000000 for all of them; "+cheaperRule) {
		t.Errorf("reason %s: %s", outcome.Reason, outcome.Message)
	}
	if len(outcome.Expressions) == 0 || len(outcome.Expressions) == len(changes) {
		t.Errorf("stopped after %d expressions", len(outcome.Expressions))
	}
}

// slow is a Directory whose look-ups of Organizations take all the time that a rule has.
type slow struct{ *memory }

func (s slow) OrganizationByName(ctx context.Context, _ string) (*v1alpha1.Organization, error) {
	<-ctx.Done()
	return nil, nil
}

func TestARuleThatTakesTooLongIsStoppedAndTheOthersRun(t *testing.T) {
	slowly := compiled(t, namedRule("slowly", withExpression("o", `find.organization("x")`),
		withExpression("n", `groups.filter(g, g.displayName != "").size()`)))
	cheap := compiled(t, namedRule("cheap", withSet("jobTitle", `"Chef"`)))
	known := &memory{persons: []*v1alpha1.Person{linkedJane(func(*v1alpha1.PersonSpec) {})}}
	synctest.Test(t, func(t *testing.T) {
		result := planned(t, []*Rule{slowly, cheap}, Input{User: activeUser(userID, true), Groups: manyGroups(1000)}, slow{known})
		want := `rule slowly: expression "n": the rule was stopped for this subject after the 10s that it may take; ` + cheaperRule
		if first := result.Outcomes[0]; first.Reason != v1alpha1.ReasonExpressionError || first.Message != want {
			t.Errorf("reason %s: %s", first.Reason, first.Message)
		}
		if second := result.Outcomes[1]; second.Reason != v1alpha1.ReasonApplied {
			t.Errorf("second outcome %+v", second)
		}
	})
}
