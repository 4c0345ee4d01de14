package admission

import "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

// MaxReviewsOfOne is how many reviews of one namespace run at a time.
const MaxReviewsOfOne = maxReviewsOfOne

// Bound is how Setup bounds reviews.
func Bound(inner admission.Handler) admission.Handler { return newGate().bound(inner) }
