package rulecache

import (
	"context"
	"time"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/preview"
	"rservice.dev/scim-operator/controllers/rules"
)

// exampleTime bounds the examples of a rule, which take milliseconds.
const exampleTime = 5 * time.Second

// compileRule compiles a rule and runs its examples. One whose examples do not come true
// runs no more than one that does not compile.
//
//nolint:contextcheck,nolintlint // what is compiled is kept, so no caller's deadline may decide it
func compileRule(rule *v1alpha1.AutomationRule) (*rules.Rule, error) {
	return compileRuleWithin(context.Background(), rule)
}

func compileRuleWithin(ctx context.Context, rule *v1alpha1.AutomationRule) (*rules.Rule, error) {
	compiled, err := rules.Compile(rule)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, exampleTime)
	defer cancel()
	if err := preview.CheckExamples(ctx, directory.NewObjectWorld, compiled, rule); err != nil {
		return nil, err
	}
	return compiled, nil
}

// Running are those of the rules that run for a kind of subject, in the order of
// execution: the enabled ones that compile and whose examples come true. The error is
// that of ctx, which is looked at before each.
func Running(ctx context.Context, kind v1alpha1.SubjectKind, all []*v1alpha1.AutomationRule) ([]*rules.Rule, error) {
	var running []*rules.Rule
	for _, rule := range all {
		if !isToRun(rule, kind) {
			continue
		}
		compiled, err := compileRuleWithin(ctx, rule)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil {
			running = append(running, compiled)
		}
	}
	rules.Sort(running)
	return running, nil
}

// isToRun reports whether a rule is meant to run for a kind of subject, should it compile.
func isToRun(rule *v1alpha1.AutomationRule, kind v1alpha1.SubjectKind) bool {
	return rule.Spec.Subject == kind && !rule.Spec.Disabled && rule.DeletionTimestamp.IsZero()
}
