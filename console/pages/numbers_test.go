package pages_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// numbers are those of an overview, and the users that it tells of by reason.
func (v *visitor) numbers(namespace string) map[string]string {
	GinkgoHelper()
	text := body(v.send(http.MethodGet, "/"+namespace+"/", ""))
	found := map[string]string{}
	for _, number := range regexp.MustCompile(`<strong>(\d+)</strong> <span>(\w+)</span>`).FindAllStringSubmatch(text, -1) {
		found[number[2]] = number[1]
	}
	for _, reason := range regexp.MustCompile(`/users\?reason=(\w+)">(\d+) `).FindAllStringSubmatch(text, -1) {
		found[reason[1]] = reason[2]
	}
	return found
}

var _ = Describe("the numbers of the overview", func() {
	It("follow what comes, changes and goes, in a console of now and in one that was there before", func(ctx SpecContext) {
		namespace, user := tenant(ctx)
		before := visit(env.Config)
		one := map[string]string{"user": "1", "group": "1", "persons": "0", v1alpha1.ReasonPersonMissing: "1"}
		Eventually(func() map[string]string { return before.numbers(namespace) }).Should(Equal(one))

		for i := range 3 {
			another := &v1alpha1.ScimUser{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("01a21007-a2f8-76d0-b28a-00000000000%d", i)},
				Spec:       v1alpha1.ScimUserSpec{UserName: fmt.Sprint("another", i), ProvisionedAt: user.Spec.ProvisionedAt, LastModified: user.Spec.LastModified},
			}
			Expect(direct.Create(ctx, another)).To(Succeed())
		}
		_, elsewhere := tenant(ctx)
		Expect(elsewhere.Namespace).NotTo(Equal(namespace))
		four := map[string]string{"users": "4", "group": "1", "persons": "0", v1alpha1.ReasonPersonMissing: "1", v1alpha1.ReasonPending: "3"}
		now := visit(env.Config)
		for _, console := range []*visitor{before, now} {
			Eventually(func() map[string]string { return console.numbers(namespace) }).Should(Equal(four))
		}

		user.Status.Conditions[0].Status, user.Status.Conditions[0].Reason = metav1.ConditionTrue, v1alpha1.ReasonReady
		Expect(direct.Status().Update(ctx, user)).To(Succeed())
		Expect(direct.DeleteAllOf(ctx, &v1alpha1.ScimGroup{}, client.InNamespace(namespace))).To(Succeed())
		three := map[string]string{"users": "4", "groups": "0", "persons": "0", v1alpha1.ReasonPending: "3"}
		for _, console := range []*visitor{before, now} {
			Eventually(func() map[string]string { return console.numbers(namespace) }).Should(Equal(three))
		}
	})
})

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
