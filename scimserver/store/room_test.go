package store

import (
	"net/http"
	"os"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/hack/testenv"
)

var _ = It("refuses what is too large for the storage, which no repetition changes", func(ctx SpecContext) {
	tenant := namespaceOf(ctx)
	sizes := map[string]int{"for a message to etcd": 2_300_000, "for the API server": 3_300_000}
	if os.Getenv(testenv.StorageEnv) == "" { // kine takes it
		sizes["for etcd"] = 1_700_000
	}
	for name, size := range sizes {
		// A kind whose texts the API server does not bound.
		large := &corev1.PodTemplate{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: "large"}}
		large.Template.Spec.Containers = []corev1.Container{{Name: "a", Image: "a", Args: []string{strings.Repeat("x", size)}}}
		err := direct.Create(ctx, large)
		Expect(kube.TooLarge(err)).To(BeTrue(), "%s: %v", name, err)
		Expect(kube.NoRoom(err)).To(BeFalse(), name)
		Expect(definite(err)).To(BeTrue(), name)
		Expect(refused(err, "create")).To(And(haveStatus(http.StatusBadRequest), MatchError(ContainSubstring("too large"))), name)
	}
})
