package story_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/story"
	"rservice.dev/scim-operator/controllers"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

var env *testenv.Env

func TestStory(t *testing.T) { suite.Run(t, "Story") }

var _ = BeforeSuite(func() { env = testenv.StartFor(GinkgoT()) })

// world is a namespace with the default rules and an endpoint, in which the controllers run.
type world struct {
	client.Client
	namespace string
	manager   manager.Manager
	endpoint  *v1alpha1.ScimEndpoint
}

// newWorld makes one. change changes the endpoint.
func newWorld(ctx SpecContext, change ...func(*v1alpha1.ScimEndpointSpec)) *world {
	GinkgoHelper()
	namespace := env.Namespace(ctx, GinkgoT())
	w := &world{Client: client.NewNamespacedClient(suite.Client(env.Config), namespace), namespace: namespace}
	w.endpoint = &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "okta"}}
	for _, apply := range change {
		apply(&w.endpoint.Spec)
	}
	Expect(w.Create(ctx, w.endpoint)).To(Succeed())
	for _, file := range []string{"default-user-mapping.yaml", "default-organization-mapping.yaml", "default-site-mapping.yaml"} {
		data, err := os.ReadFile(filepath.Join("..", "..", "config", "rules", file))
		Expect(err).NotTo(HaveOccurred())
		rule := &v1alpha1.AutomationRule{}
		Expect(yaml.UnmarshalStrict(data, rule)).To(Succeed())
		Expect(w.Create(ctx, rule)).To(Succeed())
	}
	w.manager = suite.NewManager(env.Config, []string{namespace})
	Expect(controllers.Setup(context.WithoutCancel(ctx), w.manager, controllers.Options{})).To(Succeed())
	suite.Start(ctx, w.manager)
	return w
}

// user makes a user as the SCIM server does.
func (w *world) user(ctx SpecContext, userName string, change ...func(*v1alpha1.ScimUserSpec)) *v1alpha1.ScimUser {
	GinkgoHelper()
	user := &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Name: uuid.Must(uuid.NewV7()).String(), Finalizers: []string{v1alpha1.FinalizerDeprovision}},
		Spec: v1alpha1.ScimUserSpec{
			UserName: userName, DisplayName: strings.ToUpper(userName[:1]) + userName[1:4], Active: new(true), LastModified: v1alpha1.NewTimestamp(time.Now()),
			LastRequest: v1alpha1.LastRequest{RequestID: "request-1", TokenID: "token-1"},
		},
	}
	for _, apply := range change {
		apply(&user.Spec)
	}
	Expect(w.Create(ctx, user)).To(Succeed())
	return user
}

// group makes a group with these members.
func (w *world) group(ctx SpecContext, displayName string, members ...*v1alpha1.ScimUser) *v1alpha1.ScimGroup {
	GinkgoHelper()
	group := &v1alpha1.ScimGroup{
		ObjectMeta: metav1.ObjectMeta{Name: uuid.Must(uuid.NewV7()).String()},
		Spec:       v1alpha1.ScimGroupSpec{DisplayName: displayName, Members: []v1alpha1.GroupMember{}, LastModified: v1alpha1.NewTimestamp(time.Now())},
	}
	for _, member := range members {
		group.Spec.Members = append(group.Spec.Members, v1alpha1.GroupMember{ID: member.Name, Joined: time.Now().Unix()})
	}
	Expect(w.Create(ctx, group)).To(Succeed())
	return group
}

// update changes an object, whatever the controllers do to it at the same time.
func update[T client.Object](ctx context.Context, w *world, object T, change func(T)) {
	GinkgoHelper()
	Eventually(func() error {
		if err := w.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		change(object)
		return w.Update(ctx, object)
	}).Should(Succeed())
}

// live tells a story from the API server.
func (w *world) live() story.Source { return story.Live(suite.Client(env.Config)) }

// cached tells a story from the manager's cache and the API server.
func (w *world) cached() story.Source {
	return story.Cached(w.manager.GetCache(), suite.Client(env.Config))
}

// told is the story of an object once it is as it is to be.
func (w *world) told(ctx SpecContext, object client.Object, check func(Gomega, *story.Story)) *story.Story {
	GinkgoHelper()
	return w.toldOf(ctx, subject(w, object), check)
}

func (w *world) toldOf(ctx SpecContext, of story.Subject, check func(Gomega, *story.Story)) *story.Story {
	GinkgoHelper()
	var told *story.Story
	Eventually(func(g Gomega) {
		var err error
		told, err = story.Tell(ctx, w.live(), of)
		g.Expect(err).NotTo(HaveOccurred())
		check(g, told)
	}).Should(Succeed())
	return told
}

func subject(w *world, object client.Object) story.Subject {
	kind := ""
	switch object.(type) {
	case *v1alpha1.ScimUser:
		kind = story.KindUser
	case *v1alpha1.ScimGroup:
		kind = story.KindGroup
	case *v1alpha1.Person:
		kind = story.KindPerson
	case *v1alpha1.Organization:
		kind = story.KindOrganization
	case *v1alpha1.Site:
		kind = story.KindSite
	}
	return story.Subject{Kind: kind, Namespace: w.namespace, Name: object.GetName()}
}

// settled waits until the rules have run on a user and returns its Person.
func (w *world) settled(ctx SpecContext, user *v1alpha1.ScimUser) *v1alpha1.Person {
	GinkgoHelper()
	person := &v1alpha1.Person{}
	Eventually(func(g Gomega) {
		g.Expect(w.Get(ctx, client.ObjectKeyFromObject(user), user)).To(Succeed())
		g.Expect(user.Status.ObservedGeneration).To(Equal(user.Generation))
		g.Expect(user.Status.Person).NotTo(BeNil())
		g.Expect(w.Get(ctx, client.ObjectKey{Name: user.Status.Person.Name}, person)).To(Succeed())
	}).Should(Succeed())
	return person
}

// field is a field of the first record of a story, the zero value for one without a value.
func field(told *story.Story, name string) story.Field {
	for _, record := range told.Records {
		for _, f := range record.Fields {
			if f.Name == name {
				return f
			}
		}
	}
	return story.Field{}
}

// problem is the one with a reason, nil for none.
func problem(told *story.Story, reason string) *story.Problem {
	for i := range told.Problems {
		if told.Problems[i].Reason == reason {
			return &told.Problems[i]
		}
	}
	return nil
}

// counting counts the requests that a client makes, by method and path.
type counting struct {
	mu       sync.Mutex
	requests []string
	next     http.RoundTripper
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.requests = append(c.requests, r.Method+" "+r.URL.RequestURI())
	c.mu.Unlock()
	return c.next.RoundTrip(r)
}

// countingClient counts its requests for resources of the API group.
func countingClient() (client.Client, *counting) {
	GinkgoHelper()
	count := &counting{}
	cfg := rest.CopyConfig(env.Config)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { count.next = next; return count })
	return suite.Client(cfg), count
}

// namespaced are the requests for objects of a namespace.
func (c *counting) namespaced(namespace string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []string
	for _, request := range c.requests {
		if _, path, ok := strings.Cut(request, "/namespaces/"+namespace+"/"); ok {
			found = append(found, path)
		}
	}
	return found
}
