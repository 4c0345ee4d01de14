package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
)

const contentOfBabs = `"userName": "babs@example.com", "name": {"givenName": "Barbara", "familyName": "Jensen"}, "displayName": "Babs Jensen",
	"emails": [{"value": "babs@example.com", "type": "work", "primary": true}], "active": true`

func bodyOf(content string) string {
	return `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], ` + content + `}`
}

const deactivation = `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "replace", "value": {"active": false}}]}`

// mapped waits until the controllers have processed the user's current spec, and
// returns the user and its Person.
func (t *tenant) mapped(ctx context.Context, id string) (*v1alpha1.ScimUser, *v1alpha1.Person) {
	GinkgoHelper()
	user, person := &v1alpha1.ScimUser{}, &v1alpha1.Person{}
	Eventually(func(g Gomega) {
		g.Expect(direct.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: id}, user)).To(Succeed())
		g.Expect(user.Status.ObservedGeneration).To(Equal(user.Generation))
		ready := meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionReady)
		g.Expect(ready).NotTo(BeNil())
		g.Expect(ready.Status).To(Equal(metav1.ConditionTrue), ready.Message)
		g.Expect(user.Status.Person).NotTo(BeNil())
		g.Expect(direct.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: user.Status.Person.Name}, person)).To(Succeed())
		g.Expect(meta.IsStatusConditionFalse(person.Status.Conditions, v1alpha1.ConditionReady)).To(BeFalse())
	}).Should(Succeed())
	return user, person
}

var _ = Describe("the operator with the rights of config/rbac", func() {
	It("makes five writes for a new user, four for a change, none for a repetition", func(ctx SpecContext) {
		t := newTenant(ctx)
		// As it is installed. Without a leader each new Person costs one Lease more.
		t.start(ctx, "--leader-elect=true", "--leader-election-namespace="+t.namespace)
		t.samplesReady(ctx)
		before := len(t.writes(ctx, 0))
		first := t.expect(ctx, http.StatusCreated, http.MethodPost, "/Users", bodyOf(`"userName": "first@example.com", "displayName": "First"`))
		t.mapped(ctx, first.id())
		Expect(t.writes(ctx, before)).To(ContainElement("create secrets"), "the first one costs a salt more")
		before = len(t.writes(ctx, 0))

		created := t.expect(ctx, http.StatusCreated, http.MethodPost, "/Users", bodyOf(contentOfBabs))
		t.mapped(ctx, created.id())
		Expect(t.writes(ctx, before)).To(ConsistOf("create leases", "create scimusers", "create persons",
			"create automationruleexecutions", "patch scimusers/status"))

		before = len(t.writes(ctx, 0))
		t.expect(ctx, http.StatusOK, http.MethodPut, "/Users/"+created.id(), bodyOf(contentOfBabs+`, "title": "Guide"`))
		t.mapped(ctx, created.id())
		Expect(t.writes(ctx, before)).To(ConsistOf("update scimusers", "patch persons", HaveSuffix("automationruleexecutions"), "patch scimusers/status"))

		before = len(t.writes(ctx, 0))
		t.expect(ctx, http.StatusOK, http.MethodPut, "/Users/"+created.id(), bodyOf(contentOfBabs+`, "title": "Guide"`))
		// A later user has gone through the same queues when its writes are done.
		next := t.expect(ctx, http.StatusCreated, http.MethodPost, "/Users", bodyOf(`"userName": "next@example.com", "displayName": "Next"`))
		t.mapped(ctx, next.id())
		Expect(t.writes(ctx, before)).To(HaveLen(5))
	})

	It("disables the Person of a deactivated, unassigned or deleted user, and enables the same one again", func(ctx SpecContext) {
		t := newTenant(ctx)
		t.start(ctx)
		created := t.expect(ctx, http.StatusCreated, http.MethodPost, "/Users", bodyOf(contentOfBabs))
		_, person := t.mapped(ctx, created.id())
		Expect(person.Spec.Disabled).To(BeFalse())

		t.expect(ctx, http.StatusOK, http.MethodPatch, "/Users/"+created.id(), deactivation)
		_, disabled := t.mapped(ctx, created.id())
		Expect(disabled.UID).To(Equal(person.UID))
		Expect(disabled.Spec.Disabled).To(BeTrue())
		Expect(disabled.Spec.Name).To(Equal("Babs Jensen"))

		t.expect(ctx, http.StatusOK, http.MethodPut, "/Users/"+created.id(), bodyOf(contentOfBabs))
		_, enabled := t.mapped(ctx, created.id())
		Expect(enabled.UID).To(Equal(person.UID))
		Expect(enabled.Spec.Disabled).To(BeFalse())

		t.expect(ctx, http.StatusNoContent, http.MethodDelete, "/Users/"+created.id(), "")
		t.expect(ctx, http.StatusNotFound, http.MethodGet, "/Users/"+created.id(), "")
		Eventually(func(g Gomega) {
			g.Expect(direct.Get(ctx, client.ObjectKeyFromObject(person), disabled)).To(Succeed())
			g.Expect(disabled.Spec.Disabled).To(BeTrue())
		}).Should(Succeed())

		again := t.expect(ctx, http.StatusCreated, http.MethodPost, "/Users", bodyOf(contentOfBabs))
		_, enabled = t.mapped(ctx, again.id())
		Expect(enabled.UID).To(Equal(person.UID))
		Expect(enabled.Spec.Disabled).To(BeFalse())
	})

	It("keeps what it acknowledged and finishes what it began when it is killed again and again", func(ctx SpecContext) {
		t := newTenant(ctx)
		process := t.start(ctx)
		simulation := t.simulate(ctx, "-users", "40", "-groups", "6", "-workers", "4")
		// Whenever another few dozen writes are done, the operator is killed.
		for next := 40; t.reached(ctx, next, simulation); next += 60 {
			Expect(process.stop(syscall.SIGKILL)).To(MatchError(ContainSubstring("killed")))
			process = t.start(ctx)
		}
		Expect(simulation.err).NotTo(HaveOccurred())
	}, NodeTimeout(30*time.Minute))
})

// samplesReady waits until the operator's writes of what is there without users are done.
func (t *tenant) samplesReady(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		var rules v1alpha1.AutomationRuleList
		g.Expect(direct.List(ctx, &rules, client.InNamespace(t.namespace))).To(Succeed())
		g.Expect(rules.Items).To(HaveLen(3))
		for _, rule := range rules.Items {
			g.Expect(meta.IsStatusConditionTrue(rule.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue())
		}
		var organizations v1alpha1.OrganizationList
		g.Expect(direct.List(ctx, &organizations, client.InNamespace(t.namespace))).To(Succeed())
		g.Expect(organizations.Items).NotTo(BeEmpty())
		for _, organization := range organizations.Items {
			g.Expect(meta.IsStatusConditionTrue(organization.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue())
		}
		var sites v1alpha1.SiteList
		g.Expect(direct.List(ctx, &sites, client.InNamespace(t.namespace))).To(Succeed())
		g.Expect(sites.Items).NotTo(BeEmpty())
		for _, site := range sites.Items {
			g.Expect(meta.IsStatusConditionTrue(site.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue())
		}
	}).Should(Succeed())
}

// simulation is a running simulated Okta, which checks at its end what has become of its users.
type simulation struct {
	ended chan struct{}
	// err is valid when ended is closed.
	err error
}

func (t *tenant) simulate(ctx context.Context, arguments ...string) *simulation {
	GinkgoHelper()
	// All packages write to one audit log, of which the first look reads everything: later the simulation would be over by then.
	t.writes(ctx, 0)
	patience := testenv.Patience.String()
	connection, err := json.Marshal(map[string]string{
		"baseURL": "http://" + t.address + "/scim/v2", "token": t.token, "kubeconfig": env.Kubeconfig, "namespace": t.namespace,
	})
	Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(GinkgoT().TempDir(), "connection.json")
	Expect(os.WriteFile(file, connection, 0o600)).To(Succeed())
	arguments = append([]string{"-connection", file, "-demo", "-retry-for", patience, "-converge-for", patience}, arguments...)
	command := exec.CommandContext(ctx, filepath.Join(binaries, "oktasim"), arguments...)
	command.Dir = filepath.Dir(config)
	command.Stdout, command.Stderr = GinkgoWriter, GinkgoWriter
	Expect(command.Start()).To(Succeed())
	s := &simulation{ended: make(chan struct{})}
	go func() {
		s.err = command.Wait()
		close(s.ended)
	}()
	return s
}

// reached waits until the operator has made so many writes; false when the
// simulation has ended.
func (t *tenant) reached(ctx context.Context, writes int, s *simulation) bool {
	GinkgoHelper()
	for {
		select {
		case <-s.ended:
			return false
		case <-time.After(20 * time.Millisecond):
		}
		if len(t.writes(ctx, 0)) >= writes {
			return true
		}
	}
}
