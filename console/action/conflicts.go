package action

import (
	"errors"
	"regexp"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Conflict is a field that another field manager has applied.
type Conflict struct{ Manager, Field string }

var manager = regexp.MustCompile(`conflict with "((?:[^"\\]|\\.)*)"`)

// Conflicts are the fields that kept something from being applied because they are others', nil for any other error.
func Conflicts(err error) []Conflict {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var conflicts []Conflict
	for _, cause := range status.Status().Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		conflict := Conflict{Manager: cause.Message, Field: cause.Field}
		if found := manager.FindStringSubmatch(cause.Message); found != nil {
			conflict.Manager = found[1]
		}
		conflicts = append(conflicts, conflict)
	}
	return conflicts
}
