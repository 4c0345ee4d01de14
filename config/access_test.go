package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	operatorUser = "system:serviceaccount:scim-system:scim-operator"
	// tenant is the namespace of samples/tenant, whose groups have the roles.
	tenant = "acme"
)

var (
	verbs      = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "purge"}
	identities = []string{"operator", "viewer", "editor", "account owner", "eraser"}
)

// identity returns user and groups of a column of the table in secure.md.
func identity(name string) (string, []string) {
	switch name {
	case "operator":
		return operatorUser, []string{"system:serviceaccounts", "system:serviceaccounts:scim-system"}
	case "viewer":
		return "victor", []string{"acme-support"}
	case "editor":
		return "edith", []string{"acme-automation"}
	case "eraser":
		return "erin", []string{"acme-privacy"}
	}
	return "olga", []string{"acme-account-owners"}
}

func actAs(name string) client.Client {
	user, groups := identity(name)
	return as(user, groups...)
}

var _ = Describe("who may do what", Ordered, func() {
	BeforeAll(func(ctx SpecContext) {
		applyTenant(ctx)
	})

	It("is what the table in secure.md says, verb by verb", func(ctx SpecContext) {
		documented := tableOfRights()
		granted := [][]string{}
		for _, row := range documented {
			cells := []string{row[0]}
			for _, name := range identities {
				cells = append(cells, rights(ctx, name, row[0]))
			}
			granted = append(granted, cells)
		}
		Expect(cmp.Diff(granted, documented)).To(BeEmpty(), "the table should be:\n%s", render(granted))
	})

	It("is documented for every kind", func(ctx SpecContext) {
		rows := []string{}
		for _, row := range tableOfRights() {
			rows = append(rows, row[0])
		}
		for _, crd := range build(ctx, "crd") {
			plural := strings.TrimSuffix(crd.GetName(), ".provisioning.rservice.dev")
			Expect(rows).To(ContainElement(plural))
			if plural != "automationruleexecutions" && plural != "scimgrouppages" {
				Expect(rows).To(ContainElement(plural + "/status"))
			}
		}
		Expect(rows).To(ContainElements("secrets", "leases", "rolebindings", "pods"))
	})

	It("lets the account owner alone, of the people, read the token", func(ctx SpecContext) {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: "okta-token", Labels: map[string]string{v1alpha1.LabelEndpoint: "okta"}},
			StringData: map[string]string{"token": "not-a-real-one"}}
		Expect(actAs("operator").Create(ctx, secret)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(admin.Delete(ctx, secret)).To(Succeed()) })
		key := client.ObjectKeyFromObject(secret)
		for _, name := range []string{"viewer", "editor"} {
			Expect(apierrors.IsForbidden(actAs(name).Get(ctx, key, &corev1.Secret{}))).To(BeTrue(), name)
			Expect(apierrors.IsForbidden(actAs(name).List(ctx, &corev1.SecretList{}, client.InNamespace(tenant)))).To(BeTrue(), name)
		}
		Expect(actAs("account owner").Get(ctx, key, secret)).To(Succeed())
		elsewhere := client.ObjectKey{Namespace: "default", Name: "okta-token"}
		Expect(apierrors.IsForbidden(actAs("account owner").Get(ctx, elsewhere, &corev1.Secret{}))).To(BeTrue(), "in another namespace")
	})
})

// rights asks the API server about every verb in the tenant.
func rights(ctx context.Context, name, resource string) string {
	GinkgoHelper()
	user, groups := identity(name)
	return subject{user, groups}.rights(ctx, tenant, resource, "")
}

// subject is somebody whose rights are asked for.
type subject struct {
	user   string
	groups []string
}

// rights asks the API server about every verb, as `kubectl auth can-i` does; without a namespace, in all of them.
func (s subject) rights(ctx context.Context, namespace, resource, name string) string {
	GinkgoHelper()
	resource, subresource, _ := strings.Cut(resource, "/")
	allowed := []string{}
	for _, verb := range verbs {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: s.user, Groups: append(slices.Clone(s.groups), "system:authenticated"),
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: verb, Group: group(resource), Resource: resource, Subresource: subresource, Name: name,
			},
		}}
		Expect(admin.Create(ctx, review)).To(Succeed())
		if review.Status.Allowed {
			allowed = append(allowed, verb)
		}
	}
	if len(allowed) == 0 {
		return "–"
	}
	return strings.Join(allowed, " ")
}

func group(resource string) string {
	switch resource {
	case "secrets", "pods":
		return ""
	case "leases":
		return "coordination.k8s.io"
	case "events":
		return "events.k8s.io"
	case "validatingwebhookconfigurations":
		return "admissionregistration.k8s.io"
	case "rolebindings":
		return rbacv1.GroupName
	}
	return v1alpha1.GroupVersion.Group
}

// tableOfRights reads the rows of secure.md that begin with a resource in code style, in the section on roles.
func tableOfRights() [][]string {
	GinkgoHelper()
	text, err := os.ReadFile("secure.md")
	Expect(err).NotTo(HaveOccurred())
	_, section, found := strings.Cut(string(text), "\n| Resource | operator | viewer | editor | account owner | eraser |\n")
	Expect(found).To(BeTrue(), "secure.md has no table of rights")
	section, _, _ = strings.Cut(section, "\n\n")
	rows := [][]string{}
	for _, line := range strings.Split(section, "\n")[1:] {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
		}
		Expect(cells).To(HaveLen(len(identities)+1), line)
		rows = append(rows, cells)
	}
	Expect(rows).NotTo(BeEmpty())
	return rows
}

func render(rows [][]string) string {
	var b strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&b, "| `%s` | %s |\n", row[0], strings.Join(row[1:], " | "))
	}
	return b.String()
}

var _ = Describe("the policies", Ordered, func() {
	BeforeAll(func(ctx SpecContext) {
		applyTenant(ctx)
	})

	It("let only the operator create users and groups", func(ctx SpecContext) {
		for _, object := range []client.Object{newUser(), newGroup()} {
			Expect(actAs("operator").Create(ctx, object, client.DryRunAll)).To(Succeed())
			Expect(admin.Create(ctx, object, client.DryRunAll)).To(MatchError(ContainSubstring("only the SCIM server creates")))
		}
	})

	It("let only the operator change what the client sent", func(ctx SpecContext) {
		user := createUser(ctx)
		change := func(c client.Client) error {
			changed := user.DeepCopy()
			changed.Spec.DisplayName = "Somebody Else"
			return c.Patch(ctx, changed, client.MergeFrom(user))
		}
		for name, c := range map[string]client.Client{"editor": actAs("editor"), "administrator": admin} {
			Expect(change(c)).To(MatchError(ContainSubstring("is what the SCIM client sent")), name)
		}
		Expect(change(actAs("operator"))).To(Succeed())
	})

	It("let an editor ask for another run, and leave the trace of the last change alone", func(ctx SpecContext) {
		user := createUser(ctx)
		annotate := func(c client.Client, name string, value any) error {
			patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%s}}}`, name, value)
			return c.Patch(ctx, user.DeepCopy(), client.RawPatch("application/merge-patch+json", patch))
		}
		Expect(annotate(actAs("editor"), v1alpha1.AnnotationRerun, `"1"`)).To(Succeed())
		for _, name := range []string{v1alpha1.AnnotationRequestID, v1alpha1.AnnotationTokenID} {
			Expect(annotate(actAs("operator"), name, `"new"`)).To(Succeed())
			Expect(annotate(actAs("editor"), name, `"forged"`)).To(MatchError(ContainSubstring("only the annotation")))
			Expect(annotate(admin, name, `null`)).To(MatchError(ContainSubstring("only the annotation")))
		}
	})

	It("let account owners delete what a client has left behind, and others not, even with all usual verbs", func(ctx SpecContext) {
		wide := wideRole(ctx, usualVerbs()...)
		person := &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, GenerateName: "person-"},
			Spec: v1alpha1.PersonSpec{Name: "Ada", PrimaryEmail: "ada@example.com"}}
		Expect(actAs("account owner").Create(ctx, person)).To(Succeed())
		group := newGroup()
		Expect(actAs("operator").Create(ctx, group)).To(Succeed())
		for object, message := range map[client.Object]string{
			person: "provisioning never deletes a Person", createUser(ctx): "delete scimusers at the SCIM client", group: "delete scimgroups at the SCIM client",
		} {
			Expect(wide.Delete(ctx, object)).To(MatchError(ContainSubstring(message)))
			Expect(apierrors.IsForbidden(actAs("editor").Delete(ctx, object))).To(BeTrue())
			Expect(actAs("account owner").Delete(ctx, object)).To(Succeed())
		}
	})

	It("refuse deletion one by one in a collection, too", func(ctx SpecContext) {
		user := createUser(ctx)
		err := wideRole(ctx, usualVerbs()...).DeleteAllOf(ctx, &v1alpha1.ScimUser{}, client.InNamespace(tenant), client.MatchingFields{"metadata.name": user.Name})
		Expect(err).To(MatchError(ContainSubstring("delete scimusers at the SCIM client")))
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(user), user)).To(Succeed())
		Expect(actAs("account owner").DeleteAllOf(ctx, &v1alpha1.ScimUser{}, client.InNamespace(tenant), client.MatchingFields{"metadata.name": user.Name})).To(Succeed())
	})

	It("take a role with all verbs for one with purge: it is meant to do everything", func(ctx SpecContext) {
		Expect(wideRole(ctx, "*").Delete(ctx, createUser(ctx))).To(Succeed())
	})

	It("keep a rule that is guarded from whoever applies by force", func(ctx SpecContext) {
		rule := func(name string) *unstructured.Unstructured {
			objects := build(ctx, "rules")
			return objects[slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetName() == name })]
		}
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
		Expect(admin.Create(ctx, namespace)).To(Succeed())
		live := rule("default-user-mapping")
		live.SetNamespace(namespace.Name)
		live.SetAnnotations(map[string]string{v1alpha1.AnnotationGuarded: "true"})
		Expect(admin.Create(ctx, live.DeepCopy())).To(Succeed())
		other := rule("default-site-mapping")
		other.SetNamespace(namespace.Name)
		Expect(admin.Create(ctx, other)).To(Succeed())

		Expect(unstructured.SetNestedField(live.Object, "Persn", "spec", "update", "kind")).To(Succeed())
		text, err := yaml.Marshal(live.Object)
		Expect(err).NotTo(HaveOccurred())
		file := filepath.Join(GinkgoT().TempDir(), "rule.yaml")
		Expect(os.WriteFile(file, text, 0o600)).To(Succeed())
		for _, arguments := range [][]string{{"apply", "--force", "-f", file}, {"replace", "--force", "-f", file}, {"delete", "-f", file}} {
			output, err := run(ctx, arguments...)
			Expect(err).To(HaveOccurred(), output)
			Expect(output).To(ContainSubstring("the rule is guarded"), strings.Join(arguments, " "))
		}
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(live), live)).To(Succeed())
		Expect(live.GetDeletionTimestamp()).To(BeNil())
		Expect(admin.Delete(ctx, other)).To(Succeed())

		By("letting it go with its namespace")
		Expect(admin.Delete(ctx, namespace)).To(Succeed())
		Eventually(ctx, func() bool {
			return apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(namespace), namespace))
		}).Should(BeTrue())
	})

	It("let the operator delete users, and of Persons those whom retention is for", func(ctx SpecContext) {
		Expect(actAs("operator").Delete(ctx, createUser(ctx))).To(Succeed())
		person := &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, GenerateName: "person-"},
			Spec: v1alpha1.PersonSpec{Name: "Bob", PrimaryEmail: "bob@example.com"}}
		Expect(actAs("operator").Create(ctx, person)).To(Succeed())
		Expect(apierrors.IsForbidden(actAs("operator").Delete(ctx, person))).To(BeTrue())
		person.Spec.Source, person.Spec.SourceID = v1alpha1.SourceSCIM, "01a21007-a2f8-76d0-b28a-000000000001"
		Expect(admin.Update(ctx, person)).To(Succeed())
		Expect(apierrors.IsForbidden(actAs("operator").Delete(ctx, person))).To(BeTrue(), "in use")
		person.Spec.Disabled = true
		person.Annotations = map[string]string{v1alpha1.AnnotationProtected: "true"}
		Expect(admin.Update(ctx, person)).To(Succeed())
		Expect(apierrors.IsForbidden(actAs("operator").Delete(ctx, person))).To(BeTrue(), "protected")
		person.Annotations = nil
		Expect(admin.Update(ctx, person)).To(Succeed())
		Expect(actAs("operator").Delete(ctx, person)).To(Succeed())
	})

	It("do not keep a namespace from being deleted", func(ctx SpecContext) {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
		Expect(admin.Create(ctx, namespace)).To(Succeed())
		user := newUser()
		user.Namespace = namespace.Name
		person := &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "ada"}, Spec: v1alpha1.PersonSpec{Name: "Ada", PrimaryEmail: "ada@example.com"}}
		Expect(actAs("operator").Create(ctx, user)).To(Succeed())
		Expect(actAs("operator").Create(ctx, person)).To(Succeed())
		Expect(admin.Delete(ctx, namespace)).To(Succeed())
		Eventually(ctx, func() bool {
			return apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(namespace), namespace))
		}).Should(BeTrue())
	})
})

func newUser() *v1alpha1.ScimUser {
	return &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: fmt.Sprintf("01a21007-a2f8-76d0-b28a-%012x", time.Now().UnixNano()&0xffffffffffff)},
		Spec:       v1alpha1.ScimUserSpec{UserName: "ada@example.com", LastModified: v1alpha1.NewTimestamp(time.Now())},
	}
}

func newGroup() *v1alpha1.ScimGroup {
	return &v1alpha1.ScimGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: fmt.Sprintf("01a21007-a2f8-76d0-b28a-%012x", time.Now().UnixNano()&0xffffffffffff)},
		Spec:       v1alpha1.ScimGroupSpec{DisplayName: "Engineering", LastModified: v1alpha1.NewTimestamp(time.Now())},
	}
}

func createUser(ctx context.Context) *v1alpha1.ScimUser {
	GinkgoHelper()
	user := newUser()
	Expect(actAs("operator").Create(ctx, user)).To(Succeed())
	return user
}

// usualVerbs are those that API calls have.
func usualVerbs() []string {
	return slices.DeleteFunc(slices.Clone(verbs), func(verb string) bool { return verb == "purge" })
}

// wideRole is somebody whose role in the namespace has these verbs on all resources.
func wideRole(ctx context.Context, verbs ...string) client.Client {
	GinkgoHelper()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, GenerateName: "wide-"},
		Rules: []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: verbs}}}
	Expect(admin.Create(ctx, role)).To(Succeed())
	Expect(admin.Create(ctx, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, GenerateName: "wide-"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: role.Name}}})).To(Succeed())
	Eventually(ctx, func() string { return subject{user: role.Name}.rights(ctx, tenant, "pods", "") }).ShouldNot(Equal("–"))
	return as(role.Name)
}
