package admission

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
)

const (
	defaultLookInterval = 15 * time.Second
	// retryInterval is how soon a look is repeated that failed.
	retryInterval = time.Second
	lookTimeout   = 10 * time.Second
)

// settleLooks is for how many intervals a replica must have known what the Secret holds until
// it has the API server call nothing else. By then each replica has found it, after one, and
// serves the new certificate, after two.
const settleLooks = 4

// rotator keeps the webhook's path and certificates in a Secret that all replicas share, and
// path and CA bundle in the configuration. Replicas need no leader for it: each makes what is
// missing or about to end, and of several the first to write wins.
//
// Where the Secret is suddenly another one, lost and made anew or come from a backup, the API
// server goes on with what it has, and every replica answers both, until all have read it.
type rotator struct {
	client        client.Client
	clock         clock.WithTicker
	log           logr.Logger
	secret        client.ObjectKey
	configuration string
	interval      time.Duration
	// pathOnly says that the certificates come from somebody else.
	pathOnly bool

	// paths are those that are answered, and serving is what they are served with.
	paths   paths
	serving atomic.Pointer[tls.Certificate]
	// looked is closed when a look has ended for the first time, however.
	looked chan struct{}

	// known is what the Secret held at the last look that succeeded, nil before, and since is
	// when it was first so.
	known *bundle
	since time.Time
}

// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;create;patch
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=validatingwebhookconfigurations,verbs=get;patch,resourceNames=scim-operator

// run looks at Secret and configuration until ctx ends.
func (r *rotator) run(ctx context.Context) {
	last := ""
	firstLook := sync.OnceFunc(func() { close(r.looked) })
	for {
		wait := r.interval
		err := r.look(ctx)
		firstLook()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			wait = retryInterval
			if err.Error() != last { // once, not every second
				r.log.Error(err, "The webhook for AutomationRules cannot be called; rules cannot be applied while its configuration exists")
			}
			last = err.Error()
		default:
			last = ""
		}
		select {
		case <-ctx.Done():
			return
		case <-r.clock.After(wait):
		}
	}
}

// ready is a healthz.Checker. A replica takes part when it had its first look, so that the API
// server does not call one that has no certificate yet. Whether the look was of use does not
// matter: SCIM clients are served also while nobody can call the webhook.
func (r *rotator) ready(*http.Request) error {
	select {
	case <-r.looked:
		return nil
	default:
		return errors.New("the webhook has not read its Secret yet")
	}
}

// certificate is tls.Config.GetCertificate.
func (r *rotator) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if serving := r.serving.Load(); serving != nil {
		return serving, nil
	}
	return nil, errors.New("the webhook's certificate is not there yet")
}

// look makes Secret, configuration and what is served agree.
func (r *rotator) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := r.client.Get(ctx, client.ObjectKey{Name: r.configuration}, configuration); err != nil {
		return fmt.Errorf("read the ValidatingWebhookConfiguration that the webhook is for: %w", err)
	}
	names, err := namesIn(configuration)
	if err != nil {
		return err
	}
	current, err := r.ensure(ctx, names)
	if err != nil {
		return err
	}
	now := r.clock.Now()
	if r.known == nil || !r.known.announcesSame(current) {
		r.since = now
	}
	lasting := settleLooks * r.interval
	r.paths.admit(now, lasting, append(pathsIn(configuration), current.path)...)
	if err := r.publish(ctx, configuration, current, now.Sub(r.since) >= lasting); err != nil {
		return err
	}
	// The API server may not trust yet what the last look did not announce.
	if current.serving != nil && (r.serving.Load() == nil || r.known.trusts(current.serving.Leaf, now)) {
		r.serving.Store(current.serving)
	}
	r.known = current
	return nil
}

// namesIn are the names by which the configuration calls the webhook, sorted.
func namesIn(configuration *admissionregistrationv1.ValidatingWebhookConfiguration) ([]string, error) {
	var names []string
	for _, webhook := range configuration.Webhooks {
		if service := webhook.ClientConfig.Service; service != nil {
			names = append(names, service.Name+"."+service.Namespace+".svc")
		}
		if webhook.ClientConfig.URL != nil {
			address, err := url.Parse(*webhook.ClientConfig.URL)
			if err != nil {
				return nil, fmt.Errorf("webhook %s of ValidatingWebhookConfiguration %s: %w", webhook.Name, configuration.Name, err)
			}
			names = append(names, address.Hostname())
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("ValidatingWebhookConfiguration %s calls no webhook", configuration.Name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// ensure reads the Secret and replaces what is missing or about to end. Where another
// replica was faster, its result counts.
func (r *rotator) ensure(ctx context.Context, names []string) (*bundle, error) {
	for {
		secret, current, err := r.read(ctx)
		if err != nil {
			return nil, err
		}
		next, err := r.renewed(current, names)
		if err != nil || next == current {
			return next, err
		}
		err = r.write(ctx, secret, next)
		switch {
		case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err) && secret != nil:
			continue // the deadline of ctx ends this
		case err != nil:
			return nil, fmt.Errorf("write the webhook's Secret %s: %w", r.secret, err)
		}
		r.log.Info("Renewed what the webhook is called and served with", next.describe("secret", r.secret.String(), "names", names)...)
	}
}

// renewed gives what is good for some time: current, or what replaces it.
func (r *rotator) renewed(current *bundle, names []string) (*bundle, error) {
	if !r.pathOnly {
		return renewed(current, names, r.clock.Now())
	}
	if current != nil && secretPath(current.path) {
		return current, nil
	}
	return &bundle{path: newPath()}, nil
}

// read gives the Secret, nil if it does not exist, and what it holds, nil if that is of
// no use.
func (r *rotator) read(ctx context.Context) (*corev1.Secret, *bundle, error) {
	secret := &corev1.Secret{}
	if err := r.client.Get(ctx, r.secret, secret); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil, nil
		}
		return nil, nil, fmt.Errorf("read the webhook's Secret %s: %w", r.secret, err)
	}
	if len(secret.Data) == 0 {
		return secret, nil, nil
	}
	if r.pathOnly {
		return secret, &bundle{path: string(secret.Data[keyPath])}, nil
	}
	current, err := parseBundle(secret.Data)
	if err != nil {
		r.log.Info("The webhook's Secret is of no use and is replaced", "secret", r.secret.String(), "because", err.Error())
		return secret, nil, nil
	}
	return secret, current, nil
}

// write creates the Secret, or replaces what was read.
func (r *rotator) write(ctx context.Context, secret *corev1.Secret, next *bundle) error {
	data, err := next.data()
	if err != nil {
		return err
	}
	if secret == nil {
		return r.client.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: r.secret.Namespace, Name: r.secret.Name},
			Type:       corev1.SecretTypeOpaque,
			Data:       data,
		}, client.FieldOwner(kube.FieldOwner))
	}
	read := secret.DeepCopy()
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	maps.Copy(secret.Data, data)
	return r.client.Patch(ctx, secret, client.MergeFromWithOptions(read, client.MergeFromWithOptimisticLock{}), client.FieldOwner(kube.FieldOwner))
}

// publish tells the API server whom to trust and what to call.
func (r *rotator) publish(ctx context.Context, configuration *admissionregistrationv1.ValidatingWebhookConfiguration, current *bundle, settled bool) error {
	read := configuration.DeepCopy()
	for i := range configuration.Webhooks {
		current.announce(&configuration.Webhooks[i].ClientConfig, settled)
	}
	if equality.Semantic.DeepEqual(read, configuration) {
		return nil
	}
	patch := client.MergeFromWithOptions(read, client.MergeFromWithOptimisticLock{})
	if err := r.client.Patch(ctx, configuration, patch, client.FieldOwner(kube.FieldOwner)); err != nil {
		return fmt.Errorf("put path and CA into ValidatingWebhookConfiguration %s: %w", r.configuration, err)
	}
	r.log.Info("Put path and CA into the ValidatingWebhookConfiguration", "configuration", r.configuration, "settled", settled)
	return nil
}
