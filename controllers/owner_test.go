package controllers

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// TestASecretIsGivenNoOwnerThatIsGone has a reconcile see an endpoint that is another one by now, or on its way: what is given such
// an owner the garbage collector deletes.
func TestASecretIsGivenNoOwnerThatIsGone(t *testing.T) {
	seen := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "okta", UID: "1"}}
	other, going := seen.DeepCopy(), seen.DeepCopy()
	other.UID, going.DeletionTimestamp = "2", new(metav1.Now())
	controller := []metav1.OwnerReference{{Kind: "ExternalSecret", Name: "okta-token", UID: "3", Controller: new(true)}}
	for name, tt := range map[string]struct {
		is     *v1alpha1.ScimEndpoint
		owners []metav1.OwnerReference
		owned  bool
	}{
		"that is there":                       {seen, nil, true},
		"that is gone":                        {nil, nil, false},
		"that is another one by now":          {other, nil, false},
		"that is being deleted":               {going, nil, false},
		"where somebody else controls it now": {seen, controller, false},
	} {
		r := &endpointReconciler{live: interceptor.NewClient(nil, interceptor.Funcs{
			Get: func(_ context.Context, _ client.WithWatch, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
				if tt.is == nil {
					return apierrors.NewNotFound(v1alpha1.GroupVersion.WithResource("scimendpoints").GroupResource(), key.Name)
				}
				tt.is.DeepCopyInto(into.(*v1alpha1.ScimEndpoint)) //nolint:forcetypeassert // nothing else is read
				return nil
			},
		})}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			Annotations: map[string]string{v1alpha1.AnnotationMadeFor: seen.Name}, OwnerReferences: tt.owners,
		}}
		if err := r.giveOwner(t.Context(), seen, secret); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if owned := len(secret.OwnerReferences) > len(tt.owners); owned != tt.owned {
			t.Errorf("an endpoint %s owns the Secret: %t, want %t", name, owned, tt.owned)
		}
	}
}
