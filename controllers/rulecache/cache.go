package rulecache

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

// Cache compiles every rule once a generation, for all controllers.
type Cache struct {
	mu      sync.Mutex
	entries map[types.NamespacedName]*cached
}

type cached struct {
	// compile is done once, without the cache's lock: only who needs this rule waits.
	compile    sync.Once
	uid        types.UID
	generation int64
	rule       *rules.Rule
	secrets    secrets
	err        error
}

// New makes an empty Cache.
func New() *Cache {
	return &Cache{entries: map[types.NamespacedName]*cached{}}
}

// Problem is why a rule does not compile, nil if it does.
func (c *Cache) Problem(rule *v1alpha1.AutomationRule) error { return c.entry(rule).err }

func (c *Cache) entry(rule *v1alpha1.AutomationRule) *cached {
	entry := c.current(rule)
	entry.compile.Do(func() {
		entry.secrets = secretsOf(&rule.Spec)
		entry.rule, entry.err = compileRule(rule)
	})
	return entry
}

// current is the entry of a rule's generation, compiled or not.
func (c *Cache) current(rule *v1alpha1.AutomationRule) *cached {
	key := client.ObjectKeyFromObject(rule)
	c.mu.Lock()
	defer c.mu.Unlock()
	entry := c.entries[key]
	if entry == nil || entry.uid != rule.UID || entry.generation != rule.Generation {
		entry = &cached{uid: rule.UID, generation: rule.Generation}
		c.entries[key] = entry
	}
	return entry
}

// Forget drops a rule that is gone.
func (c *Cache) Forget(key types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, key)
}

// Set holds the enabled rules for one kind of subject in one namespace.
type Set struct {
	// Compiled are in the order of execution.
	Compiled []*rules.Rule
	// Broken are in the order in which they would run.
	Broken []Broken
	// Sources are all of them, by name.
	Sources map[string]Source
}

// Source is a rule as it was written, with what of it is not to be told.
type Source struct {
	Rule    *v1alpha1.AutomationRule
	secrets secrets
}

// Hide returns a copy of the outcome of the rule in which no value is a secret.
func (s Source) Hide(outcome rules.Outcome) rules.Outcome { return s.secrets.hide(outcome) }

// Broken is a rule that does not compile.
type Broken struct {
	name       string
	Position   int32
	generation int64
	err        error
}

// Outcome is what the rule does for every subject: nothing, which is a failure.
func (b Broken) Outcome() rules.Outcome {
	return rules.Outcome{
		Rule: b.name, Generation: b.generation, Reason: v1alpha1.ReasonInvalidRule,
		Message: fmt.Sprintf("rule %s does not compile: %s", b.name, b.err),
	}
}

// Load returns the enabled rules for a kind of subject.
func (c *Cache) Load(ctx context.Context, reader client.Reader, namespace string, kind v1alpha1.SubjectKind) (Set, error) {
	list := &v1alpha1.AutomationRuleList{}
	if err := reader.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return Set{}, fmt.Errorf("list AutomationRules: %w", err)
	}
	set := Set{Sources: map[string]Source{}}
	for i := range list.Items {
		rule := &list.Items[i]
		if !isToRun(rule, kind) {
			continue
		}
		entry := c.entry(rule)
		set.Sources[rule.Name] = Source{Rule: rule, secrets: entry.secrets}
		if entry.err != nil {
			set.Broken = append(set.Broken, Broken{name: rule.Name, Position: positionOf(rule), generation: rule.Generation, err: entry.err})
			continue
		}
		set.Compiled = append(set.Compiled, entry.rule)
	}
	rules.Sort(set.Compiled)
	slices.SortFunc(set.Broken, func(a, b Broken) int {
		return cmp.Or(cmp.Compare(a.Position, b.Position), cmp.Compare(a.name, b.name))
	})
	return set, nil
}

func positionOf(rule *v1alpha1.AutomationRule) int32 {
	if rule.Spec.Position == nil {
		return 0
	}
	return *rule.Spec.Position
}

// Has reports whether an enabled rule has this name.
func (s Set) Has(name string) bool {
	_, ok := s.Sources[name]
	return ok
}

// Fingerprint tells one set of rules from another one, and from itself after an edit.
func (s Set) Fingerprint() string {
	var text strings.Builder
	for _, rule := range s.Compiled {
		fmt.Fprintf(&text, "%s/%s/%d ", rule.Name(), s.Sources[rule.Name()].Rule.UID, rule.Generation())
	}
	return text.String()
}

// Empty reports whether there is no enabled rule at all.
func (s Set) Empty() bool { return len(s.Compiled) == 0 && len(s.Broken) == 0 }
