package kube

import (
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// RefusedFields says which fields of an object the API server does not accept and what kind of
// fault it finds, such as "spec.title (FieldValueTooLong)", in order. It leaves out the values,
// which the API server repeats and which may be personal data. What is refused without a field is
// "the object". For every other error it is nil.
func RefusedFields(err error) []string {
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) {
		return nil
	}
	var fields []string
	if details := status.Status().Details; details != nil {
		for _, cause := range details.Causes {
			field := cause.Field
			if field == "" || field == "<nil>" {
				field = "the object"
			}
			fields = append(fields, fmt.Sprintf("%s (%s)", field, cause.Type))
		}
	}
	if len(fields) == 0 {
		return []string{"the object"}
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}
