package verdict

import (
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"rservice.dev/scim-operator/api/kube"
)

func TestErrorsOfWritesHideValues(t *testing.T) {
	invalid := apierrors.NewInvalid(schema.GroupKind{Kind: "Person"}, "person-x", field.ErrorList{
		field.TooLong(field.NewPath("spec", "name"), "Jane Roe", 3),
		field.Invalid(field.NewPath("spec", "primaryEmail"), "jane@example.com", "is wrong"),
	})
	err := FailedTo("create record", invalid)
	if got, want := err.Error(), "create record: the API server rejects spec.name (FieldValueTooLong), spec.primaryEmail (FieldValueInvalid)"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	if !apierrors.IsInvalid(err) {
		t.Error("the cause is lost")
	}
	if FailedTo("create record", nil) != nil {
		t.Error("no error became one")
	}
}

func TestErrorKinds(t *testing.T) {
	resource := schema.GroupResource{Resource: "persons"}
	tests := map[string]struct {
		err   error
		kind  string
		stale bool
	}{
		"a conflict is planned again":       {apierrors.NewConflict(resource, "x", nil), "Conflict", true},
		"a name that exists, too":           {apierrors.NewAlreadyExists(resource, "x"), "AlreadyExists", true},
		"a record that is gone, too":        {apierrors.NewNotFound(resource, "x"), "NotFound", true},
		"a missing permission is not stale": {apierrors.NewForbidden(resource, "x", nil), "Forbidden", false},
		"a lost connection has no reason":   {errors.New("dial tcp: refused"), "API server not reached", false},
		"what is about to change":           {Transient("it is on its way"), "it is on its way", true},
		"a Secret that holds no salt":       {kube.ErrNoSalt, "no salt of 32 bytes under key salt of Secret scim-operator-salt: delete that, and it is made anew", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := FailedTo("write", tt.err)
			if got := errorKind(err); got != tt.kind {
				t.Errorf("errorKind = %q, want %q", got, tt.kind)
			}
			if got := isStale(err); got != tt.stale {
				t.Errorf("isStale = %v, want %v", got, tt.stale)
			}
		})
	}
}
