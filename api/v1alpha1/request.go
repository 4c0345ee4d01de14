package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// MaxRequestText is how many characters a field of LastRequest holds.
const MaxRequestText = 1024

// LastRequest is the HTTP request that made the last accepted change of an object. An object that a version before this field
// wrote last has AnnotationRequestID and AnnotationTokenID instead.
type LastRequest struct {
	// requestID is the id of the HTTP request that made the last accepted change; the SCIM server's log has it, too.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	RequestID string `json:"requestID,omitempty"`
	// tokenID is the id of the token that the request used.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	TokenID string `json:"tokenID,omitempty"`
}

// RequestID is the id of the HTTP request that made the last accepted change of a ScimUser, ScimGroup or ScimGroupPage, "" where
// that is not known.
func RequestID(object metav1.Object) string {
	var last LastRequest
	switch typed := object.(type) {
	case *ScimUser:
		last = typed.Spec.LastRequest
	case *ScimGroup:
		last = typed.Spec.LastRequest
	case *ScimGroupPage:
		last = typed.Spec.LastRequest
	}
	if last.RequestID != "" {
		return last.RequestID
	}
	return object.GetAnnotations()[AnnotationRequestID]
}

// SetLastRequest notes on a ScimUser, ScimGroup or ScimGroupPage which request changes it, and takes the annotations off in which
// versions before have noted that.
func SetLastRequest(object metav1.Object, last LastRequest) {
	switch typed := object.(type) {
	case *ScimUser:
		typed.Spec.LastRequest = last
	case *ScimGroup:
		typed.Spec.LastRequest = last
	case *ScimGroupPage:
		typed.Spec.LastRequest = last
	}
	annotations := object.GetAnnotations()
	delete(annotations, AnnotationRequestID)
	delete(annotations, AnnotationTokenID)
	if len(annotations) == 0 {
		object.SetAnnotations(nil)
	}
}
