package pages

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/draft"
	"rservice.dev/scim-operator/console/story"
)

// ruleView is one rule.
type ruleView struct {
	ruleRow
	MayRerun bool
	Base     string
	Problems []problemView
	// Failing leads to the executions that failed.
	Failing string
	// Source is the rule as YAML, without what the API server adds.
	Source string
	// Owner keeps the rule somewhere else, nil where it may be changed here.
	Owner *draft.Owner
	// Managers are who writes the rule.
	Managers []string
}

func (s *server) rules(w http.ResponseWriter, r *http.Request, v *visit) error {
	reader, err := v.Caller.Reader(r.Context(), v.Namespace)
	if err != nil {
		return err
	}
	rules, err := rulesInOrder(r, v, reader)
	if err != nil {
		return err
	}
	p := s.newPage(r, v, "Automation rules")
	p.Section, p.Live = "rules", liveAt(v.Namespace, "rules")
	mayCreate, err := v.may(r, "create", "automationrules", "")
	if err != nil {
		return err
	}
	p.Content = struct {
		Namespace string
		Rules     []ruleRow
		MayCreate bool
	}{v.Namespace, rules, mayCreate}
	return s.render(w, http.StatusOK, "rules", p)
}

func (s *server) rule(w http.ResponseWriter, r *http.Request, v *visit) error {
	rule := &v1alpha1.AutomationRule{}
	if err := v.Caller.Client().Get(r.Context(), client.ObjectKey{Namespace: v.Namespace, Name: r.PathValue("name")}, rule); err != nil {
		return err
	}
	view := &ruleView{ruleRow: newRuleRow(rule), Base: address(v.Namespace, "rules", rule.Name)}
	view.Failing = "/" + v.Namespace + "/executions?rule=" + url.QueryEscape(rule.Name) + "&result=failed"
	for _, condition := range rule.Status.Conditions {
		if isWrong(condition) {
			view.Problems = append(view.Problems, newProblemView(condition, story.Names{Namespace: v.Namespace, Rule: rule.Name}))
		}
	}
	var err error
	if view.Source, err = draft.Source(rule); err != nil {
		return err
	}
	view.Managers, view.Owner = managersOf(rule), draft.OwnerOf(rule)
	if view.MayRerun, err = v.may(r, "patch", "automationrules", rule.Name); err != nil {
		return err
	}
	p := s.newPage(r, v, rule.Name)
	p.Section, p.Content, p.Live, p.Done = "rules", view, liveAt(v.Namespace, "rules"), doneText(r)
	return s.render(w, http.StatusOK, "rule", p)
}

// ruleRow is a rule in a list.
type ruleRow struct {
	*v1alpha1.AutomationRule
	State    pill
	Message  string
	Position int32
	// Running is how far it is with all subjects, unset when it is done.
	Running *v1alpha1.Reprocessing
}

// rulesInOrder are the rules as they run: those of groups, then those of users, by position.
func rulesInOrder(r *http.Request, v *visit, reader client.Reader) ([]ruleRow, error) {
	list := &v1alpha1.AutomationRuleList{}
	if err := reader.List(r.Context(), list, client.InNamespace(v.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	rows := make([]ruleRow, len(list.Items))
	for i := range list.Items {
		rows[i] = newRuleRow(&list.Items[i])
	}
	slices.SortFunc(rows, func(a, b ruleRow) int {
		return cmp.Or(cmp.Compare(a.Spec.Subject, b.Spec.Subject), cmp.Compare(a.Position, b.Position), cmp.Compare(a.Name, b.Name))
	})
	return rows, nil
}

func newRuleRow(rule *v1alpha1.AutomationRule) ruleRow {
	row := ruleRow{AutomationRule: rule, State: newPill("good", "Ready")}
	if rule.Spec.Position != nil {
		row.Position = *rule.Spec.Position
	}
	if progress := rule.Status.Reprocessing; progress != nil && progress.FinishedAt == nil {
		row.Running = progress
	}
	ready := meta.FindStatusCondition(rule.Status.Conditions, v1alpha1.ConditionReady)
	healthy := meta.FindStatusCondition(rule.Status.Conditions, v1alpha1.ConditionSubjectsHealthy)
	switch {
	case rule.Spec.Disabled:
		row.State = newPill("off", "Disabled")
	case ready == nil:
		row.State = newPill("busy", v1alpha1.ReasonPending)
	case ready.Status != metav1.ConditionTrue:
		row.State, row.Message = newPill(toneOf(ready.Reason), ready.Reason), ready.Message
	case healthy != nil && healthy.Status == metav1.ConditionFalse:
		row.State, row.Message = newPill("warn", healthy.Reason), healthy.Message
	}
	return row
}
