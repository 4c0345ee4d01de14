package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// ruleCache compiles every rule once a generation, for all controllers.
type ruleCache struct {
	mu      sync.Mutex
	entries map[types.NamespacedName]*ruleEntry
}

type ruleEntry struct {
	// compile is done once, without the cache's lock: only who needs this rule waits.
	compile    sync.Once
	uid        types.UID
	generation int64
	rule       *rules.Rule
	secrets    secrets
	err        error
}

func newRuleCache() *ruleCache {
	return &ruleCache{entries: map[types.NamespacedName]*ruleEntry{}}
}

// problem is why a rule does not compile, nil if it does.
func (c *ruleCache) problem(rule *v1alpha1.AutomationRule) error { return c.entry(rule).err }

func (c *ruleCache) entry(rule *v1alpha1.AutomationRule) *ruleEntry {
	entry := c.current(rule)
	entry.compile.Do(func() {
		entry.secrets = secretsOf(&rule.Spec)
		entry.rule, entry.err = compileRule(rule)
	})
	return entry
}

// current is the entry of a rule's generation, compiled or not.
func (c *ruleCache) current(rule *v1alpha1.AutomationRule) *ruleEntry {
	key := client.ObjectKeyFromObject(rule)
	c.mu.Lock()
	defer c.mu.Unlock()
	entry := c.entries[key]
	if entry == nil || entry.uid != rule.UID || entry.generation != rule.Generation {
		entry = &ruleEntry{uid: rule.UID, generation: rule.Generation}
		c.entries[key] = entry
	}
	return entry
}

// forget drops a rule that is gone.
func (c *ruleCache) forget(key types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, key)
}

// ruleSet holds the enabled rules for one kind of subject in one namespace.
type ruleSet struct {
	// compiled are in the order of execution.
	compiled []*rules.Rule
	// broken are in the order in which they would run.
	broken []brokenRule
	// sources are all of them, by name.
	sources map[string]ruleSource
}

// ruleSource is a rule as it was written, with what of it is not to be told.
type ruleSource struct {
	rule    *v1alpha1.AutomationRule
	secrets secrets
}

// hide returns a copy of the outcome of the rule in which no value is a secret.
func (s ruleSource) hide(outcome rules.Outcome) rules.Outcome { return s.secrets.hide(outcome) }

// brokenRule is a rule that does not compile.
type brokenRule struct {
	name       string
	position   int32
	generation int64
	err        error
}

// outcome is what the rule does for every subject: nothing, which is a failure.
func (b brokenRule) outcome() rules.Outcome {
	return rules.Outcome{
		Rule: b.name, Generation: b.generation, Reason: v1alpha1.ReasonInvalidRule,
		Message: fmt.Sprintf("rule %s does not compile: %s", b.name, b.err),
	}
}

// load returns the enabled rules for a kind of subject.
func (c *ruleCache) load(ctx context.Context, reader client.Reader, namespace string, kind v1alpha1.SubjectKind) (ruleSet, error) {
	list := &v1alpha1.AutomationRuleList{}
	if err := reader.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return ruleSet{}, fmt.Errorf("list AutomationRules: %w", err)
	}
	set := ruleSet{sources: map[string]ruleSource{}}
	for i := range list.Items {
		rule := &list.Items[i]
		if !isToRun(rule, kind) {
			continue
		}
		entry := c.entry(rule)
		set.sources[rule.Name] = ruleSource{rule: rule, secrets: entry.secrets}
		if entry.err != nil {
			set.broken = append(set.broken, brokenRule{name: rule.Name, position: positionOf(rule), generation: rule.Generation, err: entry.err})
			continue
		}
		set.compiled = append(set.compiled, entry.rule)
	}
	rules.Sort(set.compiled)
	slices.SortFunc(set.broken, func(a, b brokenRule) int {
		return cmp.Or(cmp.Compare(a.position, b.position), cmp.Compare(a.name, b.name))
	})
	return set, nil
}

func positionOf(rule *v1alpha1.AutomationRule) int32 {
	if rule.Spec.Position == nil {
		return 0
	}
	return *rule.Spec.Position
}

// has reports whether an enabled rule has this name.
func (s ruleSet) has(name string) bool {
	_, ok := s.sources[name]
	return ok
}

// fingerprint tells one set of rules from another one, and from itself after an edit.
func (s ruleSet) fingerprint() string {
	var text strings.Builder
	for _, rule := range s.compiled {
		fmt.Fprintf(&text, "%s/%s/%d ", rule.Name(), s.sources[rule.Name()].rule.UID, rule.Generation())
	}
	return text.String()
}

// empty reports whether there is no enabled rule at all.
func (s ruleSet) empty() bool { return len(s.compiled) == 0 && len(s.broken) == 0 }
