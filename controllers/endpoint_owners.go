package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/shell"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/verdict"
)

// ownSecret returns a Secret that goes with the endpoint.
func ownSecret(endpoint *v1alpha1.ScimEndpoint, name string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       endpoint.Namespace,
			Name:            name,
			Labels:          map[string]string{v1alpha1.LabelEndpoint: endpoint.Name},
			Annotations:     map[string]string{v1alpha1.AnnotationMadeFor: endpoint.Name},
			OwnerReferences: []metav1.OwnerReference{ownerOf(endpoint)},
		},
		Type: corev1.SecretTypeOpaque,
	}
}

// ownerOf refers to an endpoint without blockOwnerDeletion, for which admission plugin OwnerReferencesPermissionEnforcement wants
// one more right.
func ownerOf(endpoint *v1alpha1.ScimEndpoint) metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "ScimEndpoint", Name: endpoint.Name, UID: endpoint.UID, Controller: new(true),
	}
}

// own lets the Secrets that were made for an endpoint go with it. Velero restores them without their owner. Where that plugin is on,
// Kubernetes refuses to give an owner to what one may not delete, and the operator has no right to delete Secrets: then own says
// what somebody else can do, and the Secrets work all the same.
func (r *endpointReconciler) own(ctx context.Context, endpoint *v1alpha1.ScimEndpoint) (reason, message string, err error) {
	secrets := &corev1.SecretList{}
	err = r.client.List(ctx, secrets, client.InNamespace(endpoint.Namespace), client.MatchingLabels{v1alpha1.LabelEndpoint: endpoint.Name})
	if err != nil {
		return "", "", fmt.Errorf("list the endpoint's Secrets: %w", err)
	}
	var commands []string
	var refusal error
	for i := range secrets.Items {
		secret := &secrets.Items[i]
		if !endpoint.UsesSecret(secret.Name) {
			continue
		}
		before := secret.DeepCopy()
		if err := r.giveOwner(ctx, endpoint, secret); err != nil {
			return "", "", err
		}
		switch err := r.patchSecret(ctx, before, secret, "let a Secret go with its ScimEndpoint"); {
		case apierrors.IsForbidden(err):
			commands, refusal = append(commands, ownCommand(secret)), err
		case err != nil:
			return "", "", err
		}
	}
	if refusal == nil {
		return "", "", nil
	}
	return v1alpha1.ReasonOwnerRefused, verdict.Truncate("Secrets stay when this ScimEndpoint is deleted, as the operator may not give them their owner. " +
		refusal.Error() + ". Somebody who may delete them can: " + strings.Join(commands, " ; ")), nil
}

// giveOwner gives a Secret that was made for the endpoint its owner, in memory.
func (r *endpointReconciler) giveOwner(ctx context.Context, endpoint *v1alpha1.ScimEndpoint, secret *corev1.Secret) error {
	owned := slices.ContainsFunc(secret.OwnerReferences, func(owner metav1.OwnerReference) bool { return owner.Kind == "ScimEndpoint" })
	if owned || secret.Annotations[v1alpha1.AnnotationMadeFor] != endpoint.Name || metav1.GetControllerOf(secret) != nil {
		return nil
	}
	// The cache may not know yet that the endpoint is going, or gone: then the garbage collector would delete the Secret, which
	// whoever deletes without what is owned (--cascade=orphan) wants to keep.
	current := &v1alpha1.ScimEndpoint{}
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(endpoint), current); err != nil {
		return verdict.FailedTo("read the ScimEndpoint that a Secret was made for", client.IgnoreNotFound(err))
	}
	if current.UID == endpoint.UID && current.DeletionTimestamp.IsZero() {
		secret.OwnerReferences = append(secret.OwnerReferences, ownerOf(endpoint))
	}
	return nil
}

// ownCommand is what gives a Secret the owners that it is to have. Others than the endpoint were put there by whoever may write the
// Secret, and have names of any characters.
func ownCommand(secret *corev1.Secret) string {
	owners, err := json.Marshal(secret.OwnerReferences)
	if err != nil {
		panic(err) // of strings and booleans
	}
	patch := shell.Word(fmt.Sprintf(`{"metadata":{"ownerReferences":%s}}`, owners))
	return fmt.Sprintf("kubectl -n %s patch secret %s --type=merge -p %s", secret.Namespace, secret.Name, patch)
}

// noteOwner takes down of a Secret that goes with the endpoint that it was made for it.
func (s tokenSecret) noteOwner(endpoint *v1alpha1.ScimEndpoint) {
	if slices.ContainsFunc(s.OwnerReferences, func(owner metav1.OwnerReference) bool { return owner.UID == endpoint.UID }) {
		s.annotate(v1alpha1.AnnotationMadeFor, endpoint.Name)
	}
}
