#!/usr/bin/env bash
# The apply of Flux with force is documented for changes of immutable fields. Any answer 422 counts as one: an object in Git with a value that
# the schema refuses makes Flux delete the object in the cluster, then the new one is refused again, and nothing is left. The error that
# is reported is the one of the schema. So does an error of any other kind, if its text says that something "is immutable", as a
# webhook may about another object; an error without these words leaves the object alone.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require (
	github.com/fluxcd/pkg/ssa v0.76.2
	k8s.io/apimachinery v0.37.2
	k8s.io/client-go v0.37.2
	sigs.k8s.io/controller-runtime v0.25.2
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

	"github.com/fluxcd/pkg/ssa"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const rule = `{"apiVersion":"example.com/v1","kind":"Rule","metadata":{"name":"mapping","namespace":"default"}}`

func main() {
	for _, refusal := range []metav1.Status{
		{Code: http.StatusUnprocessableEntity, Reason: metav1.StatusReasonInvalid, Message: `spec.kind: Unsupported value: "Usr"`},
		{Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden, Message: `webhook: the quota of the tenant is immutable today`},
		{Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden, Message: `webhook: the quota of the tenant is used up`},
		{Code: http.StatusBadRequest, Reason: metav1.StatusReasonBadRequest, Message: `strict decoding error: unknown field "spec.kin"`},
	} {
		fmt.Println(refusal.Code, refusal.Message, "-> left in the cluster:", try(refusal))
	}
}

// try applies a rule that the API server refuses, with force, and tells whether the one that was there still is.
func try(refusal metav1.Status) bool {
	stored := true
	refusal.TypeMeta, refusal.Status = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, metav1.StatusFailure
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method == http.MethodPatch:
			w.WriteHeader(int(refusal.Code))
			must(json.NewEncoder(w).Encode(refusal))
		case stored:
			stored = r.Method != http.MethodDelete
			fmt.Fprint(w, rule)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`)
		}
	}))
	defer server.Close()
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Rule"}, meta.RESTScopeNamespace)
	cluster, err := client.New(&rest.Config{Host: server.URL}, client.Options{Mapper: mapper})
	must(err)
	object := &unstructured.Unstructured{}
	must(object.UnmarshalJSON([]byte(rule)))
	options := ssa.DefaultApplyOptions()
	options.Force = true
	_, err = ssa.NewResourceManager(cluster, nil, ssa.Owner{Field: "flux", Group: "example.com"}).Apply(context.Background(), object, options)
	if err == nil {
		panic("applied")
	}
	return stored
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
422 spec.kind: Unsupported value: "Usr" -> left in the cluster: false
403 webhook: the quota of the tenant is immutable today -> left in the cluster: false
403 webhook: the quota of the tenant is used up -> left in the cluster: true
400 strict decoding error: unknown field "spec.kin" -> left in the cluster: true
SEEN
echo "github.com/fluxcd/pkg/ssa v0.76.2: as stated"
