package action

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// pollInterval is how often Wait asks the API server.
const pollInterval = 500 * time.Millisecond

// Asked is a run that was asked for.
type Asked struct {
	// Object is the ScimUser, ScimGroup or AutomationRule, as it was read last.
	Object client.Object
	value  string
	// before is what the rules had followed before.
	before string
}

// Rerun asks the operator to run the rules again for a ScimUser or ScimGroup, or an AutomationRule for all its subjects.
func Rerun(ctx context.Context, c client.Client, object client.Object) (*Asked, error) {
	if _, _, err := reruns(object); err != nil {
		return nil, err
	}
	if err := c.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return nil, err
	}
	_, before, err := reruns(object)
	if err != nil {
		return nil, err
	}
	asked := &Asked{Object: object, value: time.Now().UTC().Format(time.RFC3339) + " " + uuid.NewString(), before: before}
	return asked, annotate(ctx, c, object, v1alpha1.AnnotationRerun, asked.value)
}

// reruns are the runs that the status of an object tells of: the one that was asked for last, and the one that was followed last.
func reruns(object client.Object) (requested, last string, err error) {
	switch typed := object.(type) {
	case *v1alpha1.ScimUser:
		return typed.Status.RequestedRerun, typed.Status.LastRerun, nil
	case *v1alpha1.ScimGroup:
		return typed.Status.RequestedRerun, typed.Status.LastRerun, nil
	case *v1alpha1.AutomationRule:
		return typed.Status.RequestedRerun, typed.Status.LastRerun, nil
	}
	return "", "", fmt.Errorf("nobody can ask for a run on a %T, only on a ScimUser, a ScimGroup or an AutomationRule", object)
}

// Done reports whether the run, or one that was asked for later and stands for it, has been made.
func (a *Asked) Done() bool {
	requested, last, err := reruns(a.Object)
	if err != nil {
		return false
	}
	return last == a.value || last != a.before && last == requested
}

// Wait reads the object until the run has been made, or the context ends.
func (a *Asked) Wait(ctx context.Context, reader client.Reader) error {
	return wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
		err := reader.Get(ctx, client.ObjectKeyFromObject(a.Object), a.Object)
		return a.Done(), err
	})
}
