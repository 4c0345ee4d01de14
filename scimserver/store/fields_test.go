package store

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// TestEveryFieldOfAUserIsAnAttribute names the places that a new field of a ScimUser's spec misses: the
// schema, or one of the two conversions. (An attribute without a field is found by the walk over
// /Schemas in package scimserver.)
func TestEveryFieldOfAUserIsAnAttribute(t *testing.T) {
	var spec v1alpha1.ScimUserSpec
	fill(reflect.ValueOf(&spec).Elem(), "spec", new(int))
	// The server's own, and what no schema describes.
	own := v1alpha1.ScimUserSpec{
		Groups: spec.Groups, ProvisionedAt: spec.ProvisionedAt, LastModified: spec.LastModified, LastRequest: spec.LastRequest,
	}
	spec.Extensions, spec.LastActive = nil, nil

	attributes, err := (*maker)(nil).userAttributes(&spec)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range attributes {
		if extension := scim.User.Extension(name); extension != nil {
			known(t, name, extension.Attribute, value)
			continue
		}
		known(t, name, func(string) *scim.Attribute { return scim.User.Attribute(name) }, map[string]any{name: value})
	}
	got := own
	if err := setUserAttributes(&got, attributes); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(spec, got); diff != "" {
		t.Errorf("what the conversions to attributes and back do not carry (-want +got):\n%s", diff)
	}
}

// known reports attributes that the schema does not have.
func known(t *testing.T, path string, find func(name string) *scim.Attribute, value any) {
	t.Helper()
	switch typed := value.(type) {
	case map[string]any:
		for name, inner := range typed {
			attribute := find(name)
			if attribute == nil {
				t.Errorf("the schema has no %s of %s", name, path)
				continue
			}
			known(t, path+"."+name, attribute.Sub, inner)
		}
	case []any:
		for _, element := range typed {
			known(t, path, find, element)
		}
	}
}

// fill gives every field a value of its own, and every list one element.
func fill(v reflect.Value, path string, serial *int) {
	*serial++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("%s %d", path, *serial))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path, serial)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), path, serial)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), path+"."+v.Type().Field(i).Name, serial)
			}
		}
	default: // maps, times, bytes: none of them is an attribute
	}
}
