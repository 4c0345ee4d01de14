package digest

import (
	"strings"
	"sync"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// maxShared is how many texts, and how many lists of changes, are remembered for others that have the same.
	maxShared = 10000
	// maxSharedLength is the most bytes of a text that is shared.
	maxSharedLength = 256
)

var (
	texts  pool[string]
	shapes pool[[]v1alpha1.FieldChange]
)

// pool remembers values for those that have the same. It is emptied when it is full: what is in use stays, and is
// shared no more.
type pool[T any] struct {
	mu     sync.Mutex
	values map[string]T
}

func (p *pool[T]) get(key string, value func() T) T {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.values[key]; ok {
		return known
	}
	if p.values == nil || len(p.values) >= maxShared {
		p.values = map[string]T{}
	}
	made := value()
	p.values[key] = made
	return made
}

// shared is a text in memory that it has in common with others.
func shared[T ~string](text T) T {
	if text == "" || len(text) > maxSharedLength {
		return text
	}
	return T(texts.get(string(text), func() string { return string(text) }))
}

// shapeOf is which fields were changed, and whether there was a value and is one. Of values it keeps those that are
// yes or no, as disabled is; others read Value.
func shapeOf(changes []v1alpha1.FieldChange) []v1alpha1.FieldChange {
	if len(changes) == 0 {
		return nil
	}
	shape := make([]v1alpha1.FieldChange, len(changes))
	var key strings.Builder
	for i, change := range changes {
		shape[i] = v1alpha1.FieldChange{Field: shared(change.Field), From: kept(change.From), To: kept(change.To)}
		for _, text := range []string{shape[i].Field, shape[i].From, shape[i].To} {
			key.WriteString(text)
			key.WriteByte(0xff)
		}
	}
	return shapes.get(key.String(), func() []v1alpha1.FieldChange { return shape })
}

func kept(value string) string {
	for _, word := range []string{"", "true", "false", Omitted} {
		if value == word {
			return word
		}
	}
	return Value
}
