package pages

import (
	"net/http"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/listing"
	"rservice.dev/scim-operator/console/story"
	"rservice.dev/scim-operator/controllers/execution"
)

const (
	// executionsRead bounds how many executions a page looks at for one reason. The API server cannot select by it, but by the
	// result that goes with it: what failed is seldom many.
	executionsRead = 5000
	// executionsAtOnce is how many it reads at a time then.
	executionsAtOnce = 500
)

// executionsView is a page of executions, which the API server pages.
type executionsView struct {
	Namespace                     string
	Rule, Result, Reason, Subject string
	// Rules are those to choose from, none where the visitor may not see them.
	Rules []string
	// Reasons are those that executions can have. Elsewhere says that the one that was asked for is of other objects only.
	Reasons   []string
	Elsewhere bool
	Rows      []executionRow
	// First and Next are addresses of other pages. Cut says that there may be more of the reason on the next one.
	First, Next string
	Cut         bool
	Filtered    bool
	// Expired says that the page before was read too long ago for the API server to go on from there.
	Expired bool
}

type executionRow struct {
	*v1alpha1.AutomationRuleExecution
	State   pill
	Message string
	Subject string
	Record  string
}

func newExecutionRow(e *v1alpha1.AutomationRuleExecution) executionRow {
	row := executionRow{AutomationRuleExecution: e}
	if c := meta.FindStatusCondition(e.Status.Conditions, v1alpha1.ConditionSucceeded); c != nil {
		row.State, row.Message = newPill(toneOfResult(c.Status), c.Reason), c.Message
	}
	row.Subject = where(story.Subject{Kind: string(e.Spec.Subject.Kind), Namespace: e.Namespace, Name: e.Spec.Subject.Name})
	if record := e.Status.Record; record != nil {
		row.Record = where(story.Subject{Kind: string(record.Kind), Namespace: e.Namespace, Name: record.Name})
	}
	return row
}

func toneOfResult(status metav1.ConditionStatus) string {
	switch status {
	case metav1.ConditionTrue:
		return "good"
	case metav1.ConditionFalse:
		return "bad"
	}
	return "off"
}

func (s *server) executions(w http.ResponseWriter, r *http.Request, v *visit) error {
	values := r.URL.Query()
	view := &executionsView{
		Namespace: v.Namespace, Rule: values.Get("rule"), Result: values.Get("result"), Reason: values.Get("reason"), Subject: values.Get("subject"),
		Reasons: story.ExecutionReasons(),
	}
	view.Filtered = view.Rule != "" || view.Result != "" || view.Reason != "" || view.Subject != ""
	if result, possible := view.selected(); possible {
		if err := view.read(r, v, result); err != nil {
			return err
		}
	}
	reader, err := v.Caller.Reader(r.Context(), v.Namespace)
	if err != nil {
		return err
	}
	rules, err := rulesInOrder(r, v, reader)
	if err != nil && !apierrors.IsForbidden(err) {
		return err
	}
	for i := range rules {
		view.Rules = append(view.Rules, rules[i].Name)
	}
	p := s.newPage(r, v, "Executions")
	p.Section, p.Content = "executions", view
	return s.render(w, http.StatusOK, "executions", p)
}

// selected is the result by which the API server selects, "" for all, and whether an execution can have that and the reason. One
// that this version does not know may be of a newer operator.
func (e *executionsView) selected() (result string, possible bool) {
	if slices.Contains(e.Reasons, e.Reason) {
		result = string(execution.ResultOf(e.Reason))
		return result, e.Result == "" || e.Result == result
	}
	_, e.Elsewhere = story.RemedyFor(e.Reason, story.Names{})
	return e.Result, !e.Elsewhere
}

// read asks the API server for a page of a result, and for further ones while it looks for a reason.
func (e *executionsView) read(r *http.Request, v *visit, result string) error {
	limit := min(max(atoi(r.URL.Query().Get("limit")), 0), listing.MaxLimit)
	if limit == 0 {
		limit = listing.DefaultLimit
	}
	selected := fields.Set{}
	for field, value := range map[string]string{"spec.rule": e.Rule, "status.result": result, "spec.subject.name": e.Subject} {
		if value != "" {
			selected[field] = value
		}
	}
	next := r.URL.Query().Get("after")
	if next != "" {
		e.First = with(r, "after", "")
	}
	for looked := 0; ; {
		size := limit - len(e.Rows)
		if e.Reason != "" {
			size = executionsAtOnce
		}
		list := &v1alpha1.AutomationRuleExecutionList{}
		err := v.Caller.Client().List(r.Context(), list, client.InNamespace(v.Namespace), client.MatchingFieldsSelector{Selector: selected.AsSelector()},
			client.Limit(size), client.Continue(next))
		if apierrors.IsResourceExpired(err) && next != "" {
			e.Expired = true
			return nil
		}
		if err != nil {
			return err
		}
		for i := range list.Items {
			row := newExecutionRow(&list.Items[i])
			if e.Reason == "" || row.State.Text == e.Reason {
				e.Rows = append(e.Rows, row)
			}
		}
		looked += len(list.Items)
		if next = list.Continue; next == "" {
			return nil
		}
		if len(e.Rows) >= limit || looked >= executionsRead {
			e.Next, e.Cut = with(r, "after", next), e.Reason != ""
			return nil
		}
	}
}

// executionView is one execution, step by step.
type executionView struct {
	executionRow
	// Remedy is what to do where the rule has failed.
	Remedy *story.Remedy
}

func (s *server) execution(w http.ResponseWriter, r *http.Request, v *visit) error {
	execution := &v1alpha1.AutomationRuleExecution{}
	err := v.Caller.Client().Get(r.Context(), client.ObjectKey{Namespace: v.Namespace, Name: r.PathValue("name")}, execution)
	if apierrors.IsNotFound(err) {
		return &Notice{
			Status: http.StatusNotFound, Title: "There is no such execution (any more)", Text: "Executions go with their rule and with their subject.",
			Links: []Link{{Text: "Show the executions", Address: "/" + v.Namespace + "/executions"}},
		}
	}
	if err != nil {
		return err
	}
	view := &executionView{executionRow: newExecutionRow(execution)}
	if execution.Status.Result == v1alpha1.ResultFailed {
		names := story.Names{Namespace: v.Namespace, Rule: execution.Spec.Rule, Execution: execution.Name}
		if remedy, ok := story.RemedyFor(view.State.Text, names); ok {
			view.Remedy = &remedy
		}
	}
	p := s.newPage(r, v, execution.Spec.Rule+" on "+execution.Spec.Subject.Name)
	p.Section, p.Content = "executions", view
	return s.render(w, http.StatusOK, "execution", p)
}
