package directory

import (
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLookupsFindTheirSubjects(t *testing.T) {
	m := NewMemory()
	find := func(index string, keys ...string) []string {
		names := m.Subjects("ns", index, keys)
		slices.Sort(names)
		return slices.Compact(names)
	}
	same := func(what string, got []string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	m.add("a", lookup{"ns", "name", "x"})
	m.add("b", lookup{"ns", "name", "x"})
	m.add("c", lookup{"elsewhere", "name", "x"})
	same("subjects of a key", find("name", "x", "y"), "a", "b")
	same("another index", find("email", "x"))

	m.keep("ns", "a", map[lookup]bool{{"ns", "name", "y"}: true})
	same("after a run without it", find("name", "x"), "b")

	for i := range maxLookups + 1 {
		m.add("many", lookup{"ns", "name", strconv.Itoa(i)})
	}
	same("a key that no subject looked up, but one looks up everything", find("name", "z"), "many")
	same("of another index", find("email", "z"))

	m.Forget("ns", "many")
	m.Forget("ns", "b")
	m.Forget("elsewhere", "c")
	if len(m.subjects) != 0 || len(m.made) != 0 {
		t.Errorf("something is left: %v, %v", m.subjects, m.made)
	}
}
