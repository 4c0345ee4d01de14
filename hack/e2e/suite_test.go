// Package e2e runs the operator's binary as users do: as a process of its own,
// with the rights of config/rbac and nothing more.
package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/kine"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/manifests"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

var (
	env      *testenv.Env
	direct   client.Client
	binaries string
	// config is the folder of manifests.
	config string
	// database is where the API server stores with SCIM_KINE set; nil: it has an etcd.
	database *kine.Database
)

func TestOperator(t *testing.T) { suite.Run(t, "Operator") }

var _ = BeforeSuite(func(ctx SpecContext) {
	if os.Getenv("SCIM_KINE") == "" {
		env = testenv.StartFor(GinkgoT())
	} else {
		startOverKine(ctx)
	}
	direct = suite.Client(env.Config, rbacv1.AddToScheme, admissionregistrationv1.AddToScheme)
	binaries = GinkgoT().TempDir()
	root, err := assets.RepositoryRoot()
	Expect(err).NotTo(HaveOccurred())
	config = filepath.Join(root, "config")
	for name, pkg := range map[string]string{"manager": "rservice.dev/scim-operator", "oktasim": "rservice.dev/scim-operator/hack/oktasim"} {
		output, err := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(binaries, name), pkg).CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(output))
	}
})

// tenant is a namespace with the default rules, the sample Organizations and one
// ScimEndpoint, and the operator that serves it.
type tenant struct {
	namespace  string
	identity   string
	kubeconfig string
	address    string
	token      string
}

// newTenant prepares a namespace and the operator's identity. The operator's address
// is chosen once, so that it has the same one after a restart.
func newTenant(ctx SpecContext) *tenant {
	GinkgoHelper()
	t := &tenant{namespace: env.Namespace(ctx, GinkgoT()), address: testenv.FreeAddress(ctx, GinkgoT())}
	t.identity = "system:serviceaccount:" + t.namespace + ":scim-operator"
	grantRole(ctx, t)
	cfg, err := env.User(t.identity)
	Expect(err).NotTo(HaveOccurred())
	t.kubeconfig = filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	writeKubeconfig(t.kubeconfig, cfg)
	_, err = manifests.Apply(ctx, direct, manifests.Options{FieldManager: "test", Namespace: t.namespace},
		filepath.Join(config, "rules"), filepath.Join(config, "samples"))
	Expect(err).NotTo(HaveOccurred())
	return t
}

// grantRole binds the roles of config/rbac to the tenant's operator in its own namespace,
// which shows that an operator of one namespace needs no right outside of it.
func grantRole(ctx SpecContext, t *tenant) {
	GinkgoHelper()
	objects, err := manifests.Read(filepath.Join(config, "rbac"))
	Expect(err).NotTo(HaveOccurred())
	for _, object := range objects {
		switch object.GetKind() {
		case "ClusterRole":
			object.SetName(t.namespace)
		case "Role":
			object.SetNamespace(t.namespace)
		default:
			continue
		}
		Expect(direct.Create(ctx, object)).To(Succeed())
		binding := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: strings.ToLower(object.GetKind())},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: object.GetKind(), Name: object.GetName()},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: t.identity}},
		}
		Expect(direct.Create(ctx, binding)).To(Succeed())
	}
	Eventually(t.may(ctx, "list", "persons")).Should(BeTrue())
	c := direct // a spec may have another one by then
	DeferCleanup(func(ctx SpecContext) {
		Expect(c.Delete(ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: t.namespace}})).To(Succeed())
	})
}

// may reports whether the operator may do something with one of the API's kinds by now.
func (t *tenant) may(ctx SpecContext, verb, resource string) func() (bool, error) {
	return func() (bool, error) {
		return env.May(ctx, t.identity, t.namespace, verb, v1alpha1.GroupVersion.WithResource(resource).GroupResource())
	}
}

func writeKubeconfig(path string, cfg *rest.Config) {
	GinkgoHelper()
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters["test"] = &clientcmdapi.Cluster{Server: cfg.Host, CertificateAuthorityData: cfg.CAData, CertificateAuthority: cfg.CAFile}
	kubeconfig.AuthInfos["test"] = &clientcmdapi.AuthInfo{
		ClientCertificateData: cfg.CertData, ClientCertificate: cfg.CertFile, ClientKeyData: cfg.KeyData, ClientKey: cfg.KeyFile,
	}
	kubeconfig.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}
	kubeconfig.CurrentContext = "test"
	Expect(clientcmd.WriteToFile(*kubeconfig, path)).To(Succeed())
}

// operator is a running process of the operator.
type operator struct {
	command *exec.Cmd
	// address is where it serves SCIM.
	address string
	ended   chan error
}

// start runs the operator and waits until it serves the tenant. Later arguments override the earlier ones.
func (t *tenant) start(ctx SpecContext, arguments ...string) *operator {
	GinkgoHelper()
	o := t.launch(ctx, t.address, append([]string{"--leader-elect=false"}, arguments...)...)
	t.readToken(ctx)
	return o
}

// launch runs an operator of the tenant, and waits until it answers at the address.
func (t *tenant) launch(ctx SpecContext, address string, arguments ...string) *operator {
	GinkgoHelper()
	// The process outlives the context of a step, and ends with the test.
	command := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(binaries, "manager"), append([]string{
		"--namespaces=" + t.namespace, "--scim-bind-address=" + address, "--metrics-bind-address=0",
		"--health-probe-bind-address=0",
		// As the sample endpoint asks for.
		"--max-requests-per-second=0",
	}, arguments...)...)
	command.Env = append(os.Environ(), "KUBECONFIG="+t.kubeconfig)
	output, err := command.StderrPipe()
	Expect(err).NotTo(HaveOccurred())
	Expect(command.Start()).To(Succeed())
	o := &operator{command: command, address: address, ended: make(chan error, 1)}
	serving := make(chan struct{})
	go func() {
		o.follow(output, serving)
		o.ended <- command.Wait()
	}()
	DeferCleanup(func() { _ = o.stop(os.Kill) })
	Eventually(serving).Should(BeClosed(), "the operator has not begun to serve")
	return o
}

// follow passes the log on to the test's output and tells once that the operator serves.
func (o *operator) follow(output io.Reader, serving chan<- struct{}) {
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Msg string `json:"msg"`
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "Serving SCIM" {
			close(serving)
		}
		fmt.Fprintln(GinkgoWriter, lines.Text())
	}
}

// stop ends the process with a signal and waits for it. The error is the one that
// the process ended with.
func (o *operator) stop(signal os.Signal) error {
	GinkgoHelper()
	if o.command == nil {
		return nil
	}
	Expect(o.command.Process.Signal(signal)).To(Succeed())
	o.command = nil
	var err error
	Eventually(o.ended).Should(Receive(&err))
	return err
}

func (t *tenant) readToken(ctx SpecContext) {
	GinkgoHelper()
	secret := &corev1.Secret{}
	Eventually(func() error {
		return direct.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: "okta-token"}, secret)
	}).Should(Succeed())
	t.token = string(secret.Data[v1alpha1.SecretKeyToken])
	// The server's own cache learns of the token a moment later.
	Eventually(func() int { return t.send(ctx, http.MethodGet, "/Users?count=0", "").status }).Should(Equal(http.StatusOK))
}

type answer struct {
	status int
	header http.Header
	body   map[string]any
}

func (a answer) id() string {
	id, _ := a.body["id"].(string)
	return id
}

// send makes a request as the tenant's SCIM client.
func (t *tenant) send(ctx context.Context, method, path, body string) answer {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+t.address+"/scim/v2"+path, strings.NewReader(body))
	Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Authorization", "Bearer "+t.token)
	if body != "" {
		request.Header.Set("Content-Type", "application/scim+json")
	}
	response, err := http.DefaultClient.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	got := answer{status: response.StatusCode, header: response.Header}
	if len(data) > 0 {
		Expect(json.Unmarshal(data, &got.body)).To(Succeed(), string(data))
	}
	return got
}

func (t *tenant) expect(ctx context.Context, status int, method, path, body string) answer {
	GinkgoHelper()
	got := t.send(ctx, method, path, body)
	Expect(got.status).To(Equal(status), "%s %s: %v", method, path, got.body)
	return got
}

// leaderLease is the name of the Lease by which the operator's replicas elect a leader.
var leaderLease = "scim-operator." + v1alpha1.GroupVersion.Group

// writes lists the operator's writes since the first n, as "verb resource/subresource".
// Those of ScimEndpoints and AutomationRules, which count, and of the leader's Lease are left
// out: they come at their own pace, however much is done.
func (t *tenant) writes(ctx context.Context, since int) []string {
	GinkgoHelper()
	all, err := env.AuditWrites(ctx, testenv.Filter{Namespace: t.namespace, User: t.identity})
	Expect(err).NotTo(HaveOccurred())
	var texts []string
	all = slices.DeleteFunc(all, func(write testenv.Write) bool {
		return write.Resource == "scimendpoints" || write.Resource == "automationrules" || write.Name == leaderLease
	})
	for _, write := range all[since:] {
		text := write.Verb + " " + write.Resource
		if write.Subresource != "" {
			text += "/" + write.Subresource
		}
		texts = append(texts, text)
	}
	return texts
}
