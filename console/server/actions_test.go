package server_test

import (
	"net/http"
	"net/url"
	"regexp"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/action"
	"rservice.dev/scim-operator/hack/testenv/issuer"
)

var formPattern = regexp.MustCompile(`name="form" value="([^"]+)"`)

var _ = Describe("an action in the operator's console", func() {
	It("is done as the person, and told of by an Event and a line; who may not do it cannot forge it", func(ctx SpecContext) {
		p := issuer.NewProvider(GinkgoT(), clientID, clientSecret)
		c := start(p, 1, "{}")[0]
		viewed, edited, owned := bind(ctx, "scim-viewer", "forgers"), bind(ctx, "scim-editor", "forgers"), bind(ctx, "scim-account-owner", "forgers")
		foreign := bind(ctx, "scim-account-owner", "others")
		users := map[string]*v1alpha1.ScimUser{}
		for _, namespace := range []string{viewed, edited, owned, foreign} {
			users[namespace] = &v1alpha1.ScimUser{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "0198f000-0000-7000-8000-000000000001"},
				Spec:       v1alpha1.ScimUserSpec{UserName: "ben@example.com", LastModified: v1alpha1.NewTimestamp(time.Now())},
			}
			Expect(direct.Create(ctx, users[namespace])).To(Succeed())
		}
		p.Is(anna("forgers"))
		browser := c.browser()
		var token string
		page := func(namespace string) (int, string) {
			return get(browser, c.URL+"/"+namespace+"/users/"+users[namespace].Name)
		}
		Eventually(func(g Gomega) {
			for _, namespace := range []string{viewed, edited, owned} {
				status, text := page(namespace)
				g.Expect(status).To(Equal(http.StatusOK), text)
				found := formPattern.FindStringSubmatch(text)
				g.Expect(found).To(HaveLen(2))
				token = found[1]
			}
		}).Should(Succeed())
		send := func(namespace, verb string, form url.Values) answered {
			return post(browser, c.URL+"/"+namespace+"/users/"+users[namespace].Name+"/"+verb, c.URL, form)
		}
		annotated := func(namespace string) bool {
			user := &v1alpha1.ScimUser{}
			Expect(direct.Get(ctx, client.ObjectKeyFromObject(users[namespace]), user)).To(Succeed())
			return user.Annotations[v1alpha1.AnnotationRerun] != ""
		}

		By("a viewer, to whom it is not offered")
		_, text := page(viewed)
		Expect(text).NotTo(ContainSubstring("/rerun"))
		Expect(send(viewed, "rerun", url.Values{"form": {token}}).status).To(Equal(http.StatusForbidden))
		Expect(annotated(viewed)).To(BeFalse())

		By("another namespace")
		status, _ := page(foreign)
		Expect(status).To(Equal(http.StatusForbidden))
		Expect(send(foreign, "rerun", url.Values{"form": {token}}).status).To(Equal(http.StatusForbidden))
		Expect(annotated(foreign)).To(BeFalse())

		By("without the form's token, or with another session's")
		Expect(send(edited, "rerun", url.Values{}).status).To(Equal(http.StatusForbidden))
		stranger := c.browser()
		_, text = get(stranger, c.URL+"/-/me")
		Expect(send(edited, "rerun", url.Values{"form": {formPattern.FindStringSubmatch(text)[1]}}).status).To(Equal(http.StatusForbidden))
		Expect(annotated(edited)).To(BeFalse())

		By("an editor")
		Expect(send(edited, "rerun", url.Values{"form": {token}}).status).To(Equal(http.StatusOK), "the page after it")
		Expect(annotated(edited)).To(BeTrue())
		told := &eventsv1.EventList{}
		Expect(direct.List(ctx, told, client.InNamespace(edited))).To(Succeed())
		Expect(told.Items).To(ContainElement(And(
			HaveField("Reason", action.EventReason), HaveField("Regarding.Name", users[edited].Name), HaveField("Note", ContainSubstring("anna@example.com")))))

		By("an editor who forges another verb, and an owner's form that is stale")
		form := url.Values{"form": {token}, "typed": {"ben@example.com"}, "uid": {string(users[edited].UID)}, "version": {"1"}}
		answer := send(edited, "delete-record", form)
		Expect(answer.status).To(BeElementOf(http.StatusForbidden, http.StatusConflict))
		user := &v1alpha1.ScimUser{}
		Expect(direct.Get(ctx, client.ObjectKeyFromObject(users[edited]), user)).To(Succeed())
		form.Set("version", user.ResourceVersion)
		Expect(send(edited, "delete-record", form).status).To(Equal(http.StatusForbidden))
		form.Set("uid", string(users[owned].UID))
		form.Set("version", "1")
		Expect(send(owned, "delete-record", form).status).To(Equal(http.StatusConflict))
		Expect(direct.Get(ctx, client.ObjectKeyFromObject(users[owned]), user)).To(Succeed())
		Expect(user.DeletionTimestamp).To(BeNil())
		form.Set("version", user.ResourceVersion)
		Expect(send(owned, "delete-record", form).status).To(Equal(http.StatusOK))
		Eventually(func() bool {
			return apierrors.IsNotFound(direct.Get(ctx, client.ObjectKeyFromObject(users[owned]), user))
		}).Should(BeTrue())
	})
})
