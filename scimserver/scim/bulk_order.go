package scim

import (
	"net/http"
	"slices"
	"strings"
)

// bulkReference returns the bulkId that a string refers to.
func bulkReference(s string) (bulkID string, ok bool) {
	return strings.CutPrefix(s, bulkIDPrefix)
}

// eachReference calls f with the bulkId of every reference in a value.
func eachReference(v any, f func(bulkID string)) {
	switch v := v.(type) {
	case string:
		if bulkID, ok := bulkReference(v); ok {
			f(bulkID)
		}
	case []any:
		for _, element := range v {
			eachReference(element, f)
		}
	case map[string]any:
		for _, member := range v {
			eachReference(member, f)
		}
	}
}

// withIDs returns a copy of a value with ids in the place of references to them, and
// whether ids has them all.
func withIDs(v any, ids map[string]string) (any, bool) {
	switch v := v.(type) {
	case string:
		if bulkID, ok := bulkReference(v); ok {
			id, known := ids[bulkID]
			return id, known
		}
	case []any:
		out, known := make([]any, len(v)), true
		for i := range v {
			element, ok := withIDs(v[i], ids)
			out[i], known = element, known && ok
		}
		return out, known
	case map[string]any:
		out, known := make(map[string]any, len(v)), true
		for name := range v {
			member, ok := withIDs(v[name], ids)
			out[name], known = member, known && ok
		}
		return out, known
	}
	return v, true
}

// splitReferences divides a resource in two: later has the attributes with a reference
// to one of the bulkIds, of an array only those values, and now has the rest.
func splitReferences(resource map[string]any, bulkIDs map[string]bool) (now, later map[string]any) {
	now, later = map[string]any{}, map[string]any{}
	for name, v := range resource {
		list, ok := v.([]any)
		if !ok {
			if refersTo(v, bulkIDs) {
				later[name] = v
			} else {
				now[name] = v
			}
			continue
		}
		var keep, move []any
		for _, element := range list {
			if refersTo(element, bulkIDs) {
				move = append(move, element)
			} else {
				keep = append(keep, element)
			}
		}
		if now[name] = keep; move != nil {
			later[name] = move
		}
	}
	return now, later
}

func refersTo(v any, bulkIDs map[string]bool) bool {
	found := false
	eachReference(v, func(bulkID string) { found = found || bulkIDs[bulkID] })
	return found
}

// bulkOrder finds the order of operations by their references: Tarjan's strongly
// connected components, which come out with those first that others refer to.
type bulkOrder struct {
	uses       [][]int
	index, low []int
	onStack    []bool
	stack      []int
	next       int
	components [][]int
}

// order returns the indices of the operations in the order in which to carry
// them out. That is the client's, but a POST comes before what refers to it. Those
// that refer to each other in a circle are one component; all others are alone.
func (b *BulkRequest) order() [][]int {
	n := len(b.Operations)
	o := &bulkOrder{uses: b.uses(), index: make([]int, n), low: make([]int, n), onStack: make([]bool, n)}
	for i := range n {
		if o.index[i] == 0 {
			o.visit(i)
		}
	}
	return o.components
}

func (o *bulkOrder) visit(i int) {
	o.next++
	o.index[i], o.low[i] = o.next, o.next
	o.stack, o.onStack[i] = append(o.stack, i), true
	for _, j := range o.uses[i] {
		if o.index[j] == 0 {
			o.visit(j)
			o.low[i] = min(o.low[i], o.low[j])
		} else if o.onStack[j] {
			o.low[i] = min(o.low[i], o.index[j])
		}
	}
	if o.low[i] != o.index[i] {
		return
	}
	start := slices.Index(o.stack, i)
	component := slices.Clone(o.stack[start:])
	o.stack = o.stack[:start]
	for _, j := range component {
		o.onStack[j] = false
	}
	slices.Sort(component)
	o.components = append(o.components, component)
}

// uses returns, for every operation, the POSTs that it refers to.
func (b *BulkRequest) uses() [][]int {
	posts := map[string]int{}
	for i := range b.Operations {
		if o := &b.Operations[i]; o.Method == http.MethodPost {
			posts[o.BulkID] = i
		}
	}
	out := make([][]int, len(b.Operations))
	for i := range b.Operations {
		o := &b.Operations[i]
		if o.problem != nil {
			continue
		}
		use := func(bulkID string) {
			if j, ok := posts[bulkID]; ok {
				out[i] = append(out[i], j)
			}
		}
		eachReference(o.id, use)
		eachReference(o.data, use)
		slices.Sort(out[i])
	}
	return out
}
