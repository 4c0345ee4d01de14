#!/usr/bin/env bash
# A reflector of client-go asks by default for a watch that begins with all objects, in the place of a list. An API server sends these in
# the order of their keys, as it does in a list, and of a list that order reaches the store. By the watch they are collected in a map
# first, so the store gets them in an order that is another one each time. What adds each object to something sorted,
# which was quick because the next one always came last, is quadratic then, and what takes the first one for the oldest is wrong.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require (
	k8s.io/api v0.37.2
	k8s.io/apimachinery v0.37.2
	k8s.io/client-go v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

const count = 1000

func object(i int) corev1.ConfigMap {
	return corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("n%04d", i), ResourceVersion: fmt.Sprint(i + 1)}}
}

// store is told of the first list.
type store struct {
	cache.Store
	names chan []string
}

func (s store) Replace(objects []any, revision string) error {
	var names []string
	for _, object := range objects {
		names = append(names, object.(*corev1.ConfigMap).Name)
	}
	s.names <- names
	return s.Store.Replace(objects, revision)
}

// first is the order in which the store of a reflector gets what the server has, in the order of names.
func first(streams bool) []string {
	lw := &cache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			list := &corev1.ConfigMapList{ListMeta: metav1.ListMeta{ResourceVersion: "1000"}}
			for i := range count {
				list.Items = append(list.Items, object(i))
			}
			return list, nil
		},
		WatchFuncWithContext: func(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
			if options.SendInitialEvents == nil {
				return watch.NewFake(), nil
			}
			if !streams {
				return nil, errors.NewInvalid(corev1.SchemeGroupVersion.WithKind("ListOptions").GroupKind(), "", nil)
			}
			events := watch.NewFakeWithChanSize(count+1, false)
			for i := range count {
				one := object(i)
				events.Add(&one)
			}
			events.Action(watch.Bookmark, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
				ResourceVersion: "1000", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"},
			}})
			return events, nil
		},
	}
	s := store{Store: cache.NewStore(cache.MetaNamespaceKeyFunc), names: make(chan []string, 1)}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	go cache.NewReflectorWithOptions(lw, &corev1.ConfigMap{}, s, cache.ReflectorOptions{}).RunWithContext(ctx)
	select {
	case names := <-s.names:
		return names
	case <-ctx.Done():
		return nil
	}
}

func main() {
	list, one, two := first(false), first(true), first(true)
	fmt.Println("by a list:", len(list), "objects, in order:", slices.IsSorted(list))
	fmt.Println("by a watch:", len(one), "objects, in order:", slices.IsSorted(one))
	fmt.Println("again:", len(two), "objects, in the same order:", slices.Equal(one, two))
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
by a list: 1000 objects, in order: true
by a watch: 1000 objects, in order: false
again: 1000 objects, in the same order: false
SEEN
echo "k8s.io/client-go v0.37.2: as stated"
