package buckets

import (
	"context"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// inBucket gives all of one bucket, as a cache does.
type inBucket struct {
	client.Reader
	items []corev1.ConfigMap
	keys  client.IndexerFunc
}

func (r inBucket) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	o := client.ListOptions{}
	o.ApplyOptions(options)
	wanted := o.FieldSelector.Requirements()[0]
	found, ok := list.(*corev1.ConfigMapList)
	if !ok || wanted.Field != "by.words" || o.Namespace != "acme" {
		return fmt.Errorf("list %T by %v in %q", list, wanted, o.Namespace)
	}
	for i := range r.items {
		if slices.Contains(r.keys(&r.items[i]), wanted.Value) {
			found.Items = append(found.Items, r.items[i])
		}
	}
	return nil
}

func words(object client.Object) []string { return object.GetFinalizers() }

func TestWhatHasAnotherValueInTheSameBucketIsLeftOut(t *testing.T) {
	const wanted = "jane@example.com"
	var other string
	for i := 0; other == ""; i++ {
		if value := fmt.Sprint("user-", i, "@example.com"); Few.Key(value) == Few.Key(wanted) {
			other = value
		}
	}
	item := func(name string, values ...string) corev1.ConfigMap {
		return corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: values}}
	}
	reader := inBucket{keys: Few.Of(words), items: []corev1.ConfigMap{
		item("a", other), item("b", wanted), item("c", "else", wanted), item("d"), item("e", other, wanted), item("f", other),
	}}
	if keys := reader.keys(&reader.items[4]); len(keys) != 1 {
		t.Errorf("an object lies in a bucket more than once: %v", keys)
	}
	for value, want := range map[string][]string{wanted: {"b", "c", "e"}, other: {"a", "e", "f"}, "nobody": nil} {
		found := &corev1.ConfigMapList{}
		if err := Few.List(t.Context(), reader, found, "acme", "by.words", value, words); err != nil {
			t.Fatal(err)
		}
		var names []string
		for i := range found.Items {
			names = append(names, found.Items[i].Name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("under %s there is %v, want %v", value, names, want)
		}
	}
}
