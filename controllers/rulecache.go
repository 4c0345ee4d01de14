package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// ruleCache compiles every rule once a generation, for all controllers.
type ruleCache struct {
	mu      sync.Mutex
	entries map[types.NamespacedName]ruleEntry
}

type ruleEntry struct {
	uid        types.UID
	generation int64
	rule       *rules.Rule
	err        error
}

func newRuleCache() *ruleCache {
	return &ruleCache{entries: map[types.NamespacedName]ruleEntry{}}
}

// compile returns the compiled rule, or why it does not compile.
func (c *ruleCache) compile(rule *v1alpha1.AutomationRule) (*rules.Rule, error) {
	key := client.ObjectKeyFromObject(rule)
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.entries[key]
	if !ok || entry.uid != rule.UID || entry.generation != rule.Generation {
		entry = ruleEntry{uid: rule.UID, generation: rule.Generation}
		entry.rule, entry.err = rules.Compile(rule)
		c.entries[key] = entry
	}
	return entry.rule, entry.err
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
}

// brokenRule is a rule that does not compile.
type brokenRule struct {
	name     string
	position int32
	err      error
}

// load returns the enabled rules for a kind of subject.
func (c *ruleCache) load(ctx context.Context, reader client.Reader, namespace string, kind v1alpha1.SubjectKind) (ruleSet, error) {
	list := &v1alpha1.AutomationRuleList{}
	if err := reader.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return ruleSet{}, fmt.Errorf("list AutomationRules: %w", err)
	}
	var set ruleSet
	for i := range list.Items {
		rule := &list.Items[i]
		if rule.Spec.Subject != kind || rule.Spec.Disabled || !rule.DeletionTimestamp.IsZero() {
			continue
		}
		compiled, err := c.compile(rule)
		if err != nil {
			set.broken = append(set.broken, brokenRule{name: rule.Name, position: positionOf(rule), err: err})
			continue
		}
		set.compiled = append(set.compiled, compiled)
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
	return slices.ContainsFunc(s.compiled, func(r *rules.Rule) bool { return r.Name() == name }) ||
		slices.ContainsFunc(s.broken, func(r brokenRule) bool { return r.name == name })
}

// empty reports whether there is no enabled rule at all.
func (s ruleSet) empty() bool { return len(s.compiled) == 0 && len(s.broken) == 0 }
