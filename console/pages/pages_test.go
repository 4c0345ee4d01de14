package pages_test

import (
	"context"
	"errors"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// hostile is a value of a client that means something to a browser, if a page lets it.
const hostile = `<script>alert("x")</script>`

// tenant is a namespace with a user without a Person, whose name a browser would run, a group, a rule and a failed execution.
func tenant(ctx context.Context) (namespace string, user *v1alpha1.ScimUser) {
	GinkgoHelper()
	namespace = env.Namespace(ctx, GinkgoT())
	now := v1alpha1.NewTimestamp(metav1.Now().Time)
	failed := metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonPersonMissing, Message: "No rule gave this user a Person " + hostile, LastTransitionTime: metav1.Now(),
	}
	user = &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "01a21007-a2f8-76d0-b28a-23323bc2a098"},
		Spec: v1alpha1.ScimUserSpec{
			UserName: "Anna" + hostile, DisplayName: hostile, ProvisionedAt: now, LastModified: now, Emails: []v1alpha1.ScimValue{{Value: "anna@example.com"}},
		},
	}
	Expect(direct.Create(ctx, user)).To(Succeed())
	user.Status.Conditions = []metav1.Condition{failed}
	Expect(direct.Status().Update(ctx, user)).To(Succeed())
	group := &v1alpha1.ScimGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "01a21007-a9a9-7e87-b27f-3fe9f4e66f76"},
		Spec:       v1alpha1.ScimGroupSpec{DisplayName: "Support " + hostile, LastModified: now, Members: []v1alpha1.GroupMember{{ID: user.Name, Joined: now.Unix()}}},
	}
	Expect(direct.Create(ctx, group)).To(Succeed())
	Expect(direct.Create(ctx, &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta"}, Spec: v1alpha1.ScimEndpointSpec{PublicURL: "https://scim.example.com/scim/v2"}})).To(Succeed())
	return namespace, user
}

// as are the credentials of somebody who may do this in a namespace, to everything of the operator's there.
func as(ctx context.Context, namespace string, verbs ...string) *rest.Config {
	GinkgoHelper()
	return having(ctx, namespace, "visitor", rbacv1.PolicyRule{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"*"}, Verbs: verbs})
}

// having are the credentials of somebody with a role of these rules in a namespace, which let him list users there.
func having(ctx context.Context, namespace, role string, rules ...rbacv1.PolicyRule) *rest.Config {
	GinkgoHelper()
	name := role + "-of-" + namespace
	meta := metav1.ObjectMeta{Namespace: namespace, Name: role}
	Expect(direct.Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: rules})).To(Succeed())
	Expect(direct.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role},
		Subjects: []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: name}},
	})).To(Succeed())
	cfg, err := env.User(name)
	Expect(err).NotTo(HaveOccurred())
	Eventually(func() (bool, error) {
		return env.May(ctx, name, namespace, "list", v1alpha1.GroupVersion.WithResource("scimusers").GroupResource())
	}).Should(BeTrue())
	return cfg
}

var formToken = regexp.MustCompile(`name="form" value="([0-9a-f]{64})"`)

// token is that of the forms of the visitor's session.
func (v *visitor) token() string {
	GinkgoHelper()
	request, err := http.NewRequest(http.MethodGet, v.address, nil)
	Expect(err).NotTo(HaveOccurred())
	for _, cookie := range v.Jar.Cookies(request.URL) {
		request.AddCookie(cookie)
	}
	session, err := v.local.Of(nil, request)
	Expect(err).NotTo(HaveOccurred())
	return session.FormToken()
}

// post sends the form of a page with some of its fields changed, with the headers that Chromium sends with the forms of a page that
// has Referrer-Policy no-referrer.
func (v *visitor) post(page, action string, pairs ...string) *http.Response {
	GinkgoHelper()
	text := body(v.send(http.MethodGet, page, ""))
	form := url.Values{}
	for _, field := range regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		form.Set(field[1], field[2])
	}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return v.send(http.MethodPost, action, form.Encode(), "Origin", "null", "Sec-Fetch-Site", "same-origin")
}

var _ = Describe("the pages of a tenant", func() {
	It("show what there is, and run nothing of what clients send", func(ctx SpecContext) {
		namespace, user := tenant(ctx)
		v := visit(env.Config)
		for path, want := range map[string]string{
			"/":                   "PersonMissing",
			"/users":              "Anna&lt;script&gt;",
			"/users?reason=any":   "Anna&lt;script&gt;",
			"/users?q=anna":       "Anna&lt;script&gt;",
			"/users?active=false": "None of the 1 users matches",
			"/groups":             "Support &lt;script&gt;",
			"/persons":            "There is no person yet",
			"/organizations":      "There is no organization yet",
			"/sites":              "There is no site yet",
			"/rules":              "There is no automation rule",
			"/executions":         "No rule has run yet",
			"/users/" + user.Name: "What the client sent",
			"/find?q=nobody":      "Nobody and nothing is called",
			"/users?group=01a21007-a9a9-7e87-b27f-3fe9f4e66f76": "Direct members of the group",
		} {
			answer := v.send(http.MethodGet, "/"+namespace+path, "")
			Expect(answer).To(HaveHTTPStatus(http.StatusOK), path)
			text := body(answer)
			Expect(text).To(ContainSubstring(want), path)
			Expect(text).NotTo(ContainSubstring(hostile), path)
			Expect(strings.Count(text, "<h1")).To(Equal(1), path)
		}
		Expect(v.send(http.MethodGet, "/"+namespace+"/find?q=anna@example.com", "")).To(HaveHTTPHeaderWithValue("Location", "/"+namespace+"/users/"+user.Name))
		for _, path := range []string{"/users/none", "/executions/none", "/rules/none", "/users?group=none", "/nothing"} {
			Expect(v.send(http.MethodGet, "/"+namespace+path, "")).To(HaveHTTPStatus(http.StatusNotFound), path)
		}
		By("two of one name, each with what tells it from the other")
		other := &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "01a21007-a2f8-76d0-b28a-23323bc2a099"},
			Spec: v1alpha1.ScimUserSpec{
				UserName: "anna-2", DisplayName: hostile, Active: new(false), ProvisionedAt: user.Spec.ProvisionedAt, LastModified: user.Spec.LastModified,
			},
		}
		Expect(direct.Create(ctx, other)).To(Succeed())
		Eventually(func() string {
			return body(v.send(http.MethodGet, "/"+namespace+"/find?q="+url.QueryEscape(hostile), ""))
		}).Should(And(
			ContainSubstring("anna-2, not active <code>"+other.Name), ContainSubstring("Anna&lt;script&gt;"), Not(ContainSubstring(hostile)),
		))
		By("names that none has, and that mean something to a path, a key or a log")
		for _, name := range []string{"a%2F..%2F..%2Fsecrets%2Fokta", "..%2Fokta", "a%0Ab", "%25", "%00", "a%3Fb", "Anna", strings.Repeat("a", 40_000)} {
			for _, path := range []string{"/users/NAME", "/persons/NAME", "/executions/NAME", "/rules/NAME", "/users?group=NAME", "/users/NAME/delete-record"} {
				address := "/" + namespace + strings.ReplaceAll(path, "NAME", name)
				Expect(v.send(http.MethodGet, address, "")).To(HaveHTTPStatus(http.StatusNotFound), "%.80s", address)
			}
		}
	})

	It("have the rules run again, once asked", func(ctx SpecContext) {
		namespace, user := tenant(ctx)
		v := visit(env.Config)
		page := "/" + namespace + "/users/" + user.Name
		answer := v.post(page, page+"/rerun")
		Expect(answer).To(HaveHTTPStatus(http.StatusSeeOther))
		Expect(answer).To(HaveHTTPHeaderWithValue("Location", page+"?done=rerun"))
		Expect(direct.Get(ctx, client.ObjectKeyFromObject(user), user)).To(Succeed())
		Expect(user.Annotations).To(HaveKey(v1alpha1.AnnotationRerun))
		events := &eventsv1.EventList{}
		Expect(direct.List(ctx, events, client.InNamespace(namespace))).To(Succeed())
		Expect(events.Items).To(HaveLen(1))
		Expect(events.Items[0].Reason).To(Equal("ConsoleAction"))
		Expect(events.Items[0].Note).To(HaveSuffix(" asked for the rules to run again in the console."))
		Expect(events.Items[0].Regarding.Name).To(Equal(user.Name))
		Expect(body(v.send(http.MethodGet, page+"?done=rerun", ""))).To(ContainSubstring("The rules run again"))
		Expect(v.send(http.MethodGet, page+"/rerun", "")).To(HaveHTTPStatus(http.StatusNotFound), "by a link alone")
	})

	It("delete a record only when its name is typed, and as it was shown", func(ctx SpecContext) {
		namespace, user := tenant(ctx)
		v := visit(env.Config)
		page := "/" + namespace + "/users/" + user.Name
		confirm := page + "/delete-record"
		exists := func() bool {
			GinkgoHelper()
			err := direct.Get(ctx, client.ObjectKeyFromObject(user), &v1alpha1.ScimUser{})
			Expect(client.IgnoreNotFound(err)).To(Succeed())
			return !apierrors.IsNotFound(err)
		}
		Expect(v.post(confirm, confirm, "typed", "anna")).To(HaveHTTPStatus(http.StatusUnprocessableEntity))
		Expect(v.post(confirm, confirm, "typed", user.Spec.UserName, "version", "1")).To(HaveHTTPStatus(http.StatusConflict))
		Expect(v.post(confirm, confirm, "typed", user.Spec.UserName, "uid", "another")).To(HaveHTTPStatus(http.StatusConflict))
		Expect(exists()).To(BeTrue())
		Expect(v.post(confirm, confirm, "typed", user.Spec.UserName)).To(HaveHTTPStatus(http.StatusSeeOther))
		Expect(exists()).To(BeFalse())
	})

	It("offer a viewer nothing that it may not do, and do nothing of it", func(ctx SpecContext) {
		namespace, user := tenant(ctx)
		other, stranger := tenant(ctx)
		v := visit(as(ctx, namespace, "get", "list", "watch"))
		page := "/" + namespace + "/users/" + user.Name
		text := body(v.send(http.MethodGet, page, ""))
		Expect(text).To(ContainSubstring("What the client sent"))
		Expect(text).NotTo(Or(ContainSubstring("Run again"), ContainSubstring("Delete the record")))

		Expect(v.send(http.MethodGet, page+"/delete-record", "")).To(HaveHTTPStatus(http.StatusForbidden))

		By("crafting what no page of the viewer holds")
		form := url.Values{
			"form": {v.token()}, "generation": {"1"}, "typed": {user.Spec.UserName}, "uid": {string(user.UID)}, "version": {user.ResourceVersion},
		}
		for _, action := range []string{
			page + "/rerun", page + "/delete-record", "/" + namespace + "/rules/default-user-mapping/rerun",
			"/" + other + "/users/" + stranger.Name + "/rerun", "/" + other + "/users/" + stranger.Name + "/delete-record", "/" + other + "/endpoints/okta/release",
		} {
			answer := v.send(http.MethodPost, action, form.Encode(), "Origin", v.address)
			Expect(answer).To(HaveHTTPStatus(http.StatusForbidden, http.StatusNotFound), action)
			Expect(body(answer)).NotTo(ContainSubstring("the form is of another session"), action)
		}
		for _, object := range []*v1alpha1.ScimUser{user, stranger} {
			Expect(direct.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
			Expect(object.Annotations).To(BeEmpty())
			Expect(object.DeletionTimestamp).To(BeNil())
		}
		for _, path := range []string{"/users", "/groups", "/persons", "/organizations", "/sites", "/rules", "/executions", "/users/" + stranger.Name, "/find?q=anna@example.com"} {
			answer := v.send(http.MethodGet, "/"+other+path, "")
			Expect(answer).To(HaveHTTPStatus(http.StatusForbidden), path)
			Expect(body(answer)).NotTo(ContainSubstring("Anna"), path)
		}
		Expect(v.send(http.MethodGet, "/-/events/"+other+"?kinds=users", "")).To(HaveHTTPStatus(http.StatusForbidden))
	})

	It("take no form of another session", func(ctx SpecContext) {
		namespace, user := tenant(ctx)
		one, another := visit(env.Config), visit(env.Config)
		page := "/" + namespace + "/users/" + user.Name
		token := formToken.FindStringSubmatch(body(another.send(http.MethodGet, page, "")))[1]
		Expect(one.post(page, page+"/rerun", "form", token)).To(HaveHTTPStatus(http.StatusForbidden))
		Expect(one.post(page, page+"/rerun")).To(HaveHTTPStatus(http.StatusSeeOther))
	})

	It("hear of what changes", func(ctx SpecContext) {
		namespace, user := tenant(ctx)
		v := visit(env.Config)
		Expect(v.send(http.MethodGet, "/"+namespace+"/users", "")).To(HaveHTTPStatus(http.StatusOK))
		stream := v.send(http.MethodGet, "/-/events/"+namespace+"?kinds=users", "")
		Expect(stream).To(HaveHTTPHeaderWithValue("Content-Type", "text/event-stream"))
		heard := make(chan string, 100)
		go func() {
			defer GinkgoRecover()
			buffer := make([]byte, 1024)
			for {
				n, err := stream.Body.Read(buffer)
				if err != nil {
					return
				}
				heard <- string(buffer[:n])
			}
		}()
		Eventually(heard).Should(Receive(ContainSubstring("retry")))
		user.Status.Conditions[0].Message = "changed"
		Expect(direct.Status().Update(ctx, user)).To(Succeed())
		Eventually(heard).Should(Receive(ContainSubstring("event: changed")))
	})

	It("hear of what has changed before they listen, and end when the console does", func(ctx SpecContext) {
		namespace, user := tenant(ctx)
		v := visit(env.Config)
		page := func() string { return body(v.send(http.MethodGet, "/"+namespace+"/users", "")) }
		Expect(page()).To(ContainSubstring("Anna")) // from then on users are held
		address := regexp.MustCompile(`data-live="([^"]+)"`).FindStringSubmatch(page())[1]
		user.Status.Conditions[0].Message = "another message"
		Expect(direct.Status().Update(ctx, user)).To(Succeed())
		Eventually(page).Should(ContainSubstring("another message"))
		stream := v.send(http.MethodGet, html.UnescapeString(address), "")
		heard := make([]byte, len("retry: 5000\n\nevent: changed"))
		_, err := io.ReadFull(stream.Body, heard)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(heard)).To(HaveSuffix("event: changed"))
		v.stop()
		Expect(body(stream)).To(HaveSuffix("\n\n"))
	})

	It("say that a cluster cannot be reached", func() {
		cfg := rest.CopyConfig(env.Config)
		away := false
		cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				if away {
					return nil, errors.New("connection refused")
				}
				return next.RoundTrip(r)
			})
		})
		v := visit(cfg)
		away = true
		answer := v.send(http.MethodGet, "/default/", "")
		Expect(answer).To(HaveHTTPStatus(http.StatusServiceUnavailable))
		Expect(body(answer)).To(ContainSubstring("The cluster cannot be reached"))
	})
})
