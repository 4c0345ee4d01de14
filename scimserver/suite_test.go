package scimserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
	"rservice.dev/scim-operator/scimserver"
	"rservice.dev/scim-operator/scimserver/issuers"
	"rservice.dev/scim-operator/scimserver/store"
)

var (
	env *testenv.Env
	// direct reads and writes the API server without a cache, as kubectl does.
	direct client.Client
)

func TestSCIMServer(t *testing.T) { suite.Run(t, "SCIM server") }

var _ = BeforeSuite(func() {
	env = testenv.StartFor(GinkgoT())
	direct = suite.Client(env.Config)
})

// logs collects what a replica logs, in the operator's own format.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// lines returns the lines with this message.
func (l *logs) lines(message string) []map[string]any {
	var lines []map[string]any
	for text := range strings.Lines(l.String()) {
		line := make(map[string]any)
		if json.Unmarshal([]byte(text), &line) == nil && line["msg"] == message {
			lines = append(lines, line)
		}
	}
	return lines
}

// replica is a running SCIM server with a manager of its own.
type replica struct {
	url  string
	logs *logs
}

// startReplica starts a server as one replica of the operator has it, for one namespace or with "" for all.
func startReplica(ctx context.Context, namespace string, change ...func(*rest.Config)) replica {
	GinkgoHelper()
	captured := &logs{}
	logger := logr.FromSlogHandler(slog.NewJSONHandler(captured, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var namespaces []string
	if namespace != "" {
		namespaces = []string{namespace}
	}
	config := rest.CopyConfig(env.Config)
	config.UserAgent = "scimserver-under-test"
	for _, apply := range change {
		apply(config)
	}
	mgr := suite.NewManager(config, namespaces, func(o *kube.Options) { o.Logger = logger })
	s, err := store.NewTenants(ctx, store.Options{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Cache: mgr.GetCache()}, namespaces)
	Expect(err).NotTo(HaveOccurred())
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	DeferCleanup(end)
	trusted := issuers.New(life, issuers.Options{Reader: mgr.GetCache(), PrivateHosts: []string{"127.0.0.1"}, Logger: logger})
	Expect(trusted.Watch(ctx, mgr.GetCache())).To(Succeed())
	server, err := scimserver.SetupWithManager(ctx, mgr, s, scimserver.Options{BindAddress: "127.0.0.1:0", Logger: logger, Issuers: trusted})
	Expect(err).NotTo(HaveOccurred())
	suite.Start(ctx, mgr)
	Eventually(func() error { return server.Ready(nil) }).WithContext(ctx).Should(Succeed())
	if namespace != "" {
		// The list that a cache begins with may be a moment old.
		tokens := []client.ListOption{client.InNamespace(namespace), client.HasLabels{v1alpha1.LabelEndpoint}}
		Eventually(func(g Gomega) {
			var stored, known corev1.SecretList
			g.Expect(direct.List(ctx, &stored, tokens...)).To(Succeed())
			g.Expect(mgr.GetCache().List(ctx, &known, tokens...)).To(Succeed())
			g.Expect(known.Items).To(HaveLen(len(stored.Items)))
		}).WithContext(ctx).Should(Succeed())
	}
	return replica{url: "http://" + server.Address(), logs: captured}
}

// newEndpoint makes a ScimEndpoint with a token.
func newEndpoint(ctx context.Context, namespace, name, token string, change ...func(*v1alpha1.ScimEndpoint, *corev1.Secret)) {
	GinkgoHelper()
	endpoint := &v1alpha1.ScimEndpoint{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		// Tests send as fast as they can.
		Spec: v1alpha1.ScimEndpointSpec{Limits: v1alpha1.ScimEndpointLimits{RequestsPerSecond: new(int32(0))}},
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name + "-token", Labels: map[string]string{v1alpha1.LabelEndpoint: name},
		},
		Data: map[string][]byte{v1alpha1.SecretKeyToken: []byte(token)},
	}
	for _, apply := range change {
		apply(endpoint, secret)
	}
	Expect(direct.Create(ctx, endpoint)).To(Succeed())
	Expect(direct.Create(ctx, secret)).To(Succeed())
}

// tokenFor makes up a token that no other test has.
func tokenFor(namespace string) string { return "scim_test-token-with-enough-characters-" + namespace }

// scimClient sends requests with a token to a base URL.
type scimClient struct {
	base  string
	token string
}

// connect makes an endpoint and a replica, and returns a client of them.
func connect(ctx context.Context) (scimClient, replica, string) {
	GinkgoHelper()
	namespace := env.Namespace(ctx, GinkgoT())
	newEndpoint(ctx, namespace, "okta", tokenFor(namespace))
	r := startReplica(ctx, namespace)
	return scimClient{base: r.url + "/scim/v2", token: tokenFor(namespace)}, r, namespace
}

// answer is what a server has answered.
type answer struct {
	Status int
	Header http.Header
	Raw    string
	Body   map[string]any
}

// do sends a request; body is text, or anything that becomes JSON. header holds
// pairs.
func (c scimClient) do(ctx context.Context, method, path string, body any, header ...string) answer {
	GinkgoHelper()
	a, err := c.try(ctx, method, path, body, header...)
	Expect(err).NotTo(HaveOccurred())
	return a
}

func (c scimClient) try(ctx context.Context, method, path string, body any, header ...string) (answer, error) {
	var content []byte
	switch body := body.(type) {
	case nil:
	case string:
		content = []byte(body)
	default:
		var err error
		if content, err = json.Marshal(body); err != nil {
			return answer{}, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(content))
	if err != nil {
		return answer{}, err
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	a, err := exchange(r, header)
	if err != nil {
		return answer{}, err
	}
	if a.Raw != "" {
		if got := a.Header.Get("Content-Type"); got != "application/scim+json" {
			return a, fmt.Errorf("Content-Type %q: %s", got, a.Raw)
		}
		err = json.Unmarshal([]byte(a.Raw), &a.Body)
	}
	return a, err
}

// exchange sends a request with more headers, as pairs, and reads the answer, whose body is not decoded.
func exchange(r *http.Request, header []string) (answer, error) {
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer w.Body.Close()
	raw, err := io.ReadAll(w.Body)
	return answer{Status: w.StatusCode, Header: w.Header, Raw: string(raw)}, err
}

// create posts a resource and returns its id.
func (c scimClient) create(ctx context.Context, path string, body any) string {
	GinkgoHelper()
	a := c.do(ctx, http.MethodPost, path, body)
	Expect(a).To(haveStatus(http.StatusCreated))
	return a.id()
}

func (a answer) requestID() string { return a.Header.Get("X-Request-ID") }

func (a answer) id() string { return fmt.Sprint(a.Body["id"]) }

// ids are those of the resources on a page.
func (a answer) ids() []string {
	ids := []string{}
	resources, _ := a.Body["Resources"].([]any)
	for _, resource := range resources {
		object, _ := resource.(map[string]any)
		ids = append(ids, fmt.Sprint(object["id"]))
	}
	return ids
}

// members are the ids of a group's members.
func (a answer) members() []string {
	ids := []string{}
	members, _ := a.Body["members"].([]any)
	for _, member := range members {
		object, _ := member.(map[string]any)
		ids = append(ids, fmt.Sprint(object["value"]))
	}
	return ids
}

func haveStatus(status int) types.GomegaMatcher {
	return And(HaveField("Status", status), WithTransform(answer.requestID, Not(BeEmpty())))
}

// beError matches a SCIM error with this status and scimType ("" for none).
func beError(status int, scimType string) types.GomegaMatcher {
	body := And(
		HaveKeyWithValue("schemas", []any{"urn:ietf:params:scim:api:messages:2.0:Error"}),
		HaveKeyWithValue("status", fmt.Sprint(status)),
		HaveKeyWithValue("detail", Not(BeEmpty())),
	)
	if scimType == "" {
		body = And(body, Not(HaveKey("scimType")))
	} else {
		body = And(body, HaveKeyWithValue("scimType", scimType))
	}
	return And(haveStatus(status), HaveField("Body", body))
}

func user(name string) map[string]any {
	return map[string]any{
		"schemas":  []string{"urn:ietf:params:scim:schemas:core:2.0:User"},
		"userName": name, "active": true,
		"name":   map[string]any{"givenName": "Barbara", "familyName": "Jensen"},
		"emails": []any{map[string]any{"value": name, "type": "work", "primary": true}},
	}
}

func group(name string, members ...string) map[string]any {
	values := []any{}
	for _, id := range members {
		values = append(values, map[string]any{"value": id})
	}
	return map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": name, "members": values}
}

// operations is the body of a PATCH.
func operations(ops ...map[string]any) map[string]any {
	if ops == nil {
		ops = []map[string]any{}
	}
	return map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": ops}
}
