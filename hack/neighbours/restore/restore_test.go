package restore

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/e2e/invariants"
	"rservice.dev/scim-operator/hack/e2e/world"
)

const (
	acme = "acme"
	host = "scim.example.test"
)

// backup is what was noted when it was made.
type backup struct {
	state, served map[string]string
	// executions are their names.
	executions []string
	// tokens are the current one and the one before.
	tokens []string
	// active is a user's id, deactivated one of a user out of use, userName one that is taken.
	active, deactivated, userName string
}

var _ = Describe("Velero", Ordered, func() {
	var (
		cluster     *world.World
		programs    *velero
		certificate world.Certificate
		noted       backup
	)

	BeforeAll(func(ctx SpecContext) {
		certificate = world.NewCertificate(host)
		cluster = world.Start(ctx, "neighbours/restore")
		cluster.LoadOperator(ctx)
		programs = newVelero(ctx, cluster.Results)
		install(ctx, cluster, programs, certificate, "kubectl apply -k installation")
		Eventually(func() error { _, err := programs.try(ctx, cluster, "kubectl apply -k tenant"); return err }).Should(Succeed())
		tenant := cluster.NewTenant(ctx, acme, way(ctx, cluster, certificate))
		tenant.Okta(ctx, "-users", "40", "-groups", "6", "-demo", "-converge-for", "2m")
		tenant.Okta(ctx, "-users", "600", "-groups", "1", "-group-sizes", "600", "-mode", "patch", "-push-only", "-organizations=")
		noted.tokens = []string{rotate(ctx, cluster, tenant), tenant.Token}
		tenant = tenant.With(noted.tokens[0])
		whole(ctx, cluster)
		note(ctx, cluster, tenant, &noted)
		stopVelero := programs.serve(ctx, cluster) // not before: it looks for new kinds every five minutes only
		for _, command := range commands(cluster, "velero backup create") {
			programs.shell(ctx, cluster, command)
		}
		Expect(phase(ctx, cluster, programs, "backups", "scim")).To(Equal("Completed"))

		By("an empty cluster")
		stopVelero()
		Expect(cluster.Stop()).To(Succeed())
		cluster = world.Start(ctx, "neighbours/restore")
		cluster.LoadOperator(ctx)
		programs.serve(ctx, cluster)
		Eventually(func() error { _, err := programs.try(ctx, cluster, "velero backup get scim"); return err }).Should(Succeed())
	}, NodeTimeout(30*time.Minute))

	It("restores a tenant into an empty cluster, and Okta goes on", func(ctx SpecContext) {
		for _, command := range commands(cluster, "velero restore create") {
			install(ctx, cluster, programs, certificate, command)
		}
		Expect(lastRestore(ctx, cluster, programs)).To(Equal("Completed"))
		tenant := cluster.NewTenant(ctx, acme, way(ctx, cluster, certificate))
		isRestored(ctx, cluster, tenant, noted)
		Eventually(func() []string { return invariants.Differences(noted.state, stateOf(ctx, cluster, acme)) }).Should(BeEmpty())
		goesOn(ctx, cluster, tenant, noted)
	}, NodeTimeout(20*time.Minute))

	It("is refused while the operator is there", func(ctx SpecContext) {
		cluster.Kubectl(ctx, "delete", "namespace", acme)
		for _, command := range commands(cluster, "velero restore create") {
			if strings.HasPrefix(command, "velero ") {
				programs.shell(ctx, cluster, command)
			}
		}
		Expect(lastRestore(ctx, cluster, programs)).To(Equal("PartiallyFailed"))
		cluster.Kubectl(ctx, "delete", "namespace", acme)
	}, NodeTimeout(10*time.Minute))

	It("restores it where it was lost, and without statuses loses nothing that Okta would notice", func(ctx SpecContext) {
		for _, command := range commands(cluster, "velero restore create") {
			install(ctx, cluster, programs, certificate, strings.Replace(command, "--status-include-resources '*'", "", 1))
		}
		Expect(lastRestore(ctx, cluster, programs)).To(Equal("Completed"))
		tenant := cluster.NewTenant(ctx, acme, way(ctx, cluster, certificate))
		isRestored(ctx, cluster, tenant, noted)
		Eventually(func() []string {
			return invariants.Differences(withoutStatus(noted.state), withoutStatus(stateOf(ctx, cluster, acme)))
		}).Should(BeEmpty())
		goesOn(ctx, cluster, tenant, noted)
	}, NodeTimeout(20*time.Minute))
})

// install runs a command, and has whoever installs put the certificate there as soon as there is a namespace for it.
func install(ctx context.Context, w *world.World, v *velero, certificate world.Certificate, command string) {
	GinkgoHelper()
	v.shell(ctx, w, command)
	if !strings.HasPrefix(command, "kubectl apply -k installation") {
		return
	}
	w.Certify(ctx, certificate)
	w.RolledOut(ctx)
}

// way leads to the operator's Service.
func way(ctx context.Context, w *world.World, certificate world.Certificate) world.Way {
	GinkgoHelper()
	return world.Way{BaseURL: "https://" + host + "/scim/v2", Address: w.Address(ctx, world.System, world.Name), CAFile: certificate.CAFile}
}

// rotate has the operator make a new token.
func rotate(ctx context.Context, w *world.World, t *world.Tenant) string {
	GinkgoHelper()
	w.Kubectl(ctx, "--namespace", acme, "patch", "scimendpoint", "okta", "--type=merge", "--patch", `{"spec": {"tokenGeneration": 1}}`)
	var token string
	Eventually(func(g Gomega) {
		token = t.ReadToken(ctx, g)
		g.Expect(token).NotTo(Equal(t.Token))
		answer, err := t.With(token).Send(ctx, http.MethodGet, "/Users?count=0", "")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(answer.Status).To(Equal(http.StatusOK))
	}).Should(Succeed())
	return token
}

// whole waits until all that was sent has been processed, and all rules have run.
func whole(ctx context.Context, w *world.World) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		held, err := invariants.Read(ctx, w.Client, acme)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(held.Problems(meantToFail)).To(BeEmpty())
		g.Expect(held.StuckClaims()).To(BeEmpty())
		for _, rule := range held.Rules {
			g.Expect(meta.IsStatusConditionTrue(rule.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue(), rule.Name)
			g.Expect(rule.Status.ObservedGeneration).To(Equal(rule.Generation), rule.Name)
		}
	}).Should(Succeed())
}

// meantToFail is true of the users that the simulated Okta pushes without an e-mail address and a name.
func meantToFail(user *v1alpha1.ScimUser) bool {
	return strings.HasPrefix(user.Spec.UserName, "badge-")
}

func note(ctx context.Context, w *world.World, t *world.Tenant, b *backup) {
	GinkgoHelper()
	b.state, b.served = stateOf(ctx, w, acme), served(ctx, t)
	held, err := invariants.Read(ctx, w.Client, acme)
	Expect(err).NotTo(HaveOccurred())
	for i := range held.Users {
		user := &held.Users[i]
		switch {
		case meantToFail(user):
		case user.IsActive():
			b.active, b.userName = user.Name, user.Spec.UserName
		default:
			b.deactivated = user.Name
		}
	}
	Expect(b.deactivated).NotTo(BeEmpty())
	Expect(held.Pages).NotTo(BeEmpty())
	b.executions = executionsOf(held)
}

func executionsOf(held *invariants.Tenant) []string {
	var names []string
	for i := range held.Executions {
		names = append(names, held.Executions[i].Name+" "+string(held.Executions[i].Status.Result))
	}
	return names
}

// phase is that of a backup or restore.
func phase(ctx context.Context, w *world.World, v *velero, kind, name string) string {
	GinkgoHelper()
	return v.shell(ctx, w, fmt.Sprintf("kubectl -n velero get %s.velero.io %s -o jsonpath={.status.phase}", kind, name))
}

// lastRestore is what became of the last restore.
func lastRestore(ctx context.Context, w *world.World, v *velero) string {
	GinkgoHelper()
	name := v.shell(ctx, w, "kubectl -n velero get restores.velero.io --sort-by=.metadata.creationTimestamp -o name | tail -n 1")
	name = filepath.Base(strings.TrimSpace(name))
	v.shell(ctx, w, "velero restore describe "+name+" --details")
	return phase(ctx, w, v, "restores", name)
}

// isRestored waits until the operator has done its part, and compares what clients see with what was noted.
func isRestored(ctx context.Context, w *world.World, t *world.Tenant, noted backup) {
	GinkgoHelper()
	Expect(t.Token).To(Equal(noted.tokens[0]))
	t.Expect(ctx, http.StatusConflict, http.MethodPost, "/Users", world.NewUser(noted.userName))
	t.With(noted.tokens[1]).Expect(ctx, http.StatusOK, http.MethodGet, "/Users?count=0", "")
	whole(ctx, w)
	Expect(invariants.Differences(noted.served, served(ctx, t))).To(BeEmpty())
	held, err := invariants.Read(ctx, w.Client, acme)
	Expect(err).NotTo(HaveOccurred())
	Expect(executionsOf(held)).To(ConsistOf(noted.executions))
}

// goesOn has Okta go on.
func goesOn(ctx context.Context, w *world.World, t *world.Tenant, noted backup) {
	GinkgoHelper()
	t.Expect(ctx, http.StatusOK, http.MethodPatch, "/Users/"+noted.deactivated, active(true))
	t.Expect(ctx, http.StatusOK, http.MethodPatch, "/Users/"+noted.active, active(false))
	t.Okta(ctx, "-users", "20", "-groups", "4", "-demo", "-converge-for", "2m")
	t.Expect(ctx, http.StatusNoContent, http.MethodDelete, "/Users/"+noted.active, "")
	whole(ctx, w)
}

func active(is bool) string {
	return fmt.Sprintf(`{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "replace", "value": {"active": %t}}]}`, is)
}
