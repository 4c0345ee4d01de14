package admission

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// DefaultSecret is the name of the Secret with path and certificates.
	DefaultSecret = "scim-operator-webhook-cert"
	// DefaultConfiguration is the name of the ValidatingWebhookConfiguration.
	DefaultConfiguration = "scim-operator"
	// namespaceFile tells a pod its namespace.
	namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
)

// Options say how the webhook is served.
type Options struct {
	// BindAddress is where it is served; "" and "0" switch it off.
	BindAddress string
	// CertDir is a folder with tls.crt and tls.key, which are read again when they
	// change. The CA bundle of the configuration is somebody else's business then, and the
	// Secret holds the path alone.
	// Empty: the operator makes its own certificates.
	CertDir string
	// ClientCA is a file with the CAs that sign the API server's client certificate; who has
	// none cannot connect. Empty: who knows the path is the API server.
	ClientCA string
	// Namespace is where the Secret is; empty: the namespace that the pod runs in.
	Namespace string
	// Secret is the Secret's name.
	Secret string
	// Configuration is the name of the ValidatingWebhookConfiguration whose path and CA
	// bundle the operator fills in, and that says by which names the webhook is called.
	Configuration string
	// Watched are the namespaces that the operator works in; empty means all. Rules of other
	// namespaces are checked by themselves only: there is nothing to count them against.
	Watched []string
	// LookInterval is how soon a replica notices what another one, or somebody else, has
	// changed in Secret or configuration. 0 means 15 seconds.
	LookInterval time.Duration
}

// Off reports whether the webhook is not served.
func (o Options) Off() bool { return o.BindAddress == "" || o.BindAddress == "0" }

// Setup adds the webhook to a manager on which controllers.Setup has been called. Every
// replica serves it.
func Setup(ctx context.Context, mgr ctrl.Manager, o Options) error {
	if o.Off() {
		return nil
	}
	// Replicas that do not lead, and this one before its controllers start, need them, too.
	changes := newChanges()
	for _, kind := range kinds() {
		informer, err := mgr.GetCache().GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("cache %T: %w", kind, err)
		}
		if _, rule := kind.(*v1alpha1.AutomationRule); rule {
			continue // the others are part of the question
		}
		if _, err := informer.AddEventHandler(kube.HandlerFunc(changes.count)); err != nil {
			return fmt.Errorf("follow %T: %w", kind, err)
		}
	}
	rotator, err := o.rotator(mgr)
	if err != nil {
		return err
	}
	server, err := o.server(rotator)
	if err != nil {
		return err
	}
	hook := admission.WithValidator(mgr.GetScheme(), newValidator(mgr.GetCache(), o.Watched, newMemory(clock.RealClock{}, changes)))
	hook.Handler = newGate().bound(hook.Handler)
	server.Register("/", rotator.paths.guard(hook))
	if err := mgr.Add(server); err != nil {
		return fmt.Errorf("add the webhook's server: %w", err)
	}
	if err := mgr.AddReadyzCheck("webhook", rotator.ready); err != nil {
		return fmt.Errorf("add the webhook's readiness: %w", err)
	}
	return nil
}

// kinds are what the webhook reads from the cache.
func kinds() []client.Object {
	return []client.Object{
		&v1alpha1.AutomationRule{}, &v1alpha1.ScimUser{}, &v1alpha1.ScimGroup{}, &v1alpha1.ScimEndpoint{},
		&v1alpha1.Person{}, &v1alpha1.Organization{}, &v1alpha1.Site{},
	}
}

// rotator makes what looks after path and certificates. It reads and writes
// without the cache, which holds neither the Secret nor the configuration.
func (o Options) rotator(mgr ctrl.Manager) (*rotator, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, admissionregistrationv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("build the scheme: %w", err)
		}
	}
	live, err := client.New(mgr.GetConfig(), client.Options{Scheme: scheme, HTTPClient: mgr.GetHTTPClient()})
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	namespace := o.Namespace
	if namespace == "" {
		data, err := os.ReadFile(namespaceFile)
		if err != nil {
			return nil, fmt.Errorf("find the namespace of the webhook's Secret (set --webhook-namespace outside of a pod): %w", err)
		}
		namespace = strings.TrimSpace(string(data))
	}
	return &rotator{
		client:        live,
		clock:         clock.RealClock{},
		log:           mgr.GetLogger().WithName("webhook"),
		secret:        client.ObjectKey{Namespace: namespace, Name: o.Secret},
		configuration: o.Configuration,
		pathOnly:      o.CertDir != "",
		looked:        make(chan struct{}),
		interval:      cmp.Or(o.LookInterval, defaultLookInterval),
	}, nil
}

var _ admission.Validator[*v1alpha1.AutomationRule] = &validator{}
