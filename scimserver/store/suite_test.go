package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
	"rservice.dev/scim-operator/scimserver/scim"
)

var (
	env *testenv.Env
	// direct reads and writes the API server without a cache, as kubectl does.
	direct client.Client
)

func TestStore(t *testing.T) { suite.Run(t, "Store") }

var _ = BeforeSuite(func() {
	env = testenv.StartFor(GinkgoT())
	direct = suite.Client(env.Config)
})

// replica starts a Store as one replica of the operator has it, for one namespace or with "" for all. What network
// returns, if it is given, is between the Store and the API server.
func replica(ctx context.Context, namespace string, t timing, network ...transport.WrapperFunc) *Store {
	GinkgoHelper()
	return replicaIn(ctx, env, namespace, t, network...)
}

// replicaIn is replica for another control plane.
func replicaIn(ctx context.Context, env *testenv.Env, namespace string, t timing, network ...transport.WrapperFunc) *Store {
	GinkgoHelper()
	var namespaces []string
	if namespace != "" {
		namespaces = []string{namespace}
	}
	config := rest.CopyConfig(env.Config)
	config.UserAgent = "store-under-test"
	config.Wrap(transport.Wrappers(network...))
	mgr := suite.NewManager(config, namespaces, func(o *kube.Options) { o.Logger = logr.Discard() })
	s, err := newStore(ctx, Options{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Cache: kube.CacheOf(mgr.GetCache(), namespace), Namespace: namespace}, t)
	Expect(err).NotTo(HaveOccurred())
	suite.Start(ctx, mgr)
	Eventually(s.Synced).WithContext(ctx).Should(BeTrue())
	return s
}

// namespaceOf makes the namespace of a test: its tenant.
func namespaceOf(ctx context.Context) string {
	GinkgoHelper()
	return env.Namespace(ctx, GinkgoT())
}

// within returns a context with a deadline, as every request has.
func within(ctx context.Context) context.Context {
	limited, cancel := context.WithTimeout(ctx, testenv.Patience)
	DeferCleanup(cancel)
	return limited
}

// A machine may be slow, so that no time runs out on which a test does not depend: patient are the times of most tests, and
// quick those of a replica that is to see that another one has crashed. It must not meet one that is at work. To one that is
// forgetful, leftovers are old at once.
var (
	patient   = timing{claimLease: time.Hour, claimedWrite: time.Hour, claimForgotten: time.Hour, danglingAge: time.Hour}
	quick     = timing{claimLease: time.Second, claimedWrite: time.Hour, claimForgotten: time.Hour, danglingAge: time.Hour}
	forgetful = timing{claimLease: time.Hour, claimedWrite: time.Hour}
)

func user(name string) scim.Resource {
	return scim.Resource{"userName": name, "active": true, "emails": []any{map[string]any{"value": name, "type": "work", "primary": true}}}
}

func group(name string, members ...string) scim.Resource {
	r := scim.Resource{"displayName": name}
	r["members"] = memberValues(members)
	return r
}

func memberValues(ids []string) []any {
	values := make([]any, len(ids))
	for i, id := range ids {
		values[i] = map[string]any{"value": id}
	}
	return values
}

// edit is a Change that a function makes.
type edit func(current scim.Resource) (scim.Resource, error)

func (e edit) Apply(_ context.Context, current scim.Resource) (scim.Resource, error) {
	return e(current)
}

// set returns a Change of one attribute, as a PATCH makes it.
func set(name string, value any) edit {
	return func(current scim.Resource) (scim.Resource, error) {
		next := current.Clone()
		next[name] = value
		return next, nil
	}
}

// join and leave return a Change that adds or removes members.
func join(ids ...string) *scim.Patch { return patchMembers(scim.OpAdd, ids) }

func leave(ids ...string) *scim.Patch { return patchMembers(scim.OpRemove, ids) }

func patchMembers(op scim.Op, ids []string) *scim.Patch {
	return &scim.Patch{Type: scim.Group, Operations: []scim.PatchOperation{{Op: op, Path: "members", Value: memberValues(ids), HasValue: true}}}
}

func filter(rt *scim.ResourceType, text string) Query {
	GinkgoHelper()
	f, err := scim.ParseFilter(rt, text)
	Expect(err).NotTo(HaveOccurred())
	return Query{Filter: f, Page: scim.NewPage(1, scim.DefaultCount), WithGroups: true}
}

func all() Query { return Query{Page: scim.NewPage(1, scim.MaxCount), WithGroups: true} }

func ids(page Page) []string {
	list := make([]string, 0, len(page.Resources))
	for _, r := range page.Resources {
		list = append(list, r.ID())
	}
	return list
}

// haveStatus matches an error that the client of a request gets with this status.
func haveStatus(status int) OmegaMatcher {
	return WithTransform(func(err error) int {
		if e, ok := errors.AsType[*scim.Error](err); ok {
			return e.Status
		}
		return 0
	}, Equal(status))
}

// allMembers asks for the members of a group, however many there are.
func allMembers(int) error { return nil }

// leaseName is the name of the claim on a value.
func leaseName(ctx context.Context, tenant string, kind claimKind, value string) string {
	GinkgoHelper()
	salt, err := kube.NewSalts(direct, direct).Of(ctx, tenant)
	Expect(err).NotTo(HaveOccurred())
	return claimName(salt, kind, value)
}

// writes lists the Store's writes in a namespace, oldest first.
func writes(ctx SpecContext, namespace string) []string {
	GinkgoHelper()
	all, err := env.AuditWrites(ctx, testenv.Filter{Namespace: namespace})
	Expect(err).NotTo(HaveOccurred())
	var own []string
	for _, w := range all {
		if w.UserAgent == "store-under-test" {
			own = append(own, w.Verb+" "+w.Resource)
		}
	}
	return own
}

// storedGroupOf is a group with its pages as the API server has them.
func storedGroupOf(ctx context.Context, s *Store, tenant, id string) *storedGroup {
	GinkgoHelper()
	group := &v1alpha1.ScimGroup{}
	Expect(direct.Get(ctx, key(tenant, id), group)).To(Succeed())
	stored, err := s.livePages(ctx, group)
	Expect(err).NotTo(HaveOccurred())
	return stored
}

// storedMembers are the ids that a group and its pages hold, in order.
func storedMembers(ctx context.Context, s *Store, tenant, id string) []string {
	GinkgoHelper()
	members := []string{}
	for _, m := range storedGroupOf(ctx, s, tenant, id).entries() {
		members = append(members, m.ID)
	}
	return members
}

// storedPages are the pages of a tenant.
func storedPages(ctx context.Context, tenant string) []v1alpha1.ScimGroupPage {
	GinkgoHelper()
	var list v1alpha1.ScimGroupPageList
	Expect(direct.List(ctx, &list, client.InNamespace(tenant))).To(Succeed())
	return list.Items
}

// entriesOf are members who have joined a moment ago.
func entriesOf(ids ...string) []v1alpha1.GroupMember {
	entries := make([]v1alpha1.GroupMember, len(ids))
	for i, id := range ids {
		entries[i] = v1alpha1.GroupMember{ID: id, Joined: time.Now().Unix()}
	}
	return entries
}
