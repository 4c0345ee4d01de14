package rules

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// memory is a Directory over records in memory.
type memory struct {
	persons       []*v1alpha1.Person
	organizations []*v1alpha1.Organization
	sites         []*v1alpha1.Site
	users         []*v1alpha1.ScimUser
	groups        []*v1alpha1.ScimGroup
	// err, when set, is what every look-up but that of the link returns.
	err error
}

func (m *memory) OrganizationByName(_ context.Context, name string) (*v1alpha1.Organization, error) {
	return first(m.organizations, func(o *v1alpha1.Organization) bool { return MatchKey(o) == name }), m.err
}

func (m *memory) OrganizationBySource(_ context.Context, id string) (*v1alpha1.Organization, error) {
	return first(m.organizations, func(o *v1alpha1.Organization) bool { return o.Spec.SourceID == id }), nil
}

func (m *memory) SiteByName(_ context.Context, name string) (*v1alpha1.Site, error) {
	return first(m.sites, func(s *v1alpha1.Site) bool { return MatchKey(s) == name }), m.err
}

func (m *memory) SiteBySource(_ context.Context, id string) (*v1alpha1.Site, error) {
	return first(m.sites, func(s *v1alpha1.Site) bool { return s.Spec.SourceID == id }), nil
}

func (m *memory) PersonByEmail(_ context.Context, email string) (*v1alpha1.Person, error) {
	return first(m.persons, func(p *v1alpha1.Person) bool { return MatchKey(p) == email }), m.err
}

func (m *memory) PersonBySource(_ context.Context, id string) (*v1alpha1.Person, error) {
	return first(m.persons, func(p *v1alpha1.Person) bool { return p.Spec.SourceID == id }), nil
}

func (m *memory) PersonByFormerSource(_ context.Context, id string) (*v1alpha1.Person, error) {
	return first(m.persons, func(p *v1alpha1.Person) bool { return slices.Contains(FormerSources(p), id) }), m.err
}

func (m *memory) PersonByName(_ context.Context, name string) (*v1alpha1.Person, error) {
	return first(m.persons, func(p *v1alpha1.Person) bool { return p.Name == name }), m.err
}

func (m *memory) PersonOfUser(ctx context.Context, value string) (*v1alpha1.Person, error) {
	for _, fits := range []func(u *v1alpha1.ScimUser) bool{
		func(u *v1alpha1.ScimUser) bool { return u.Name == value },
		func(u *v1alpha1.ScimUser) bool { return u.Spec.ExternalID == value },
		func(u *v1alpha1.ScimUser) bool { return fold.String(u.Spec.UserName) == fold.String(value) },
	} {
		if u := first(m.users, fits); u != nil {
			person, _ := m.PersonBySource(ctx, u.Name)
			return person, m.err
		}
	}
	return nil, m.err
}

func (m *memory) SubjectState(_ context.Context, kind v1alpha1.SubjectKind, id string) (SubjectState, error) {
	if kind == v1alpha1.SubjectScimGroup {
		if first(m.groups, func(g *v1alpha1.ScimGroup) bool { return g.Name == id }) != nil {
			return SubjectActive, m.err
		}
		return SubjectGone, m.err
	}
	switch u := first(m.users, func(u *v1alpha1.ScimUser) bool { return u.Name == id }); {
	case u == nil:
		return SubjectGone, m.err
	case u.Spec.Active != nil && !*u.Spec.Active:
		return SubjectInactive, m.err
	default:
		return SubjectActive, m.err
	}
}

func first[T any](items []*T, fits func(*T) bool) *T {
	for _, item := range items {
		if fits(item) {
			return item
		}
	}
	return nil
}

// loadYAML reads a file into an object, unknown fields being an error.
func loadYAML(t testing.TB, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// defaultRule compiles a manifest of config/rules.
func defaultRule(t testing.TB, name string) *Rule {
	t.Helper()
	var rule v1alpha1.AutomationRule
	loadYAML(t, filepath.Join("..", "..", "config", "rules", name+".yaml"), &rule)
	return compiled(t, &rule)
}

func compiled(t testing.TB, rule *v1alpha1.AutomationRule) *Rule {
	t.Helper()
	r, err := Compile(rule)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func planned(t testing.TB, rules []*Rule, in Input, dir Directory) Result {
	t.Helper()
	result, err := Plan(t.Context(), rules, in, dir)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// plannedAtLeisure is planned by a clock that stands still while a rule computes, so that also on a slow machine it is a
// limit of costs or sizes that stops the rule, and not MaxRuleTime.
func plannedAtLeisure(t *testing.T, rules []*Rule, in Input, dir Directory) (result Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { result = planned(t, rules, in, dir) })
	return result
}

func user(id string, spec v1alpha1.ScimUserSpec) *v1alpha1.ScimUser {
	return &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: id, Namespace: "tenant"}, Spec: spec}
}

func group(id string, spec v1alpha1.ScimGroupSpec) *v1alpha1.ScimGroup {
	return &v1alpha1.ScimGroup{ObjectMeta: metav1.ObjectMeta{Name: id, Namespace: "tenant"}, Spec: spec}
}

func person(name string, spec v1alpha1.PersonSpec) *v1alpha1.Person {
	return &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "tenant"}, Spec: spec}
}

func organization(name string, spec v1alpha1.OrganizationSpec) *v1alpha1.Organization {
	return &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "tenant"}, Spec: spec}
}

func site(name string, spec v1alpha1.SiteSpec) *v1alpha1.Site {
	return &v1alpha1.Site{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "tenant"}, Spec: spec}
}

func reference(name string) *v1alpha1.RecordReference { return &v1alpha1.RecordReference{Name: name} }

// userRule is a small rule for ScimUser, changed as the test wants.
func userRule(change func(*v1alpha1.AutomationRule)) *v1alpha1.AutomationRule {
	position := int32(10)
	rule := &v1alpha1.AutomationRule{
		ObjectMeta: metav1.ObjectMeta{Name: "rule", Generation: 3},
		Spec: v1alpha1.AutomationRuleSpec{
			Subject:  v1alpha1.SubjectScimUser,
			Position: &position,
			Update: v1alpha1.RuleUpdate{
				Kind:   v1alpha1.RecordPerson,
				Match:  map[string]v1alpha1.MatchExpression{"primaryEmail": "user.userName"},
				Create: true,
			},
		},
	}
	change(rule)
	return rule
}

// groupRule is a small rule for ScimGroup, changed as the test wants.
func groupRule(changes ...func(*v1alpha1.AutomationRule)) *v1alpha1.AutomationRule {
	return userRule(func(r *v1alpha1.AutomationRule) {
		r.Spec.Subject = v1alpha1.SubjectScimGroup
		r.Spec.Update.Kind = v1alpha1.RecordOrganization
		r.Spec.Update.Match = map[string]v1alpha1.MatchExpression{"name": "group.displayName"}
		for _, change := range changes {
			change(r)
		}
	})
}

func jsonOf(t testing.TB, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// counting counts look-ups of Organizations by name.
type counting struct {
	*memory
	count *int
}

func (c *counting) OrganizationByName(ctx context.Context, name string) (*v1alpha1.Organization, error) {
	*c.count++
	return c.memory.OrganizationByName(ctx, name)
}
