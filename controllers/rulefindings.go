package controllers

import (
	"context"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rulecache"
	"rservice.dev/scim-operator/controllers/rules"
	"rservice.dev/scim-operator/controllers/verdict"
)

const (
	// maxFindings is the most findings in a rule's status, maxFinding the characters of one.
	maxFindings = 12
	maxFinding  = 320
)

// eventDoubtfulRule is the reason of the Event that tells of findings.
const eventDoubtfulRule = "DoubtfulRule"

// linter remembers what is odd about the rules for a kind of subject in a namespace, for as
// long as they are the same.
type linter struct {
	mu    sync.Mutex
	known map[backlogKey]linted
}

type linted struct {
	fingerprint string
	findings    []rules.Finding
}

func newLinter() *linter { return &linter{known: map[backlogKey]linted{}} }

func (l *linter) of(key backlogKey, set rulecache.Set) ([]rules.Finding, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fingerprint := set.Fingerprint()
	if known, ok := l.known[key]; ok && known.fingerprint == fingerprint {
		return known.findings, nil
	}
	findings, err := rules.Lint(set.Compiled)
	if err != nil {
		return nil, fmt.Errorf("look for mistakes in rules: %w", err)
	}
	l.known[key] = linted{fingerprint, findings}
	return findings, nil
}

// forget drops what is known of rules of which one is gone.
func (l *linter) forget(key backlogKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, key)
}

// findings makes a rule's status tell what about it is probably a mistake, as the webhook
// does when it is applied.
func (r *ruleReconciler) findings(ctx context.Context, rule *v1alpha1.AutomationRule) error {
	rule.Status.Findings = nil
	if rule.Spec.Disabled {
		return nil
	}
	set, err := r.rules.Load(ctx, r.find.reader, rule.Namespace, rule.Spec.Subject)
	if err != nil {
		return err
	}
	all, err := r.linter.of(keyOf(rule), set)
	if err != nil {
		return err
	}
	var concerning []string
	for _, finding := range all {
		if finding.Concerns(rule.Name) {
			concerning = append(concerning, rules.Cut(finding.String(), maxFinding))
		}
	}
	if more := len(concerning) - maxFindings + 1; more > 1 {
		concerning = append(concerning[:maxFindings-1], fmt.Sprintf("and %d more", more))
	}
	rule.Status.Findings = concerning
	return nil
}

// tellFindings is called when a rule's status is written. It sends an Event where the
// findings are others than before.
func (r *ruleReconciler) tellFindings(rule, before *v1alpha1.AutomationRule) {
	findings := rule.Status.Findings
	if len(findings) == 0 || slices.Equal(findings, before.Status.Findings) {
		return
	}
	rest := ""
	if len(findings) > 1 {
		rest = " Others are in status.findings."
	}
	r.status.Event(rule, nil, corev1.EventTypeWarning, eventDoubtfulRule, "%s",
		verdict.Truncate("Probably a mistake: "+findings[0]+".", rest))
}
