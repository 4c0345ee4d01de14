package kube

import (
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// HandlerFunc returns an informer's handler that calls change for every object that comes, changes
// or goes: old is nil for a new one, current is nil for one that is gone, of which the last known
// state is told. What is no T is not told of.
func HandlerFunc[T client.Object](change func(old, current T)) toolscache.ResourceEventHandler {
	var none T
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(added any) {
			if typed, ok := added.(T); ok {
				change(none, typed)
			}
		},
		UpdateFunc: func(from, to any) {
			old, oldOK := from.(T)
			current, currentOK := to.(T)
			if oldOK && currentOK {
				change(old, current)
			}
		},
		DeleteFunc: func(gone any) {
			if unknown, ok := gone.(toolscache.DeletedFinalStateUnknown); ok {
				gone = unknown.Obj
			}
			if typed, ok := gone.(T); ok {
				change(typed, none)
			}
		},
	}
}
