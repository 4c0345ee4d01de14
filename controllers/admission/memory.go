package admission

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// maxRemembered is the most answers that are kept, of a few kilobytes each.
	maxRemembered = 128
	// agePerSubject is how old an answer may get, for each subject that was looked at, when
	// subjects have changed since. To plan one takes 0.25 ms, so that counting the same
	// again takes at most a 400th of a processor: 17 minutes for 10,000 users.
	agePerSubject = 100 * time.Millisecond
	// minPartAge and maxPartAge bound that for an answer that there was not the time to complete:
	// the next try may have it, and each costs up to 5 seconds however few were looked at.
	minPartAge = time.Minute
	maxPartAge = 5 * time.Minute
	// maxOutdated is how old a complete answer gets at most that is given instead of a newer
	// one that is not complete.
	maxOutdated = time.Hour
)

// memory keeps what was said of changes of rules. Flux asks about every object of a folder
// at each interval, for as long as the folder is refused for whatever reason.
type memory struct {
	clock   clock.PassiveClock
	changes *changes

	mu      sync.Mutex
	answers map[question]*answer
}

// question tells changes of rules apart.
type question [sha256.Size]byte

func newMemory(clk clock.PassiveClock, c *changes) *memory {
	return &memory{clock: clk, changes: c, answers: map[question]*answer{}}
}

// ask makes the question what this change of a rule does beside the other rules of its
// namespace.
func ask(old, rule *v1alpha1.AutomationRule, others []*v1alpha1.AutomationRule) (question, error) {
	type version struct {
		Name       string `json:"name"`
		UID        string `json:"uid"`
		Generation int64  `json:"generation"`
		Gone       bool   `json:"gone"`
	}
	basis := struct {
		Namespace string                       `json:"namespace"`
		Name      string                       `json:"name"`
		Old       *v1alpha1.AutomationRuleSpec `json:"old"`
		New       v1alpha1.AutomationRuleSpec  `json:"new"`
		Others    []version                    `json:"others"`
	}{Namespace: rule.Namespace, Name: rule.Name, New: rule.Spec}
	if old != nil {
		basis.Old = &old.Spec
	}
	for _, other := range others {
		basis.Others = append(basis.Others, version{other.Name, string(other.UID), other.Generation, !other.DeletionTimestamp.IsZero()})
	}
	text, err := json.Marshal(basis)
	if err != nil {
		return question{}, fmt.Errorf("encode a rule: %w", err)
	}
	return sha256.Sum256(text), nil
}

// begin starts an answer.
func (m *memory) begin(namespace string) *answer {
	return &answer{made: m.clock.Now(), change: m.changes.of(namespace)}
}

// recall gives the answer to a question, nil where there is none that still holds, and how
// old it is: 0 where nothing has changed since that rules read.
func (m *memory) recall(asked question, namespace string) (*answer, time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.answers[asked]
	if known == nil || known.stays() && known.change == m.changes.of(namespace) {
		return known, 0
	}
	now := m.clock.Now()
	if !now.Before(known.until) {
		return nil, 0
	}
	return known, now.Sub(known.made)
}

// keep remembers an answer and returns the one to give, with its age: of two the one that is
// complete, if that is not too old. Where there are too many it forgets one.
func (m *memory) keep(asked question, given *answer) (*answer, time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock.Now()
	age := time.Duration(0)
	if known := m.answers[asked]; known != nil && known.complete() && !given.complete() && now.Sub(known.made) < maxOutdated {
		// What it has cost to try again does not have to be spent again soon.
		known.until = now.Add(given.lasts())
		given, age = known, now.Sub(known.made)
	} else {
		given.until = now.Add(given.lasts())
	}
	m.answers[asked] = given
	m.forget(asked)
	return given, age
}

// forget drops an answer if there are too many: the oldest of those that are not complete, or
// of all, but not the one just given.
func (m *memory) forget(except question) {
	if len(m.answers) <= maxRemembered {
		return
	}
	var worst question
	var found *answer
	for candidate, other := range m.answers {
		if candidate != except && (found == nil || other.worseThan(found)) {
			worst, found = candidate, other
		}
	}
	delete(m.answers, worst)
}

// changes counts, by namespace, how often something has changed that rules read.
type changes struct {
	mu     sync.Mutex
	counts map[string]uint64
}

func newChanges() *changes { return &changes{counts: map[string]uint64{}} }

func (c *changes) of(namespace string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[namespace]
}

// count counts what an informer tells of.
func (c *changes) count(old, current client.Object) {
	var namespace string
	switch {
	case old == nil:
		namespace = current.GetNamespace()
	case current == nil || isRead(old, current):
		namespace = old.GetNamespace()
	default:
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[namespace]++
}

// isRead reports whether rules can read what an update has changed: the spec, and of a
// group the status, too, where its Organization and Site are.
func isRead(old, current client.Object) bool {
	if before, ok := old.(*v1alpha1.ScimGroup); ok {
		if after, ok := current.(*v1alpha1.ScimGroup); ok && !equality.Semantic.DeepEqual(before.Status, after.Status) {
			return true
		}
	}
	return old.GetGeneration() != current.GetGeneration() || old.GetUID() != current.GetUID()
}
