package login

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/hack/e2e/world"
)

// formToken is what a form of the console has to send along.
var formToken = regexp.MustCompile(`name="form" value="([^"]+)"`)

var _ = Describe("The console in the cluster", Ordered, func() {
	var (
		somebody *browser
		user     string // id of a user of the tenant
	)

	BeforeAll(func(ctx SpecContext) {
		somebody = newBrowser()
		user = acme.Expect(ctx, http.StatusCreated, http.MethodPost, "/Users", world.NewUser("somebody@console.example")).ID()
	})

	It("is on its own host only, and SCIM is not there", func(ctx SpecContext) {
		acme.Provisions(ctx)
		shown := somebody.open(ctx, "/scim/v2/Users") // a page like any other, for which one has to log in
		Expect(shown.isLogin()).To(BeTrue(), "%s: %d %s", shown.URL, shown.Status, shown.Text)
		Expect(somebody.open(ctx, "https://"+host+"/-/me").Status).To(Equal(http.StatusNotFound), "the ingress' answer")
	})

	It("leads to the provider and back, to somebody to whom no namespace is open", func(ctx SpecContext) {
		shown := somebody.logIn(ctx, "/-/me")
		Expect(shown.URL.String()).To(Equal(console + "/-/me"))
		Expect(shown.Text).To(And(ContainSubstring(person), ContainSubstring(group)))
		shown = somebody.open(ctx, "/-/namespaces")
		Expect(shown.Status).To(Equal(http.StatusOK))
		Expect(shown.Text).NotTo(ContainSubstring(`href="/acme/"`))
		Expect(somebody.open(ctx, "/acme/users").Status).To(Equal(http.StatusForbidden))
	})

	It("shows what the group's role lets its members see, and does nothing else", func(ctx SpecContext) {
		cluster.Kubectl(ctx, "-n", "acme", "create", "rolebinding", "support", "--clusterrole", "scim-viewer", "--group", group)
		Eventually(somebody.status(ctx, "/acme/users/"+user)).Should(Equal(http.StatusOK))
		shown := somebody.open(ctx, "/acme/users/"+user)
		Expect(shown.Text).To(And(ContainSubstring("somebody@console.example"), Not(ContainSubstring("/rerun"))))
		// Each replica keeps what it was told about somebody's rights for ten seconds.
		Eventually(func() string { return somebody.open(ctx, "/-/namespaces").Text }).Should(ContainSubstring(`href="/acme/"`))
		for _, list := range []string{"", "users", "groups", "persons", "organizations", "sites", "executions", "rules"} {
			Eventually(somebody.status(ctx, "/acme/"+list)).Should(Equal(http.StatusOK), list)
		}
		form := formToken.FindStringSubmatch(shown.Text)
		Expect(form).NotTo(BeNil())
		Expect(somebody.send(ctx, "/acme/users/"+user+"/rerun", url.Values{"form": {form[1]}})).To(And(
			HaveField("Status", http.StatusForbidden), HaveField("Text", ContainSubstring("You may not see or do this"))))
	})

	It("does what an editor may, as that person", func(ctx SpecContext) {
		cluster.Kubectl(ctx, "-n", "acme", "create", "rolebinding", "editors", "--clusterrole", "scim-editor", "--group", group)
		var shown page
		Eventually(func(g Gomega) {
			shown = somebody.open(ctx, "/acme/users/"+user)
			g.Expect(shown.Text).To(ContainSubstring("/rerun"))
		}).Should(Succeed())
		form := formToken.FindStringSubmatch(shown.Text)
		Expect(form).NotTo(BeNil())
		shown = somebody.send(ctx, "/acme/users/"+user+"/rerun", url.Values{"form": {form[1]}})
		Expect(shown).To(And(HaveField("Status", http.StatusOK), HaveField("Text", ContainSubstring("The rules run again."))))
		Eventually(func(g Gomega) {
			var events eventsv1.EventList
			g.Expect(cluster.Client.List(ctx, &events, client.InNamespace("acme"))).To(Succeed())
			g.Expect(events.Items).To(ContainElement(And(HaveField("Reason", "ConsoleAction"), HaveField("Regarding.Name", user),
				HaveField("Note", ContainSubstring(person)))))
		}).Should(Succeed())
	})

	It("goes on with the same session on new pods", func(ctx SpecContext) {
		cluster.Kubectl(ctx, "-n", world.System, "rollout", "restart", "deployment/"+world.Name)
		cluster.RolledOut(ctx)
		Eventually(somebody.status(ctx, "/acme/users")).Should(Equal(http.StatusOK)) // the ingress may still know a pod that is gone
		Expect(somebody.open(ctx, "/acme/users").isLogin()).To(BeFalse())
	})

	It("goes on with the pods that it has when a configuration has a mistake, which a new pod names", func(ctx SpecContext) {
		configure(func(configuration map[string]any) { configuration["session"] = map[string]any{"confirmWithin": "1s"} })
		apply(ctx)
		Eventually(func(g Gomega) {
			var said []string
			for _, pod := range cluster.Pods(ctx, g) {
				said = append(said, endings(pod)...)
			}
			g.Expect(said).To(ContainElement(ContainSubstring("session.confirmWithin")))
		}).Should(Succeed())
		Expect(somebody.open(ctx, "/acme/users").Status).To(Equal(http.StatusOK))
		acme.Provisions(ctx)
		configure(func(map[string]any) {})
		apply(ctx)
		cluster.RolledOut(ctx)
	})

	It("shows nothing any more when the role is taken away", func(ctx SpecContext) {
		cluster.Kubectl(ctx, "-n", "acme", "delete", "rolebinding", "support", "editors")
		Eventually(somebody.status(ctx, "/acme/users")).Should(Equal(http.StatusForbidden))
		Eventually(func() string { return somebody.open(ctx, "/-/namespaces").Text }).ShouldNot(ContainSubstring(`href="/acme/"`))
	})

	It("ends all sessions with the Secret that seals them", func(ctx SpecContext) {
		Expect(somebody.open(ctx, "/-/me").isLogin()).To(BeFalse())
		cluster.Kubectl(ctx, "-n", world.System, "delete", "secret", world.Name+"-console")
		Eventually(func(g Gomega) {
			shown, err := somebody.try(ctx, "/-/me", nil)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(shown.isLogin()).To(BeTrue())
		}).Should(Succeed())
		Expect(somebody.logIn(ctx, "/-/me").Text).To(ContainSubstring(person))
	})
})

// endings are what the containers of a pod said last when they ended.
func endings(pod corev1.Pod) []string {
	var said []string
	for _, status := range pod.Status.ContainerStatuses {
		for _, ended := range []*corev1.ContainerStateTerminated{status.State.Terminated, status.LastTerminationState.Terminated} {
			if ended != nil {
				said = append(said, strings.TrimSpace(ended.Message))
			}
		}
	}
	return said
}
