package preview_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/preview"
	"rservice.dev/scim-operator/controllers/rulecache"
	"rservice.dev/scim-operator/controllers/rules"
)

const namespace = "tenant"

// manifest reads a rule from YAML. One that is wrong is a mistake in the test.
func manifest(text string) *v1alpha1.AutomationRule {
	rule := &v1alpha1.AutomationRule{}
	if err := yaml.UnmarshalStrict([]byte(text), rule); err != nil {
		panic(err)
	}
	return rule
}

// userRule is a rule for users; actions is the rest of update, indented by four spaces.
func userRule(name string, position int, condition, actions string) *v1alpha1.AutomationRule {
	return manifest(fmt.Sprintf(`
metadata: {name: %s}
spec:
  subject: ScimUser
  position: %d
  condition: '%s'
  update:
    kind: Person
    match: {primaryEmail: user.userName}
%s`, name, position, condition, actions))
}

func defaultRule() *v1alpha1.AutomationRule {
	data, err := os.ReadFile(filepath.Join("..", "..", "config", "rules", "default-user-mapping.yaml"))
	if err != nil {
		panic(err)
	}
	return manifest(string(data))
}

func compiled(t *testing.T, manifests ...*v1alpha1.AutomationRule) []*rules.Rule {
	t.Helper()
	set, err := rulecache.Running(t.Context(), manifests[0].Spec.Subject, manifests)
	if err != nil || len(set) != len(manifests) {
		t.Fatalf("%d of %d rules run; error %v", len(set), len(manifests), err)
	}
	return set
}

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

// tenant is a namespace with users, each with a Person as the default rule makes it.
type tenant struct{ objects []client.Object }

func (o *tenant) add(objects ...client.Object) { o.objects = append(o.objects, objects...) }

func user(i int, userType string) *v1alpha1.ScimUser {
	return &v1alpha1.ScimUser{ObjectMeta: meta(fmt.Sprintf("user-%02d", i)), Spec: v1alpha1.ScimUserSpec{
		UserName: fmt.Sprintf("user-%02d@example.com", i), DisplayName: fmt.Sprintf("User %d", i), Title: "Engineer", UserType: userType,
	}}
}

func personOf(u *v1alpha1.ScimUser) *v1alpha1.Person {
	return &v1alpha1.Person{ObjectMeta: meta("person-of-" + u.Name), Spec: v1alpha1.PersonSpec{
		Name: u.Spec.DisplayName, PrimaryEmail: u.Spec.UserName, JobTitle: u.Spec.Title, Source: v1alpha1.SourceSCIM, SourceID: u.Name,
	}}
}

// newTenant has contractors and employees by turns.
func newTenant(users int) *tenant {
	o := &tenant{}
	for i := range users {
		u := user(i, []string{"Contractor", "Employee"}[i%2])
		o.add(u, personOf(u))
	}
	return o
}

func (o *tenant) compare(t *testing.T, rule string, before, after []*rules.Rule, visit func(preview.Difference)) *preview.Report {
	t.Helper()
	report, err := preview.Compare(t.Context(), directory.NewObjectWorld(namespace, o.objects...), preview.Comparison{
		Kind: v1alpha1.SubjectScimUser, Rule: rule, Before: before, After: after, Visit: visit,
	})
	if err != nil {
		t.Fatal(err)
	}
	return report
}
