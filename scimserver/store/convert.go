package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// groupAttributes returns what the client wrote of a group, without id, meta and members.
func groupAttributes(spec *v1alpha1.ScimGroupSpec) (scim.Resource, error) {
	r := make(scim.Resource, 8)
	r["displayName"] = spec.DisplayName
	setString(r, "externalId", spec.ExternalID)
	setString(r, "groupType", spec.GroupType)
	return r, addExtensions(r, spec.Extensions)
}

// setGroupAttributes writes what the client wrote into a spec. Members are no
// part of it.
func setGroupAttributes(spec *v1alpha1.ScimGroupSpec, r scim.Resource) error {
	extensions, err := extensionsOf(scim.Group, r)
	if err != nil {
		return err
	}
	spec.DisplayName = getString(r, "displayName")
	spec.ExternalID = getString(r, "externalId")
	spec.GroupType = getString(r, "groupType")
	spec.Extensions = extensions
	return nil
}

// sameUser reports whether two specs differ in nothing that a client wrote.
func sameUser(a, b *v1alpha1.ScimUserSpec) bool {
	x, y := *a, *b
	x.LastModified, y.LastModified = b.LastModified, b.LastModified
	x.ProvisionedAt, y.ProvisionedAt = b.ProvisionedAt, b.ProvisionedAt
	x.Extensions, y.Extensions = nil, nil
	x.Active, y.Active = new(x.IsActive()), new(y.IsActive())
	return equality.Semantic.DeepEqual(x, y) && sameExtensions(a.Extensions, b.Extensions)
}

func sameGroup(a, b *v1alpha1.ScimGroupSpec) bool {
	return a.DisplayName == b.DisplayName && a.ExternalID == b.ExternalID && a.GroupType == b.GroupType &&
		sameExtensions(a.Extensions, b.Extensions)
}

// sameExtensions compares by value: the API server may encode JSON in its own way.
func sameExtensions(a, b map[string]v1alpha1.JSON) bool {
	if len(a) != len(b) {
		return false
	}
	for urn, raw := range a {
		other, ok := b[urn]
		if !ok {
			return false
		}
		x, errX := decodeJSON(raw.Raw)
		y, errY := decodeJSON(other.Raw)
		if errX != nil || errY != nil || !equality.Semantic.DeepEqual(x, y) {
			return false
		}
	}
	return true
}

// addExtensions adds the extensions without a known schema.
func addExtensions(r scim.Resource, extensions map[string]v1alpha1.JSON) error {
	for urn, raw := range extensions {
		value, err := decodeJSON(raw.Raw)
		if err != nil {
			return fmt.Errorf("extension %s is stored as invalid JSON: %w", urn, err)
		}
		r[urn] = value
	}
	return nil
}

// decodeJSON decodes a stored value; numbers keep their digits.
func decodeJSON(raw []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return value, err
}

// extensionsOf returns the extensions without a known schema.
func extensionsOf(rt *scim.ResourceType, r scim.Resource) (map[string]v1alpha1.JSON, error) {
	var extensions map[string]v1alpha1.JSON
	for key, value := range r {
		if !scim.IsURN(key) || rt.Extension(key) != nil {
			continue
		}
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("encode extension %s: %w", key, err)
		}
		if extensions == nil {
			extensions = make(map[string]v1alpha1.JSON)
		}
		extensions[key] = v1alpha1.JSON{Raw: raw}
	}
	return extensions, nil
}

// restoredAfter is how much later than the client created it an object is made anew at least where a backup is restored. No
// request, nor a difference of clocks, takes that long.
const restoredAfter = 10 * time.Minute

// version is the entity tag of a resource. It moves with the spec only: what the
// controllers write in the status is none of the client's business. Generations begin anew when a backup is restored object by
// object, so from then on the tag also has the time of that: clients know the numbers as those of other states.
func version(obj client.Object) string {
	tag := strconv.FormatInt(obj.GetGeneration(), 10)
	made, provisioned := obj.GetCreationTimestamp(), provisionedAt(obj)
	if !provisioned.IsZero() && made.Sub(provisioned.Time) > restoredAfter {
		tag += "-" + strconv.FormatInt(made.Unix(), 36)
	}
	return `W/"` + tag + `"`
}

func provisionedAt(obj client.Object) v1alpha1.Timestamp {
	switch typed := obj.(type) {
	case *v1alpha1.ScimUser:
		return typed.Spec.ProvisionedAt
	case *v1alpha1.ScimGroup:
		return typed.Spec.ProvisionedAt
	}
	return v1alpha1.Timestamp{}
}
