package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/e2e/invariants"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
)

// wire is a way to the API server that can be cut.
type wire struct {
	address string

	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

// newWire listens until the test ends, and passes on what comes.
func newWire(ctx context.Context, target string) *wire {
	GinkgoHelper()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", testenv.FreeAddress(ctx, GinkgoT()))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = listener.Close() })
	w := &wire{address: listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go w.carry(context.WithoutCancel(ctx), conn, target)
		}
	}()
	return w
}

func (w *wire) carry(ctx context.Context, conn net.Conn, target string) {
	defer func() { _ = conn.Close() }()
	onward, err := (&net.Dialer{}).DialContext(ctx, "tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = onward.Close() }()
	w.mu.Lock()
	if w.cut {
		w.mu.Unlock()
		return
	}
	w.conns = append(w.conns, conn, onward)
	w.mu.Unlock()
	go func() {
		_, _ = io.Copy(onward, conn)
		_ = onward.Close()
	}()
	_, _ = io.Copy(conn, onward)
}

// set cuts the wire, with what goes over it, or mends it.
func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	for _, conn := range w.conns {
		_ = conn.Close()
	}
	w.conns = nil
}

// overWire starts a second operator of the tenant that has its API server behind a wire.
func (t *tenant) overWire(ctx SpecContext, w *wire, arguments ...string) *tenant {
	GinkgoHelper()
	cfg, err := env.User(t.identity)
	Expect(err).NotTo(HaveOccurred())
	cfg = rest.CopyConfig(cfg)
	cfg.Host = "https://" + w.address
	behind := *t
	behind.address, behind.kubeconfig = testenv.FreeAddress(ctx, GinkgoT()), filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	writeKubeconfig(behind.kubeconfig, cfg)
	behind.launch(ctx, behind.address, arguments...)
	return &behind
}

// total is how many users an operator lists.
func (t *tenant) total(ctx context.Context) func() any {
	return func() any {
		return t.expect(ctx, http.StatusOK, http.MethodGet, "/Users?count=0", "").body["totalResults"]
	}
}

func (t *tenant) createUsers(ctx context.Context, prefix string, number int) []string {
	GinkgoHelper()
	var ids []string
	for i := range number {
		name := fmt.Sprintf("%s-%d@example.com", prefix, i)
		content := fmt.Sprintf(`"userName": %q, "displayName": %q, "emails": [{"value": %q, "primary": true}]`, name, name, name)
		ids = append(ids, t.expect(ctx, http.StatusCreated, http.MethodPost, "/Users", bodyOf(content)).id())
	}
	return ids
}

func idsOf(list answer) (ids []string) {
	resources, _ := list.body["Resources"].([]any)
	for _, resource := range resources {
		ids = append(ids, resource.(map[string]any)["id"].(string))
	}
	return ids
}

// grow makes revisions until what was listed before is forgotten. kine keeps the last 1,000 whatever their age.
func grow(ctx context.Context, forgotten func() bool) {
	GinkgoHelper()
	namespace := env.Namespace(ctx, GinkgoT())
	counter := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "counter"}}
	Expect(direct.Create(ctx, counter)).To(Succeed())
	for i := 0; !forgotten(); i++ {
		for j := range 100 {
			counter.Data = map[string]string{"count": strconv.Itoa(100*i + j)}
			Expect(direct.Update(ctx, counter)).To(Succeed())
		}
		Expect(i).To(BeNumerically("<", 1000), "history is not compacted")
	}
}

var _ = Describe("history over kine", func() {
	BeforeEach(overKine)

	It("is compacted under lists, cursors and watches, of which each goes on or says that it cannot", func(ctx SpecContext) {
		t := newTenant(ctx)
		api, err := url.Parse(env.Config.Host)
		Expect(err).NotTo(HaveOccurred())
		w := newWire(ctx, api.Host)
		election := []string{"--leader-elect=true", "--leader-election-namespace=" + t.namespace, "--leader-election-lease=1h"}
		t.start(ctx, election...) // which leads
		behind := t.overWire(ctx, w, election...)
		first := t.createUsers(ctx, "first", 6)
		Eventually(behind.total(ctx)).Should(BeEquivalentTo(6))

		page := t.expect(ctx, http.StatusOK, http.MethodGet, "/Users?cursor&count=2", "")
		seen := idsOf(page)
		var users v1alpha1.ScimUserList
		Expect(direct.List(ctx, &users, client.InNamespace(t.namespace), client.Limit(2))).To(Succeed())
		proceed, revision := users.Continue, users.ResourceVersion
		Expect(users.RemainingItemCount).To(HaveValue(BeEquivalentTo(4)))

		By("cutting one replica off, and changing what it must not miss")
		w.set(true)
		late := t.createUsers(ctx, "late", 3)
		t.expect(ctx, http.StatusNoContent, http.MethodDelete, "/Users/"+first[0], "")
		Eventually(func() error {
			return direct.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: first[0]}, &v1alpha1.ScimUser{})
		}).Should(Satisfy(apierrors.IsNotFound))
		grow(ctx, func() bool {
			err := direct.List(ctx, &v1alpha1.ScimUserList{}, client.InNamespace(t.namespace), client.Limit(2), client.Continue(proceed))
			Expect(err).To(Or(BeNil(), Satisfy(apierrors.IsResourceExpired)))
			return err != nil
		})

		By("asking for what is compacted")
		exact := &client.ListOptions{Namespace: t.namespace, Raw: &metav1.ListOptions{ResourceVersion: revision, ResourceVersionMatch: metav1.ResourceVersionMatchExact}}
		Expect(direct.List(ctx, &v1alpha1.ScimUserList{}, exact)).To(Satisfy(apierrors.IsResourceExpired))
		Expect(env.Own.StopProgram(controlplane.APIServer, 0)).To(Succeed()) // its cache knows more than the storage
		Expect(env.Own.StartAPIServer(ctx)).To(Succeed())
		watcher := suiteWatcher()
		events, err := watcher.Watch(ctx, &v1alpha1.ScimUserList{}, &client.ListOptions{Namespace: t.namespace, Raw: &metav1.ListOptions{ResourceVersion: revision}})
		if err == nil {
			defer events.Stop()
			var event watch.Event
			Eventually(events.ResultChan()).Should(Receive(&event))
			err = apierrors.FromObject(event.Object)
		}
		Expect(err).To(Or(Satisfy(apierrors.IsResourceExpired), Satisfy(apierrors.IsGone)))

		By("going on with the cursor")
		for cursor := page.body["nextCursor"]; cursor != nil; cursor = page.body["nextCursor"] {
			page = t.expect(ctx, http.StatusOK, http.MethodGet, "/Users?count=2&cursor="+url.QueryEscape(cursor.(string)), "")
			seen = append(seen, idsOf(page)...)
		}
		Expect(seen).To(Equal(append(append([]string{}, first...), late...)), "the one that was deleted had been shown")

		By("mending the wire")
		w.set(false)
		Eventually(behind.total(ctx)).Should(BeEquivalentTo(8))
		behind.expect(ctx, http.StatusNotFound, http.MethodGet, "/Users/"+first[0], "")
		t.createUsers(ctx, "after", 1)
		Eventually(behind.total(ctx)).Should(BeEquivalentTo(9))
		t.whole(ctx)
	}, NodeTimeout(20*time.Minute))

	It("comes back from pg_dump in a new database, with the same ids, persons and claims", func(ctx SpecContext) {
		t := newTenant(ctx)
		process := t.start(ctx)
		ids := t.createUsers(ctx, "kept", 10)
		group := t.expect(ctx, http.StatusCreated, http.MethodPost, "/Groups", fmt.Sprintf(
			`{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Staff", "members": [{"value": %q}]}`, ids[0])).id()
		for _, id := range ids {
			t.mapped(ctx, id)
		}
		t.whole(ctx)
		Expect(process.stop(syscall.SIGTERM)).To(Succeed())
		before := t.holds(ctx)
		file := filepath.Join(GinkgoT().TempDir(), "dump")
		Expect(database.Dump(ctx, file)).To(Succeed())
		process = t.start(ctx)
		t.createUsers(ctx, "lost", 1)
		Expect(process.stop(syscall.SIGTERM)).To(Succeed())

		By("restoring")
		Expect(env.Own.StopProgram(controlplane.APIServer, 30*time.Second)).To(Succeed())
		Expect(database.StopKine(30 * time.Second)).To(Succeed())
		Expect(database.Restore(ctx, file, "restored")).To(Succeed())
		Expect(database.StartKine(ctx)).To(Succeed())
		Expect(env.Own.StartAPIServer(ctx)).To(Succeed())
		Expect(t.holds(ctx)).To(Equal(before))

		By("going on")
		t.start(ctx)
		Expect(idsOf(t.expect(ctx, http.StatusOK, http.MethodGet, "/Users", ""))).To(Equal(ids))
		members := t.expect(ctx, http.StatusOK, http.MethodGet, "/Groups/"+group, "").body["members"]
		Expect(members).To(ConsistOf(HaveKeyWithValue("value", ids[0])))
		t.expect(ctx, http.StatusConflict, http.MethodPost, "/Users", bodyOf(`"userName": "KEPT-0@example.com"`))
		again := t.createUsers(ctx, "lost", 1)
		t.mapped(ctx, again[0])
		t.whole(ctx)
	}, NodeTimeout(20*time.Minute))
})

// holds is what the tenant holds, each object with the version that the API server gave it.
func (t *tenant) holds(ctx context.Context) []string {
	GinkgoHelper()
	held, err := invariants.Read(ctx, direct, t.namespace)
	Expect(err).NotTo(HaveOccurred())
	var texts []string
	add := func(kind string, obj client.Object, more ...any) {
		texts = append(texts, strings.TrimSpace(fmt.Sprintln(append([]any{kind, obj.GetName(), obj.GetUID(), obj.GetResourceVersion()}, more...)...)))
	}
	for i := range held.Users {
		add("ScimUser", &held.Users[i], held.Users[i].Spec.UserName, held.Users[i].Status.Person.Name)
	}
	for i := range held.Groups {
		add("ScimGroup", &held.Groups[i], held.Groups[i].Spec.DisplayName)
	}
	for i := range held.Persons {
		add("Person", &held.Persons[i], held.Persons[i].Spec.PrimaryEmail, held.Persons[i].Spec.SourceID)
	}
	for i := range held.Claims {
		add("Lease", &held.Claims[i], *held.Claims[i].Spec.HolderIdentity)
	}
	Expect(texts).NotTo(BeEmpty())
	return texts
}

// suiteWatcher is a client that can watch.
func suiteWatcher() client.WithWatch {
	GinkgoHelper()
	watcher, err := client.NewWithWatch(env.Config, client.Options{Scheme: direct.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return watcher
}
