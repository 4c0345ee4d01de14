package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/brake"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/preview"
	"rservice.dev/scim-operator/controllers/rulecache"
	"rservice.dev/scim-operator/controllers/rules"
)

const (
	// checkTime bounds the examples of a rule.
	checkTime = 3 * time.Second
	// warningTime bounds what is only warned of: a rule is never refused because there
	// was no time to count. The API server waits for entryTime, checkTime and this, and 1 second more.
	warningTime = 5 * time.Second
	// maxWarnings and maxWarning (characters) keep the whole below what the API server
	// passes on.
	maxWarnings = 12
	maxWarning  = 320
)

// validator checks AutomationRules.
type validator struct {
	// rules lists the AutomationRules of a namespace, which may not be changed, world gives
	// the namespace as they see it, and outlook its safety brake.
	rules   func(ctx context.Context, namespace string) ([]*v1alpha1.AutomationRule, error)
	world   func(namespace string) preview.World
	outlook func(ctx context.Context, namespace string) (*brake.Outlook, error)
	// watched are the namespaces that the operator works in, none for all.
	watched []string
	// turns lets one request at a time compile all rules of a namespace and count consequences,
	// which keeps a processor busy.
	turns  *turns
	memory *memory
}

// newValidator makes a validator that reads what the controllers read.
func newValidator(cache client.Reader, watched []string, memory *memory) *validator {
	return &validator{
		rules: func(ctx context.Context, namespace string) ([]*v1alpha1.AutomationRule, error) {
			return listRules(ctx, cache, namespace)
		},
		world: func(namespace string) preview.World { return directory.NewWorld(cache, namespace) },
		outlook: func(ctx context.Context, namespace string) (*brake.Outlook, error) {
			return brake.NewOutlook(ctx, cache, namespace, memory.clock.Now())
		},
		watched: watched,
		turns:   newTurns(),
		memory:  memory,
	}
}

func listRules(ctx context.Context, cache client.Reader, namespace string) ([]*v1alpha1.AutomationRule, error) {
	list := &v1alpha1.AutomationRuleList{}
	if err := cache.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list AutomationRules: %w", err)
	}
	var all []*v1alpha1.AutomationRule
	for i := range list.Items {
		all = append(all, &list.Items[i])
	}
	return all, nil
}

// ValidateCreate implements admission.Validator.
func (v *validator) ValidateCreate(ctx context.Context, rule *v1alpha1.AutomationRule) (admission.Warnings, error) {
	return v.validate(ctx, nil, rule)
}

// ValidateUpdate implements admission.Validator. An update that leaves the spec as it is,
// such as one of metadata, passes whatever the spec is.
func (v *validator) ValidateUpdate(ctx context.Context, old, rule *v1alpha1.AutomationRule) (admission.Warnings, error) {
	if !rule.DeletionTimestamp.IsZero() || equality.Semantic.DeepEqual(old.Spec, rule.Spec) {
		return nil, nil
	}
	return v.validate(ctx, old, rule)
}

// ValidateDelete implements admission.Validator.
func (v *validator) ValidateDelete(context.Context, *v1alpha1.AutomationRule) (admission.Warnings, error) {
	return nil, nil
}

// validate refuses a rule that would not run. One that is switched off would not run
// anyway, so that a broken rule can be switched off.
func (v *validator) validate(ctx context.Context, old, rule *v1alpha1.AutomationRule) (admission.Warnings, error) {
	if rule.Name == "" {
		rule.Name = rule.GenerateName
	}
	failed, err := check(ctx, rule)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	if len(failed) > 0 && !rule.Spec.Disabled {
		return nil, refuse(old != nil, rule.Name, failed)
	}
	var warnings []string
	for _, f := range failed {
		warnings = append(warnings, f.Error())
	}
	if len(v.watched) > 0 && !slices.Contains(v.watched, rule.Namespace) {
		return cut(warnings), nil
	}
	ctx, cancel := context.WithTimeout(ctx, warningTime)
	defer cancel()
	consequences, err := v.warn(ctx, old, rule)
	if err != nil {
		logf.FromContext(ctx).Error(err, "Cannot say what the rule would change", "rule", rule.Name)
		warnings = append(warnings, "what the rule would change cannot be said now: "+reasonOf(err))
	}
	return cut(append(warnings, consequences...)), nil
}

// check finds what is wrong with the rule by itself.
func check(ctx context.Context, rule *v1alpha1.AutomationRule) (field.ErrorList, error) {
	problems, err := rules.Check(rule)
	if err != nil {
		return nil, err
	}
	var failed field.ErrorList
	for _, p := range problems {
		failed = append(failed, field.Invalid(field.NewPath(p.Path), p.Excerpt(), p.Error()))
	}
	if len(failed) > 0 || len(rule.Spec.Examples) == 0 {
		return failed, nil
	}
	compiled, err := rules.Compile(rule)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	for i, example := range rule.Spec.Examples {
		path := field.NewPath("spec", "examples").Index(i)
		mismatches, err := preview.CheckExample(ctx, directory.NewObjectWorld, compiled, example)
		if err != nil {
			failed = append(failed, field.Invalid(path, example.Name, err.Error()))
		}
		for _, mismatch := range mismatches {
			failed = append(failed, field.Invalid(path, example.Name, mismatch.String()))
		}
	}
	return failed, nil
}

// warn says what is probably a mistake, and what the rule would change. It says it again
// where it was asked the same before.
func (v *validator) warn(ctx context.Context, old, rule *v1alpha1.AutomationRule) ([]string, error) {
	others, err := v.others(ctx, rule)
	if err != nil {
		return nil, err
	}
	asked, err := ask(old, rule, others)
	if err != nil {
		return nil, err
	}
	if known, age := v.memory.recall(asked, rule.Namespace); known != nil {
		return known.lines(verb(ctx), age), nil
	}
	done, err := v.turns.take(ctx, rule.Namespace)
	if err != nil {
		return nil, err
	}
	defer done()
	// Who had the turn may have been asked the same.
	if known, age := v.memory.recall(asked, rule.Namespace); known != nil {
		return known.lines(verb(ctx), age), nil
	}
	given, err := v.answer(ctx, old, rule, others)
	if err != nil {
		return given.lines(verb(ctx), 0), err
	}
	best, age := v.memory.keep(asked, given)
	return best.lines(verb(ctx), age), nil
}

// others are the other rules of the namespace, by name.
func (v *validator) others(ctx context.Context, rule *v1alpha1.AutomationRule) ([]*v1alpha1.AutomationRule, error) {
	all, err := v.rules(ctx, rule.Namespace)
	if err != nil {
		return nil, err
	}
	others := slices.DeleteFunc(all, func(other *v1alpha1.AutomationRule) bool { return other.Name == rule.Name })
	slices.SortFunc(others, func(a, b *v1alpha1.AutomationRule) int { return strings.Compare(a.Name, b.Name) })
	return others, nil
}

// answer finds out what there is to say. With an error it holds what was found until
// then.
func (v *validator) answer(ctx context.Context, old, rule *v1alpha1.AutomationRule, others []*v1alpha1.AutomationRule) (*answer, error) {
	given := v.memory.begin(rule.Namespace)
	after, err := rulecache.Running(ctx, rule.Spec.Subject, append(slices.Clone(others), rule))
	if err != nil {
		return given, err
	}
	given.runs = slices.ContainsFunc(after, func(r *rules.Rule) bool { return r.Name() == rule.Name })
	findings, err := rules.Lint(after)
	if err != nil {
		return given, err
	}
	for _, finding := range findings {
		if finding.Concerns(rule.Name) {
			given.findings = append(given.findings, finding.String())
		}
	}
	if old != nil && sameEffect(old.Spec, rule.Spec) {
		return given, nil
	}
	if old != nil {
		others = append(slices.Clone(others), old)
	}
	before, err := rulecache.Running(ctx, rule.Spec.Subject, others)
	if err != nil {
		return given, err
	}
	outlook := &brake.Outlook{} // rules for groups touch no Person
	if rule.Spec.Subject == v1alpha1.SubjectScimUser {
		if outlook, err = v.outlook(ctx, rule.Namespace); err != nil {
			return given, err
		}
	}
	report, err := preview.Compare(ctx, v.world(rule.Namespace),
		preview.Comparison{Kind: rule.Spec.Subject, Rule: rule.Name, Before: before, After: after, Persons: outlook.Look})
	if err != nil {
		return given, err
	}
	plannedSubjects.Add(float64(report.Looked))
	given.report, given.outlook = report, outlook
	return given, nil
}

// verb is how to speak of what a request changes.
func verb(ctx context.Context) string {
	if request, err := admission.RequestFromContext(ctx); err == nil && request.DryRun != nil && *request.DryRun {
		return "would"
	}
	return "will"
}

// sameEffect reports whether two specs differ only in what no subject notices.
func sameEffect(a, b v1alpha1.AutomationRuleSpec) bool {
	a.Description, b.Description = "", ""
	a.Examples, b.Examples = nil, nil
	return equality.Semantic.DeepEqual(a, b)
}

// reasonOf says why something could not be found out, without what an error may hold.
func reasonOf(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "the time was not enough"
	}
	if kube.IsUnread(err) {
		return "the operator has just started and does not know the whole namespace yet; ask again in a moment"
	}
	return "a look-up failed; the operator's log has the error"
}

func cut(warnings []string) admission.Warnings {
	if len(warnings) > maxWarnings {
		more := len(warnings) - maxWarnings + 1
		warnings = append(warnings[:maxWarnings-1], fmt.Sprintf("and %d more warnings", more))
	}
	for i, warning := range warnings {
		warnings[i] = rules.Cut(warning, maxWarning)
	}
	return warnings
}
