package cluster

import (
	"context"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/e2e/invariants"
	"rservice.dev/scim-operator/hack/e2e/world"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
)

// enough is how many requests are answered before and after each fault, so that it happens under load.
const enough = 150

// survives breaks something while Okta works. breakIt returns when everything is as before.
func survives(ctx SpecContext, fault string, breakIt func(ctx context.Context)) row {
	GinkgoHelper()
	l := cluster.StartLoad(ctx, fault, tenants...)
	l.Answered(enough)
	began := time.Now()
	breakIt(ctx)
	r := row{fault: fault, recovery: time.Since(began)}
	l.Answered(enough)
	for _, a := range l.Finish() {
		r.requests++
		if a.Failed() {
			r.failed++
			r.outage = max(r.outage, a.End().Sub(began))
			GinkgoWriter.Printf("failed %s after the fault: %s %s: %d %s\n", a.End().Sub(began), a.Method, a.Path, a.Status, a.Error)
		}
	}
	report(r)
	consistent(ctx)
	return r
}

// consistent checks the tenants, which may take a moment: events are handled, and executions collected.
func consistent(ctx context.Context) {
	GinkgoHelper()
	for _, t := range tenants {
		Eventually(func() ([]string, error) {
			held, err := invariants.Read(ctx, cluster.Client, t.Namespace)
			if err != nil {
				return nil, err
			}
			return held.Problems(meantToFail), nil
		}).Should(BeEmpty(), t.Namespace)
	}
}

// meantToFail is true of the users that the simulated Okta pushes without an e-mail address and a name.
func meantToFail(user *v1alpha1.ScimUser) bool {
	return strings.HasPrefix(user.Spec.UserName, "badge-")
}

func rollOut(ctx context.Context) {
	GinkgoHelper()
	cluster.RolledOut(ctx)
	cluster.Whole(ctx, acme)
}

var _ = Describe("under load", Ordered, ContinueOnFailure, func() {
	It("loses no request in a rolling update", func(ctx SpecContext) {
		r := survives(ctx, "rolling update", func(ctx context.Context) {
			cluster.Kubectl(ctx, "--namespace", system, "rollout", "restart", "deployment/"+name)
			rollOut(ctx)
		})
		Expect(r.failed).To(BeZero())
	}, NodeTimeout(15*time.Minute))

	It("goes on when the leader's pod is deleted", func(ctx SpecContext) {
		survives(ctx, "leader's pod deleted", func(ctx context.Context) {
			first := cluster.Leader(ctx, Default)
			cluster.Kubectl(ctx, "--namespace", system, "delete", "pod", first, "--wait=false")
			Eventually(func(g Gomega) { g.Expect(cluster.Leader(ctx, g)).NotTo(Or(Equal(first), BeEmpty())) }).Should(Succeed())
			cluster.Whole(ctx, acme)
		})
	}, NodeTimeout(15*time.Minute))

	It("comes back when both processes are killed", func(ctx SpecContext) {
		survives(ctx, "SIGKILL of both processes", func(ctx context.Context) {
			killed := cluster.Containers(ctx, Default)
			Expect(killed).To(HaveLen(2))
			for id := range killed {
				Expect(cluster.Node.KillContainer(id)).To(Succeed())
			}
			Eventually(func(g Gomega) {
				now := cluster.Containers(ctx, g)
				g.Expect(now).To(HaveLen(2))
				for id := range killed {
					g.Expect(now).NotTo(HaveKey(id))
				}
			}).Should(Succeed())
			cluster.Whole(ctx, acme)
		})
	}, NodeTimeout(15*time.Minute))

	It("says that it is unavailable, and nothing wrong, while the API server is away", func(ctx SpecContext) {
		known := acme.Expect(ctx, http.StatusCreated, http.MethodPost, "/Users", world.NewUser("known@probe.example")).ID()
		survives(ctx, "API server away for 20 s", func(ctx context.Context) {
			withoutAPIServer(ctx, known, 20*time.Second)
			cluster.Whole(ctx, acme)
		})
	}, NodeTimeout(15*time.Minute))

	It("is back at once when the API server was away for longer than the leader's lease", func(ctx SpecContext) {
		// Without load: Okta gives a request up before that.
		before := cluster.Restarts(ctx)
		Expect(cluster.Node.ControlPlane.StopProgram(controlplane.APIServer, 0)).To(Succeed())
		away, cancel := context.WithTimeout(ctx, 75*time.Second)
		defer cancel()
		<-away.Done()
		Expect(cluster.Node.ControlPlane.StartAPIServer(ctx)).To(Succeed())
		cluster.Whole(ctx, acme)
		for pod, count := range cluster.Restarts(ctx) {
			// The leader's ends. Each further start without an API server would double the pause before the next one.
			Expect(count-before[pod]).To(BeNumerically("<=", 1), "of %s", pod)
		}
		consistent(ctx)
	}, NodeTimeout(15*time.Minute))

	It("goes on when etcd is killed and started again", func(ctx SpecContext) {
		survives(ctx, "etcd killed and started", func(ctx context.Context) {
			Expect(cluster.Node.ControlPlane.StopProgram(controlplane.Etcd, 0)).To(Succeed())
			Expect(cluster.Node.ControlPlane.StartEtcd(ctx)).To(Succeed())
			cluster.Whole(ctx, acme)
		})
	}, NodeTimeout(15*time.Minute))

	It("comes back when a replica runs out of memory", func(ctx SpecContext) {
		survives(ctx, "memory limit hit", func(ctx context.Context) {
			starved := cluster.Containers(ctx, Default)
			for id := range starved {
				Expect(cluster.Node.StarveContainer(id)).To(Succeed())
			}
			Eventually(func(g Gomega) {
				var reasons []string
				for _, pod := range cluster.Pods(ctx, g) {
					for _, status := range pod.Status.ContainerStatuses {
						if ended := status.LastTerminationState.Terminated; ended != nil {
							reasons = append(reasons, ended.Reason)
						}
					}
				}
				g.Expect(reasons).To(ContainElement("OOMKilled"))
			}).Should(Succeed())
			cluster.Whole(ctx, acme)
		})
	}, NodeTimeout(15*time.Minute))

	It("accepts the old and the new token after a rotation", func(ctx SpecContext) {
		r := survives(ctx, "token rotated", func(ctx context.Context) {
			before := acme.Token
			cluster.Kubectl(ctx, "--namespace", acme.Namespace, "patch", "scimendpoint", "okta", "--type=merge", `--patch={"spec":{"tokenGeneration":1}}`)
			Eventually(func(g Gomega) { acme.Token = acme.ReadToken(ctx, g); g.Expect(acme.Token).NotTo(Equal(before)) }).Should(Succeed())
			for _, token := range []string{acme.Token, before} {
				Eventually(func() (int, error) {
					got, err := acme.With(token).Send(ctx, http.MethodGet, "/Users?count=0", "")
					return got.Status, err
				}).Should(Equal(http.StatusOK))
			}
			cluster.Whole(ctx, acme)
		})
		Expect(r.failed).To(BeZero())
	}, NodeTimeout(15*time.Minute))

	It("goes on when the custom resource definitions change and are applied again", func(ctx SpecContext) {
		survives(ctx, "CRDs changed and applied again", func(ctx context.Context) {
			for crd := range strings.FieldsSeq(cluster.Kubectl(ctx, "get", "crd", "--output=name")) {
				cluster.Kubectl(ctx, "patch", crd, "--type=json",
					`--patch=[{"op": "add", "path": "/spec/versions/0/schema/openAPIV3Schema/description", "value": "changed"}]`)
			}
			cluster.Kubectl(ctx, "apply", "--server-side", "--force-conflicts", "-k", filepath.Join(cluster.Root, "config", "crd"))
			cluster.Whole(ctx, acme)
		})
	}, NodeTimeout(15*time.Minute))

	It("goes back by a version and forward again", func(ctx SpecContext) {
		deployment := "deployment/" + name
		current := cluster.Kubectl(ctx, "--namespace", system, "get", deployment, "--output=jsonpath={.spec.template.spec.containers[0].image}")
		r := survives(ctx, "downgrade and upgrade", func(ctx context.Context) {
			for _, image := range []string{previousImage, current} {
				cluster.Kubectl(ctx, "--namespace", system, "set", "image", deployment, "manager="+image)
				rollOut(ctx)
			}
		})
		Expect(r.failed).To(BeZero())
	}, NodeTimeout(15*time.Minute))

	It("is not taken back to a version that does not know where the members of groups are", func(ctx SpecContext) {
		// Whose manifests have no such annotation.
		_, err := cluster.TryKubectl(ctx, "--namespace", system, "annotate", "deployment", name, "provisioning.rservice.dev/storage-format-")
		Expect(err).To(MatchError(ContainSubstring("restore the backup made before the upgrade")))
	})

	It("leaves no claim behind", func(ctx SpecContext) {
		// A replica that begins to lead sweeps at once, and takes claims that are older than 100 s.
		Eventually(func(g Gomega) {
			var stuck []string
			for _, t := range tenants {
				held, err := invariants.Read(ctx, cluster.Client, t.Namespace)
				g.Expect(err).NotTo(HaveOccurred())
				stuck = append(stuck, held.StuckClaims()...)
			}
			if len(stuck) > 0 {
				cluster.Kubectl(ctx, "--namespace", system, "delete", "pod", cluster.Leader(ctx, g), "--wait=false")
			}
			g.Expect(stuck).To(BeEmpty())
		}).WithTimeout(8 * time.Minute).WithPolling(time.Minute).Should(Succeed())
	}, NodeTimeout(10*time.Minute))
})

// withoutAPIServer stops the API server for a while, and asks the SCIM server all the time.
func withoutAPIServer(ctx context.Context, known string, duration time.Duration) {
	GinkgoHelper()
	// At once: on its way to an end in good order it would be away for longer.
	Expect(cluster.Node.ControlPlane.StopProgram(controlplane.APIServer, 0)).To(Succeed())
	defer func() { Expect(cluster.Node.ControlPlane.StartAPIServer(ctx)).To(Succeed()) }()
	away, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	for away.Err() == nil {
		checkUnavailable(away, known)
	}
}

// checkUnavailable checks what the server says when it cannot know. What it has in its cache it may show.
func checkUnavailable(ctx context.Context, known string) {
	GinkgoHelper()
	const unknown = "/Users/01900000-0000-7000-8000-000000000000"
	for _, request := range []struct{ method, path, body string }{
		{http.MethodPost, "/Users", world.NewUser("never@probe.example")},
		{http.MethodGet, unknown, ""},
		{http.MethodDelete, unknown, ""},
		{http.MethodGet, "/Users/" + known, ""},
	} {
		got, err := acme.Send(ctx, request.method, request.path, request.body)
		if ctx.Err() != nil {
			return // it is not known what the answer would have been
		}
		Expect(err).NotTo(HaveOccurred())
		if got.Status == http.StatusOK && got.ID() == known {
			continue
		}
		Expect(got.Status).To(Equal(http.StatusServiceUnavailable), "%s %s: %v", request.method, request.path, got.Body)
		seconds, err := strconv.Atoi(got.Header.Get("Retry-After"))
		Expect(err).NotTo(HaveOccurred(), "Retry-After of %s %s", request.method, request.path)
		Expect(seconds).To(BeNumerically(">", 0))
	}
}

var _ = Describe("installed", func() {
	It("is what kubectl shows, and a second apply changes nothing", func(ctx SpecContext) {
		here := filepath.Join(cluster.Root, "hack", "e2e", "cluster")
		cluster.Kubectl(ctx, "diff", "-k", filepath.Join(here, "operator"))
		created := acme.Expect(ctx, http.StatusCreated, http.MethodPost, "/Users", world.NewUser("shown@probe.example"))
		Expect(created.Header.Get("Location")).To(Equal(baseURL + "/Users/" + created.ID()))
		Eventually(func() string {
			return cluster.Kubectl(ctx, "--namespace", acme.Namespace, "get", "scimusers", "--field-selector=spec.userName=shown@probe.example")
		}).Should(And(MatchRegexp(`USERNAME +ACTIVE +READY +REASON +PERSON`), MatchRegexp(`shown@probe\.example +true +True`)))
		Expect(cluster.Kubectl(ctx, "--namespace", acme.Namespace, "get", "scimendpoints")).To(And(ContainSubstring(baseURL), ContainSubstring("okta-token")))
		for _, pod := range cluster.Pods(ctx, Default) {
			Expect(pod.Status.Phase).To(Equal(corev1.PodRunning))
		}
		Expect(cluster.Client.Get(ctx, client.ObjectKey{Namespace: system, Name: name + "-tls"}, &corev1.Secret{})).To(Succeed())
	}, NodeTimeout(5*time.Minute))
})
