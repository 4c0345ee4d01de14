package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// bareUsers is how many users the bare client makes at most: a rate needs no more.
const bareUsers = 2000

// limit measures a client that makes what the operator has made of users, while that stands still.
func (w *world) limit(ctx context.Context, t *table) error {
	if err := w.stopOperator(); err != nil {
		return err
	}
	progress("%s: a bare client makes the same objects", w.build.name)
	config, err := w.cp.UserConfig(operatorUser, "system:serviceaccounts", "system:serviceaccounts:"+operatorNamespace)
	if err != nil {
		return err
	}
	bare, err := newClient(config)
	if err != nil {
		return err
	}
	copies, err := w.copies(ctx, min(w.users, bareUsers))
	if err != nil {
		return err
	}
	var next atomic.Int64
	began := time.Now()
	workers, work := errgroup.WithContext(ctx)
	for range w.workers {
		workers.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(copies) {
					return nil
				}
				if err := copies[i].create(work, bare); err != nil {
					return err
				}
			}
		})
	}
	if err := workers.Wait(); err != nil {
		return fmt.Errorf("the bare client: %w", err)
	}
	rate := float64(len(copies)) / time.Since(began).Seconds()
	t.add("bare client that makes the same objects, users a second", rate, "%.1f")
	t.add(ofBareClients, w.usersPerSecond/rate, "%.2f")
	return w.clear(ctx)
}

// objects are those of one user.
type objects []client.Object

// create makes them. What has a status of its own is written twice, as by the operator.
func (o objects) create(ctx context.Context, c client.Client) error {
	for _, object := range o {
		switch kind := object.(type) {
		case *v1alpha1.ScimUser:
			status := kind.Status
			if err := c.Create(ctx, kind); err != nil {
				return err
			}
			before := kind.DeepCopy()
			kind.Status = status
			if err := patchStatus(ctx, c, kind, before, status.Conditions); err != nil {
				return err
			}
		case *v1alpha1.Person:
			status := kind.Status
			if err := c.Create(ctx, kind); err != nil {
				return err
			}
			before := kind.DeepCopy()
			kind.Status = status
			if err := patchStatus(ctx, c, kind, before, status.Conditions); err != nil {
				return err
			}
		default:
			if err := c.Create(ctx, object); err != nil {
				return err
			}
		}
	}
	return nil
}

// patchStatus writes a status that has conditions.
func patchStatus(ctx context.Context, c client.Client, object, before client.Object, conditions []metav1.Condition) error {
	if len(conditions) == 0 {
		return nil
	}
	return c.Status().Patch(ctx, object, client.MergeFrom(before))
}

// copies returns the objects of so many users, to be made anew elsewhere.
func (w *world) copies(ctx context.Context, count int) ([]objects, error) {
	all := make([]objects, count)
	for _, list := range []client.ObjectList{
		&coordinationv1.LeaseList{}, &v1alpha1.ScimUserList{}, &v1alpha1.PersonList{}, &v1alpha1.AutomationRuleExecutionList{},
	} {
		options := []client.ListOption{client.InNamespace(namespace), client.Limit(int64(count))}
		if _, claims := list.(*coordinationv1.LeaseList); claims {
			options = append(options, client.HasLabels{v1alpha1.LabelClaim})
		}
		if err := w.admin.List(ctx, list, options...); err != nil {
			return nil, fmt.Errorf("read what was made: %w", err)
		}
		i := 0
		err := meta.EachListItem(list, func(item runtime.Object) error {
			object, ok := item.(client.Object)
			if !ok {
				return fmt.Errorf("%T has no metadata", item)
			}
			if i < count {
				all[i] = append(all[i], anew(object))
			}
			i++
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// anew is an object as it is created.
func anew(object client.Object) client.Object {
	object.SetNamespace(bareNamespace)
	object.SetResourceVersion("")
	object.SetUID("")
	object.SetGeneration(0)
	object.SetCreationTimestamp(metav1.Time{})
	object.SetManagedFields(nil)
	object.SetOwnerReferences(nil)
	object.SetFinalizers(nil)
	return object
}

// clear deletes what the bare client has made. The API server ends that in its own time.
func (w *world) clear(ctx context.Context) error {
	for _, kind := range []client.Object{
		&v1alpha1.AutomationRuleExecution{}, &v1alpha1.Person{}, &v1alpha1.ScimUser{}, &coordinationv1.Lease{},
	} {
		if err := w.admin.DeleteAllOf(ctx, kind, client.InNamespace(bareNamespace)); err != nil {
			return fmt.Errorf("delete what the bare client has made: %w", err)
		}
	}
	return nil
}
