#!/usr/bin/env bash
# A client of controller-runtime that reads its own writes learns what its cache has seen from events alone. An informer whose watch ends,
# as when the API server is away, and whose revision is forgotten meanwhile, lists anew, and of what was made and deleted
# before that there are no events. The store of the informer is at the newest revision then, but all lists of the kind wait for an event
# of that revision or of that deletion, until something else of the kind happens, or their context ends: one without a
# deadline waits for ever, and a quiet kind needs a restart.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require (
	k8s.io/api v0.37.2
	k8s.io/apimachinery v0.37.2
	k8s.io/client-go v0.37.2
	sigs.k8s.io/controller-runtime v0.25.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// The server has one ConfigMap for a moment, made at revision 2 and deleted at revision 3.
var (
	outage = make(chan struct{}) // closed when the first watch ends
	over   = make(chan struct{}) // closed when lists are answered again
	listed = make(chan struct{}, 2)
)

func serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodPost:
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "one", "namespace": "default", "uid": "u", "resourceVersion": "2"}}`)
	case r.Method == http.MethodDelete:
		fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Success", "details": {"name": "one", "uid": "u"}}`)
	case query.Get("watch") == "":
		revision := "1"
		select {
		case <-outage:
			<-over
			revision = "3"
		default:
		}
		fmt.Fprintf(w, `{"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"resourceVersion": %q}, "items": []}`, revision)
		listed <- struct{}{}
	case query.Get("resourceVersion") == "3": // nothing more happens
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	default:
		select {
		case <-outage: // the revision is forgotten
			w.WriteHeader(http.StatusGone)
			fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired"}`)
		default:
			w.(http.Flusher).Flush()
			<-outage
		}
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	logf.SetLogger(logr.Discard())
	server := httptest.NewServer(http.HandlerFunc(serve))
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	cfg := &rest.Config{Host: server.URL}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{corev1.SchemeGroupVersion})
	mapper.Add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), meta.RESTScopeNamespace)
	informers, err := cache.New(cfg, cache.Options{Scheme: scheme.Scheme, Mapper: mapper})
	must(err)
	yes := true
	c, err := client.New(cfg, client.Options{Scheme: scheme.Scheme, Mapper: mapper, Cache: &client.CacheOptions{
		Reader: informers, EnableReadYourWritesConsistency: &yes,
	}})
	must(err)
	go func() { must(informers.Start(ctx)) }()
	list := func() error {
		short, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return c.List(short, &corev1.ConfigMapList{})
	}
	must(list())
	<-listed
	fmt.Println("a list before: done")

	close(outage)
	one := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "one", Namespace: "default"}}
	must(c.Create(ctx, one))
	must(c.Delete(ctx, one))
	close(over)
	<-listed
	informer, err := informers.GetInformer(ctx, one)
	must(err)
	store := informer.(interface{ LastSyncResourceVersion() string })
	for store.LastSyncResourceVersion() != "3" {
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Println("the informer has listed anew, its revision:", store.LastSyncResourceVersion())
	fmt.Println("a list after that ends with its context, after 10 s:", errors.Is(list(), context.DeadlineExceeded))
}
GO
# Lists, in the place of watches that begin with all objects.
KUBE_FEATURE_WatchListClient=false go run -mod=mod . 2>err | tee seen || { cat err; exit 1; }
diff seen - <<'SEEN'
a list before: done
the informer has listed anew, its revision: 3
a list after that ends with its context, after 10 s: true
SEEN
echo "sigs.k8s.io/controller-runtime v0.25.2: as stated"
