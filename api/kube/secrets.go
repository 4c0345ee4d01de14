package kube

import (
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"rservice.dev/scim-operator/api/credentials"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// onlyTokens leaves out of the cache what of a Secret is neither token nor its hash, nor signing key, nor
// hash of a client secret, whatever somebody put beside it, and what is too long for one:
// everybody who may label a Secret could fill the memory of all replicas. Of annotations it
// keeps the operator's: kubectl keeps a copy of the data in one.
func onlyTokens(object any) (any, error) {
	if secret, ok := object.(*corev1.Secret); ok {
		credentials.Strip(secret.Data)
		maps.DeleteFunc(secret.Annotations, func(name, value string) bool {
			return !strings.HasPrefix(name, v1alpha1.GroupVersion.Group+"/") || len(value) > v1alpha1.MaxTokenLength
		})
	}
	return cache.TransformStripManagedFields()(object)
}
