package console

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"rservice.dev/scim-operator/api/v1alpha1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// someUsers are the users that are Ready, or those that are not, in the order of their ids.
func someUsers(ctx context.Context, ready bool) (some []*v1alpha1.ScimUser) {
	GinkgoHelper()
	users := &v1alpha1.ScimUserList{}
	Expect(direct.List(ctx, users, client.InNamespace(namespace))).To(Succeed())
	for i := range users.Items {
		user := &users.Items[i]
		if meta.IsStatusConditionTrue(user.Status.Conditions, v1alpha1.ConditionReady) == ready && (user.Status.Person != nil) == ready {
			some = append(some, user)
		}
	}
	Expect(some).NotTo(BeEmpty(), "Okta has pushed no such user")
	return some
}

// someUser is the first of someUsers.
func someUser(ctx context.Context, ready bool) *v1alpha1.ScimUser {
	GinkgoHelper()
	return someUsers(ctx, ready)[0]
}

// allPages are the addresses of pages of every kind, by a name for pictures.
func allPages(ctx context.Context) map[string]string {
	GinkgoHelper()
	user, failing := someUser(ctx, true), someUser(ctx, false)
	groups := &v1alpha1.ScimGroupList{}
	Expect(direct.List(ctx, groups, client.InNamespace(namespace))).To(Succeed())
	organizations := &v1alpha1.OrganizationList{}
	Expect(direct.List(ctx, organizations, client.InNamespace(namespace))).To(Succeed())
	in := "/" + namespace
	return map[string]string{
		"overview": in + "/", "users": in + "/users", "users-failing": in + "/users?reason=any&sort=updated&desc=true", "users-none": in + "/users?q=nobody-is-called-so",
		"groups": in + "/groups", "persons": in + "/persons", "organizations": in + "/organizations", "sites": in + "/sites", "rules": in + "/rules",
		"executions": in + "/executions", "executions-failed": in + "/executions?result=failed",
		"user": in + "/users/" + user.Name, "user-failing": in + "/users/" + failing.Name, "group": in + "/groups/" + groups.Items[0].Name,
		"person": in + "/persons/" + user.Status.Person.Name, "organization": in + "/organizations/" + organizations.Items[0].Name,
		"rule": in + "/rules/default-user-mapping", "rule-edit": in + "/rules/default-user-mapping/edit", "rule-new": in + "/rules/-/edit", "execution": in + "/executions/default-user-mapping-" + user.Name,
		"execution-failed": in + "/executions/default-user-mapping-" + failing.Name,
		"delete":           in + "/users/" + user.Name + "/delete-record", "find": in + "/find?q=nobody-is-called-so", "me": "/-/me?namespace=" + namespace,
		"namespaces": "/-/namespaces", "missing": in + "/users/none",
	}
}

// violation is one that axe-core finds.
type violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML           string `json:"html"`
		FailureSummary string `json:"failureSummary"`
	} `json:"nodes"`
}

// violations are what axe-core finds on a page against WCAG 2.2 A and AA, and good practice.
func (t *tab) violations(what string) (told []string) {
	GinkgoHelper()
	if eval[bool](t, `window.axe === undefined`) {
		source, err := os.ReadFile("node_modules/axe-core/axe.min.js")
		Expect(err).NotTo(HaveOccurred(), "run npm ci in hack/console, as make console-test does")
		t.do(chromedp.Evaluate[chromedp.Void](string(source)))
	}
	text := eval[string](t, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"], resultTypes: ["violations"]}).then((r) => JSON.stringify(r.violations))`)
	var found []violation
	Expect(json.Unmarshal([]byte(text), &found)).To(Succeed())
	for _, one := range found {
		for _, node := range one.Nodes {
			told = append(told, fmt.Sprintf("%s: %s: %s\n%s\n%s", what, one.ID, one.Help, node.HTML, node.FailureSummary))
		}
	}
	return told
}

var _ = Describe("every page", func() {
	It("is accessible in light and dark, fits 360 pixels, shows all columns on 1280, and asks nobody else for anything", func(ctx SpecContext) {
		t := open(serve(admin))
		var found []string
		for name, path := range allPages(ctx) {
			t.scheme("light")
			t.do(chromedp.EmulateViewport(1280, 900))
			t.visit(path)
			Expect(eval[int](t, `document.querySelectorAll("h1").length`)).To(Equal(1), name)
			for _, cut := range eval[[]string](t, `[...document.querySelectorAll(".scroll")].filter((s) => s.scrollWidth > s.clientWidth).map((s) => s.ariaLabel + ": " + s.scrollWidth + " of " + s.clientWidth)`) {
				found = append(found, name+" does not show all columns on 1280 pixels: "+cut)
			}
			found = append(found, t.violations(name+", light and wide")...)
			t.screenshot(name + "-light")
			t.scheme("dark")
			t.do(chromedp.EmulateViewport(360, 740))
			if width := eval[int](t, `document.documentElement.scrollWidth`); width > 360 {
				found = append(found, fmt.Sprintf("%s is %d pixels wide", name, width))
			}
			found = append(found, t.violations(name+", dark and narrow")...)
			t.screenshot(name + "-dark-narrow")
		}
		Expect(found).To(BeEmpty(), strings.Join(found, "\n\n"))
		t.mu.Lock()
		defer t.mu.Unlock()
		Expect(t.foreign).To(BeEmpty())
		Expect(t.faults).To(BeEmpty())
	})
})
