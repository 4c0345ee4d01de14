package controllers

import (
	"context"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
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

// TestTheCommandThatGivesAnOwnerIsOne whatever the Secret's other owners are called: somebody runs it who may delete Secrets.
func TestTheCommandThatGivesAnOwnerIsOne(t *testing.T) {
	owners := []metav1.OwnerReference{{Kind: "ConfigMap", Name: "it's; echo $(true) `true` \"\n", UID: "1"}, ownerOf(&v1alpha1.ScimEndpoint{})}
	command := ownCommand(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "okta-token", OwnerReferences: owners}})
	shell := exec.CommandContext(t.Context(), "sh", "-c", "kubectl() { printf '%s\\0' \"$@\"; }\n"+command)
	output, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	arguments := strings.Split(string(output), "\x00")
	if len(arguments) != 9 || !slices.Equal(arguments[:6], []string{"-n", "acme", "patch", "secret", "okta-token", "--type=merge"}) {
		t.Fatalf("%q", arguments)
	}
	var patch corev1.Secret
	if err := json.Unmarshal([]byte(arguments[7]), &patch); err != nil || !equality.Semantic.DeepEqual(patch.OwnerReferences, owners) {
		t.Errorf("%v: %+v", err, patch.OwnerReferences)
	}
}
