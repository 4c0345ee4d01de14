package action

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// DeleteRecord deletes a ScimUser or ScimGroup, so that what the client sends of it next is a new one, which rules link anew. Of a
// user the Person is disabled first and keeps its data; of a group the Organization or Site stays as it is. The object is as somebody
// was shown it: by its UID and resourceVersion. If it has changed since, the error is a conflict.
func DeleteRecord(ctx context.Context, c client.Client, object client.Object) error {
	switch object.(type) {
	case *v1alpha1.ScimUser, *v1alpha1.ScimGroup:
	default:
		return fmt.Errorf("a %T is no record of what a client has sent", object)
	}
	uid, version := object.GetUID(), object.GetResourceVersion()
	if uid == types.UID("") || version == "" {
		return fmt.Errorf("it is not known which state of %s is to be deleted", object.GetName())
	}
	return c.Delete(ctx, object, client.Preconditions(metav1.Preconditions{UID: &uid, ResourceVersion: &version}))
}
