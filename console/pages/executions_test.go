package pages_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// listed notes what somebody selects executions by.
type listed struct {
	mu       sync.Mutex
	selected []string
}

func (l *listed) around(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/automationruleexecutions") {
			l.mu.Lock()
			defer l.mu.Unlock()
			selectors := strings.Split(r.URL.Query().Get("fieldSelector"), ",")
			slices.Sort(selectors) // which are in no order
			l.selected = append(l.selected, strings.Join(selectors, ","))
		}
		return next.RoundTrip(r)
	})
}

// last is what was selected since it was asked.
func (l *listed) last() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.selected = nil }()
	return l.selected
}

var _ = Describe("executions by reason", func() {
	It("are looked for among those of the result that goes with it", func(ctx SpecContext) {
		namespace, user := tenant(ctx)
		for rule, reason := range map[string]string{
			"applies": v1alpha1.ReasonApplied, "fails": v1alpha1.ReasonExpressionError, "clashes": v1alpha1.ReasonConflict, "newer": "OfANewerOperator",
		} {
			result := v1alpha1.ResultFailed
			if reason == v1alpha1.ReasonApplied {
				result = v1alpha1.ResultSucceeded
			}
			Expect(direct.Create(ctx, &v1alpha1.AutomationRuleExecution{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: rule + "-" + user.Name},
				Spec:       v1alpha1.AutomationRuleExecutionSpec{Rule: rule, Subject: v1alpha1.SubjectReference{Kind: v1alpha1.SubjectScimUser, Name: user.Name}},
				Status: v1alpha1.AutomationRuleExecutionStatus{Result: result, Conditions: []metav1.Condition{{
					Type: v1alpha1.ConditionSucceeded, Status: metav1.ConditionFalse, Reason: reason, LastTransitionTime: metav1.Now(),
				}}},
			})).To(Succeed())
		}
		requests := &listed{}
		cfg := rest.CopyConfig(env.Config)
		cfg.Wrap(requests.around)
		v := visit(cfg)
		for _, c := range []struct {
			query    string
			selected []string
			shown    []string
		}{
			{"", []string{""}, []string{"applies", "clashes", "fails", "newer"}},
			{"reason=ExpressionError", []string{"status.result=failed"}, []string{"fails"}},
			{"reason=Conflict&result=failed&rule=clashes", []string{"spec.rule=clashes,status.result=failed"}, []string{"clashes"}},
			{"reason=Applied", []string{"status.result=succeeded"}, []string{"applies"}},
			{"reason=Applied&result=failed", nil, nil},
			{"reason=ConditionNotMet", []string{"status.result=skipped"}, nil},
			{"reason=PersonMissing", nil, nil},
			{"reason=OfANewerOperator", []string{""}, []string{"newer"}},
		} {
			text := body(v.send(http.MethodGet, "/"+namespace+"/executions?"+c.query, ""))
			Expect(requests.last()).To(Equal(c.selected), c.query)
			for _, rule := range []string{"applies", "clashes", "fails", "newer"} {
				shown := strings.Contains(text, "/executions/"+url.PathEscape(rule+"-"+user.Name))
				Expect(shown).To(Equal(slices.Contains(c.shown, rule)), "%s of %q", rule, c.query)
			}
			Expect(strings.Contains(text, "No execution can have the reason")).To(Equal(c.query == "reason=PersonMissing"), c.query)
		}
	})
})
