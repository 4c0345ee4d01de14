package pages_test

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

const mapping = "default-user-mapping"

// ruleAs writes the default rule for users as a field manager does, with changes.
func ruleAs(ctx context.Context, namespace, manager string, change ...func(*v1alpha1.AutomationRule)) *v1alpha1.AutomationRule {
	GinkgoHelper()
	data, err := os.ReadFile(filepath.Join("..", "..", "config", "rules", mapping+".yaml"))
	Expect(err).NotTo(HaveOccurred())
	rule := &v1alpha1.AutomationRule{}
	Expect(yaml.UnmarshalStrict(data, rule)).To(Succeed())
	rule.Namespace = namespace
	for _, one := range change {
		one(rule)
	}
	Expect(direct.Create(ctx, rule, client.FieldOwner(manager))).To(Succeed())
	return rule
}

// staffed is a namespace in which the controllers have made Persons of users, every other one a contractor.
func staffed(ctx context.Context, users int) (namespace string) {
	GinkgoHelper()
	namespace = env.Namespace(ctx, GinkgoT())
	Expect(direct.Create(ctx, &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta"}})).To(Succeed())
	ruleAs(ctx, namespace, "kubectl-client-side-apply")
	for i := range users {
		now := v1alpha1.NewTimestamp(metav1.Now().Time)
		user := &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("01a21007-a2f8-76d0-b28a-%012d", i)},
			Spec: v1alpha1.ScimUserSpec{
				UserName: fmt.Sprintf("user-%02d@example.com", i), DisplayName: fmt.Sprint("User ", i), UserType: []string{"Employee", "Contractor"}[i%2],
				ProvisionedAt: now, LastModified: now,
			},
		}
		Expect(direct.Create(ctx, user)).To(Succeed())
	}
	mgr := suite.NewManager(env.Config, []string{namespace})
	Expect(controllers.Setup(context.WithoutCancel(ctx), mgr, controllers.Options{})).To(Succeed())
	stop := suite.Start(ctx, mgr)
	Eventually(func(g Gomega) {
		list := &v1alpha1.ScimUserList{}
		g.Expect(direct.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
		ready := 0
		for i := range list.Items {
			if meta.IsStatusConditionTrue(list.Items[i].Status.Conditions, v1alpha1.ConditionReady) {
				ready++
			}
		}
		g.Expect(ready).To(Equal(users))
	}).Should(Succeed())
	stop()
	return namespace
}

func stored(ctx context.Context, namespace, name string) *v1alpha1.AutomationRule {
	GinkgoHelper()
	rule := &v1alpha1.AutomationRule{}
	Expect(direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, rule)).To(Succeed())
	return rule
}

var (
	textarea = regexp.MustCompile(`(?s)<textarea[^>]*>\n?(.*?)</textarea>`)
	hidden   = regexp.MustCompile(`<input type="hidden"(?: form="editor")? name="([a-z]+)" value="([^"]*)"`)
)

// editing is the form of an editor as a browser would send it.
type editing struct {
	*visitor
	page string
	form url.Values
	// text is the page that the form came from.
	text string
}

func (v *visitor) edit(page string) *editing {
	GinkgoHelper()
	answer := v.send(http.MethodGet, page+"/edit", "")
	Expect(answer).To(HaveHTTPStatus(http.StatusOK))
	e := &editing{visitor: v, page: page}
	e.take(body(answer))
	return e
}

// take takes the form of a page.
func (e *editing) take(text string) {
	GinkgoHelper()
	e.text, e.form = html.UnescapeString(text), url.Values{}
	for _, field := range hidden.FindAllStringSubmatch(text, -1) {
		e.form.Set(field[1], html.UnescapeString(field[2]))
	}
	found := textarea.FindStringSubmatch(text)
	Expect(found).NotTo(BeNil(), text)
	e.form.Set("text", html.UnescapeString(found[1]))
}

// write replaces a part of the rule.
func (e *editing) write(old, text string) {
	GinkgoHelper()
	Expect(strings.Count(e.form.Get("text"), old)).To(Equal(1), "%s in %s", old, e.form.Get("text"))
	// As browsers send it.
	e.form.Set("text", strings.ReplaceAll(strings.Replace(e.form.Get("text"), old, text, 1), "\n", "\r\n"))
}

func (e *editing) send(button string) *http.Response {
	GinkgoHelper()
	return e.visitor.send(http.MethodPost, e.page+"/"+button, e.form.Encode(), "Origin", e.address, "Sec-Fetch-Site", "same-origin")
}

// check presses Check, and takes the page that comes of it.
func (e *editing) check() string {
	GinkgoHelper()
	answer := e.send("edit")
	Expect(answer).To(HaveHTTPStatus(http.StatusOK))
	e.take(body(answer))
	return e.text
}

var _ = Describe("the editor of a rule", func() {
	It("shows how many would be disabled and that the brake would hold it, before it is applied", func(ctx SpecContext) {
		namespace := staffed(ctx, 40)
		v := visit(env.Config)
		e := v.edit("/" + namespace + "/rules/" + mapping)
		Expect(e.text).To(ContainSubstring("Written with kubectl"))
		Expect(e.form.Get("text")).NotTo(Or(ContainSubstring("managedFields"), ContainSubstring("status"), ContainSubstring("uid:")))
		before := e.form.Get("text")
		Expect(before).To(ContainSubstring("      value: '!user.active'"))
		e.write("      value: '!user.active'", "      value: user.userType == \"Contractor\"")
		text := e.check()
		Expect(text).To(ContainSubstring("<strong>20</strong> would be <strong>disabled</strong>"))
		Expect(text).To(ContainSubstring("The safety brake would hold that: persons to disable: 20, allowed now: 10"))
		Expect(text).To(ContainSubstring("Would change 20 of 40 persons; disable 20"))
		Expect(text).To(ContainSubstring("For whom: the first 20"))
		Expect(text).To(ContainSubstring(`<th scope="row" rowspan="1"><a href="/` + namespace + `/users/01a21007-a2f8-76d0-b28a-000000000001">user-01@example.com</a></th><td><code>disabled</code>`))
		Expect(text).To(ContainSubstring("+       value: user.userType == \"Contractor\""))
		Expect(stored(ctx, namespace, mapping).Generation).To(Equal(int64(1)), "by a check")

		By("applying it")
		answer := e.send("apply")
		Expect(answer).To(HaveHTTPStatus(http.StatusSeeOther))
		Expect(answer).To(HaveHTTPHeaderWithValue("Location", "/"+namespace+"/rules/"+mapping+"?done=apply"))
		rule := stored(ctx, namespace, mapping)
		Expect(rule.Generation).To(Equal(int64(2)))
		var managers []string
		for _, entry := range rule.ManagedFields {
			if entry.Subresource == "" {
				managers = append(managers, entry.Manager+" "+string(entry.Operation))
			}
		}
		Expect(managers).To(ConsistOf("scim-console Apply"))
		events := &eventsv1.EventList{}
		Expect(direct.List(ctx, events, client.InNamespace(namespace))).To(Succeed())
		Expect(events.Items).To(ContainElement(HaveField("Note", HaveSuffix(" applied generation 2 of the rule in the console."))))

		By("leaving out what kubectl has written")
		e = v.edit("/" + namespace + "/rules/" + mapping)
		Expect(e.text).NotTo(ContainSubstring("Written with kubectl"))
		e.write("    - field: jobTitle\n      value: ?user.title\n", "")
		Expect(e.check()).NotTo(ContainSubstring("would be <strong>disabled</strong>"))
		Expect(e.send("apply")).To(HaveHTTPStatus(http.StatusSeeOther))
		Expect(stored(ctx, namespace, mapping).Spec.Update.Set).To(HaveLen(len(rule.Spec.Update.Set) - 1))
	})

	It("shows every mistake with its line, and applies none", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		ruleAs(ctx, namespace, "kubectl-client-side-apply")
		v := visit(env.Config)
		page := "/" + namespace + "/rules/" + mapping
		for name, test := range map[string]struct {
			old, text, want string
		}{
			"an expression":       {"value: ?user.title", "value: ?user.titel", "Did you mean user.title"},
			"a field":             {"  position: 10", "  positoin: 10", "there is no such field"},
			"YAML":                {"  position: 10", "  position: [10", "Does not run"},
			"another name":        {"  name: " + mapping, "  name: other", "the rule is called " + mapping},
			"two documents":       {"  position: 10", "  position: 10\n---\nkind: Secret", "more than one document"},
			"what the API limits": {"  position: 10", "  position: -10", "The cluster does not take it"},
			"nothing changed":     {"  position: 10", "  position: 10", "there is nothing to apply"},
		} {
			e := v.edit(page)
			e.write(test.old, test.text)
			Expect(e.check()).To(ContainSubstring(test.want), name)
			Expect(e.form).NotTo(HaveKey("checked"), name)
			Expect(e.send("apply")).To(HaveHTTPStatus(http.StatusConflict), name)
		}
		e := v.edit(page)
		e.write("value: ?user.title", "value: ?user.titel")
		line := strings.Count(strings.Split(e.form.Get("text"), "?user.titel")[0], "\n") + 1
		Expect(e.check()).To(ContainSubstring(fmt.Sprintf(">Line %d, column ", line)))
		Expect(stored(ctx, namespace, mapping).Generation).To(Equal(int64(1)))
	})

	It("does nothing with a form that is older than the rule, or whose text nobody has seen the consequences of", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		rule := ruleAs(ctx, namespace, "kubectl-client-side-apply")
		v := visit(env.Config)
		e := v.edit("/" + namespace + "/rules/" + mapping)
		e.write("  position: 10", "  position: 20")
		e.check()
		e.write("  position: 20", "  position: 30")
		answer := e.send("apply")
		Expect(answer).To(HaveHTTPStatus(http.StatusConflict))
		Expect(body(answer)).To(ContainSubstring("The text has changed since its consequences were shown"))

		e.check()
		rule.Spec.Description = "Changed in the meantime."
		Expect(direct.Update(ctx, rule, client.FieldOwner("kubectl-edit"))).To(Succeed())
		answer = e.send("apply")
		Expect(answer).To(HaveHTTPStatus(http.StatusConflict))
		text := body(answer)
		e.take(text)
		Expect(e.text).To(ContainSubstring("The rule has changed since you began"))
		Expect(e.text).To(ContainSubstring("+   description: Changed in the meantime."))
		Expect(stored(ctx, namespace, mapping).Spec.Position).To(HaveValue(Equal(int32(10))))

		By("applying it over the change that was shown")
		Expect(e.form.Get("text")).To(ContainSubstring("position: 30"), "nothing that was typed is lost")
		Expect(e.send("apply")).To(HaveHTTPStatus(http.StatusSeeOther))
		Expect(stored(ctx, namespace, mapping).Spec.Position).To(HaveValue(Equal(int32(30))))
	})

	It("leaves to others what is theirs", func(ctx SpecContext) {
		v := visit(env.Config)
		for owner, test := range map[string]struct {
			manager string
			change  func(*v1alpha1.AutomationRule)
		}{
			"Flux, Kustomization flux-system/tenants": {"kubectl-client-side-apply", func(rule *v1alpha1.AutomationRule) {
				rule.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "tenants", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
			}},
			"Argo CD, Application acme": {"argocd-controller", func(rule *v1alpha1.AutomationRule) {
				rule.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "acme:provisioning.rservice.dev/AutomationRule:x/y"}
			}},
			"terraform": {"terraform", func(*v1alpha1.AutomationRule) {}},
		} {
			namespace := env.Namespace(ctx, GinkgoT())
			ruleAs(ctx, namespace, test.manager, test.change)
			page := "/" + namespace + "/rules/" + mapping
			Expect(body(v.send(http.MethodGet, page, ""))).To(ContainSubstring(owner + ": change it there"))
			e := v.edit(page)
			Expect(e.text).To(ContainSubstring(owner + "</h2>"))
			e.write("  position: 10", "  position: 20")
			text := e.check()
			Expect(text).To(ContainSubstring("The YAML to take to where it is kept"))
			Expect(text).To(ContainSubstring("+   position: 20"))
			Expect(text).NotTo(ContainSubstring(">Apply</button>"))
			answer := e.send("apply")
			Expect(answer).To(HaveHTTPStatus(http.StatusForbidden))
			Expect(stored(ctx, namespace, mapping).Spec.Position).To(HaveValue(Equal(int32(10))))
		}
	})

	It("names who has a field that it would change", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		rule := ruleAs(ctx, namespace, "kubectl-client-side-apply")
		Expect(direct.Patch(ctx, rule, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"team":"a"}}}`)), client.FieldOwner("labeller"))).To(Succeed())
		e := visit(env.Config).edit("/" + namespace + "/rules/" + mapping)
		e.write("    team: a", "    team: b")
		e.check()
		answer := e.send("apply")
		Expect(answer).To(HaveHTTPStatus(http.StatusConflict))
		text := body(answer)
		Expect(text).To(ContainSubstring("<code>.metadata.labels.team</code>: <code>labeller</code>"))
		Expect(text).NotTo(ContainSubstring(">Apply</button>"))
		Expect(stored(ctx, namespace, mapping).Labels).To(HaveKeyWithValue("team", "a"))
	})

	It("makes new rules, and none of a name that there is", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		v := visit(env.Config)
		e := v.edit("/" + namespace + "/rules/-")
		Expect(e.check()).To(ContainSubstring("The rule as it would be stored"))
		answer := e.send("apply")
		Expect(answer).To(HaveHTTPStatus(http.StatusSeeOther))
		Expect(stored(ctx, namespace, "my-rule").Spec.Position).To(HaveValue(Equal(int32(100))))
		Expect(e.send("apply")).To(HaveHTTPStatus(http.StatusConflict), "again")
		Expect(e.check()).To(ContainSubstring("already exists"))

		By("editing what the console has made")
		e = v.edit("/" + namespace + "/rules/my-rule")
		e.write("  condition: user.userType == \"Contractor\"\n", "")
		e.check()
		Expect(e.send("apply")).To(HaveHTTPStatus(http.StatusSeeOther))
		Expect(stored(ctx, namespace, "my-rule").Spec.Condition).To(BeEmpty())
	})

	It("is for those who may change rules, and does nothing for others", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		rule := ruleAs(ctx, namespace, "kubectl-client-side-apply")
		viewer := visit(as(ctx, namespace, "get", "list", "watch"))
		page := "/" + namespace + "/rules/" + mapping
		for _, path := range []string{page, "/" + namespace + "/rules"} {
			Expect(body(viewer.send(http.MethodGet, path, ""))).NotTo(Or(ContainSubstring("/edit"), ContainSubstring("New rule")), path)
		}
		form := url.Values{
			"form": {viewer.token()}, "uid": {string(rule.UID)}, "generation": {"1"}, "text": {"spec: {}"}, "checked": {strings.Repeat("0", 64)},
		}
		for _, path := range []string{page, "/" + namespace + "/rules/-"} {
			Expect(viewer.send(http.MethodGet, path+"/edit", "")).To(HaveHTTPStatus(http.StatusForbidden))
			for _, button := range []string{"/edit", "/apply"} {
				Expect(viewer.send(http.MethodPost, path+button, form.Encode(), "Origin", viewer.address)).To(HaveHTTPStatus(http.StatusForbidden), path+button)
			}
		}
		Expect(viewer.send(http.MethodPost, page+"/apply", url.Values{"text": {"x"}}.Encode(), "Origin", viewer.address)).To(HaveHTTPStatus(http.StatusForbidden))
		Expect(stored(ctx, namespace, mapping).Generation).To(Equal(int64(1)))
		err := direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "my-rule"}, &v1alpha1.AutomationRule{})
		Expect(err).To(Satisfy(apierrors.IsNotFound))
	})

	It("bounds what somebody may send", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		ruleAs(ctx, namespace, "kubectl-client-side-apply")
		e := visit(env.Config).edit("/" + namespace + "/rules/" + mapping)
		for want, text := range map[string]string{
			"the text has more than":    strings.Repeat("a", 300_000),
			"the text is empty":         "",
			"hold at most 65536":        strings.ReplaceAll(e.form.Get("text"), "condition: ", "condition: "+strings.Repeat("true || ", 9000)),
			"document contains excessi": "a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]",
		} {
			e.form.Set("text", text)
			answer := e.send("edit")
			Expect(answer).To(HaveHTTPStatus(http.StatusOK), want)
			Expect(body(answer)).To(ContainSubstring(want))
		}
	})
})
