package controllers

import (
	"context"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestAFailureIsToldUnlessTheProcessEnds(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	outOfTime, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for name, tt := range map[string]struct {
		ctx  context.Context
		err  error
		told bool
	}{
		"a cancelled call of a living process": {t.Context(), context.Canceled, true},
		"a reconcile that has no time left":    {outOfTime, context.DeadlineExceeded, true},
		"the end of the process":               {ended, context.Canceled, false},
		"any error at the end of the process":  {ended, errors.New("connection refused"), false},
	} {
		t.Run(name, func(t *testing.T) {
			scheme, err := kube.NewScheme()
			if err != nil {
				t.Fatal(err)
			}
			person := &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: "jane"}}
			written := false
			c := fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(interceptor.Funcs{
				SubResourcePatch: func(ctx context.Context, _ client.Client, _ string, _ client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
					written = ctx.Err() == nil
					return ctx.Err()
				},
			}).Build()
			w := newStatusWriter(c, nil, clock.RealClock{})
			result, err := w.fail(tt.ctx, person, person.DeepCopy(), &person.Status.Conditions, tt.err)
			if written != tt.told || errors.Is(err, tt.err) != tt.told || !result.IsZero() {
				t.Errorf("status written: %v, error: %v, result: %v; want it told: %v", written, err, result, tt.told)
			}
		})
	}
}
