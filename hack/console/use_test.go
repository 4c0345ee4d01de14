package console

import (
	"os"
	"strings"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	"rservice.dev/scim-operator/api/v1alpha1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// press presses keys, one after the other.
func (t *tab) press(keys string) {
	GinkgoHelper()
	t.do(chromedp.KeyEvent(keys))
}

// eventually waits until a text of the page matches. While the tab goes to another page there is none.
func (t *tab) eventually(expression string, match types.GomegaMatcher) {
	GinkgoHelper()
	Eventually(func() (string, error) { return evaluated[string](t, expression) }).Should(match, t.state)
}

// at waits until the tab shows an address, with the page loaded.
func (t *tab) at(path string) {
	GinkgoHelper()
	t.eventually(`document.readyState + " " + location.pathname`, Equal("complete "+path))
}

// text waits for a text in the page's content.
func (t *tab) text(part string) {
	GinkgoHelper()
	t.eventually(`document.querySelector("main")?.innerText ?? ""`, ContainSubstring(part))
}

// buttons are what the page offers to do.
func (t *tab) buttons() []string {
	GinkgoHelper()
	return eval[[]string](t, `[...document.querySelectorAll("main form[method=post] button, main a.button")].map((b) => b.innerText.trim())`)
}

var _ = Describe("somebody with a keyboard alone", func() {
	It("goes everywhere", func(ctx SpecContext) {
		t := open(serve(as("viewer")))
		in := "/" + namespace
		for _, way := range []struct{ keys, path string }{
			{"gu", in + "/users"}, {"gg", in + "/groups"}, {"gr", in + "/rules"}, {"ge", in + "/executions"}, {"gp", in + "/persons"}, {"go", in + "/"},
		} {
			t.press(way.keys)
			t.at(way.path)
		}

		t.visit(in + "/users?reason=any")
		first := eval[string](t, `document.querySelector("table.list tbody a").pathname`)
		t.press("j\r")
		t.at(first)
		t.text("What to do")

		t.press("/")
		Expect(eval[string](t, `document.activeElement.id`)).To(Equal("find"))
		// Of a keyboard the browser types no character whose key was taken. The protocol's event types it all the same: type over it.
		eval[bool](t, `(document.activeElement.select(), true)`)
		t.press(someUser(ctx, true).Spec.UserName + "\r")
		t.at(in + "/users/" + someUser(ctx, true).Name)

		t.press("?")
		Expect(eval[string](t, `document.querySelector("dialog[open]").innerText`)).To(ContainSubstring("Automation rules"))
		Expect(t.violations("keys")).To(BeEmpty())
		t.do(chromedp.Click(chromedp.CSS(`dialog input[type=checkbox]`)), chromedp.Click(chromedp.CSS(`dialog button`)))
		t.press("?gu")
		Expect(eval[bool](t, `document.querySelector("dialog[open]") === null`)).To(BeTrue(), "keys are switched off")
	})

	It("finds what to do in the palette", func(ctx SpecContext) {
		t := open(serve(as("editor")))
		t.visit("/" + namespace + "/users/" + someUser(ctx, false).Name)
		t.do(chromedp.KeyEvent("k", chromedp.KeyModifiers(chromedp.ModifierCtrl)), chromedp.WaitVisible(chromedp.CSS("dialog[open] input")))
		Expect(t.violations("palette")).To(BeEmpty())
		Expect(eval[string](t, `document.querySelector("dialog[open]").innerText`)).To(And(ContainSubstring("Run again"), ContainSubstring("Groups")))
		t.press("organiz\r")
		t.at("/" + namespace + "/organizations")
	})
})

var _ = Describe("what is offered", func() {
	DescribeTable("is what the role allows", func(ctx SpecContext, person string, want ...string) {
		t := open(serve(as(person)))
		user := someUser(ctx, false)
		t.visit("/" + namespace + "/users/" + user.Name)
		if len(want) == 0 {
			Expect(t.buttons()).To(BeEmpty())
		} else {
			Expect(t.buttons()).To(ConsistOf(want))
		}
	},
		Entry("a viewer", "viewer"),
		Entry("an editor", "editor", "Run again"),
		Entry("an owner", "owner", "Run again", "Delete the record to re-link…"),
	)

	It("is done: the rules run again, and the page shows it by itself", func(ctx SpecContext) {
		t := open(serve(as("editor")))
		user := someUser(ctx, false)
		path := "/" + namespace + "/users/" + user.Name
		t.visit(path)
		t.do(chromedp.Click(chromedp.CSS(`main form[method=post] button`)))
		t.text("The rules run again")
		Expect(t.violations("after an action")).To(BeEmpty())
		Eventually(func(g Gomega) {
			g.Expect(direct.Get(ctx, client.ObjectKeyFromObject(user), user)).To(Succeed())
			g.Expect(user.Status.LastRerun).NotTo(BeEmpty())
		}).Should(Succeed())
		t.visit("/" + namespace + "/executions/default-user-mapping-" + user.Name)
		t.text("Somebody asked for it")
	})

	It("deletes a record only when its name is typed", func(ctx SpecContext) {
		t := open(serve(as("owner")))
		// Of all users one fails, which other specs look for.
		user := someUsers(ctx, true)[1]
		path := "/" + namespace + "/users/" + user.Name
		t.visit(path + "/delete-record")
		t.do(chromedp.SendKeys(chromedp.CSS("#typed"), strings.ToUpper(user.Spec.UserName)+"x\r"))
		t.text("the name is not the one to type")
		t.visit(path + "/delete-record")
		t.do(chromedp.SendKeys(chromedp.CSS("#typed"), user.Spec.UserName+"\r"))
		t.at("/" + namespace + "/users")
		Eventually(func() error {
			return direct.Get(ctx, client.ObjectKeyFromObject(user), &v1alpha1.ScimUser{})
		}).ShouldNot(Succeed())
	})
})

var _ = Describe("a page", func() {
	It("follows what changes while somebody looks at it", func(ctx SpecContext) {
		t := open(serve(as("viewer")))
		organization := &v1alpha1.Organization{}
		organization.Namespace, organization.Name, organization.Spec.Name = namespace, "made-while-looking", "Made while looking"
		t.visit("/" + namespace + "/organizations")
		Expect(direct.Create(ctx, organization)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(direct.Delete(ctx, organization)).To(Succeed()) })
		t.text("Made while looking")
	})

	It("shows times of where the visitor is, and the exact one on hover", func() {
		t := open(serve(as("viewer")))
		t.visit("/" + namespace + "/users")
		Expect(eval[string](t, `document.querySelector("time").title`)).To(MatchRegexp(`^\d{4}-\d\d-\d\dT.*Z$`))
		Expect(eval[string](t, `document.querySelector("time").innerText`)).NotTo(ContainSubstring("UTC"))
	})

	It("brings a small script", func() {
		script, err := os.ReadFile(root + "/console/pages/static/console.js")
		Expect(err).NotTo(HaveOccurred())
		Expect(len(script)).To(BeNumerically("<", 15_000))
	})
})
