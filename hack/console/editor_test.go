package console

import (
	"fmt"
	"strings"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The editor of rules", func() {
	It("checks and counts while somebody types", func(ctx SpecContext) {
		t := open(serve(admin))
		t.do(chromedp.EmulateViewport(1280, 900))
		t.visit("/" + namespace + "/rules/default-user-mapping/edit")
		replace := func(old, text string) {
			eval[bool](t, fmt.Sprintf(`(() => { const t = document.querySelector("#text"); t.value = t.value.replace(%q, %q);
				t.dispatchEvent(new Event("input", {bubbles: true})); return true; })()`, old, text))
		}
		answers := func(pattern string) {
			GinkgoHelper()
			Eventually(ctx, func() string {
				return eval[string](t, `document.querySelector("#checked").hasAttribute("aria-busy") ? "" : document.querySelector("#checked").textContent`)
			}).Should(MatchRegexp(pattern))
		}
		replace("user.title", "user.titel")
		answers("Does not run")
		found := t.violations("a mistake")
		t.screenshot("editor-mistake")
		replace("user.titel", "user.title")
		replace("'!user.active'", "'true'")
		answers(`would (.|\n)*disable [0-9]`)
		t.scheme("dark")
		t.do(chromedp.EmulateViewport(360, 800))
		Expect(eval[int](t, `document.documentElement.scrollWidth`)).To(BeNumerically("<=", 360))
		found = append(found, t.violations("a count")...)
		t.screenshot("editor-count")
		Expect(found).To(BeEmpty(), strings.Join(found, "\n\n"))
		Expect(t.faults).To(BeEmpty())
	})
})
