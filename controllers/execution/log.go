package execution

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/digest"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/rulecache"
	"rservice.dev/scim-operator/controllers/rules"
	"rservice.dev/scim-operator/controllers/verdict"
)

const (
	// maxHistory is the most earlier runs that an execution keeps.
	maxHistory = 5
	// maxTold is the most bytes of values in an execution: a byte can take six in JSON, and
	// etcd takes 1.5 MiB.
	maxTold = 150 << 10
	// maxHistoryMessage is the most characters of an earlier run's message.
	maxHistoryMessage = 200
)

// Log keeps the AutomationRuleExecutions of one subject.
type Log struct {
	Book
	subject client.Object
	// rules are those that run, or would if they compiled.
	rules rulecache.Set
	// seen says that an earlier run has read the same generation of the subject, whether it had something to tell or not.
	seen bool
	// omit says that executions are to hold no values.
	omit bool
	// existing are the cache's own objects, by rule: digests of executions.
	existing map[string]*v1alpha1.AutomationRuleExecution
}

// Book keeps the AutomationRuleExecutions of all subjects of a kind.
type Book struct {
	Client client.Client
	// Live reads from the API server.
	Live  client.Reader
	Clock clock.PassiveClock
	Kind  v1alpha1.SubjectKind
}

// Open reads the executions of a subject, for a run of these rules.
func (b Book) Open(ctx context.Context, subject client.Object, set rulecache.Set) (*Log, error) {
	list := &v1alpha1.AutomationRuleExecutionList{}
	err := directory.List(ctx, b.Client, list, subject.GetNamespace(), directory.ExecutionBySubject, subject.GetName(), client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list AutomationRuleExecutions: %w", err)
	}
	omit, err := omitsIn(ctx, directory.Of(b.Client, subject.GetNamespace()))
	if err != nil {
		return nil, err
	}
	existing := map[string]*v1alpha1.AutomationRuleExecution{}
	for i := range list.Items {
		existing[list.Items[i].Spec.Rule] = &list.Items[i]
	}
	return &Log{Book: b, subject: subject, rules: set, seen: observed(subject) == subject.GetGeneration(), omit: omit, existing: existing}, nil
}

// Record writes what a rule did, unless the execution says so already. Values that were
// stored before and are not to be are taken out. current is
// the subject's record after the rule, nil if it has none.
func (l *Log) Record(ctx context.Context, outcome rules.Outcome, current rules.Record) error {
	known := l.existing[outcome.Rule]
	if known == nil {
		execution := l.newExecution(outcome.Rule)
		l.fill(execution, outcome, current, v1alpha1.TriggerCreated)
		return verdict.FailedTo("create execution", l.Client.Create(ctx, execution))
	}
	if !l.isNews(known, outcome, current) {
		return nil
	}
	stored, err := l.whole(ctx, known)
	if err != nil {
		return err
	}
	previous := l.owned(stored)
	if l.omit {
		previous = withoutValues(previous)
	}
	next := previous.DeepCopy()
	l.fill(next, outcome, current, l.trigger(previous, outcome))
	if !sameRun(previous, next, outcome.Remarks()) || !sameValues(previous, next) {
		next.Status.History = appendHistory(previous)
		return verdict.FailedTo("update execution", l.Client.Update(ctx, next))
	}
	if previous == stored {
		return nil
	}
	return verdict.FailedTo("give execution its owner, or leave values out of it", l.Client.Update(ctx, previous))
}

// owned returns an execution as it goes with its subject. Velero restores it without its owner, and then nobody would delete it.
func (l *Log) owned(execution *v1alpha1.AutomationRuleExecution) *v1alpha1.AutomationRuleExecution {
	isOurs := func(owner metav1.OwnerReference) bool { return owner.UID == l.subject.GetUID() }
	if slices.ContainsFunc(execution.OwnerReferences, isOurs) {
		return execution
	}
	owned := execution.DeepCopy()
	owned.OwnerReferences = append(owned.OwnerReferences, l.owner())
	return owned
}

func (l *Log) owner() metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: string(l.Kind), Name: l.subject.GetName(), UID: l.subject.GetUID(),
	}
}

// isNews reports whether what a rule did may have to be written, from what the cache keeps of its execution.
func (l *Log) isNews(known *v1alpha1.AutomationRuleExecution, outcome rules.Outcome, current rules.Record) bool {
	next := known.DeepCopy()
	l.fill(next, outcome, current, l.trigger(known, outcome))
	if !sameRun(known, next, outcome.Remarks()) {
		return true
	}
	if l.omit && holdsValues(&known.Status) {
		return true
	}
	if digest.Of(&next.Status) == known.Status.Digest {
		return false
	}
	// Of a value that was left out only that there was one is known.
	omitValues(&next.Status)
	return digest.Of(&next.Status) != known.Status.Digest
}

// whole reads an execution of which the cache has a digest. If it is not the one any more that the run has seen, that
// is a conflict.
func (l *Log) whole(ctx context.Context, known *v1alpha1.AutomationRuleExecution) (*v1alpha1.AutomationRuleExecution, error) {
	stored := &v1alpha1.AutomationRuleExecution{}
	// From the API server's memory, which is to be as new as ours.
	asNew := &client.GetOptions{Raw: &metav1.GetOptions{ResourceVersion: known.ResourceVersion}}
	err := l.Live.Get(ctx, client.ObjectKeyFromObject(known), stored, asNew)
	if err == nil && stored.ResourceVersion != known.ResourceVersion {
		err = verdict.Transient("an execution has changed")
	}
	return stored, verdict.FailedTo("read execution", err)
}

// Name is the name of the execution of a rule on a subject.
func Name(rule, subject string) string { return rule + "-" + subject }

func (l *Log) newExecution(rule string) *v1alpha1.AutomationRuleExecution {
	return &v1alpha1.AutomationRuleExecution{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       l.subject.GetNamespace(),
			Name:            Name(rule, l.subject.GetName()),
			OwnerReferences: []metav1.OwnerReference{l.owner()},
		},
		Spec: v1alpha1.AutomationRuleExecutionSpec{
			Rule: rule, Subject: v1alpha1.SubjectReference{Kind: l.Kind, Name: l.subject.GetName()},
		},
	}
}

// fill writes an outcome into an execution.
func (l *Log) fill(execution *v1alpha1.AutomationRuleExecution, outcome rules.Outcome, current rules.Record, trigger v1alpha1.Trigger) {
	now := l.Clock.Now()
	source := l.rules.Sources[outcome.Rule]
	outcome = shortened(source.Hide(outcome))
	succeeded, result := resultOf(outcome)
	delete(execution.Labels, v1alpha1.LabelResult) // of one that an operator before has written
	status := &execution.Status
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionSucceeded, Status: succeeded, Reason: outcome.Reason,
		Message: verdict.Truncate(outcome.Message), LastTransitionTime: metav1.NewTime(now),
	})
	status.Result, status.Trigger, status.Time = result, trigger, v1alpha1.NewTimestamp(now)
	status.RuleGeneration, status.SubjectGeneration = outcome.Generation, l.subject.GetGeneration()
	status.RequestID = clip(v1alpha1.RequestID(l.subject), maxRequestID)
	status.SubjectRerun = FollowedRerun(l.subject, status.SubjectRerun)
	status.RuleRerun = FollowedRerun(source.Rule, status.RuleRerun)
	status.Expressions = withValues(outcome.Expressions)
	status.Condition = conditionOf(source.Rule, outcome)
	status.Record, status.Changes = nil, nil
	if current != nil {
		status.Record = &v1alpha1.TargetReference{Kind: outcome.Kind, Name: current.GetName()}
	}
	if outcome.Reason == v1alpha1.ReasonApplied {
		status.Changes = l.told(outcome)
	}
	if l.omit {
		omitValues(status)
	}
	status.Log = nil // of one that an operator before has written
}

// shortened cuts the values of an outcome that has too many long ones. It changes the
// lists, which are those of the execution alone.
func shortened(outcome rules.Outcome) rules.Outcome {
	size := 0
	for _, e := range outcome.Expressions {
		size += len(e.Value)
	}
	for _, c := range outcome.Changes {
		size += len(c.From) + len(c.To)
	}
	if size <= maxTold {
		return outcome
	}
	for i, e := range outcome.Expressions {
		outcome.Expressions[i].Value = clip(e.Value, maxToldValue)
	}
	for i, c := range outcome.Changes {
		outcome.Changes[i].From, outcome.Changes[i].To = clip(c.From, maxToldValue), clip(c.To, maxToldValue)
	}
	return outcome
}

// ResultOf is the result of executions that have a reason.
func ResultOf(reason string) v1alpha1.ExecutionResult {
	_, result := resultOf(rules.Outcome{Reason: reason})
	return result
}

func resultOf(outcome rules.Outcome) (metav1.ConditionStatus, v1alpha1.ExecutionResult) {
	switch {
	case outcome.Failed():
		return metav1.ConditionFalse, v1alpha1.ResultFailed
	case outcome.Skipped():
		return metav1.ConditionUnknown, v1alpha1.ResultSkipped
	}
	return metav1.ConditionTrue, v1alpha1.ResultSucceeded
}

// told are the changes of a run. A record that it has created is linked to the subject, which the execution names anyway.
func (l *Log) told(outcome rules.Outcome) []v1alpha1.FieldChange {
	if !outcome.Create {
		return outcome.Changes
	}
	return slices.DeleteFunc(slices.Clone(outcome.Changes), func(c v1alpha1.FieldChange) bool {
		return c.Field == "source" && c.To == v1alpha1.SourceSCIM || c.Field == "sourceID" && c.To == l.subject.GetName()
	})
}

// withValues are the expressions that have a value: the rule names them all.
func withValues(all []v1alpha1.ExpressionResult) []v1alpha1.ExpressionResult {
	var some []v1alpha1.ExpressionResult
	for _, expression := range all {
		if expression.Value != "" {
			some = append(some, expression)
		}
	}
	return some
}

// conditionOf is what the rule's condition gave, and its text unless it was met; nil for a rule without one.
func conditionOf(rule *v1alpha1.AutomationRule, outcome rules.Outcome) *v1alpha1.ConditionResult {
	if rule.Spec.Condition == "" {
		return nil
	}
	result := metav1.ConditionUnknown
	if outcome.ConditionMet != nil {
		result = conditionStatus(*outcome.ConditionMet)
	}
	if result == metav1.ConditionTrue {
		return &v1alpha1.ConditionResult{Result: result}
	}
	return &v1alpha1.ConditionResult{Expression: clip(rule.Spec.Condition, maxToldText), Result: result}
}

func conditionStatus(met bool) metav1.ConditionStatus {
	if met {
		return metav1.ConditionTrue
	}
	return metav1.ConditionFalse
}

// trigger says why a rule has run again. The generations in an execution are those of the last run that had something
// to tell; which ones a run has read since, without a word, the statuses of the subject and of the rule tell.
func (l *Log) trigger(previous *v1alpha1.AutomationRuleExecution, outcome rules.Outcome) v1alpha1.Trigger {
	status, rule := &previous.Status, l.rules.Sources[outcome.Rule].Rule
	switch {
	case status.SubjectRerun != FollowedRerun(l.subject, status.SubjectRerun), status.RuleRerun != FollowedRerun(rule, status.RuleRerun):
		return v1alpha1.TriggerRequested
	case status.SubjectGeneration != l.subject.GetGeneration() && !l.seen:
		return v1alpha1.TriggerSubjectChanged
	case status.RuleGeneration != outcome.Generation && !hasRunOnAll(rule):
		return v1alpha1.TriggerRuleChanged
	}
	return v1alpha1.TriggerContextChanged
}

// observed is the generation of a subject that the last finished run has read.
func observed(subject client.Object) int64 {
	switch typed := subject.(type) {
	case *v1alpha1.ScimUser:
		return typed.Status.ObservedGeneration
	case *v1alpha1.ScimGroup:
		return typed.Status.ObservedGeneration
	}
	return 0
}

// hasRunOnAll reports whether all subjects are known to be processed since a rule was changed.
func hasRunOnAll(rule *v1alpha1.AutomationRule) bool {
	state := rule.Status.Reprocessing
	return rule.Status.ObservedGeneration == rule.Generation && state != nil && state.FinishedAt != nil
}

// sameRun reports whether a new run with the same values has nothing to tell: a reader of the execution would see no
// difference but of generations, which statuses tell of. A run that changed something always has, and one that was
// asked for; a run that finds what an earlier one has applied has not, unless it leaves something as it is,
// which its remarks tell, and the earlier one did not.
func sameRun(previous, next *v1alpha1.AutomationRuleExecution, remarks string) bool {
	before, after := succeededCondition(previous), succeededCondition(next)
	sameReason := before.Reason == after.Reason && before.Message == after.Message
	if after.Reason == v1alpha1.ReasonNoChange && before.Reason == v1alpha1.ReasonApplied {
		sameReason = strings.HasSuffix(before.Message, remarks)
	}
	return sameReason && after.Reason != v1alpha1.ReasonApplied && next.Status.Trigger != v1alpha1.TriggerRequested &&
		equality.Semantic.DeepEqual(previous.Status.Record, next.Status.Record)
}

// sameValues reports whether expressions and the condition of two runs are the same.
func sameValues(previous, next *v1alpha1.AutomationRuleExecution) bool {
	return sameCondition(previous.Status.Condition, next.Status.Condition) && sameExpressions(previous.Status.Expressions, next.Status.Expressions)
}

// sameCondition reports whether a condition gave the same. The text of one that was met counts for nothing: only
// operators before have stored it.
func sameCondition(before, after *v1alpha1.ConditionResult) bool {
	if before != nil && after != nil && after.Result == metav1.ConditionTrue {
		return before.Result == after.Result
	}
	return equality.Semantic.DeepEqual(before, after)
}

func succeededCondition(execution *v1alpha1.AutomationRuleExecution) metav1.Condition {
	if condition := meta.FindStatusCondition(execution.Status.Conditions, v1alpha1.ConditionSucceeded); condition != nil {
		return *condition
	}
	return metav1.Condition{}
}

// appendHistory returns the history with the run that is now the last one before.
func appendHistory(previous *v1alpha1.AutomationRuleExecution) []v1alpha1.ExecutionRun {
	condition := succeededCondition(previous)
	if condition.Reason == "" {
		return previous.Status.History
	}
	history := []v1alpha1.ExecutionRun{{
		Time: previous.Status.Time, Trigger: previous.Status.Trigger, Reason: condition.Reason,
		Message: clip(condition.Message, maxHistoryMessage),
	}}
	history = append(history, previous.Status.History...)
	return history[:min(len(history), maxHistory)]
}

// Prune removes the executions of rules that are gone or disabled.
func (l *Log) Prune(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(l.existing)) {
		if l.rules.Has(name) {
			continue
		}
		if err := l.Client.Delete(ctx, l.existing[name].DeepCopy()); client.IgnoreNotFound(err) != nil {
			return verdict.FailedTo("delete execution of a rule that is gone", err)
		}
	}
	return nil
}

// Failed reports whether the rule failed when it last ran.
func Failed(execution *v1alpha1.AutomationRuleExecution) bool {
	return execution.Status.Result == v1alpha1.ResultFailed
}

// Changed reports whether the rule changed the record when it last ran.
func Changed(execution *v1alpha1.AutomationRuleExecution) bool {
	return Reason(execution) == v1alpha1.ReasonApplied
}

// Reason is why the last run ended as it did, "" before the first one.
func Reason(execution *v1alpha1.AutomationRuleExecution) string {
	return succeededCondition(execution).Reason
}
