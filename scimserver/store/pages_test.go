package store

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// bareUsers makes many users without claims, faster than requests.
func bareUsers(ctx SpecContext, tenant string, n int) []string {
	GinkgoHelper()
	ids := newIDs(n)
	slices.Sort(ids)
	errs := make([]error, n)
	var making sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i, id := range ids {
		making.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			u := &v1alpha1.ScimUser{Spec: v1alpha1.ScimUserSpec{UserName: "bare-" + id, LastModified: now(v1alpha1.Timestamp{})}}
			u.Name, u.Namespace = id, tenant
			errs[i] = direct.Create(ctx, u)
		})
	}
	making.Wait()
	for _, err := range errs {
		Expect(err).NotTo(HaveOccurred())
	}
	return ids
}

// latecomer is a client whose cache has a group as it was.
type latecomer struct {
	client.Client
	group *v1alpha1.ScimGroup
}

func (l *latecomer) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if group, isGroup := obj.(*v1alpha1.ScimGroup); isGroup && key == client.ObjectKeyFromObject(l.group) {
		l.group.DeepCopyInto(group)
		return nil
	}
	return l.Client.Get(ctx, key, obj, opts...)
}

var _ = Describe("the pages of a group", func() {
	It("are as few writes as there are objects", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		users := bareUsers(ctx, tenant, 1200)
		s := replica(ctx, tenant, patient)
		createUsers(ctx, s, tenant, 1) // and the salt of the tenant
		count := func() int { return len(writes(ctx, tenant)) }
		before := count()
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Many", users[:1100]...))
		Expect(err).NotTo(HaveOccurred())
		Expect(count()-before).To(Equal(5), "claim, two pages, claim, group")
		Expect(membersOf(ctx, s, tenant, created.ID())).To(Equal(users[:1100]))

		for name, change := range map[string]Change{"one joins": join(users[1100]), "one leaves": leave(users[600])} {
			before = count()
			_, err = s.Update(within(ctx), tenant, scim.Group, created.ID(), "", change)
			Expect(err).NotTo(HaveOccurred())
			Expect(count()-before).To(Equal(1), name)
			before = count()
			updated, err := s.Update(within(ctx), tenant, scim.Group, created.ID(), "", change)
			Expect(err).NotTo(HaveOccurred())
			Expect(updated.Changed).To(BeFalse(), name)
			Expect(count()-before).To(Equal(0), name)
		}
		before = count()
		Expect(s.Delete(within(ctx), tenant, scim.User, users[0], "")).To(Succeed())
		Expect(count()-before).To(Equal(2), "the user, who has no claim, and the group")
		before = count()
		Expect(s.Delete(within(ctx), tenant, scim.Group, created.ID(), "")).To(Succeed())
		Expect(count()-before).To(Equal(4), "group, claim, two pages")
		Expect(storedPages(ctx, tenant)).To(BeEmpty())
	})

	It("are in the version, also in that of a list and without members, and in the time of the last change", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		a, b := replica(ctx, tenant, patient), replica(ctx, tenant, patient)
		a.room, b.room = 2, 2
		users := createUsers(ctx, a, tenant, 6)
		created, err := a.Create(within(ctx), tenant, scim.Group, group("Versions", users[:3]...))
		Expect(err).NotTo(HaveOccurred())
		id := created.ID()
		seen := map[any]bool{created.Complex("meta")["version"]: true}
		last := created.Complex("meta")["lastModified"].(string)
		for i, change := range []Change{join(users[3]), leave(users[0]), join(users[4], users[5]), leave(users[2]), leave(users[4])} {
			updated, err := []*Store{a, b}[i%2].Update(within(ctx), tenant, scim.Group, id, "", change)
			Expect(err).NotTo(HaveOccurred())
			meta := updated.Resource.Complex("meta")
			Expect(seen).NotTo(HaveKey(meta["version"]))
			seen[meta["version"]] = true
			Expect(meta["lastModified"]).NotTo(Equal(last))
			last = meta["lastModified"].(string)
			for _, s := range []*Store{a, b} {
				metas := func() []any {
					whole, err := s.Get(within(ctx), tenant, scim.Group, id, allMembers)
					Expect(err).NotTo(HaveOccurred())
					bare, err := s.Get(within(ctx), tenant, scim.Group, id, nil)
					Expect(err).NotTo(HaveOccurred())
					page, err := s.List(within(ctx), tenant, scim.Group, all())
					Expect(err).NotTo(HaveOccurred())
					return []any{whole.Complex("meta"), bare.Complex("meta"), page.Resources[0].Complex("meta")}
				}
				Eventually(metas).Should(HaveEach(Equal(meta)))
			}
		}
		Expect(a.Delete(within(ctx), tenant, scim.User, users[3], "")).To(Succeed())
		read, err := a.Get(within(ctx), tenant, scim.Group, id, allMembers)
		Expect(err).NotTo(HaveOccurred())
		Expect(seen).NotTo(HaveKey(read.Complex("meta")["version"]), "a member was deleted")
		Expect(read.MemberIDs()).To(Equal([]string{users[1], users[5]}))
	})

	It("are found by a replica that has not heard of them or of their members", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		a, b := replica(ctx, tenant, patient), replica(ctx, tenant, patient)
		a.room, b.room = 2, 2
		for round := range 10 {
			var users []string
			for i := range 5 {
				created, err := a.Create(within(ctx), tenant, scim.User, user(fmt.Sprintf("new-%d-%d", round, i)))
				Expect(err).NotTo(HaveOccurred())
				users = append(users, created.ID())
			}
			created, err := a.Create(within(ctx), tenant, scim.Group, group(fmt.Sprintf("New %d", round), users...))
			Expect(err).NotTo(HaveOccurred())
			read, err := b.Get(within(ctx), tenant, scim.Group, created.ID(), allMembers)
			Expect(err).NotTo(HaveOccurred())
			Expect(read.MemberIDs()).To(Equal(users))
			Expect(read.Complex("meta")).To(Equal(created.Complex("meta")))
		}
	})

	It("are gone with their group, for a replica that has heard of them only", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		a, b := replica(ctx, tenant, patient), replica(ctx, tenant, patient)
		a.room = 2
		users := createUsers(ctx, a, tenant, 5)
		created, err := a.Create(within(ctx), tenant, scim.Group, group("Ending", users...))
		Expect(err).NotTo(HaveOccurred())
		id := created.ID()
		stored := &v1alpha1.ScimGroup{}
		Expect(direct.Get(ctx, key(tenant, id), stored)).To(Succeed())
		b.client = &latecomer{Client: b.client, group: stored}
		Expect(a.Delete(within(ctx), tenant, scim.Group, id, "")).To(Succeed())
		for _, admit := range []Gate{allMembers, nil} {
			Eventually(func() error {
				_, err := b.Get(within(ctx), tenant, scim.Group, id, admit)
				return err
			}).Should(haveStatus(http.StatusNotFound))
		}
		page, err := b.List(within(ctx), tenant, scim.User, filter(scim.User, "groups.value eq \""+id+"\""))
		Expect(err).NotTo(HaveOccurred())
		Expect(page.Resources).To(BeEmpty())
	})

	It("are no burden when a client names the same member often, or in another order", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		s.room = 2
		users := createUsers(ctx, s, tenant, 3)
		many := slices.Repeat([]string{users[2], users[0], users[1]}, 1000)
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Often", many...))
		Expect(err).NotTo(HaveOccurred())
		Expect(storedGroupOf(ctx, s, tenant, created.ID()).count()).To(Equal(3))
		empty, err := s.Create(within(ctx), tenant, scim.Group, group("Empty"))
		Expect(err).NotTo(HaveOccurred())
		_, err = s.Update(within(ctx), tenant, scim.Group, empty.ID(), "", join(many...))
		Expect(err).NotTo(HaveOccurred())
		Expect(storedGroupOf(ctx, s, tenant, empty.ID()).count()).To(Equal(3))
	})

	It("hold what a set holds, whatever happens", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		replicas := []*Store{replica(ctx, tenant, patient), replica(ctx, tenant, patient)}
		for _, s := range replicas {
			s.room = 3
			s.timing.claimForgotten = 0 // whoever crashes is forgotten at once
		}
		users := createUsers(ctx, replicas[0], tenant, 24)
		created, err := replicas[0].Create(within(ctx), tenant, scim.Group, group("Model"))
		Expect(err).NotTo(HaveOccurred())
		id := created.ID()
		seed := uint64(GinkgoRandomSeed())
		By(fmt.Sprintf("with seed %d", seed))
		random := rand.New(rand.NewPCG(seed, 1))
		model := map[string]bool{}
		for step := range 150 {
			s := replicas[random.IntN(2)]
			some := users[random.IntN(20):]
			some = some[:1+random.IntN(min(len(some), 8))]
			change, after := randomChange(random, model, some)
			ifMatch := ""
			if random.IntN(3) == 0 {
				ifMatch = storedGroupOf(ctx, s, tenant, id).version()
			}
			if random.IntN(3) == 0 { // it crashes somewhere, and the client repeats it
				alive, claims := s.client, s.claims
				crashAfter(s, random.IntN(4))
				_, err := s.Update(within(ctx), tenant, scim.Group, id, ifMatch, change)
				s.client, s.claims = alive, claims
				if err == nil {
					model = after
					continue
				}
				Expect(err).To(Or(MatchError(errCrashed), haveStatus(http.StatusPreconditionFailed)))
				ifMatch = ""
			}
			_, err := s.Update(within(ctx), tenant, scim.Group, id, ifMatch, change)
			Expect(err).NotTo(HaveOccurred(), "step %d", step)
			model = after
			Expect(storedMembers(ctx, s, tenant, id)).To(Equal(sortedKeys(model)), "step %d", step)
			Expect(membersOf(ctx, s, tenant, id)).To(ConsistOf(sortedKeys(model)), "step %d", step)
		}
		for _, s := range replicas {
			s.timing, s.claims.timing = forgetful, forgetful
			_, err := NewSweeper(s, tenant).Sweep(within(ctx))
			Expect(err).NotTo(HaveOccurred())
			Expect(storedMembers(ctx, s, tenant, id)).To(Equal(sortedKeys(model)))
		}
	})

	It("lose and gain nobody when two replicas write different members at the same time, with crashes", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		replicas := []*Store{replica(ctx, tenant, patient), replica(ctx, tenant, patient)}
		users := createUsers(ctx, replicas[0], tenant, 24)
		created, err := replicas[0].Create(within(ctx), tenant, scim.Group, group("Two writers"))
		Expect(err).NotTo(HaveOccurred())
		id := created.ID()
		models, errs := make([]map[string]bool, 2), make([]error, 2)
		var writing sync.WaitGroup
		for w, s := range replicas {
			s.room = 3
			own := users[12*w : 12*w+12]
			random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), uint64(w)))
			writing.Go(func() {
				model := map[string]bool{}
				for range 60 {
					some := own[random.IntN(8):]
					some = some[:1+random.IntN(min(len(some), 5))]
					change := join(some...)
					joins := random.IntN(2) == 0
					if !joins {
						change = leave(some...)
					}
					if random.IntN(4) == 0 {
						alive, claims := s.client, s.claims
						crashAfter(s, random.IntN(3))
						_, _ = s.Update(within(ctx), tenant, scim.Group, id, "", change)
						s.client, s.claims = alive, claims
					}
					if _, errs[w] = s.Update(within(ctx), tenant, scim.Group, id, "", change); errs[w] != nil {
						return
					}
					for _, member := range some {
						if joins {
							model[member] = true
						} else {
							delete(model, member)
						}
					}
				}
				models[w] = model
			})
		}
		writing.Wait()
		Expect(errs).To(HaveEach(BeNil()))
		maps.Copy(models[0], models[1])
		Expect(storedMembers(ctx, replicas[0], tenant, id)).To(Equal(sortedKeys(models[0])))
	})
})

// sortedKeys returns the members of a model, in order.
func sortedKeys(model map[string]bool) []string {
	return append([]string{}, slices.Sorted(maps.Keys(model))...)
}

// randomChange returns a change of a group with the members of a model, and the members afterwards.
func randomChange(random *rand.Rand, model map[string]bool, some []string) (Change, map[string]bool) {
	after := maps.Clone(model)
	switch random.IntN(5) {
	case 4: // some leave, come back and leave, the first of them stays
		patch := leave(some...)
		patch.Operations = slices.Concat(patch.Operations, join(some...).Operations, leave(some[1:]...).Operations)
		for _, id := range some[1:] {
			delete(after, id)
		}
		after[some[0]] = true
		return patch, after
	case 0:
		for _, id := range some {
			delete(after, id)
		}
		return leave(some...), after
	case 1:
		clear(after)
		for _, id := range some {
			after[id] = true
		}
		return replaced(some...), after
	default:
		for _, id := range some {
			after[id] = true
		}
		return join(some...), after
	}
}
