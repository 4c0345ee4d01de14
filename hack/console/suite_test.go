// Package console tests the console in a browser: against a real API server, the real operator, and what a simulated Okta has pushed.
// It is a module of its own because of what a browser needs.
package console

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/manifests"
	"rservice.dev/scim-operator/hack/testenv/suite"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/hack/console/chromium"
)

// root is the top of the repository.
const root = "../.."

var (
	// admin may do everything; namespace is the tenant that Okta has pushed to.
	admin     *rest.Config
	namespace string
	direct    client.Client
	// browser is one Chromium, in which each test opens tabs.
	browser context.Context
)

func TestConsole(t *testing.T) { suite.Run(t, "Console") }

var _ = BeforeSuite(func(ctx SpecContext) {
	data := startOperator(ctx)
	push(ctx, filepath.Join(data, "connection.json"))
	bindRoles(ctx)
	browser = startBrowser() //nolint:fatcontext // one for the whole suite
})

// startOperator is `make run` in a folder of its own.
func startOperator(ctx context.Context) string {
	GinkgoHelper()
	data := GinkgoT().TempDir()
	program := filepath.Join(data, "scim-dev")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./hack/dev")
	build.Dir = root
	output, err := build.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s", output)
	args := []string{"-data", data}
	for _, flag := range []string{"-scim-port", "-metrics-port", "-probe-port", "-webhook-port", "-api-port", "-etcd-port"} {
		_, port, _ := strings.Cut(testenv.FreeAddress(ctx, GinkgoT()), ":")
		args = append(args, flag, port)
	}
	run := exec.Command(program, args...)
	run.Dir = root
	run.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	run.Stderr = GinkgoWriter
	stdout, err := run.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	Expect(run.Start()).To(Succeed())
	ended := make(chan error, 1)
	go func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			GinkgoWriter.Println(lines.Text())
		}
		ended <- run.Wait()
	}()
	DeferCleanup(func() {
		_ = run.Process.Signal(syscall.SIGTERM)
		Eventually(ended).Should(Receive())
	})
	var told struct {
		Kubeconfig string `json:"kubeconfig"`
		Namespace  string `json:"namespace"`
	}
	Eventually(func(g Gomega) {
		g.Consistently(ended, "1ms").ShouldNot(Receive(), "the operator has ended")
		text, err := os.ReadFile(filepath.Join(data, "connection.json"))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(json.Unmarshal(text, &told)).To(Succeed())
	}).Should(Succeed())
	admin, err = clientcmd.BuildConfigFromFlags("", told.Kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	namespace, direct = told.Namespace, suite.Client(admin, rbacv1.AddToScheme)
	return data
}

// push has a simulated Okta push users and groups, some of whom no rule can make something of.
func push(ctx context.Context, connection string) {
	GinkgoHelper()
	okta := exec.CommandContext(ctx, "go", "run", "./hack/oktasim", "-connection", connection, "-users", "24", "-groups", "4", "-demo")
	okta.Dir = root
	output, err := okta.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s", output)
}

// roles are those of config/roles by who has them in the tests.
var roles = map[string]string{"viewer": "scim-viewer", "editor": "scim-editor", "owner": "scim-account-owner"}

// bindRoles gives each of them a person in the tenant's namespace.
func bindRoles(ctx context.Context) {
	GinkgoHelper()
	_, err := manifests.Apply(ctx, direct, manifests.Options{FieldManager: "console-test"}, filepath.Join(root, "config", "roles"))
	Expect(err).NotTo(HaveOccurred())
	for person, role := range roles {
		Expect(direct.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: person},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: person}},
		})).To(Succeed())
	}
}

// as are the credentials of one of roles.
func as(person string) *rest.Config {
	cfg := rest.CopyConfig(admin)
	cfg.Impersonate = rest.ImpersonationConfig{UserName: person}
	return cfg
}

func startBrowser() context.Context {
	GinkgoHelper()
	first, stop, err := chromium.Start(GinkgoT().TempDir())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(stop)
	return first
}
