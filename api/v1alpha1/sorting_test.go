package v1alpha1_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv/assets"
)

// kubectl compares the texts of what it sorts by, so each form of a time has a place of its own
// in its order.
var _ = DescribeTable("kubectl sorts by time", func(ctx SpecContext, kind, field string, build func(at v1alpha1.Timestamp, name string) client.Object) {
	tenant := namespace(ctx)
	start := time.Date(2026, 11, 28, 10, 0, 59, 0, time.UTC)
	// Whole seconds, fractions of all lengths, other zones, and the finer part of a clock.
	times := []time.Time{
		start, start.Add(500 * time.Millisecond), start.Add(time.Microsecond), start.Add(time.Second).In(time.FixedZone("", -5*60*60)),
		start.Add(999_999_999 * time.Nanosecond), start.Add(-time.Microsecond), start.Add(10 * time.Second).In(time.FixedZone("", 2*60*60)), start.Add(50 * time.Millisecond),
	}
	for i, at := range times {
		obj := build(v1alpha1.NewTimestamp(at), fmt.Sprintf("0193f5c0-0000-7000-8000-%012d", i))
		obj.SetNamespace(tenant)
		Expect(direct.Create(ctx, obj)).To(Succeed())
	}
	binaries, err := assets.Ensure(ctx, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	output, err := exec.CommandContext(ctx, filepath.Join(binaries, "kubectl"), "--kubeconfig", env.Kubeconfig, "-n", tenant,
		"get", kind, "--sort-by="+field, "-o", "custom-columns=NAME:.metadata.name", "--no-headers").CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
	var order []string
	for name := range strings.FieldsSeq(string(output)) {
		order = append(order, name[len(name)-1:])
	}
	Expect(order).To(Equal([]string{"5", "0", "2", "7", "1", "4", "3", "6"}))
},
	Entry("users were provisioned at", "scimusers", ".spec.provisionedAt", func(at v1alpha1.Timestamp, name string) client.Object {
		return userAt(name, at, v1alpha1.NewTimestamp(time.Now()))
	}),
	Entry("users were updated at", "scimusers", ".spec.lastModified", func(at v1alpha1.Timestamp, name string) client.Object {
		return userAt(name, v1alpha1.NewTimestamp(time.Now()), at)
	}),
	Entry("groups were provisioned at", "scimgroups", ".spec.provisionedAt", func(at v1alpha1.Timestamp, name string) client.Object {
		return groupAt(name, at, v1alpha1.NewTimestamp(time.Now()))
	}),
	Entry("groups were updated at", "scimgroups", ".spec.lastModified", func(at v1alpha1.Timestamp, name string) client.Object {
		return groupAt(name, v1alpha1.NewTimestamp(time.Now()), at)
	}),
	Entry("rules ran at", "automationruleexecutions", ".status.time", func(at v1alpha1.Timestamp, name string) client.Object {
		execution := &v1alpha1.AutomationRuleExecution{Status: v1alpha1.AutomationRuleExecutionStatus{Time: at}}
		execution.Spec = v1alpha1.AutomationRuleExecutionSpec{Rule: "rule", Subject: v1alpha1.SubjectReference{Kind: v1alpha1.SubjectScimUser, Name: name}}
		execution.Name = "rule-" + name
		return execution
	}),
)

func userAt(name string, provisioned, modified v1alpha1.Timestamp) client.Object {
	user := &v1alpha1.ScimUser{Spec: v1alpha1.ScimUserSpec{UserName: name, ProvisionedAt: provisioned, LastModified: modified}}
	user.Name = name
	return user
}

func groupAt(name string, provisioned, modified v1alpha1.Timestamp) client.Object {
	group := &v1alpha1.ScimGroup{Spec: v1alpha1.ScimGroupSpec{DisplayName: name, ProvisionedAt: provisioned, LastModified: modified}}
	group.Name = name
	return group
}

var _ = It("the columns show the times that are sorted by", func(ctx SpecContext) {
	for _, kind := range []string{"scimusers", "scimgroups"} {
		crd := &unstructured.Unstructured{}
		crd.SetAPIVersion("apiextensions.k8s.io/v1")
		crd.SetKind("CustomResourceDefinition")
		Expect(direct.Get(ctx, client.ObjectKey{Name: kind + "." + v1alpha1.GroupVersion.Group}, crd)).To(Succeed())
		versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
		Expect(err).NotTo(HaveOccurred())
		Expect(versions[0]).To(HaveKeyWithValue("additionalPrinterColumns", ContainElements(
			And(HaveKeyWithValue("name", "Provisioned At"), HaveKeyWithValue("jsonPath", ".spec.provisionedAt")),
			And(HaveKeyWithValue("name", "Updated At"), HaveKeyWithValue("jsonPath", ".spec.lastModified")))))
	}
})
