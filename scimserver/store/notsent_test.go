package store

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// crowd is a client to which a tenant has other calls under way, as many as it may, whenever a user or group is written:
// the write waits until its time is over.
type crowd struct {
	client.Client
	live    client.Reader
	tenant  string
	network *lossy
	// onlyCreations says that updates meet nobody.
	onlyCreations bool
	mu            sync.Mutex
	// after are the calls that the Store makes when the write has failed.
	after []string
}

// Create implements client.Client.
func (c *crowd) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	if _, isPage := obj.(*v1alpha1.ScimGroupPage); isPage {
		return c.Client.Create(ctx, obj, opts...)
	}
	return c.around(ctx, func(ctx context.Context) error { return c.Client.Create(ctx, obj, opts...) })
}

// Update implements client.Client.
func (c *crowd) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	if c.onlyCreations {
		return c.Client.Update(ctx, obj, opts...)
	}
	return c.around(ctx, func(ctx context.Context) error { return c.Client.Update(ctx, obj, opts...) })
}

func (c *crowd) around(ctx context.Context, write func(context.Context) error) error {
	const beside = 4
	arrived, end := make(chan struct{}, 1+beside), make(chan struct{})
	c.network.through(func(r *http.Request, send sender) (*http.Response, error) {
		switch path := r.URL.Path; {
		case strings.Contains(path, "/configmaps/"):
			arrived <- struct{}{}
			<-end
		case strings.Contains(path, "/secrets/"), strings.Contains(r.URL.RawQuery, "watch="):
			// come when they like
		default:
			c.mu.Lock()
			defer c.mu.Unlock()
			c.after = append(c.after, r.Method)
		}
		return send()
	})
	var calls sync.WaitGroup
	for i := range 1 + beside {
		namespace := c.tenant
		if i == 0 {
			namespace = "default"
		}
		calls.Go(func() { _ = c.live.Get(kube.OneWrite(ctx), key(namespace, "none"), &corev1.ConfigMap{}) })
		<-arrived
	}
	defer calls.Wait()
	defer close(end)
	c.mu.Lock()
	c.after = nil
	c.mu.Unlock()
	// The time may be over before the write waits, which is another error.
	for limit := time.Millisecond; ; limit *= 2 {
		short, cancel := context.WithTimeout(ctx, limit)
		err := write(short)
		cancel()
		if kube.NotSent(err) || ctx.Err() != nil || limit > time.Minute {
			return err
		}
	}
}

// unlucky is a client of which the first creation is lost, the second one meets a crowd, and the third one succeeds.
type unlucky struct {
	client.Client
	crowd     *crowd
	creations int
}

// Create implements client.Client.
func (c *unlucky) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	c.creations++
	switch c.creations {
	case 1:
		return errCut
	case 2:
		return c.crowd.Create(ctx, obj, opts...)
	}
	return c.Client.Create(ctx, obj, opts...)
}

var _ = Describe("a write whose time is over while the tenant's other calls are under way", func() {
	var tenant, member string
	var s *Store
	var c *crowd
	BeforeEach(func(ctx SpecContext) {
		tenant = namespaceOf(ctx)
		network := &lossy{}
		s = replica(ctx, tenant, patient, network.wrap)
		created, err := s.Create(within(ctx), tenant, scim.User, user("member"))
		Expect(err).NotTo(HaveOccurred())
		member = created.ID()
		c = &crowd{Client: s.client, live: s.live, tenant: tenant, network: network}
	})
	for _, rt := range []*scim.ResourceType{scim.User, scim.Group} {
		It("is known not to be sent: a creation, of which the name is free at once: "+rt.Name, func(ctx SpecContext) {
			sent := user("late")
			if rt == scim.Group {
				sent = group("late")
			}
			unhurried := s.client
			s.client = c
			_, err := s.Create(within(ctx), tenant, rt, sent)
			Expect(err).To(And(MatchError(context.DeadlineExceeded), MatchError(ContainSubstring("wait for other calls"))))
			Expect(c.after).To(Equal([]string{http.MethodDelete}), "the claim, and nothing that looks for what was written")
			s.client = unhurried
			_, err = s.Create(within(ctx), tenant, rt, sent)
			Expect(err).NotTo(HaveOccurred())
		})
	}

	It("is repeated if an earlier one was lost", func(ctx SpecContext) {
		s.client = &unlucky{Client: s.client, crowd: c}
		created, err := s.Create(within(ctx), tenant, scim.User, user("late"))
		Expect(err).NotTo(HaveOccurred())
		Expect(direct.Get(ctx, key(tenant, created.ID()), &v1alpha1.ScimUser{})).To(Succeed())
	})

	It("is known not to be sent: an update, with the claim on a new name", func(ctx SpecContext) {
		s.client = c
		for name, calls := range map[string][]string{"displayName": nil, "userName": {http.MethodDelete}} {
			_, err := s.Update(within(ctx), tenant, scim.User, member, "", set(name, "other"))
			Expect(err).To(MatchError(context.DeadlineExceeded), name)
			Expect(c.after).To(Equal(calls), name)
		}
	})

	It("keeps the id of a group of which the pages are written", func(ctx SpecContext) {
		s.room = 1
		members := append(createUsers(ctx, s, tenant, 1), member)
		unhurried := s.client
		s.client, c.onlyCreations = c, true
		_, err := s.Create(within(ctx), tenant, scim.Group, group("late", members...))
		Expect(err).To(MatchError(context.DeadlineExceeded))
		Expect(c.after).To(Equal([]string{http.MethodPut}), "the claim")
		s.client = unhurried
		begun := storedPages(ctx, tenant)[0].Spec.Group
		created, err := s.Create(within(ctx), tenant, scim.Group, group("late", members...))
		Expect(err).NotTo(HaveOccurred())
		Expect(begun).To(Equal(created.ID()))
	})
})
