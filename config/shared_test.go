package config

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// places are the columns of the table of rights in a shared cluster.
var places = []string{"a tenant's namespace", "its own namespace", "anywhere else"}

// operatorIn returns the operator's rights in the places of the table: on a resource, and with a name on that object.
func operatorIn(ctx context.Context, resource, name string) []string {
	GinkgoHelper()
	user, groups := identity("operator")
	elsewhere := subject{user, groups}.rights(ctx, "default", resource, name)
	Expect(subject{user, groups}.rights(ctx, "", resource, name)).To(Equal(elsewhere), "in all namespaces")
	return []string{subject{user, groups}.rights(ctx, tenant, resource, name), subject{user, groups}.rights(ctx, "scim-system", resource, name), elsewhere}
}

// tableOfPlaces reads the table, by its first column: a resource and, where it is one object, its name.
func tableOfPlaces() map[string][]string {
	GinkgoHelper()
	text, err := os.ReadFile("secure.md")
	Expect(err).NotTo(HaveOccurred())
	_, section, found := strings.Cut(string(text), "\n| Resource | "+strings.Join(places, " | ")+" |\n")
	Expect(found).To(BeTrue(), "secure.md has no table of rights in a shared cluster")
	section, _, _ = strings.Cut(section, "\n\n")
	rows := map[string][]string{}
	for _, line := range strings.Split(section, "\n")[1:] {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "`", ""))
		}
		rows[cells[0]] = cells[1:]
	}
	return rows
}

var _ = Describe("an operator of some namespaces", Ordered, func() {
	everywhere := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "scim-operator"}}
	BeforeAll(func(ctx SpecContext) {
		objects := build(ctx, "samples/shared")
		DeferCleanup(func(ctx SpecContext) {
			install(ctx)
			for _, object := range objects {
				if object.GetName() == "scim-operator-webhook" && strings.Contains(object.GetKind(), "Role") {
					Expect(admin.Delete(ctx, object)).To(Succeed())
				}
			}
		})
		for _, object := range append(objects, build(ctx, "samples/tenant")...) {
			if strings.Contains(object.GetKind(), "Role") || object.GetKind() == "Namespace" {
				applyStrictly(ctx, object, tenant)
			}
		}
		Expect(admin.Delete(ctx, everywhere)).To(Succeed())
		settle(ctx)
	})

	It("has the rights that secure.md says, and nothing elsewhere", func(ctx SpecContext) {
		documented := tableOfPlaces()
		granted := map[string][]string{}
		for row := range documented {
			resource, name, _ := strings.Cut(row, " ")
			granted[row] = operatorIn(ctx, resource, name)
		}
		Expect(cmp.Diff(granted, documented)).To(BeEmpty())
		Expect(slices.Collect(maps.Keys(documented))).To(ContainElements("secrets", "leases", "validatingwebhookconfigurations scim-operator"))
		none := func(row string) string {
			if in := documented[row]; in != nil {
				return in[1]
			}
			return "–"
		}
		for _, row := range tableOfRights() {
			Expect(operatorIn(ctx, row[0], "")).To(Equal([]string{row[1], none(row[0]), "–"}), row[0])
		}
	})

	It("is named its tenants by an argument that the sample adds", func(ctx SpecContext) {
		for _, object := range build(ctx, "samples/shared") {
			Expect(object.GetKind() + "/" + object.GetName()).NotTo(Equal("ClusterRoleBinding/scim-operator"))
		}
		args := find[appsv1.Deployment](build(ctx, "samples/shared"), "Deployment").Spec.Template.Spec.Containers[0].Args
		Expect(args).To(ContainElements("--webhook-bind-address=:9443", "--namespaces="+tenant))
	})

	It("reads no Secret of others, and does its work", func(ctx SpecContext) {
		operator := actAs("operator")
		Expect(operator.Create(ctx, newUser(), client.DryRunAll)).To(Succeed())
		Expect(operator.List(ctx, &corev1.SecretList{}, client.InNamespace(tenant))).To(Succeed())
		for _, namespace := range []string{"default", "kube-system", "scim-system"} {
			Expect(apierrors.IsForbidden(operator.List(ctx, &corev1.SecretList{}, client.InNamespace(namespace)))).To(BeTrue(), namespace)
		}
		own := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "scim-system", Name: "scim-operator-webhook-cert"}}
		Expect(operator.Create(ctx, own.DeepCopy(), client.DryRunAll)).To(Succeed())
		Expect(apierrors.IsNotFound(operator.Get(ctx, client.ObjectKeyFromObject(own), own))).To(BeTrue())
		own.Name = "scim-operator-tls"
		Expect(apierrors.IsForbidden(operator.Get(ctx, client.ObjectKeyFromObject(own), own))).To(BeTrue())
		Expect(apierrors.IsForbidden(operator.Create(ctx, own, client.DryRunAll))).To(BeTrue(), "by policy")
	})
})
