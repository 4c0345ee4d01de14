#!/usr/bin/env bash
# RBAC has */scale, which is scale of every resource; a star behind the slash is a name like any other. Constrained impersonation (on
# from Kubernetes 1.36) asks for a right to each value of each extra, as resource userextras/KEY: with a role for userextras/* nobody can
# be impersonated who has an extra, until there are four values. From there on userextras/* itself, named *, is asked for first.
# What works for any number is the name of each key, or the resource *, which is users and groups as well.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require (
	k8s.io/api v0.37.2
	k8s.io/apimachinery v0.37.2
	k8s.io/apiserver v0.37.2
	k8s.io/kubernetes v1.37.2
)
MOD
for part in api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap code-generator \
	component-base component-helpers controller-manager cri-api cri-client cri-streaming csi-translation-lib dynamic-resource-allocation \
	endpointslice externaljwt kms kube-aggregator kube-controller-manager kube-proxy kube-scheduler kubectl kubelet metrics mount-utils \
	pod-security-admission sample-apiserver streaming; do
	echo "replace k8s.io/$part => k8s.io/$part v0.37.2"
done >> go.mod
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/filters/impersonation"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac"
)

func main() {
	for _, resource := range []string{"userextras", "userextras/*", "userextras/example.com/*", "userextras/example.com/desk", "*"} {
		fmt.Printf("%s: one desk %d, three desks %d, four desks %d\n", resource, try(resource, "1"), try(resource, "1", "2", "3"), try(resource, "1", "2", "3", "4"))
	}
}

// try reads a pod as anna, who has these desks, with a role for this resource beside what it takes to act as anna, and gives the status.
func try(resource string, desks ...string) int {
	rules := []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"impersonate-on:user-info:get"}},
		{APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"users", resource}, Verbs: []string{"impersonate:user-info"}},
	}
	roles := authorizer.AuthorizerFunc(func(_ context.Context, attributes authorizer.Attributes) (authorizer.Decision, string, error) {
		if rbac.RulesAllow(attributes, rules...) {
			return authorizer.DecisionAllow, "", nil
		}
		return authorizer.DecisionNoOpinion, "", nil
	})
	done := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if as, _ := request.UserFrom(r.Context()); as.GetName() != "anna" || len(as.GetExtra()["example.com/desk"]) != len(desks) {
			panic("not as anna")
		}
	})
	asked := httptest.NewRequest(http.MethodGet, "/api/v1/namespaces/default/pods/a", nil)
	asked.Header.Set("Impersonate-User", "anna")
	asked.Header["Impersonate-Extra-Example.com%2fdesk"] = desks
	ctx := request.WithUser(asked.Context(), &user.DefaultInfo{Name: "console"})
	ctx = request.WithRequestInfo(ctx, &request.RequestInfo{
		IsResourceRequest: true, Verb: "get", APIVersion: "v1", Resource: "pods", Namespace: "default", Name: "a",
	})
	answer := httptest.NewRecorder()
	impersonation.WithConstrainedImpersonation(done, roles, serializer.NewCodecFactory(runtime.NewScheme())).ServeHTTP(answer, asked.WithContext(ctx))
	return answer.Code
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
userextras: one desk 403, three desks 403, four desks 403
userextras/*: one desk 403, three desks 403, four desks 200
userextras/example.com/*: one desk 403, three desks 403, four desks 403
userextras/example.com/desk: one desk 200, three desks 200, four desks 200
*: one desk 200, three desks 200, four desks 200
SEEN
echo "k8s.io/apiserver v0.37.2, k8s.io/kubernetes v1.37.2 (RBAC): as stated"
