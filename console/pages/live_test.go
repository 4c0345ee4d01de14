package pages_test

import (
	"io"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var _ = Describe("streams of changes", func() {
	It("are few for each person, and for each kind one", func(ctx SpecContext) {
		namespace, _ := tenant(ctx)
		v := visit(env.Config)
		stream := "/-/events/" + namespace + "?kinds=users"
		Expect(v.send(http.MethodGet, stream+",users", "")).To(HaveHTTPStatus(http.StatusNotFound))
		var open []*http.Response
		for range 8 {
			answer := v.send(http.MethodGet, stream, "")
			Expect(answer).To(HaveHTTPStatus(http.StatusOK))
			open = append(open, answer)
		}
		Expect(v.send(http.MethodGet, stream, "")).To(HaveHTTPStatus(http.StatusServiceUnavailable))
		Expect(v.send(http.MethodGet, "/"+namespace+"/users", "")).To(HaveHTTPStatus(http.StatusOK), "pages go on")
		Expect(open[0].Body.Close()).To(Succeed())
		Eventually(func() int { return v.send(http.MethodGet, stream, "").StatusCode }).Should(Equal(http.StatusOK))
	})

	It("end when the right to see what changes does", func(ctx SpecContext) {
		namespace, _ := tenant(ctx)
		v := visit(as(ctx, namespace, "get", "list", "watch"))
		stream := v.send(http.MethodGet, "/-/events/"+namespace+"?kinds=users", "")
		Expect(stream).To(HaveHTTPStatus(http.StatusOK))
		ended := make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, stream.Body)
			ended <- err
		}()
		Expect(direct.Delete(ctx, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "visitor"}})).To(Succeed())
		Eventually(ended).Should(Receive(Not(HaveOccurred())))
		Eventually(func() int { return v.send(http.MethodGet, "/-/events/"+namespace+"?kinds=users", "").StatusCode }).Should(Equal(http.StatusForbidden))
	})
})
