package monitoring

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/hack/e2e/world"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
)

// elsewhere are alerts that nothing here provokes: hack/tools/alerts tests them on series. The first is for bugs, the others need
// thousands of users or a hundred crashes.
var elsewhere = []string{"ScimServerPanics", "ScimQueueGrowing", "ScimReprocessingStuck", "ScimRequestsInterrupted"}

// provoked are those that this suite has seen fire.
var provoked []string

var _ = Describe("alerts and dashboard", Ordered, ContinueOnFailure, func() {
	It("are quiet while all is well", func(ctx SpecContext) {
		quiet(ctx)
	}, NodeTimeout(5*time.Minute))

	It("have data in every panel", func(ctx SpecContext) {
		// The simulated administrator deactivates and unassigns a third of all users.
		patchEndpoint(ctx, `{"safety":{"disabled":true}}`)
		DeferCleanup(patchEndpoint, `{"safety":null}`)
		panelsHaveData(ctx)
	}, NodeTimeout(10*time.Minute))

	It("tell of requests without a valid token", func(ctx SpecContext) {
		stranger := acme.With("nobody's")
		whileRepeating(ctx, "ScimRequestsRefused", func(ctx context.Context) {
			_, _ = stranger.Send(ctx, http.MethodGet, "/Users?count=0", "")
		})
	}, NodeTimeout(5*time.Minute))

	It("tell of a client that is slowed down", func(ctx SpecContext) {
		patchEndpoint(ctx, `{"limits":{"requestsPerSecond":1,"burst":1}}`)
		DeferCleanup(patchEndpoint, `{"limits":{"requestsPerSecond":0,"burst":null}}`)
		whileRepeating(ctx, "ScimRequestsThrottled", func(ctx context.Context) {
			_, _ = acme.Send(ctx, http.MethodGet, "/Users?count=0", "")
		})
	})

	It("tell of a safety brake that is off", func(ctx SpecContext) {
		patchEndpoint(ctx, `{"safety":{"disabled":true}}`)
		DeferCleanup(patchEndpoint, `{"safety":null}`)
		fires(ctx, "ScimBrakeWeakened")
	})

	It("tell of a credential that ends, and that has ended", func(ctx SpecContext) {
		cluster.Kubectl(ctx, "--namespace", acme.Namespace, "create", "secret", "generic", "client",
			"--from-literal=a="+fmt.Sprintf("%064x", 7), "--from-literal=a.expires="+time.Now().Add(90*time.Second).UTC().Format(time.RFC3339))
		cluster.Kubectl(ctx, "--namespace", acme.Namespace, "label", "secret", "client", "provisioning.rservice.dev/scim-endpoint=okta")
		patchEndpoint(ctx, `{"authentication":{"clients":[{"clientID":"client","secretName":"client"}]}}`)
		DeferCleanup(patchEndpoint, `{"authentication":{"clients":null}}`)
		fires(ctx, "ScimCredentialExpiring")
		fires(ctx, "ScimCredentialExpired")
	}, NodeTimeout(5*time.Minute))

	It("tell of users without a Person, and of a rule that fails for many", func(ctx SpecContext) {
		cluster.Kubectl(ctx, "--namespace", acme.Namespace, "apply", "-f", filepath.Join(here(), "failing_rule.yaml"))
		DeferCleanup(func(ctx SpecContext) {
			cluster.Kubectl(ctx, "--namespace", acme.Namespace, "delete", "automationrule", "failing")
		})
		push(ctx, "failing", 12)
		fires(ctx, "ScimRuleFailing")
		fires(ctx, "ScimUsersNotReady")
	}, NodeTimeout(5*time.Minute))

	It("tell of people that the safety brake keeps from being disabled", func(ctx SpecContext) {
		ids := push(ctx, "leaver", 14)
		acme.Provisions(ctx)
		for _, id := range ids {
			acme.Expect(ctx, http.StatusOK, http.MethodPatch, "/Users/"+id,
				`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}`)
		}
		fires(ctx, "ScimHeld")
	}, NodeTimeout(5*time.Minute))

	It("tell of writes that are slow", func(ctx SpecContext) {
		apiServer := program(controlplane.APIServer)
		DeferCleanup(func() error { return syscall.Kill(apiServer.PID(), syscall.SIGCONT) })
		round := 0
		whileRepeating(ctx, "ScimRequestsSlow", func(ctx context.Context) {
			Expect(syscall.Kill(apiServer.PID(), syscall.SIGSTOP)).To(Succeed())
			var writes sync.WaitGroup
			for i := range 3 {
				writes.Go(func() {
					_, _ = acme.Send(ctx, http.MethodPost, "/Users", world.NewUser(fmt.Sprintf("slow.%d.%d@probe.example", round, i)))
				})
			}
			round++
			pause(ctx, 7*time.Second)
			Expect(syscall.Kill(apiServer.PID(), syscall.SIGCONT)).To(Succeed())
			writes.Wait()
		})
	}, NodeTimeout(5*time.Minute))

	It("tell of requests that fail, as the API server is away", func(ctx SpecContext) {
		Expect(cluster.Node.ControlPlane.StopProgram(controlplane.APIServer, 0)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(cluster.Node.ControlPlane.StartAPIServer(ctx)).To(Succeed()) })
		whileRepeating(ctx, "ScimRequestsFailing", func(ctx context.Context) {
			_, _ = acme.Send(ctx, http.MethodPost, "/Users", world.NewUser("never@probe.example"))
		})
	}, NodeTimeout(5*time.Minute))

	It("tell of reconciles that fail, as a right is missing", func(ctx SpecContext) {
		cluster.Whole(ctx, acme)
		DeferCleanup(apply)
		withoutRight(ctx, "persons", "create", "update", "patch")
		push(ctx, "stuck", 12)
		fires(ctx, "ScimReconcilesFailing")
	}, NodeTimeout(5*time.Minute))

	It("tell of a kind that the operator may not read", func(ctx SpecContext) {
		DeferCleanup(apply)
		withoutRight(ctx, "sites", "get", "list", "watch")
		// What is being watched goes on to be for minutes.
		cluster.Kubectl(ctx, "--namespace", world.System, "delete", "pods", "--selector=app.kubernetes.io/name="+world.Name, "--wait=false")
		fires(ctx, "ScimKindUnreadable")
	}, NodeTimeout(8*time.Minute))

	It("tell that nobody leads, and that nobody is there", func(ctx SpecContext) {
		cluster.Whole(ctx, acme)
		// Killed, the leader leaves its lease behind, which is good for a minute.
		for id := range cluster.Containers(ctx, Default) {
			Expect(cluster.Node.KillContainer(id)).To(Succeed())
		}
		fires(ctx, "ScimOperatorNoLeader")
		cluster.Kubectl(ctx, "--namespace", world.System, "scale", "deployment", world.Name, "--replicas=0")
		fires(ctx, "ScimOperatorDown")
	}, NodeTimeout(8*time.Minute))

	It("have all been provoked, or are tested elsewhere", func() {
		var manifest struct{ Spec ruleFile }
		readYAML(&manifest, "prometheus_rule.yaml")
		for _, group := range manifest.Spec.Groups {
			for _, rule := range group.Rules {
				Expect(slices.Concat(provoked, elsewhere)).To(ContainElement(rule["alert"]))
			}
		}
	})
})

// alerts are those that fire.
func alerts(ctx context.Context, g Gomega) []string {
	GinkgoHelper()
	var names []string
	for _, found := range query(ctx, g, `ALERTS{alertstate="firing"}`) {
		names = append(names, found.Metric["alertname"])
	}
	return names
}

// quiet waits until none does.
func quiet(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(g Gomega) { g.Expect(alerts(ctx, g)).To(BeEmpty()) }).WithTimeout(2 * time.Minute).Should(Succeed())
}

// fires waits until an alert does.
func fires(ctx context.Context, name string) {
	GinkgoHelper()
	Eventually(func(g Gomega) { g.Expect(alerts(ctx, g)).To(ContainElement(name)) }).WithTimeout(4 * time.Minute).Should(Succeed())
	provoked = append(provoked, name)
}

// whileRepeating does something several times a second, or as often as it takes, until an alert fires.
func whileRepeating(ctx context.Context, name string, do func(ctx context.Context)) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		do(ctx)
		g.Expect(alerts(ctx, g)).To(ContainElement(name))
	}).WithTimeout(3 * time.Minute).WithPolling(100 * time.Millisecond).Should(Succeed())
	provoked = append(provoked, name)
}

// pause is how long something is stopped.
func pause(ctx context.Context, duration time.Duration) {
	stopped, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	<-stopped.Done()
}

// push has the client make users, and returns their ids. Like every client it sends again what is answered by 503.
func push(ctx context.Context, name string, number int) []string {
	GinkgoHelper()
	var ids []string
	for i := range number {
		user := world.NewUser(fmt.Sprintf("%s.%d@probe.example", name, i))
		Eventually(func(g Gomega) {
			answer, err := acme.Send(ctx, http.MethodPost, "/Users", user)
			g.Expect(err).NotTo(HaveOccurred())
			if answer.Status != http.StatusServiceUnavailable {
				Expect(answer.Status).To(Equal(http.StatusCreated), "%v", answer.Body)
			}
			g.Expect(answer.Status).To(Equal(http.StatusCreated), "%v", answer.Body)
			ids = append(ids, answer.ID())
		}).Should(Succeed())
	}
	return ids
}

func patchEndpoint(ctx context.Context, spec string) {
	GinkgoHelper()
	cluster.Kubectl(ctx, "--namespace", acme.Namespace, "patch", "scimendpoint", "okta", "--type=merge", `--patch={"spec":`+spec+`}`)
}

// withoutRight takes verbs on a kind from the operator.
func withoutRight(ctx context.Context, resource string, verbs ...string) {
	GinkgoHelper()
	role := &rbacv1.ClusterRole{}
	Expect(cluster.Client.Get(ctx, client.ObjectKey{Name: world.Name}, role)).To(Succeed())
	var kept []rbacv1.PolicyRule
	for _, rule := range role.Rules {
		if !slices.Contains(rule.Resources, resource) {
			kept = append(kept, rule)
			continue
		}
		without := *rule.DeepCopy()
		without.Resources = []string{resource}
		without.Verbs = slices.DeleteFunc(without.Verbs, func(verb string) bool { return slices.Contains(verbs, verb) })
		rule.Resources = slices.DeleteFunc(slices.Clone(rule.Resources), func(name string) bool { return name == resource })
		kept = append(kept, rule, without)
	}
	role.Rules = slices.DeleteFunc(kept, func(rule rbacv1.PolicyRule) bool { return len(rule.Resources) == 0 || len(rule.Verbs) == 0 })
	Expect(cluster.Client.Update(ctx, role)).To(Succeed())
}

// program is a running program of the control plane.
func program(name string) *controlplane.Process {
	GinkgoHelper()
	for _, process := range cluster.Node.ControlPlane.Processes() {
		if process.Name == name {
			return process
		}
	}
	Fail("there is no " + name)
	return nil
}
