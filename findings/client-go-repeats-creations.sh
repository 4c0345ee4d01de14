#!/usr/bin/env bash
# A create that client-go sends twice: after any 5xx with Retry-After (an API server whose database gives up answers so, after it may
# have stored the object) and after a 429 it repeats by itself, a POST like a GET. The second try meets what the first one stored, and the
# caller gets "already exists" about its own object. The same holds for PUT and its own conflict, DELETE and its own "not found".
# Neither the error nor anything else tells that there were two.
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
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

var configMaps = schema.GroupResource{Resource: "configmaps"}

// server stores what it is sent; the first answer to each method says that its database gave up, as it may after that.
type server struct {
	stored  bool
	version int
	seen    []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.seen = append(s.seen, r.Method)
	answer := func(err *apierrors.StatusError) {
		err.ErrStatus.Kind, err.ErrStatus.APIVersion = "Status", "v1"
		w.WriteHeader(int(err.ErrStatus.Code))
		_ = json.NewEncoder(w).Encode(err.ErrStatus)
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Method == http.MethodPost && s.stored:
		answer(apierrors.NewAlreadyExists(configMaps, "own"))
		return
	case r.Method == http.MethodPut && s.version == 2:
		answer(apierrors.NewConflict(configMaps, "own", fmt.Errorf("it was changed")))
		return
	case r.Method == http.MethodDelete && !s.stored:
		answer(apierrors.NewNotFound(configMaps, "own"))
		return
	}
	s.stored, s.version = r.Method != http.MethodDelete, s.version+1
	w.Header().Set("Retry-After", "0")
	answer(apierrors.NewServerTimeout(configMaps, r.Method, 0))
}

func main() {
	s := &server{}
	web := httptest.NewServer(s)
	defer web.Close()
	client := kubernetes.NewForConfigOrDie(&rest.Config{Host: web.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}})
	own := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "own", ResourceVersion: ""}}
	ctx := context.Background()
	tell := func(what string, err error) {
		fmt.Printf("%s: %v; sent %v\n", what, err, s.seen)
		s.seen = nil
	}
	_, err := client.CoreV1().ConfigMaps("default").Create(ctx, own, metav1.CreateOptions{})
	tell("create", err)
	_, err = client.CoreV1().ConfigMaps("default").Update(ctx, own, metav1.UpdateOptions{})
	tell("update", err)
	tell("delete", client.CoreV1().ConfigMaps("default").Delete(ctx, "own", metav1.DeleteOptions{}))
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
create: configmaps "own" already exists; sent [POST POST]
update: Operation cannot be fulfilled on configmaps "own": it was changed; sent [PUT PUT]
delete: configmaps "own" not found; sent [DELETE DELETE]
SEEN
echo "k8s.io/client-go v0.37.2: as stated"
