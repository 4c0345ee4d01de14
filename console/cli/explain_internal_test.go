package cli

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// Each right that a role of config/roles adds is told to be that role's.
func TestRolesOfMissingRights(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "config", "roles", "aggregate.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	rights := 0
	for document := range strings.SplitSeq(string(data), "\n---\n") {
		role := &rbacv1.ClusterRole{}
		if err := yaml.UnmarshalStrict([]byte(document), role); err != nil {
			t.Fatal(err)
		}
		want := "scim-" + strings.TrimPrefix(role.Name, "scim-aggregate-to-")
		for _, rule := range role.Rules {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					refused := fmt.Errorf("read it: %w", apierrors.NewForbidden(schema.GroupResource{Group: rule.APIGroups[0], Resource: resource}, "",
						fmt.Errorf("User %q cannot %s resource %q in API group %q in the namespace %q", "anna", verb, resource, rule.APIGroups[0], "acme")))
					if got := roleFor(refused); got != want && verb != "purge" {
						t.Errorf("%s %s is told to be of role %q, and is of %s", verb, resource, got, want)
					}
					rights++
				}
			}
		}
	}
	if rights < 20 {
		t.Errorf("only %d rights were looked at", rights)
	}
}

func TestExplain(t *testing.T) {
	users := v1alpha1.GroupVersion.WithResource("scimusers").GroupResource()
	policy := apierrors.NewForbidden(users, "u1", errors.New("ValidatingAdmissionPolicy 'scim-resources' with binding 'scim-resources' denied request: only the operator"))
	for name, c := range map[string]struct {
		err               error
		contains, lacking string
	}{
		"a policy speaks for itself":      {policy, "only the operator", "ClusterRole"},
		"a resource without a role":       {apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("User \"a\" cannot get resource \"pods\"")), "pods", "ClusterRole"},
		"definitions that are missing":    {apierrors.NewGenericServerResponse(404, "get", schema.GroupResource{}, "", "", 0, false), "definitions are not installed", "ClusterRole"},
		"a user who is not there":         {apierrors.NewNotFound(users, "u1"), `"u1" not found`, "definitions"},
		"a cluster that does not answer":  {&url.Error{Op: "Get", URL: "https://192.0.2.1:6443/api?x=y", Err: errors.New("connection refused")}, "cannot reach the API server at 192.0.2.1:6443: connection refused", "x=y"},
		"text that would move the cursor": {errors.New("it is \x1b[2J"), `\x1b[2J`, "\x1b"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := explain(c.err); !strings.Contains(got, c.contains) || strings.Contains(got, c.lacking) {
				t.Errorf("it says %q, and is to contain %q and not %q", got, c.contains, c.lacking)
			}
		})
	}
}

func TestArguments(t *testing.T) {
	for line, want := range map[string]string{
		"/usr/bin/kubectl-scim why anna":     "why anna",
		`kubectl-scim.exe errors`:            "errors",
		"kubectl_complete-scim why an":       "__complete why an",
		"/manager scim connection":           "connection",
		"/manager":                           "-",
		"/manager rules lint":                "-",
		"/manager --version":                 "-",
		"/opt/kubectl-scim-not/manager scim": "",
	} {
		args, asked := Arguments(strings.Fields(line))
		got := strings.Join(args, " ")
		if !asked {
			got = "-"
		}
		if got != want {
			t.Errorf("%s: asks for %q, want %q", line, got, want)
		}
	}
}
