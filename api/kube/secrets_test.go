package kube

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestOfSecretsOnlyTokensAreCached(t *testing.T) {
	long := bytes.Repeat([]byte("x"), v1alpha1.MaxTokenLength)
	meta := metav1.ObjectMeta{
		Labels: map[string]string{v1alpha1.LabelEndpoint: "okta"},
		Annotations: map[string]string{
			v1alpha1.AnnotationTokenGeneration: "1", "kubectl.kubernetes.io/last-applied-configuration": "{}",
			v1alpha1.AnnotationTokenIssuedAt: string(append(long, 'x')),
		},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}},
	}
	got, err := onlyTokens(&corev1.Secret{ObjectMeta: meta, Data: map[string][]byte{
		v1alpha1.SecretKeyToken: long, v1alpha1.SecretKeyPreviousToken: append(long, 'x'), "password": []byte("x"),
		v1alpha1.SecretKeyTokenHash: long[:64], v1alpha1.SecretKeyPreviousTokenHash: long[:64],
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Labels: meta.Labels, Annotations: map[string]string{v1alpha1.AnnotationTokenGeneration: "1"}},
		Data: map[string][]byte{
			v1alpha1.SecretKeyToken: long, v1alpha1.SecretKeyTokenHash: long[:64], v1alpha1.SecretKeyPreviousTokenHash: long[:64],
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	options, err := cacheOptions()
	if err != nil {
		t.Fatal(err)
	}
	for kind, of := range options.ByObject {
		if _, secret := kind.(*corev1.Secret); secret && of.Transform == nil {
			t.Error("the cache keeps Secrets whole")
		}
	}
}
