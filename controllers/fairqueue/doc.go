// Package fairqueue is the controllers' queue: namespaces share the workers, and within one what the client pushed goes
// before what another object's change causes, which is served all the same while the client pushes without end.
//
// It stands in for controller-runtime's priority queue, which knows one order for everybody: by priority, then by arrival.
// There a namespace with 100,000 items keeps every other one waiting for all of them, and one with slow items keeps all
// workers. What else that queue promises holds here, too: an item is in the queue once, at the highest priority and the
// earliest time that was asked for, and never with two workers at once.
package fairqueue
