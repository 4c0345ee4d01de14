package admission_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
	"rservice.dev/scim-operator/controllers/admission"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

var env *testenv.Env

func TestAdmission(t *testing.T) { suite.Run(t, "Admission") }

var _ = BeforeSuite(func() { env = testenv.StartFor(GinkgoT()) })

// warnings are those that the API server passes on, in the order of their arrival.
type warnings struct {
	mu   sync.Mutex
	text []string
}

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, text)
}

// take gives the warnings since the last call.
func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := w.text
	w.text = nil
	return text
}

// world is a namespace whose AutomationRules the webhook checks once it is served.
type world struct {
	client.Client
	*warnings
	namespace string
	operator  string
	// address is where the webhook is served.
	address string
}

func newWorld(ctx SpecContext) *world {
	GinkgoHelper()
	w := &world{namespace: env.Namespace(ctx, GinkgoT()), warnings: &warnings{}, address: testenv.FreeAddress(ctx, GinkgoT())}
	w.operator = "system:serviceaccount:" + w.namespace + ":scim-operator"
	config := rest.CopyConfig(env.Config)
	config.WarningHandlerWithContext = w.warnings
	w.Client = client.NewNamespacedClient(suite.Client(config, rbacv1.AddToScheme, admissionregistrationv1.AddToScheme), w.namespace)
	w.authorize(ctx)
	w.configure(ctx)
	return w
}

// authorize gives the operator the permissions of config/rbac and no others, but for the
// name of the configuration, which is the test's own.
func (w *world) authorize(ctx SpecContext) {
	GinkgoHelper()
	role := &rbacv1.ClusterRole{}
	load("rbac", "role.yaml", role)
	role.Name = w.namespace
	for i := range role.Rules {
		if slices.Contains(role.Rules[i].Resources, "validatingwebhookconfigurations") {
			Expect(role.Rules[i].ResourceNames).To(Equal([]string{admission.DefaultConfiguration}))
			role.Rules[i].ResourceNames = []string{w.namespace}
		}
	}
	w.createForTest(ctx, role)
	w.createForTest(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: w.namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: w.namespace},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.operator}},
	})
	Eventually(func() (bool, error) {
		return env.May(ctx, w.operator, w.namespace, "list", v1alpha1.GroupVersion.WithResource("persons").GroupResource())
	}).Should(BeTrue())
}

// configure tells the API server of the webhook as config/webhook does, for this
// namespace and on this machine.
func (w *world) configure(ctx SpecContext) {
	GinkgoHelper()
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	load("webhook", "validating_webhook_configuration.yaml", configuration)
	configuration.Name = w.namespace
	Expect(configuration.Webhooks).To(HaveLen(1))
	hook := &configuration.Webhooks[0]
	Expect(hook.ClientConfig.Service.Path).To(BeNil(), "applying a path again would take away the operator's")
	hook.ClientConfig = admissionregistrationv1.WebhookClientConfig{URL: new(w.url())}
	hook.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": w.namespace}}
	w.createForTest(ctx, configuration)
}

func (w *world) url() string { return "https://" + w.address }

// createForTest creates a cluster-scoped object and deletes it at the test's end.
func (w *world) createForTest(ctx SpecContext, object client.Object) {
	GinkgoHelper()
	Expect(w.Create(ctx, object)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(w.Delete(ctx, object))).To(Succeed()) })
}

func (w *world) options() admission.Options {
	return admission.Options{
		Watched:     []string{w.namespace},
		BindAddress: w.address,
		Namespace:   w.namespace, Secret: admission.DefaultSecret, Configuration: w.namespace,
	}
}

// start runs an operator with controllers and webhook until the returned function is
// called, or the test ends.
func (w *world) start(ctx SpecContext, o admission.Options) (stop func()) {
	GinkgoHelper()
	return operate(ctx, w.manager(), o)
}

// operate runs controllers and webhook with a manager.
func operate(ctx context.Context, mgr manager.Manager, o admission.Options) (stop func()) {
	GinkgoHelper()
	running := context.WithoutCancel(ctx) // beyond the step that starts it
	Expect(controllers.Setup(running, mgr, controllers.Options{})).To(Succeed())
	Expect(admission.Setup(running, mgr, o)).To(Succeed())
	return suite.Start(ctx, mgr)
}

// manager is an operator of which nothing has been set up yet.
func (w *world) manager() manager.Manager {
	GinkgoHelper()
	cfg, err := env.User(w.operator)
	Expect(err).NotTo(HaveOccurred())
	return suite.NewManager(cfg, []string{w.namespace})
}

// load reads a manifest of config.
func load(folder, file string, into any) {
	GinkgoHelper()
	data, err := os.ReadFile(filepath.Join("..", "..", "config", folder, file))
	Expect(err).NotTo(HaveOccurred())
	Expect(yaml.UnmarshalStrict(data, into)).To(Succeed())
}
