// Package manifests applies folders of Kubernetes YAML files to an API server, server-side, without kustomize.
package manifests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// establishTimeout bounds the wait for a custom resource definition, and for its kind to be discovered: not how long that
// takes, but when it has hung.
const establishTimeout = 5 * time.Minute

const crdKind = "CustomResourceDefinition"

// Options say how objects are applied.
type Options struct {
	// FieldManager owns the applied fields; those that others own are taken over.
	FieldManager string
	// Namespace is for namespaced objects whose file names none.
	Namespace string
}

// Apply applies every object in the *.yaml files of these folders (kustomization.yaml aside; a folder that does not exist
// holds none). Namespaces and custom resource definitions go first; Apply waits until the latter are served. It returns how
// many objects it applied.
func Apply(ctx context.Context, c client.Client, opts Options, folders ...string) (int, error) {
	var objects []*unstructured.Unstructured
	for _, folder := range folders {
		found, err := Read(folder)
		if err != nil {
			return 0, err
		}
		objects = append(objects, found...)
	}
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int { return rank(a) - rank(b) })
	for i, object := range objects {
		if err := apply(ctx, c, opts, object); err != nil {
			return i, fmt.Errorf("applying %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return len(objects), nil
}

// Read returns the objects of a folder's *.yaml files, in the order of the files' names.
func Read(folder string) ([]*unstructured.Unstructured, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", folder, err)
	}
	var objects []*unstructured.Unstructured
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		found, err := readFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		objects = append(objects, found...)
	}
	return objects, nil
}

func readFile(file string) ([]*unstructured.Unstructured, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	var objects []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		if len(object.Object) == 0 { // a document of comments only
			continue
		}
		if object.GetKind() == "" || object.GetName() == "" {
			return nil, fmt.Errorf("document %d has no kind or no metadata.name", len(objects)+1)
		}
		objects = append(objects, object)
	}
}

func rank(object *unstructured.Unstructured) int {
	switch object.GetKind() {
	case "Namespace":
		return 0
	case crdKind:
		return 1
	}
	return 2
}

func apply(ctx context.Context, c client.Client, opts Options, object *unstructured.Unstructured) error {
	ctx, cancel := context.WithTimeout(ctx, establishTimeout)
	defer cancel()
	// A kind whose definition has just been established may be missing from discovery for a moment.
	var last error
	err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		last = applyOnce(ctx, c, opts, object)
		if meta.IsNoMatchError(last) {
			return false, nil
		}
		return true, last
	})
	if err != nil && last != nil {
		return last
	}
	if err != nil || object.GetKind() != crdKind {
		return err
	}
	return waitEstablished(ctx, c, object.GetName())
}

func waitEstablished(ctx context.Context, c client.Client, name string) error {
	crd := &unstructured.Unstructured{}
	crd.SetAPIVersion("apiextensions.k8s.io/v1")
	crd.SetKind(crdKind)
	err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		if err := c.Get(ctx, client.ObjectKey{Name: name}, crd); err != nil {
			return false, err
		}
		value, _, err := unstructured.NestedFieldNoCopy(crd.Object, "status", "conditions")
		conditions, _ := value.([]any) // null on a new definition
		return slices.ContainsFunc(conditions, isEstablished), err
	})
	if err != nil {
		return fmt.Errorf("waiting until it is established: %w", err)
	}
	return nil
}

func isEstablished(condition any) bool {
	fields, ok := condition.(map[string]any)
	return ok && fields["type"] == "Established" && fields["status"] == "True"
}

func applyOnce(ctx context.Context, c client.Client, opts Options, object *unstructured.Unstructured) error {
	namespaced, err := c.IsObjectNamespaced(object)
	if err != nil {
		return err
	}
	if namespaced && object.GetNamespace() == "" {
		object.SetNamespace(opts.Namespace)
	}
	return c.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(opts.FieldManager), client.ForceOwnership)
}
