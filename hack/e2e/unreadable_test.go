package e2e

import (
	"context"
	"io"
	"net/http"
	"slices"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
)

// textOf returns the body of an answer.
func textOf(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

var _ = It("serves SCIM after a restart although a kind that only controllers need cannot be read, and says so", func(ctx SpecContext) {
	t := newTenant(ctx)
	Expect(t.start(ctx).stop(syscall.SIGTERM)).To(Succeed())
	role := &rbacv1.ClusterRole{}
	Expect(direct.Get(ctx, client.ObjectKey{Name: t.namespace}, role)).To(Succeed())
	may := role.DeepCopy()
	for i, rule := range role.Rules {
		role.Rules[i].Resources = slices.DeleteFunc(rule.Resources, func(resource string) bool { return resource == "persons" })
	}
	role.Rules = slices.DeleteFunc(role.Rules, func(rule rbacv1.PolicyRule) bool { return len(rule.Resources) == 0 })
	Expect(direct.Update(ctx, role)).To(Succeed())
	Eventually(t.may(ctx, "list", "persons")).Should(BeFalse())

	probes, metrics := testenv.FreeAddress(ctx, GinkgoT()), testenv.FreeAddress(ctx, GinkgoT())
	t.start(ctx, "--health-probe-bind-address="+probes, "--metrics-bind-address="+metrics)
	id := t.expect(ctx, http.StatusCreated, http.MethodPost, "/Users", bodyOf(contentOfBabs)).id()
	metric := `scim_unreadable_kinds{kind="Person",namespace="` + t.namespace + `",reason="Refused"} 1`
	Eventually(func() (string, error) { return textOf(ctx, "http://"+metrics+"/metrics") }).Should(ContainSubstring(metric))
	condition := func() *metav1.Condition {
		endpoint := &v1alpha1.ScimEndpoint{}
		Expect(direct.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: "okta"}, endpoint)).To(Succeed())
		return meta.FindStatusCondition(endpoint.Status.Conditions, v1alpha1.ConditionUnreadable)
	}
	Eventually(condition).Should(And(
		HaveField("Reason", v1alpha1.ReasonRefused), HaveField("Message", ContainSubstring("Person (Refused) since"))))
	Expect(status(ctx, "http://"+probes+"/readyz")).To(Equal(http.StatusOK))
	t.expect(ctx, http.StatusOK, http.MethodGet, "/Users/"+id, "")

	By("going on when the right is back")
	may.ResourceVersion = role.ResourceVersion
	Expect(direct.Update(ctx, may)).To(Succeed())
	Eventually(condition).Should(BeNil())
	t.mapped(ctx, id)
	Expect(textOf(ctx, "http://"+metrics+"/metrics")).NotTo(ContainSubstring(metric))
})
