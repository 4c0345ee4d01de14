package e2e

import (
	"context"
	"net/http"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
)

var _ = Describe("two replicas behind an ingress", func() {
	It("lose, duplicate and leave nothing when one or the other is killed again and again under load", func(ctx SpecContext) {
		t := newTenant(ctx)
		election := []string{"--leader-elect=true", "--leader-election-namespace=" + t.namespace, "--leader-election-lease=15s"}
		// The token shows that the first one leads: controllers make it.
		replicas := []*operator{t.start(ctx, election...), nil}
		replicas[1] = t.launch(ctx, testenv.FreeAddress(ctx, GinkgoT()), election...)
		balancer := newIngress(replicas[0].address, replicas[1].address)
		t.address = balancer.address

		simulation := t.simulate(ctx, "-users", "40", "-groups", "6", "-workers", "8", "-settle-for", testenv.Patience.String())
		kills := 0
		// The first one to be killed is the leader. Each leader that is killed delays the
		// end by the 15 s of its lease, so there is an end to it.
		for next := 40; kills < 5 && t.reached(ctx, next, simulation); next += 60 {
			victim := kills % len(replicas)
			Expect(replicas[victim].stop(syscall.SIGKILL)).To(MatchError(ContainSubstring("killed")))
			replicas[victim] = t.launch(ctx, replicas[victim].address, election...)
			kills++
		}
		Eventually(simulation.ended).WithContext(ctx).WithTimeout(25 * time.Minute).Should(BeClosed())
		Expect(simulation.err).NotTo(HaveOccurred())
		Expect(kills).To(BeNumerically(">=", len(replicas)), "the simulation was over before each replica had been killed")

		t.leaderChanged(ctx)
		t.usersAreWhole(ctx)
		t.personsAreUnique(ctx)
		t.claimsAreHeld(ctx, balancer.interrupted())
	}, NodeTimeout(30*time.Minute))
})

// leaderChanged makes sure that a leader was killed and another one went on.
func (t *tenant) leaderChanged(ctx context.Context) {
	GinkgoHelper()
	lease := &coordinationv1.Lease{}
	Expect(direct.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: leaderLease}, lease)).To(Succeed())
	Expect(ptr.Deref(lease.Spec.LeaseTransitions, 0)).To(BeNumerically(">=", 1))
}

// usersAreWhole looks at all users, those that the simulation does not know of included.
// The only one that may not be ready is the one that the simulation means to fail.
func (t *tenant) usersAreWhole(ctx context.Context) {
	GinkgoHelper()
	var users v1alpha1.ScimUserList
	Expect(direct.List(ctx, &users, client.InNamespace(t.namespace))).To(Succeed())
	names, failing := map[string]string{}, []string{}
	for _, user := range users.Items {
		name := fold.String(user.Spec.UserName)
		Expect(names).NotTo(HaveKey(name), "%s has the userName %s of %s", user.Name, name, names[name])
		names[name] = user.Name
		ready := meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionReady)
		Expect(ready).NotTo(BeNil(), user.Name)
		if ready.Status != metav1.ConditionTrue {
			failing = append(failing, ready.Reason)
		}
	}
	Expect(users.Items).To(HaveLen(41))
	Expect(failing).To(ConsistOf(v1alpha1.ReasonPersonMissing))
}

func (t *tenant) personsAreUnique(ctx context.Context) {
	GinkgoHelper()
	var persons v1alpha1.PersonList
	Expect(direct.List(ctx, &persons, client.InNamespace(t.namespace))).To(Succeed())
	emails := map[string]string{}
	for _, person := range persons.Items {
		email := fold.String(person.Spec.PrimaryEmail)
		Expect(emails).NotTo(HaveKey(email), "%s has the primaryEmail %s of %s", person.Name, email, emails[email])
		emails[email] = person.Name
	}
	Expect(emails).NotTo(BeEmpty())
}

// claimsAreHeld makes sure that every user and group holds the claim on its name, and
// that no claim is left over but what the store leaves to its sweeper, which looks
// only at claims older than 100 s:
//   - a request that was killed between writing a new name and releasing the old one
//     leaves a claim of a holder that has another name;
//   - one that was killed between deleting a resource and releasing its name leaves a
//     claim of a holder that does not exist.
//
// A claim without its user or group, which a request leaves that was killed before it
// wrote that, is not among them: the client repeats the request, and that takes the claim over.
func (t *tenant) claimsAreHeld(ctx context.Context, interrupted map[string]int) {
	GinkgoHelper()
	var claims coordinationv1.LeaseList
	Expect(direct.List(ctx, &claims, client.InNamespace(t.namespace), client.HasLabels{v1alpha1.LabelClaim})).To(Succeed())
	var users v1alpha1.ScimUserList
	var groups v1alpha1.ScimGroupList
	Expect(direct.List(ctx, &users, client.InNamespace(t.namespace))).To(Succeed())
	Expect(direct.List(ctx, &groups, client.InNamespace(t.namespace))).To(Succeed())
	held := map[string]int{}
	for _, user := range users.Items {
		held["username/"+user.Name] = 0
	}
	for _, group := range groups.Items {
		held["displayname/"+group.Name] = 0
	}
	missing := map[string][]string{}
	for _, claim := range claims.Items {
		kind, holder := claim.Labels[v1alpha1.LabelClaim], ptr.Deref(claim.Spec.HolderIdentity, "")
		if _, exists := held[kind+"/"+holder]; !exists {
			missing[kind] = append(missing[kind], claim.Name+" of "+holder)
			continue
		}
		held[kind+"/"+holder]++
	}
	formerNames := 0
	for holder, number := range held {
		Expect(number).To(BeNumerically(">=", 1), "%s holds no claim on its name", holder)
		formerNames += number - 1
	}
	Expect(formerNames).To(BeNumerically("<=", interrupted[http.MethodPut]+interrupted[http.MethodPatch]))
	// The simulation deletes groups, never users.
	Expect(missing["username"]).To(BeEmpty())
	Expect(len(missing["displayname"])).To(BeNumerically("<=", interrupted[http.MethodDelete]), "%v", missing)
}
