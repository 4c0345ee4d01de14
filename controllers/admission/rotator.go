package admission

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
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

// rotator keeps the webhook's certificates in a Secret that all replicas share, and the
// CA bundle in the configuration. Replicas need no leader for it: each makes what is
// missing or about to end, and of several the first to write wins.
type rotator struct {
	client        client.Client
	clock         clock.WithTicker
	log           logr.Logger
	secret        client.ObjectKey
	configuration string
	interval      time.Duration

	// serving is what requests are served with.
	serving atomic.Pointer[tls.Certificate]
}

// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;create;patch
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=validatingwebhookconfigurations,verbs=get;patch,resourceNames=scim-operator

// run looks at Secret and configuration until ctx ends.
func (r *rotator) run(ctx context.Context) {
	last := ""
	for {
		wait := r.interval
		err := r.look(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			wait = retryInterval
			if err.Error() != last { // once, not every second
				r.log.Error(err, "The webhook for AutomationRules has no certificates; rules cannot be applied while its configuration exists")
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
	if err := r.publish(ctx, configuration, current.caCertificates()); err != nil {
		return err
	}
	r.serving.Store(current.serving)
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
		next, err := renewed(current, names, r.clock.Now())
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
		r.log.Info("Renewed the webhook's certificates", "secret", r.secret.String(), "names", names,
			"until", next.serving.Leaf.NotAfter, "caUntil", next.authorities[0].NotAfter)
	}
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
	secret.Data = data
	return r.client.Patch(ctx, secret, client.MergeFromWithOptions(read, client.MergeFromWithOptimisticLock{}), client.FieldOwner(kube.FieldOwner))
}

// publish tells the API server whom to trust.
func (r *rotator) publish(ctx context.Context, configuration *admissionregistrationv1.ValidatingWebhookConfiguration, trusted []byte) error {
	read := configuration.DeepCopy()
	changed := false
	for i := range configuration.Webhooks {
		if config := &configuration.Webhooks[i].ClientConfig; !bytes.Equal(config.CABundle, trusted) {
			config.CABundle, changed = trusted, true
		}
	}
	if !changed {
		return nil
	}
	patch := client.MergeFromWithOptions(read, client.MergeFromWithOptimisticLock{})
	if err := r.client.Patch(ctx, configuration, patch, client.FieldOwner(kube.FieldOwner)); err != nil {
		return fmt.Errorf("put the CA into ValidatingWebhookConfiguration %s: %w", r.configuration, err)
	}
	r.log.Info("Put the CA into the ValidatingWebhookConfiguration", "configuration", r.configuration)
	return nil
}
