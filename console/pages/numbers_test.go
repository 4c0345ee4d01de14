package pages_test

import (
	"fmt"
	"net/http"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// numbers are those of an overview, and the users that it tells of by reason.
func (v *visitor) numbers(namespace string) map[string]string {
	GinkgoHelper()
	text := body(v.send(http.MethodGet, "/"+namespace+"/", ""))
	found := map[string]string{}
	for _, number := range regexp.MustCompile(`<strong>(\d+)</strong> <span>(\w+)</span>`).FindAllStringSubmatch(text, -1) {
		found[number[2]] = number[1]
	}
	for _, reason := range regexp.MustCompile(`/users\?reason=(\w+)">(\d+) `).FindAllStringSubmatch(text, -1) {
		found[reason[1]] = reason[2]
	}
	return found
}

var _ = Describe("the numbers of the overview", func() {
	It("follow what comes, changes and goes, in a console of now and in one that was there before", func(ctx SpecContext) {
		namespace, user := tenant(ctx)
		before := visit(env.Config)
		one := map[string]string{"user": "1", "group": "1", "persons": "0", v1alpha1.ReasonPersonMissing: "1"}
		Eventually(func() map[string]string { return before.numbers(namespace) }).Should(Equal(one))

		for i := range 3 {
			another := &v1alpha1.ScimUser{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("01a21007-a2f8-76d0-b28a-00000000000%d", i)},
				Spec:       v1alpha1.ScimUserSpec{UserName: fmt.Sprint("another", i), ProvisionedAt: user.Spec.ProvisionedAt, LastModified: user.Spec.LastModified},
			}
			Expect(direct.Create(ctx, another)).To(Succeed())
		}
		_, elsewhere := tenant(ctx)
		Expect(elsewhere.Namespace).NotTo(Equal(namespace))
		four := map[string]string{"users": "4", "group": "1", "persons": "0", v1alpha1.ReasonPersonMissing: "1", v1alpha1.ReasonPending: "3"}
		now := visit(env.Config)
		for _, console := range []*visitor{before, now} {
			Eventually(func() map[string]string { return console.numbers(namespace) }).Should(Equal(four))
		}

		user.Status.Conditions[0].Status, user.Status.Conditions[0].Reason = metav1.ConditionTrue, v1alpha1.ReasonReady
		Expect(direct.Status().Update(ctx, user)).To(Succeed())
		Expect(direct.DeleteAllOf(ctx, &v1alpha1.ScimGroup{}, client.InNamespace(namespace))).To(Succeed())
		three := map[string]string{"users": "4", "groups": "0", "persons": "0", v1alpha1.ReasonPending: "3"}
		for _, console := range []*visitor{before, now} {
			Eventually(func() map[string]string { return console.numbers(namespace) }).Should(Equal(three))
		}
	})
})
