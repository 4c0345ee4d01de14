package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// replaced returns a Change of all members, as a PUT makes it.
func replaced(ids ...string) edit {
	return func(current scim.Resource) (scim.Resource, error) {
		next := current.Clone()
		next["members"] = memberValues(ids)
		return next, nil
	}
}

// meanwhile is a client that lets something happen before the first write of a page that is there already.
type meanwhile struct {
	client.Client
	happens func(ctx context.Context)
	once    sync.Once
}

func (m *meanwhile) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	defer GinkgoRecover() // members are written by goroutines
	if _, isPage := obj.(*v1alpha1.ScimGroupPage); isPage {
		m.once.Do(func() { m.happens(ctx) })
	}
	return m.Client.Update(ctx, obj, opts...)
}

// deletion is a client that lets something happen before a group is deleted for the first time.
type deletion struct {
	client.Client
	before func(ctx context.Context) error
	tries  atomic.Int64
}

func (d *deletion) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	if _, isGroup := obj.(*v1alpha1.ScimGroup); isGroup && d.tries.Add(1) == 1 {
		if err := d.before(ctx); err != nil {
			return err
		}
	}
	return d.Client.Delete(ctx, obj, opts...)
}

// brokenPages is a client that changes no page.
type brokenPages struct{ client.Client }

func (b *brokenPages) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	if _, isPage := obj.(*v1alpha1.ScimGroupPage); isPage {
		return errCrashed
	}
	return b.Client.Update(ctx, obj, opts...)
}

var _ = Describe("If-Match over replicas", func() {
	const racers = 16
	var tenant string
	var replicas []*Store
	var users []string
	BeforeEach(func(ctx SpecContext) {
		tenant = namespaceOf(ctx)
		replicas = []*Store{replica(ctx, tenant, patient), replica(ctx, tenant, patient)}
		users = nil
		for i := range racers + 2 {
			created, err := replicas[0].Create(within(ctx), tenant, scim.User, user(fmt.Sprintf("member%d@example.com", i)))
			Expect(err).NotTo(HaveOccurred())
			users = append(users, created.ID())
		}
	})
	versionOf := func(ctx context.Context, rt *scim.ResourceType, id string) string {
		GinkgoHelper()
		if rt == scim.Group {
			return storedGroupOf(ctx, replicas[0], tenant, id).version()
		}
		obj := &v1alpha1.ScimUser{}
		Expect(direct.Get(ctx, key(tenant, id), obj)).To(Succeed())
		return version(obj)
	}
	changes := []struct {
		name  string
		rt    *scim.ResourceType
		write func(ctx context.Context, s *Store, id, ifMatch string, i int) error
		// after returns the members that there may be after writer i has won.
		members func(before []string, i int) []string
	}{
		{name: "the name of a group", rt: scim.Group, write: func(ctx context.Context, s *Store, id, ifMatch string, i int) error {
			_, err := s.Update(ctx, tenant, scim.Group, id, ifMatch, set("displayName", fmt.Sprintf("%s %d", id, i)))
			return err
		}},
		{name: "a new member", rt: scim.Group, write: func(ctx context.Context, s *Store, id, ifMatch string, i int) error {
			_, err := s.Update(ctx, tenant, scim.Group, id, ifMatch, join(users[i]))
			return err
		}, members: func(before []string, i int) []string { return append(before, users[i]) }},
		{name: "all members and the name", rt: scim.Group, write: func(ctx context.Context, s *Store, id, ifMatch string, i int) error {
			_, err := s.Update(ctx, tenant, scim.Group, id, ifMatch, edit(func(current scim.Resource) (scim.Resource, error) {
				next := current.Clone()
				next["displayName"], next["members"] = fmt.Sprintf("%s %d", id, i), memberValues(users[:i+1])
				return next, nil
			}))
			return err
		}, members: func(_ []string, i int) []string { return users[:i+1] }},
		{name: "the deletion of a group", rt: scim.Group, write: func(ctx context.Context, s *Store, id, ifMatch string, _ int) error {
			return s.Delete(ctx, tenant, scim.Group, id, ifMatch)
		}},
		{name: "an attribute of a user", rt: scim.User, write: func(ctx context.Context, s *Store, id, ifMatch string, i int) error {
			_, err := s.Update(ctx, tenant, scim.User, id, ifMatch, set("title", fmt.Sprint(i)))
			return err
		}},
		{name: "the name of a user", rt: scim.User, write: func(ctx context.Context, s *Store, id, ifMatch string, i int) error {
			_, err := s.Update(ctx, tenant, scim.User, id, ifMatch, set("userName", fmt.Sprintf("%s-%d", id, i)))
			return err
		}},
		{name: "the deletion of a user", rt: scim.User, write: func(ctx context.Context, s *Store, id, ifMatch string, _ int) error {
			return s.Delete(ctx, tenant, scim.User, id, ifMatch)
		}},
	}
	for _, change := range changes {
		for _, room := range []int{v1alpha1.MaxGroupMembers, 2} {
			if change.rt == scim.User && room == 2 {
				continue
			}
			It(fmt.Sprintf("lets one of several writers succeed, and the others leave nothing: %s, with room for %d", change.name, room), func(ctx SpecContext) {
				replicas[0].room, replicas[1].room = room, room
				for round := range 5 {
					sent := user(fmt.Sprintf("contended-%d", round))
					if change.rt == scim.Group {
						sent = group(fmt.Sprintf("contended-%d", round), users[0], users[racers], users[racers+1])
					}
					created, err := replicas[0].Create(within(ctx), tenant, change.rt, sent)
					Expect(err).NotTo(HaveOccurred())
					id := created.ID()
					ifMatch := versionOf(ctx, change.rt, id)
					var before []string
					if change.rt == scim.Group {
						before = storedMembers(ctx, replicas[0], tenant, id)
					}
					outcomes := make([]error, racers)
					start := make(chan struct{})
					var racing sync.WaitGroup
					for i := range outcomes {
						racing.Go(func() {
							<-start
							// Member 0 is one already, so that writer would change nothing.
							outcomes[i] = change.write(within(ctx), replicas[i%2], id, ifMatch, max(i, 1))
						})
					}
					close(start)
					racing.Wait()
					winner := -1
					for i, err := range outcomes {
						if err == nil {
							Expect(winner).To(Equal(-1), "round %d: %d and %d have succeeded", round, winner, i)
							winner = i
							continue
						}
						Expect(err).To(Or(haveStatus(http.StatusPreconditionFailed), haveStatus(http.StatusNotFound)), "round %d", round)
					}
					Expect(winner).NotTo(Equal(-1), "round %d: %v", round, outcomes)
					if change.members != nil {
						Expect(storedMembers(ctx, replicas[0], tenant, id)).To(ConsistOf(change.members(before, max(winner, 1))), "round %d", round)
					}
				}
			})
		}
	}

	It("merges with what others change without it meanwhile, and refuses who has read the half of it", func(ctx SpecContext) {
		a, b := replicas[0], replicas[1]
		a.room, b.room = 2, 2
		created, err := a.Create(within(ctx), tenant, scim.Group, group("Guides", users[0], users[racers], users[racers+1]))
		Expect(err).NotTo(HaveOccurred())
		id := created.ID()
		a.client = &meanwhile{Client: a.client, happens: func(ctx context.Context) {
			_, err := b.Update(within(ctx), tenant, scim.Group, id, versionOf(ctx, scim.Group, id), replaced())
			Expect(err).To(haveStatus(http.StatusPreconditionFailed))
			err = b.Delete(within(ctx), tenant, scim.Group, id, versionOf(ctx, scim.Group, id))
			Expect(err).To(haveStatus(http.StatusPreconditionFailed))
			updated, err := b.Update(within(ctx), tenant, scim.Group, id, "", join(users[1]))
			Expect(err).NotTo(HaveOccurred())
			Expect(updated.Changed).To(BeTrue())
			_, err = b.Update(within(ctx), tenant, scim.Group, id, "*", set("externalId", "theirs"))
			Expect(err).NotTo(HaveOccurred())
		}}
		updated, err := a.Update(within(ctx), tenant, scim.Group, id, versionOf(ctx, scim.Group, id), join(users[2:racers]...))
		Expect(err).NotTo(HaveOccurred())
		Expect(updated).To(And(HaveField("Changed", BeTrue()), HaveField("Members", racers+2)))
		Expect(updated.Resource).To(HaveKeyWithValue("externalId", "theirs"))
		for _, s := range replicas {
			Eventually(func() []string { return membersOf(ctx, s, tenant, id) }).Should(Equal(users))
		}
		_, err = b.Update(within(ctx), tenant, scim.Group, id, versionOf(ctx, scim.Group, id), leave(users[3]))
		Expect(err).NotTo(HaveOccurred())
		stored := &v1alpha1.ScimGroup{}
		Expect(direct.Get(ctx, key(tenant, id), stored)).To(Succeed())
		Expect(stored.Annotations).NotTo(HaveKey(annotationChanging))
	})

	// The writes are: the group, a new page, a page, the group.
	for writes := range 4 {
		It(fmt.Sprintf("is refused after a crash, %d writes on, until the version tells of what there is", writes), func(ctx SpecContext) {
			s := replicas[0]
			s.room, replicas[1].room = 2, 2
			created, err := s.Create(within(ctx), tenant, scim.Group, group("Guides", users[0], users[4], users[5]))
			Expect(err).NotTo(HaveOccurred())
			id := created.ID()
			before := versionOf(ctx, scim.Group, id)
			dead := replicas[1]
			crashAfter(dead, writes)
			_, err = dead.Update(within(ctx), tenant, scim.Group, id, before, join(users[1:4]...))
			Expect(err).To(MatchError(errCrashed))
			again := func(ifMatch string) error {
				_, err := s.Update(within(ctx), tenant, scim.Group, id, ifMatch, join(users[1:4]...))
				return err
			}
			if writes > 0 {
				Expect(again(before)).To(haveStatus(http.StatusPreconditionFailed))
				half := versionOf(ctx, scim.Group, id)
				Expect(again(half)).To(haveStatus(http.StatusPreconditionFailed), "the other request may be at work")
				s.timing.claimForgotten = 0
				Expect(again(half)).To(haveStatus(http.StatusPreconditionFailed), "the client may have read less than there is now")
			}
			Expect(again(versionOf(ctx, scim.Group, id))).To(Succeed())
			r, err := s.Get(within(ctx), tenant, scim.Group, id, allMembers)
			Expect(err).NotTo(HaveOccurred())
			Expect(r.MemberIDs()).To(Equal(users[:6]))
		})
	}

	It("stays usable when not all members could be written", func(ctx SpecContext) {
		s := replicas[0]
		s.room = 2
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Guides", users[:3]...))
		Expect(err).NotTo(HaveOccurred())
		id := created.ID()
		alive := s.client
		s.client = &brokenPages{s.client}
		before := versionOf(ctx, scim.Group, id)
		_, err = s.Update(within(ctx), tenant, scim.Group, id, before, join(users[3:6]...))
		Expect(err).To(MatchError(errCrashed))
		s.client = alive
		Expect(storedPages(ctx, tenant)).To(HaveLen(1), "pages that came to nothing are gone")
		_, err = s.Update(within(ctx), tenant, scim.Group, id, before, join(users[3:5]...))
		Expect(err).To(haveStatus(http.StatusPreconditionFailed))
		updated, err := s.Update(within(ctx), tenant, scim.Group, id, versionOf(ctx, scim.Group, id), join(users[3:5]...))
		Expect(err).NotTo(HaveOccurred())
		Expect(updated.Members).To(Equal(5))
	})

	It("does not refuse a request for what it has written itself", func(ctx SpecContext) {
		network := &lossy{}
		s := replica(ctx, tenant, patient, network.wrap)
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Guides"))
		Expect(err).NotTo(HaveOccurred())
		for rt, id := range map[*scim.ResourceType]string{scim.User: users[0], scim.Group: created.ID()} {
			for name, lose := range map[string]func(r *http.Request) (*http.Response, error){
				"the answer is lost": func(*http.Request) (*http.Response, error) { return nil, errCut },
				"client-go has repeated it": func(r *http.Request) (*http.Response, error) {
					return answer(r, http.StatusInternalServerError, "ServerTimeout", http.Header{"Retry-After": {"1"}}), nil
				},
			} {
				var lost atomic.Bool
				network.through(func(r *http.Request, send sender) (*http.Response, error) {
					res, err := send()
					if err == nil && r.Method == http.MethodPut && lost.CompareAndSwap(false, true) {
						Expect(res.Body.Close()).To(Succeed())
						return lose(r)
					}
					return res, err
				})
				// The API server writes the number otherwise.
				updated, err := s.Update(within(ctx), tenant, rt, id, versionOf(ctx, rt, id),
					set("urn:example:params:badge", map[string]any{"name": name, "size": json.Number("1.50")}))
				Expect(err).NotTo(HaveOccurred(), "%s: %s", rt.Name, name)
				Expect(updated.Resource.Complex("meta")).To(HaveKeyWithValue("version", versionOf(ctx, rt, id)))
			}
		}
	})

	It("cleans up after a deletion that client-go has repeated", func(ctx SpecContext) {
		network := &lossy{}
		s := replica(ctx, tenant, patient, network.wrap)
		s.room = 1
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Guides", users[0], users[1]))
		Expect(err).NotTo(HaveOccurred())
		var lost atomic.Bool
		network.through(func(r *http.Request, send sender) (*http.Response, error) {
			res, err := send()
			if err == nil && r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, created.ID()) && lost.CompareAndSwap(false, true) {
				Expect(res.Body.Close()).To(Succeed())
				return answer(r, http.StatusInternalServerError, "ServerTimeout", http.Header{"Retry-After": {"1"}}), nil
			}
			return res, err
		})
		Expect(s.Delete(within(ctx), tenant, scim.Group, created.ID(), "")).To(haveStatus(http.StatusNotFound))
		Expect(storedPages(ctx, tenant)).To(BeEmpty())
		again, err := replicas[0].Create(within(ctx), tenant, scim.Group, group("Guides"))
		Expect(err).NotTo(HaveOccurred(), "its name is free")
		Expect(again.ID()).NotTo(Equal(created.ID()))
	})

	for name, interferes := range map[string]func(ctx context.Context, id string) error{
		"the operator notes something of it": func(ctx context.Context, id string) error {
			group := &v1alpha1.ScimGroup{}
			if err := direct.Get(ctx, key(tenant, id), group); err != nil {
				return err
			}
			group.Status.ObservedGeneration++
			return direct.Status().Update(ctx, group)
		},
		"a request without If-Match changes it": func(ctx context.Context, id string) error {
			_, err := replicas[1].Update(within(ctx), tenant, scim.Group, id, "", set("externalId", "other"))
			return err
		},
	} {
		It("deletes a group for which it has decided, although "+name, func(ctx SpecContext) {
			s := replicas[0]
			s.room, replicas[1].room = 2, 2
			created, err := s.Create(within(ctx), tenant, scim.Group, group("Guides", users[:3]...))
			Expect(err).NotTo(HaveOccurred())
			id := created.ID()
			deleting := &deletion{Client: s.client, before: func(ctx context.Context) error { return interferes(ctx, id) }}
			s.client = deleting
			Expect(s.Delete(within(ctx), tenant, scim.Group, id, versionOf(ctx, scim.Group, id))).To(Succeed())
			Expect(deleting.tries.Load()).To(BeNumerically(">", 1))
			Expect(storedPages(ctx, tenant)).To(BeEmpty())
		})
	}

	It("leaves no mark on a group that it could not delete", func(ctx SpecContext) {
		s := replicas[0]
		s.room = 2
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Guides", users[:3]...))
		Expect(err).NotTo(HaveOccurred())
		id := created.ID()
		alive := s.client
		s.client = &deletion{Client: alive, before: func(context.Context) error { return errCrashed }}
		Expect(s.Delete(within(ctx), tenant, scim.Group, id, versionOf(ctx, scim.Group, id))).To(MatchError(errCrashed))
		s.client = alive
		Expect(s.Delete(within(ctx), tenant, scim.Group, id, versionOf(ctx, scim.Group, id))).To(Succeed())
	})
})
