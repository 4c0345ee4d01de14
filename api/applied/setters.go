package applied

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Setter is who set a field, as managedFields tell it.
type Setter struct {
	// Manager is the field manager.
	Manager string
	// Applied says that it applied the field, so that it sets it again with every run of its own.
	Applied bool
	// At is when the manager last wrote the record, this field or another one; zero where that is not known.
	At time.Time
}

// Setters gives who set each field of a record's spec, whoever applied it first and then by time, the newest first; fields are
// named as by Fields. It wants the record as it is stored: a cache keeps no managedFields.
func Setters(record metav1.Object) map[string][]Setter {
	setters := map[string][]Setter{}
	for _, entry := range record.GetManagedFields() {
		if entry.Subresource != "" || entry.FieldsV1 == nil {
			continue
		}
		setter := Setter{Manager: entry.Manager, Applied: entry.Operation == metav1.ManagedFieldsOperationApply}
		if entry.Time != nil {
			setter.At = entry.Time.Time
		}
		for _, name := range specOf(entry).names("f:") {
			setters[name] = append(setters[name], setter)
		}
	}
	for name, owner := range Fields(record) {
		known := slices.ContainsFunc(setters[name], func(s Setter) bool { return s.Applied && s.Manager == owner.Manager })
		if !known { // what a client-side apply remembers, which managedFields call an update of whoever wrote last
			setters[name] = append(setters[name], Setter{Manager: owner.Manager, Applied: true})
		}
	}
	for _, of := range setters {
		slices.SortStableFunc(of, func(a, b Setter) int {
			if a.Applied != b.Applied {
				if a.Applied {
					return -1
				}
				return 1
			}
			return b.At.Compare(a.At)
		})
	}
	return setters
}
