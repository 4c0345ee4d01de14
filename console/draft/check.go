package draft

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/keylock"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/brake"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/preview"
	"rservice.dev/scim-operator/controllers/rulecache"
	"rservice.dev/scim-operator/controllers/rules"
)

const (
	// exampleTime bounds the examples of a rule, and countTime what is counted, as in the webhook.
	exampleTime = 3 * time.Second
	countTime   = 5 * time.Second
	// turnTime is how long a check waits for the one before it of the same person, and for others' counts.
	turnTime = 10 * time.Second
	// MaxDifferences is the most subjects whose differences a check keeps.
	MaxDifferences = 20
	// counting is the key of the turn to count, which one check at a time has.
	counting = "\x00counting"
)

// ErrBusy is of a check for which others left no time.
var ErrBusy = errors.New("other checks are under way")

// Checker checks rules, one at a time for each person, and counts for one at a time. The zero value is ready.
type Checker struct{ locks keylock.Locks }

// Example is an example of a rule, and what of it does not come true.
type Example struct {
	Name       string
	Mismatches []preview.Mismatch
	// Wrong says what is wrong with the example itself.
	Wrong string
}

// True reports whether it comes true.
func (e Example) True() bool { return len(e.Mismatches) == 0 && e.Wrong == "" }

// Result is what a check has found out.
type Result struct {
	// Faults keep the rule from running, and so do Examples that do not come true.
	Faults   []Fault
	Examples []Example
	// Findings are probably mistakes.
	Findings []string
	// Same says that the change makes no difference to anybody, so that nothing was counted.
	Same bool
	// Report counts what the rule would change, nil where that was not counted; Uncounted says why.
	Report    *preview.Report
	Uncounted error
	// Counted says it in words, and Brake what the safety brake would hold of it.
	Counted, Brake []string
	// Differences are of the first subjects, and NotShown how many more there are.
	Differences []preview.Difference
	NotShown    int
	// Unmet says that the rule's condition is met for nobody.
	Unmet bool
}

// Runs reports whether nothing keeps the rule from running.
func (r *Result) Runs() bool {
	return len(r.Faults) == 0 && !slices.ContainsFunc(r.Examples, func(e Example) bool { return !e.True() })
}

// Failing is how many examples do not come true.
func (r *Result) Failing() int {
	failing := 0
	for _, e := range r.Examples {
		if !e.True() {
			failing++
		}
	}
	return failing
}

// Disables is how many Persons, or other records, would be disabled.
func (r *Result) Disables() int {
	disabled := 0
	if r.Report != nil {
		for _, count := range r.Report.Records {
			disabled += count.Disabled
		}
	}
	return disabled
}

// Change is the rule that somebody has written, and the one that it replaces, nil for none.
type Change struct {
	Text   *Text
	Stored *v1alpha1.AutomationRule
	// Reader gives what previews read of the namespace: what directory.NewWorld needs. Its error says why nothing can be counted.
	Reader func(ctx context.Context) (client.Reader, error)
}

// Check checks a change for a person. The error is ErrBusy, or that of ctx.
func (c *Checker) Check(ctx context.Context, person string, change Change) (*Result, error) {
	waiting, cancel := context.WithTimeout(ctx, turnTime)
	done, err := c.locks.Lock(waiting, person)
	cancel()
	if err != nil {
		return nil, busy(ctx)
	}
	defer done()
	result := &Result{Faults: change.Text.Faults}
	rule := change.Text.Rule
	if rule == nil || len(result.Faults) > 0 {
		return result, nil
	}
	if err := result.compile(ctx, change.Text); err != nil {
		return nil, err
	}
	if change.Stored != nil && change.Stored.Spec.Disabled && rule.Spec.Disabled {
		result.Same = true
		return result, nil
	}
	if !result.Runs() && !rule.Spec.Disabled {
		return result, nil
	}
	reader, err := change.Reader(ctx)
	if err != nil {
		result.Uncounted = err
		return result, ctx.Err()
	}
	waiting, cancel = context.WithTimeout(ctx, turnTime)
	defer cancel()
	counted, err := c.locks.Lock(waiting, counting)
	if err != nil {
		return nil, busy(ctx)
	}
	defer counted()
	result.Uncounted = result.count(ctx, reader, change.Stored, rule)
	return result, ctx.Err()
}

func busy(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return ErrBusy
}

// compile finds what is wrong with the rule by itself.
func (r *Result) compile(ctx context.Context, text *Text) error {
	problems, err := rules.Check(text.Rule)
	if err != nil {
		return err
	}
	for _, p := range problems {
		r.Faults = append(r.Faults, text.problem(p))
	}
	if len(problems) > 0 {
		return nil
	}
	compiled, err := rules.Compile(text.Rule)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, exampleTime)
	defer cancel()
	for _, example := range text.Rule.Spec.Examples {
		mismatches, err := preview.CheckExample(bounded, directory.NewObjectWorld, compiled, example)
		one := Example{Name: example.Name, Mismatches: mismatches}
		if err != nil {
			one.Wrong = err.Error()
		}
		r.Examples = append(r.Examples, one)
	}
	return ctx.Err()
}

// problem is what keeps a rule from compiling, with its place in the text.
func (t *Text) problem(p rules.Problem) Fault {
	fault := Fault{Place: p.Place, Message: p.Message, Hint: p.Hint}
	fault.Line, fault.Column = t.at(p.Path, p.Line, p.Column)
	if p.Line > 0 {
		line := strings.Split(p.Text, "\n")[p.Line-1]
		fault.Excerpt, fault.Caret = strings.ReplaceAll(line, "\t", " "), strings.Repeat(" ", max(0, p.Column-1))
	}
	return fault
}

// count says what is probably a mistake, and what the change would do.
func (r *Result) count(ctx context.Context, reader client.Reader, stored, rule *v1alpha1.AutomationRule) error {
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	list := &v1alpha1.AutomationRuleList{}
	if err := reader.List(ctx, list, client.InNamespace(rule.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	var others []*v1alpha1.AutomationRule
	for i := range list.Items {
		if list.Items[i].Name != rule.Name {
			others = append(others, &list.Items[i])
		}
	}
	after, err := rulecache.Running(ctx, rule.Spec.Subject, append(slices.Clone(others), rule))
	if err != nil {
		return err
	}
	findings, err := rules.Lint(after)
	if err != nil {
		return err
	}
	for _, finding := range findings {
		if finding.Concerns(rule.Name) {
			r.Findings = append(r.Findings, finding.String())
		}
	}
	if stored != nil && sameEffect(stored.Spec, rule.Spec) {
		r.Same = true
		return nil
	}
	if stored != nil {
		others = append(others, stored)
	}
	before, err := rulecache.Running(ctx, rule.Spec.Subject, others)
	if err != nil {
		return err
	}
	if err := r.compare(ctx, reader, rule, before, after); err != nil {
		return err
	}
	runs := slices.ContainsFunc(after, func(one *rules.Rule) bool { return one.Name() == rule.Name })
	r.Unmet = runs && r.Report.Subjects > 0 && r.Report.Reached == 0 && r.Report.Looked == r.Report.Subjects
	return nil
}

func (r *Result) compare(ctx context.Context, reader client.Reader, rule *v1alpha1.AutomationRule, before, after []*rules.Rule) error {
	outlook := &brake.Outlook{} // rules for groups touch no Person
	if rule.Spec.Subject == v1alpha1.SubjectScimUser {
		var err error
		if outlook, err = brake.NewOutlook(ctx, reader, rule.Namespace, time.Now()); err != nil {
			return err
		}
	}
	report, err := preview.Compare(ctx, directory.NewWorld(reader, rule.Namespace), preview.Comparison{
		Kind: rule.Spec.Subject, Rule: rule.Name, Before: before, After: after, Persons: outlook.Look,
		Visit: func(d preview.Difference) {
			if len(r.Differences) == MaxDifferences {
				r.NotShown++
				return
			}
			r.Differences = append(r.Differences, d)
		},
	})
	if err != nil {
		return err
	}
	r.Report, r.Counted, r.Brake = report, report.Lines("would"), outlook.Lines("would")
	return nil
}

// sameEffect reports whether two specs differ only in what no subject notices.
func sameEffect(a, b v1alpha1.AutomationRuleSpec) bool {
	a.Description, b.Description = "", ""
	a.Examples, b.Examples = nil, nil
	return equality.Semantic.DeepEqual(a, b)
}

// WhyUncounted says why there is no count, without what an error may hold.
func WhyUncounted(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "the time was not enough"
	case kube.IsUnread(err):
		return "the operator has just started and does not know the whole namespace yet; check again in a moment"
	}
	return "a look-up failed; check again"
}
