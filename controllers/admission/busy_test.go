package admission_test

import (
	"context"
	"encoding/pem"
	"net/http/httptest"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	webhook "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"rservice.dev/scim-operator/controllers/admission"
)

var _ = Describe("a rule that comes while many are reviewed", func() {
	It("is refused for now, and clients apply it again by themselves", func(ctx SpecContext) {
		w := newWorld(ctx)
		var reviewed, refused atomic.Int32
		var busy atomic.Bool
		release := make(chan struct{})
		bound := admission.Bound(webhook.HandlerFunc(func(context.Context, webhook.Request) webhook.Response {
			reviewed.Add(1)
			if busy.Load() {
				<-release
			}
			return webhook.Allowed("")
		}))
		server := httptest.NewTLSServer(&webhook.Webhook{Handler: webhook.HandlerFunc(func(ctx context.Context, r webhook.Request) webhook.Response {
			response := bound.Handle(ctx, r)
			if !response.Allowed {
				refused.Add(1)
			}
			return response
		})})
		DeferCleanup(server.Close)
		configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
		Expect(w.Get(ctx, client.ObjectKey{Name: w.namespace}, configuration)).To(Succeed())
		configuration.Webhooks[0].ClientConfig.URL = new(server.URL)
		configuration.Webhooks[0].ClientConfig.CABundle = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
		configuration.Webhooks[0].TimeoutSeconds = new(int32(30)) // the longest that there is
		Expect(w.Update(ctx, configuration)).To(Succeed())
		// The API server learns by a watch whom it is to ask.
		Eventually(func() (int32, error) {
			err := w.Create(ctx, ruleFrom(), client.DryRunAll)
			return reviewed.Load(), err
		}).Should(BeNumerically(">", 0))
		reviewed.Store(0)
		busy.Store(true)

		done := make(chan error, admission.MaxReviewsOfOne+1)
		create := func() { done <- w.Create(ctx, ruleFrom(), client.DryRunAll) }
		for range admission.MaxReviewsOfOne {
			go create()
		}
		Eventually(reviewed.Load).Should(BeEquivalentTo(admission.MaxReviewsOfOne))
		go create()
		Eventually(refused.Load).Should(BeNumerically(">", 0))
		Expect(done).NotTo(Receive(), "the client tries again")
		close(release)
		for range cap(done) {
			Eventually(done).Should(Receive(Succeed()))
		}
		Expect(reviewed.Load()).To(BeEquivalentTo(admission.MaxReviewsOfOne+1), "each was looked at")
	})
})
