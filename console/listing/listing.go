// Package listing makes sorted, filtered pages of what a cache holds of a namespace, without copying an object and without sorting
// more than a page.
package listing

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/access"
)

// Limits of a page's length.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

// AnyReason as a Query's Reason finds all that is not as it should be.
const AnyReason = "any"

// Query says which page. The zero value is the first page of all, in the kind's own order.
type Query struct {
	// Sort is the name of a column; one that the kind does not have stands for its own order. Desc turns it around.
	Sort string
	Desc bool
	// Text is looked for in names, addresses and ids, whatever the case of its letters.
	Text string
	// Reason is that of the condition Ready of what is not Ready, or AnyReason.
	Reason string
	// Active keeps those that are in use, or those that are not. Nil: both.
	Active *bool
	// Names keeps those of these names. Nil: all.
	Names map[string]bool
	// After and Before are the row that the page follows, or precedes. Nil: the page is the first one.
	After, Before *Cursor
	// Limit is the most rows of the page. 0: DefaultLimit.
	Limit int
}

// Cursor is a place in an order. It holds also when its row is gone; a row that moves past it between two pages is on both, or on
// none.
type Cursor struct {
	Number int64  `json:"k,omitempty"`
	Text   string `json:"t,omitempty"`
	Name   string `json:"n"`
}

// Page is a part of a list.
type Page[P any] struct {
	// Rows are what the reader holds: read only.
	Rows []P
	// First and Last are the places of the first and the last row.
	First, Last Cursor
	// Earlier is how many rows that match come before this page, Matched how many there are, Total how many objects the namespace has.
	Earlier, Matched, Total int
	// Reasons are those of objects that match but for Query.Reason, and are not Ready, the most frequent first.
	Reasons []Count
}

// Next reports whether there are rows after the page.
func (p Page[P]) Next() bool { return p.Earlier+len(p.Rows) < p.Matched }

// Count is how many have a reason.
type Count struct {
	Reason string
	Count  int
	// Passing says that it goes away by itself: nobody has looked at it yet, or a write is tried again.
	Passing bool
}

// kind is what is to be known of a kind of objects.
type kind[P client.Object] struct {
	// columns are the keys by which can be sorted. The empty name is that of the kind's own order. Equal keys are in the order of
	// names.
	columns map[string]func(P) Cursor
	// search reports whether found says so of one of the texts that are searched.
	search     func(object P, found func(string) bool) bool
	conditions func(P) []metav1.Condition
	active     func(P) bool
}

// list reads a page. It asks whether the caller may list the kind, if reader is a Guard.
func list[T, L any, P interface {
	*T
	client.Object
}, PL interface {
	*L
	client.ObjectList
}](ctx context.Context, reader client.Reader, namespace string, k kind[P], q Query) (Page[P], error) {
	reader, err := access.Unguarded(ctx, reader, P(new(T)))
	if err != nil {
		return Page[P]{}, err
	}
	s := newSelection(k, q)
	err = kube.Walk[T, L, P, PL](ctx, reader, namespace, func(object P) bool {
		s.see(object)
		return true
	})
	return s.page(), err
}

// selection picks a page's rows out of objects that are seen in no order.
type selection[P client.Object] struct {
	kind    kind[P]
	query   Query
	key     func(P) Cursor
	text    string
	found   func(string) bool
	limit   int
	reasons map[string]int
	before  int // how many that match come before the cursor, or are at it
	matched int
	total   int
	// best is a heap with the worst one at its root.
	best []candidate[P]
}

type candidate[P any] struct {
	key    Cursor
	object P
}

func newSelection[P client.Object](k kind[P], q Query) *selection[P] {
	s := &selection[P]{kind: k, query: q, key: k.columns[q.Sort], text: fold.String(q.Text), reasons: map[string]int{}}
	if s.key == nil {
		s.key = k.columns[""]
	}
	s.found = func(text string) bool { return contains(text, s.text) }
	s.limit = min(cmp.Or(max(q.Limit, 0), DefaultLimit), MaxLimit)
	return s
}

func (s *selection[P]) see(object P) {
	s.total++
	if !s.matches(object) {
		return
	}
	reason := NotReady(s.kind.conditions(object))
	if reason != "" {
		s.reasons[reason]++
	}
	if s.query.Reason != "" && s.query.Reason != reason && (s.query.Reason != AnyReason || reason == "" || passing(reason)) {
		return
	}
	s.matched++
	one := candidate[P]{key: s.key(object), object: object}
	one.key.Name = object.GetName()
	switch {
	case s.query.After != nil:
		if s.order(one.key, *s.query.After) <= 0 {
			s.before++
			return
		}
	case s.query.Before != nil:
		if s.order(one.key, *s.query.Before) >= 0 {
			return
		}
		s.before++
	}
	s.offer(one)
}

func (s *selection[P]) matches(object P) bool {
	if s.query.Names != nil && !s.query.Names[object.GetName()] {
		return false
	}
	if s.query.Active != nil && s.kind.active(object) != *s.query.Active {
		return false
	}
	return s.text == "" || strings.Contains(object.GetName(), s.text) || s.kind.search(object, s.found)
}

// contains reports whether a text has a folded part in it. It allocates nothing where both are ASCII.
func contains(text, part string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return strings.Contains(fold.String(text), part)
		}
	}
	for i := 0; i+len(part) <= len(text); i++ {
		same := 0
		for same < len(part) && lower(text[i+same]) == part[same] {
			same++
		}
		if same == len(part) {
			return true
		}
	}
	return false
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// order is that of the list.
func (s *selection[P]) order(a, b Cursor) int {
	order := cmp.Compare(a.Number, b.Number)
	if order == 0 {
		order = strings.Compare(a.Text, b.Text)
	}
	if order == 0 {
		order = strings.Compare(a.Name, b.Name)
	}
	if s.query.Desc {
		return -order
	}
	return order
}

// worse reports whether a is farther from where the page begins than b: from its end, for a page before a cursor.
func (s *selection[P]) worse(a, b candidate[P]) bool {
	if s.query.Before != nil && s.query.After == nil {
		return s.order(a.key, b.key) < 0
	}
	return s.order(a.key, b.key) > 0
}

// offer keeps a candidate if it is among the best so far.
func (s *selection[P]) offer(one candidate[P]) {
	if len(s.best) < s.limit {
		s.best = append(s.best, one)
		for i := len(s.best) - 1; i > 0; {
			parent := (i - 1) / 2
			if !s.worse(s.best[i], s.best[parent]) {
				return
			}
			s.best[i], s.best[parent] = s.best[parent], s.best[i]
			i = parent
		}
		return
	}
	if !s.worse(s.best[0], one) {
		return
	}
	s.best[0] = one
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(s.best) {
			return
		}
		if child+1 < len(s.best) && s.worse(s.best[child+1], s.best[child]) {
			child++
		}
		if !s.worse(s.best[child], s.best[i]) {
			return
		}
		s.best[i], s.best[child] = s.best[child], s.best[i]
		i = child
	}
}

func (s *selection[P]) page() Page[P] {
	slices.SortFunc(s.best, func(a, b candidate[P]) int { return s.order(a.key, b.key) })
	p := Page[P]{Matched: s.matched, Total: s.total, Earlier: s.before}
	if s.query.Before != nil && s.query.After == nil {
		p.Earlier -= len(s.best)
	}
	for _, one := range s.best {
		p.Rows = append(p.Rows, one.object)
	}
	if len(s.best) > 0 {
		p.First, p.Last = s.best[0].key, s.best[len(s.best)-1].key
	}
	p.Reasons = sortedCounts(s.reasons)
	return p
}

// sortedCounts are the reasons that some have, the most frequent first.
func sortedCounts(reasons map[string]int) []Count {
	var counts []Count
	for reason, n := range reasons {
		if n > 0 {
			counts = append(counts, Count{Reason: reason, Count: n, Passing: passing(reason)})
		}
	}
	slices.SortFunc(counts, func(a, b Count) int { return cmp.Or(-cmp.Compare(a.Count, b.Count), cmp.Compare(a.Reason, b.Reason)) })
	return counts
}

// passing reports whether a reason goes away without anybody's doing, as the counts of a ScimEndpoint take it.
func passing(reason string) bool {
	return reason == v1alpha1.ReasonPending || reason == v1alpha1.ReasonRetrying
}

// NotReady is the reason why something is not Ready, "" if it is, or if it has no such condition, as Persons with which nothing has
// been wrong.
func NotReady(conditions []metav1.Condition) string {
	for i := range conditions {
		if c := &conditions[i]; c.Type == v1alpha1.ConditionReady && c.Status != metav1.ConditionTrue {
			return c.Reason
		}
	}
	return ""
}
