package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/hack/testenv/manifests"
)

const webhookKind = "ValidatingWebhookConfiguration"

// applyWebhook tells the API server of the operator's webhook as config/webhook does, but that the operator is a process on
// this machine, and that rules pass unchecked while it does not run: they are applied before it starts.
func (r *runner) applyWebhook(ctx context.Context) error {
	objects, err := manifests.Read(filepath.Join(r.root, "config", "webhook"))
	if err != nil {
		return err
	}
	for _, object := range objects {
		if object.GetKind() != webhookKind {
			continue
		}
		if err := onThisMachine(object, r.opts.webhookPort); err != nil {
			return fmt.Errorf("config/webhook: %w", err)
		}
		err := r.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(fieldManager), client.ForceOwnership)
		if err != nil {
			return fmt.Errorf("applying %s %s: %w", webhookKind, object.GetName(), err)
		}
		r.webhook = object.GetName()
	}
	return nil
}

// onThisMachine replaces the Service of each webhook by an address.
func onThisMachine(object *unstructured.Unstructured, port int) error {
	webhooks, _, err := unstructured.NestedSlice(object.Object, "webhooks")
	if err != nil {
		return err
	}
	for _, entry := range webhooks {
		webhook, ok := entry.(map[string]any)
		if !ok {
			return fmt.Errorf("%s has an entry that is no object", object.GetName())
		}
		// The operator adds the path.
		webhook["clientConfig"] = map[string]any{"url": "https://127.0.0.1:" + strconv.Itoa(port)}
		webhook["failurePolicy"] = string(admissionregistrationv1.Ignore)
	}
	return unstructured.SetNestedSlice(object.Object, webhooks, "webhooks")
}

// checkWebhook fails until the operator has told the API server what to call and whom to trust.
func (r *runner) checkWebhook(ctx context.Context) error {
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := r.client.Get(ctx, client.ObjectKey{Name: r.webhook}, configuration); err != nil {
		return fmt.Errorf("reading %s %s: %w", webhookKind, r.webhook, err)
	}
	for _, webhook := range configuration.Webhooks {
		if url := webhook.ClientConfig.URL; len(webhook.ClientConfig.CABundle) == 0 || url == nil || strings.HasSuffix(*url, ":"+strconv.Itoa(r.opts.webhookPort)) {
			return fmt.Errorf("webhook %s has no path and certificate yet", webhook.Name)
		}
	}
	return nil
}
