package whatif_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/story"
	"rservice.dev/scim-operator/console/whatif"
	"rservice.dev/scim-operator/controllers"
	"rservice.dev/scim-operator/controllers/rules"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
	"rservice.dev/scim-operator/scimserver"
	"rservice.dev/scim-operator/scimserver/store"
)

var env *testenv.Env

func TestWhatIf(t *testing.T) { suite.Run(t, "What if") }

var _ = BeforeSuite(func() { env = testenv.StartFor(GinkgoT()) })

const token = "scim_test-token-with-enough-characters-"

// world is a namespace with the default rules, in which the SCIM server and the controllers run.
type world struct {
	client.Client
	namespace, base string
}

func newWorld(ctx SpecContext, change ...func(*v1alpha1.ScimEndpointSpec)) *world {
	GinkgoHelper()
	namespace := env.Namespace(ctx, GinkgoT())
	w := &world{Client: client.NewNamespacedClient(suite.Client(env.Config), namespace), namespace: namespace}
	endpoint := &v1alpha1.ScimEndpoint{
		ObjectMeta: metav1.ObjectMeta{Name: "okta"},
		Spec:       v1alpha1.ScimEndpointSpec{Limits: v1alpha1.ScimEndpointLimits{RequestsPerSecond: new(int32(0))}},
	}
	for _, apply := range change {
		apply(&endpoint.Spec)
	}
	Expect(w.Create(ctx, endpoint)).To(Succeed())
	Expect(w.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "okta-token", Labels: map[string]string{v1alpha1.LabelEndpoint: "okta"}},
		Data:       map[string][]byte{v1alpha1.SecretKeyToken: []byte(token + namespace)},
	})).To(Succeed())
	for _, file := range []string{"default-user-mapping.yaml", "default-organization-mapping.yaml", "default-site-mapping.yaml"} {
		data, err := os.ReadFile(filepath.Join("..", "..", "config", "rules", file))
		Expect(err).NotTo(HaveOccurred())
		rule := &v1alpha1.AutomationRule{}
		Expect(yaml.UnmarshalStrict(data, rule)).To(Succeed())
		Expect(w.Create(ctx, rule)).To(Succeed())
	}
	mgr := suite.NewManager(env.Config, []string{namespace})
	s, err := store.NewTenants(ctx, store.Options{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Cache: mgr.GetCache()}, []string{namespace})
	Expect(err).NotTo(HaveOccurred())
	server, err := scimserver.SetupWithManager(ctx, mgr, s, scimserver.Options{BindAddress: "127.0.0.1:0", Logger: GinkgoLogr})
	Expect(err).NotTo(HaveOccurred())
	Expect(controllers.Setup(context.WithoutCancel(ctx), mgr, controllers.Options{})).To(Succeed())
	suite.Start(ctx, mgr)
	Eventually(func() error { return server.Ready(nil) }).Should(Succeed())
	w.base = "http://" + server.Address() + "/scim/v2"
	Eventually(func(g Gomega) { // the token is known
		status, _ := w.send(ctx, g, whatif.Request{Method: http.MethodGet, Path: "/Users"})
		g.Expect(status).To(Equal(http.StatusOK))
	}).Should(Succeed())
	return w
}

// response is what of a SCIM answer matters here.
type response struct {
	ID       string `json:"id"`
	ScimType string `json:"scimType"`
	Detail   string `json:"detail"`
}

// send does a request for real.
func (w *world) send(ctx context.Context, g Gomega, request whatif.Request) (int, response) {
	GinkgoHelper()
	r, err := http.NewRequestWithContext(ctx, request.Method, w.base+request.Path, bytes.NewReader(request.Body))
	g.Expect(err).NotTo(HaveOccurred())
	r.Header.Set("Authorization", "Bearer "+token+w.namespace)
	r.Header.Set("Content-Type", "application/scim+json")
	if request.IfMatch != "" {
		r.Header.Set("If-Match", request.IfMatch)
	}
	answer, err := http.DefaultClient.Do(r)
	g.Expect(err).NotTo(HaveOccurred())
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	g.Expect(err).NotTo(HaveOccurred())
	var found response
	if len(body) > 0 {
		g.Expect(json.Unmarshal(body, &found)).To(Succeed())
	}
	return answer.StatusCode, found
}

// ask says what a request would do, and sees that nothing is written for that.
func (w *world) ask(ctx SpecContext, request whatif.Request) *whatif.Answer {
	GinkgoHelper()
	limited, cancel := context.WithTimeout(ctx, testenv.Patience)
	defer cancel()
	told, err := whatif.Ask(limited, suite.Client(env.Config), w.namespace, request, whatif.Options{Now: time.Now()})
	Expect(err).NotTo(HaveOccurred())
	return told
}

// persons are all Persons by the SCIM id of their user.
func (w *world) persons(ctx context.Context, g Gomega) map[string]*v1alpha1.Person {
	GinkgoHelper()
	list := &v1alpha1.PersonList{}
	g.Expect(w.List(ctx, list)).To(Succeed())
	found := map[string]*v1alpha1.Person{}
	for i := range list.Items {
		found[list.Items[i].Spec.SourceID] = &list.Items[i]
	}
	return found
}

// settled waits until the controllers have seen everything.
func (w *world) settled(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		users, groups := &v1alpha1.ScimUserList{}, &v1alpha1.ScimGroupList{}
		g.Expect(w.List(ctx, users)).To(Succeed())
		g.Expect(w.List(ctx, groups)).To(Succeed())
		for i := range users.Items {
			g.Expect(users.Items[i].Status.ObservedGeneration).To(Equal(users.Items[i].Generation))
		}
		for i := range groups.Items {
			g.Expect(groups.Items[i].Status.ObservedGeneration).To(Equal(groups.Items[i].Generation))
		}
	}).Should(Succeed())
}

// stored are the attributes of a user or group, none for one that is gone.
func (w *world) stored(ctx context.Context, kind, id string) []story.Attribute {
	GinkgoHelper()
	var spec any
	switch kind {
	case story.KindUser:
		user := &v1alpha1.ScimUser{}
		if err := w.Get(ctx, client.ObjectKey{Name: id}, user); client.IgnoreNotFound(err) != nil || err != nil || !user.DeletionTimestamp.IsZero() {
			return nil
		}
		spec = user.Spec
	default:
		group := &v1alpha1.ScimGroup{}
		if err := w.Get(ctx, client.ObjectKey{Name: id}, group); err != nil {
			return nil
		}
		spec = group.Spec
	}
	attributes, err := story.Attributes(spec)
	Expect(err).NotTo(HaveOccurred())
	return attributes
}

// try asks what a request would do, does it, and sees that what was told has come about. It returns what was told, and the id.
func (w *world) try(ctx SpecContext, request whatif.Request) (*whatif.Answer, string) {
	GinkgoHelper()
	w.settled(ctx)
	told := w.ask(ctx, request)

	before, attributes := w.persons(ctx, Default), w.stored(ctx, told.Subject.Kind, told.Subject.Name)

	status, answer := w.send(ctx, Default, request)
	Expect(status).To(Equal(told.Status), "%+v", answer)
	if told.Refused != nil {
		Expect(*told.Refused).To(Equal(whatif.Refusal{Status: status, ScimType: answer.ScimType, Detail: answer.Detail}))
		return told, ""
	}
	id := told.Subject.Name
	if told.Created {
		id = answer.ID
	}
	Expect(w.stored(ctx, told.Subject.Kind, id)).To(ConsistOf(applied(attributes, told.Stored)), "what is stored")

	changes := map[string][]v1alpha1.FieldChange{}
	for _, effect := range told.Effects {
		for _, record := range effect.Records {
			of := effect.Subject.Name
			if of == "" {
				of = id
			}
			if record.Kind == v1alpha1.RecordPerson {
				changes[of] = record.Changes
			}
		}
	}
	for of := range changes { // what is compared is as after the rules, also where nothing else tells that they have run
		Eventually(func(g Gomega) {
			person := w.persons(ctx, g)[of]
			g.Expect(person).NotTo(BeNil())
			var was rules.Record
			if before[of] != nil {
				was = before[of]
			}
			g.Expect(unlinked(rules.Differences(was, person))).To(Equal(unlinked(changes[of])))
		}).Should(Succeed())
	}
	w.settled(ctx)
	for of, person := range w.persons(ctx, Default) {
		if changes[of] == nil && before[of] != nil {
			Expect(rules.Differences(before[of], person)).To(BeEmpty(), "nothing was told of Person %s", person.Name)
		}
	}
	return told, id
}

// unlinked leaves out the id of a new user, which nobody can know before.
func unlinked(changes []v1alpha1.FieldChange) []v1alpha1.FieldChange {
	return slices.DeleteFunc(slices.Clone(changes), func(c v1alpha1.FieldChange) bool { return c.Field == "sourceID" })
}

// applied are attributes with changes; a Gomega matcher gets them one by one.
func applied(attributes []story.Attribute, changes []v1alpha1.FieldChange) []story.Attribute {
	found := slices.Clone(attributes)
	for _, change := range changes {
		found = slices.DeleteFunc(found, func(a story.Attribute) bool { return a.Name == change.Field })
		if change.To != "" {
			found = append(found, story.Attribute{Name: change.Field, Value: change.To})
		}
	}
	return found
}
