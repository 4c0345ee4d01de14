// Package applied tells which fields of a record somebody applied, as tools do that keep
// resources in Git. What they applied comes back with every run of theirs, so that a rule
// which writes it would make the record change to and fro.
package applied

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// RuleManager begins the field manager of what an automation rule writes; the rule's
	// name follows.
	RuleManager = "automationrule/"
	// kubectl is the field manager of kubectl's client-side apply.
	kubectl = "kubectl-client-side-apply"
	// customFields is the one field of a spec whose members count as fields, each for itself.
	customFields = "customFields"
)

// Owner is who applied a field.
type Owner struct {
	// Manager is the field manager.
	Manager string
	// Remembered is the JSON of what a client-side apply will apply again, "" where that is not
	// known: for a server-side apply, which owns a field only as long as it has that value.
	Remembered string
}

// Fields gives the owner of each field of a record's spec that somebody else than
// a rule applied, nil if there is none. A custom field is customFields.<id>.
//
// What was applied on the server's side stands in managedFields. What kubectl and Argo CD applied on the client's side
// stands in the annotation in which they remember it: in managedFields such a field belongs to whoever wrote it last,
// though they set it again at each run.
func Fields(record metav1.Object) map[string]Owner {
	var fields map[string]Owner
	add := func(manager string, set fieldSet, prefix string, remembered bool) {
		for _, name := range set.names(prefix) {
			if _, known := fields[name]; known {
				continue
			}
			if fields == nil {
				fields = map[string]Owner{}
			}
			owner := Owner{Manager: manager}
			if remembered {
				owner.Remembered = string(set[name])
			}
			fields[name] = owner
		}
	}
	remembered := record.GetAnnotations()[corev1.LastAppliedConfigAnnotation]
	manager := kubectl
	for _, entry := range record.GetManagedFields() {
		if serverSide(entry) {
			add(entry.Manager, specOf(entry), "f:", false)
		}
		if remembered != "" && remembers(entry) {
			manager = entry.Manager
		}
	}
	if remembered != "" {
		var object struct {
			Spec fieldSet `json:"spec"`
		}
		if json.Unmarshal([]byte(remembered), &object) == nil {
			add(manager, object.Spec, "", true)
		}
	}
	return fields
}

// Strip is a transform for a cache: of managedFields it keeps what Fields needs, which is
// nothing for most records. An object that needs no change is not written to, because it
// can be one that others read.
func Strip(in any) (any, error) {
	object, err := meta.Accessor(in)
	if err != nil {
		return in, nil //nolint:nilerr // not an object, such as the mark of a deleted one
	}
	have := object.GetManagedFields()
	if have == nil {
		return in, nil
	}
	_, remembered := object.GetAnnotations()[corev1.LastAppliedConfigAnnotation]
	var kept []metav1.ManagedFieldsEntry
	for _, entry := range have {
		set := map[string]any{}
		if serverSide(entry) {
			if spec := specOf(entry); len(spec.names("f:")) > 0 {
				set["f:spec"] = spec.short()
			}
		}
		if remembered && remembers(entry) {
			set["f:metadata"] = map[string]any{"f:annotations": map[string]any{"f:" + corev1.LastAppliedConfigAnnotation: struct{}{}}}
		}
		if len(set) == 0 {
			continue
		}
		encoded, err := json.Marshal(set)
		if err != nil {
			return nil, fmt.Errorf("shorten managedFields: %w", err)
		}
		kept = append(kept, metav1.ManagedFieldsEntry{Manager: entry.Manager, Operation: entry.Operation, FieldsV1: metav1.NewFieldsV1(string(encoded))})
	}
	if !reflect.DeepEqual(kept, have) {
		object.SetManagedFields(kept)
	}
	return in, nil
}

// serverSide reports whether an entry tells what somebody else than a rule applied.
func serverSide(entry metav1.ManagedFieldsEntry) bool {
	return entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == "" &&
		entry.FieldsV1 != nil && !strings.HasPrefix(entry.Manager, RuleManager)
}

// remembers reports whether an entry is that of who wrote the annotation of a client-side apply.
func remembers(entry metav1.ManagedFieldsEntry) bool {
	var set struct {
		Metadata struct {
			Annotations map[string]json.RawMessage `json:"f:annotations"`
		} `json:"f:metadata"`
	}
	if entry.FieldsV1 == nil || json.Unmarshal(entry.FieldsV1.GetRawBytes(), &set) != nil {
		return false
	}
	_, found := set.Metadata.Annotations["f:"+corev1.LastAppliedConfigAnnotation]
	return found
}

// fieldSet are the fields of a spec, with what is below each.
type fieldSet map[string]json.RawMessage

func specOf(entry metav1.ManagedFieldsEntry) fieldSet {
	var set struct {
		Spec fieldSet `json:"f:spec"`
	}
	if json.Unmarshal(entry.FieldsV1.GetRawBytes(), &set) != nil {
		return nil
	}
	return set.Spec
}

// names are the fields in order. In a fieldSet that is written with a prefix, what has none
// is no field; null is a field that was not given.
func (s fieldSet) names(prefix string) []string {
	var names []string
	for _, key := range slices.Sorted(maps.Keys(s)) {
		name, ok := strings.CutPrefix(key, prefix)
		switch {
		case !ok || string(s[key]) == "null":
		case name != customFields:
			names = append(names, name)
		default:
			for _, id := range s.members(key).names(prefix) {
				names = append(names, customFields+"."+id)
			}
		}
	}
	return names
}

func (s fieldSet) members(key string) fieldSet {
	var members fieldSet
	if json.Unmarshal(s[key], &members) != nil {
		return nil
	}
	return members
}

// short is the set without what is below its fields.
func (s fieldSet) short() map[string]any {
	short := map[string]any{}
	for key := range s {
		short[key] = struct{}{}
		if key == "f:"+customFields {
			members := map[string]any{}
			for member := range s.members(key) {
				members[member] = struct{}{}
			}
			short[key] = members
		}
	}
	return short
}
