package scim

import (
	"net/http"
	"slices"
)

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
		o.eachReference(func(bulkID string) {
			if j, ok := posts[bulkID]; ok {
				out[i] = append(out[i], j)
			}
		})
		slices.Sort(out[i])
	}
	return out
}
