package identity

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// hashLetters is the part of the hash that goes into a record's name: 5 bits each.
const hashLetters = 26

// ID is what no two records of a kind may have in common.
type ID struct {
	kind v1alpha1.RecordKind
	// value is rules.MatchKey.
	value string
}

// Of is that of a record as it is now.
func Of(record rules.Record) ID {
	return ID{kind: rules.KindOf(record), value: rules.MatchKey(record)}
}

// OfAddress is that of the Person with a folded e-mail address.
func OfAddress(address string) ID {
	return ID{kind: v1alpha1.RecordPerson, value: address}
}

func (i ID) newRecord() rules.Record {
	switch i.kind {
	case v1alpha1.RecordOrganization:
		return &v1alpha1.Organization{}
	case v1alpha1.RecordSite:
		return &v1alpha1.Site{}
	case v1alpha1.RecordPerson:
	}
	return &v1alpha1.Person{}
}

// objectName is the name of the nth record, counted from 1, that is created with
// this identity. It is derived, so that two processes cannot both create the record.
func (i ID) objectName(salt kube.Salt, n int) string {
	prefix := strings.ToLower(string(i.kind))
	name := prefix + "-" + salt.Name("record/"+prefix, i.value)[:hashLetters]
	if n > 1 {
		name = fmt.Sprintf("%s-%d", name, n)
	}
	return name
}

// Key is the identity as a key for the lock.
func (i ID) Key(namespace string) string {
	return namespace + "\x00" + string(i.kind) + "\x00" + i.value
}

// Claimed are the identities that a plan gives to records that did not
// have them, as keys for the lock under which such a plan is made and applied.
func Claimed(namespace string, plan rules.Result) []string {
	var keys []string
	for _, outcome := range plan.Outcomes {
		if outcome.Reason != v1alpha1.ReasonApplied || outcome.After == nil {
			continue
		}
		id := Of(outcome.After)
		if outcome.Create || (outcome.Before != nil && Of(outcome.Before) != id) {
			keys = append(keys, id.Key(namespace))
		}
	}
	return keys
}

// freeName returns the first name that no record has which was created with this
// identity and has got another one since.
func freeName(ctx context.Context, reader client.Reader, namespace string, salt kube.Salt, id ID) (string, error) {
	for n := 1; ; n++ {
		name := id.objectName(salt, n)
		record := id.newRecord()
		err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, record, client.UnsafeDisableDeepCopy)
		if apierrors.IsNotFound(err) {
			return name, nil
		}
		if err != nil {
			return "", fmt.Errorf("look for a free record name: %w", err)
		}
		if Of(record) == id {
			// It appeared after the plan was made.
			return "", apierrors.NewAlreadyExists(schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: string(id.kind)}, name)
		}
	}
}
