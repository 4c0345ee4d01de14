package whatif

import (
	"context"
	"fmt"
	"reflect"
	"strconv"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/controllers/directory"
)

// memory is a client of a namespace that is held in memory. What it reads it copies, as a client of an API server does, because who
// gets it changes it. It does what the SCIM server's Store asks for, and nothing else.
type memory struct {
	client.Client // nil
	objects       *directory.Objects
	revision      int64
}

func resourceOf(object client.Object) schema.GroupResource {
	return schema.GroupResource{Resource: reflect.TypeOf(object).Elem().Name()}
}

// stored is the object of that kind and name as it is held; read only.
func (m *memory) stored(ctx context.Context, object client.Object) (client.Object, error) {
	found, ok := reflect.TypeAssert[client.Object](reflect.New(reflect.TypeOf(object).Elem()))
	if !ok {
		return nil, fmt.Errorf("%T has no metadata", object)
	}
	return found, m.objects.Get(ctx, client.ObjectKeyFromObject(object), found)
}

// Get implements client.Reader.
func (m *memory) Get(ctx context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if err := m.objects.Get(ctx, key, into); err != nil {
		return err
	}
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(into.DeepCopyObject()).Elem())
	return nil
}

// List implements client.Reader.
func (m *memory) List(ctx context.Context, into client.ObjectList, options ...client.ListOption) error {
	if err := m.objects.List(ctx, into, options...); err != nil {
		return err
	}
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(into.DeepCopyObject()).Elem())
	return nil
}

// put holds a copy of an object, under a revision of its own.
func (m *memory) put(object client.Object) error {
	m.revision++
	object.SetResourceVersion(strconv.FormatInt(m.revision, 10))
	copied, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("the copy of a %T has no metadata", object)
	}
	m.objects.Put(copied)
	return nil
}

// Create implements client.Writer.
func (m *memory) Create(ctx context.Context, object client.Object, _ ...client.CreateOption) error {
	if _, err := m.stored(ctx, object); err == nil {
		return apierrors.NewAlreadyExists(resourceOf(object), object.GetName())
	}
	object.SetUID(types.UID(uuid.NewString()))
	object.SetGeneration(1)
	object.SetCreationTimestamp(metav1.Now())
	return m.put(object)
}

// Update implements client.Writer. Nobody else writes, so it meets no conflict.
func (m *memory) Update(ctx context.Context, object client.Object, _ ...client.UpdateOption) error {
	before, err := m.stored(ctx, object)
	if err != nil {
		return err
	}
	object.SetGeneration(before.GetGeneration() + 1)
	return m.put(object)
}

// Delete implements client.Writer. What has a finalizer is from then on being deleted.
func (m *memory) Delete(ctx context.Context, object client.Object, _ ...client.DeleteOption) error {
	before, err := m.stored(ctx, object)
	if err != nil {
		return err
	}
	if len(before.GetFinalizers()) == 0 {
		m.objects.Remove(before)
		return nil
	}
	deleting, ok := before.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("the copy of a %T has no metadata", object)
	}
	deleting.SetDeletionTimestamp(new(metav1.Now()))
	deleting.SetGeneration(before.GetGeneration() + 1)
	return m.put(deleting)
}
