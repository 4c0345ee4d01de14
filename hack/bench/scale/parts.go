package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// partsOf is of how many objects of a kind the parts are told.
const partsOf = 200

// parts tells what the objects of a user consist of: the bytes of each part as they are stored, of custom resources in JSON,
// of Leases in Protobuf. Sums are those of one object, without the key.
func (w *world) parts(ctx context.Context) error {
	for _, kind := range []string{"ScimUser", "Person", "AutomationRuleExecution"} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(schema.GroupVersionKind{Group: group, Version: "v1alpha1", Kind: kind + "List"})
		if err := w.admin.List(ctx, list, client.InNamespace(namespace), client.Limit(partsOf)); err != nil {
			return fmt.Errorf("read %s: %w", kind, err)
		}
		sizes := map[string]int{}
		for i := range list.Items {
			if err := addParts(sizes, list.Items[i].Object); err != nil {
				return err
			}
		}
		w.tellParts(kind, sizes, len(list.Items))
	}
	claims := &coordinationv1.LeaseList{}
	if err := w.admin.List(ctx, claims, client.InNamespace(namespace), client.HasLabels{v1alpha1.LabelClaim}, client.Limit(partsOf)); err != nil {
		return fmt.Errorf("read claims: %w", err)
	}
	sizes := map[string]int{}
	for i := range claims.Items {
		claim := &claims.Items[i]
		managed := 0
		for _, entry := range claim.ManagedFields {
			managed += entry.Size()
		}
		sizes["managedFields"] += managed
		sizes["metadata"] += claim.ObjectMeta.Size() - managed
		sizes["spec"] += claim.Spec.Size()
		sizes["all"] += claim.Size()
	}
	w.tellParts("Lease", sizes, len(claims.Items))
	return nil
}

// addParts adds the bytes of the parts of an object.
func addParts(sizes map[string]int, object map[string]any) error {
	add := func(name string, value any) error {
		data, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("encode %s: %w", name, err)
		}
		sizes[name] += len(data)
		return nil
	}
	if err := add("all", object); err != nil {
		return err
	}
	for name, value := range object {
		inner, ok := value.(map[string]any)
		if !ok {
			continue
		}
		for field, value := range inner {
			if err := add(name+"."+field, value); err != nil {
				return err
			}
			sizes[name+"."+field] += len(field) + len(`"":,`)
		}
	}
	return nil
}

func (w *world) tellParts(kind string, sizes map[string]int, count int) {
	if count == 0 {
		return
	}
	var names []string
	for name := range sizes {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return sizes[b] - sizes[a] })
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, " %s %d", name, sizes[name]/count)
	}
	progress("%s: bytes of a %s:%s", w.build.name, kind, text.String())
}
