package controllers

import (
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLookupsFindTheirSubjects(t *testing.T) {
	l := newLookups()
	find := func(index string, keys ...string) []string {
		into := requestSet{}
		l.find("ns", index, keys, into)
		var names []string
		for request := range maps.Keys(into) {
			names = append(names, request.Name)
		}
		slices.Sort(names)
		return names
	}
	same := func(what string, got []string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	l.add("a", "name", "x", "ns")
	l.add("b", "name", "x", "ns")
	l.add("c", "name", "x", "elsewhere")
	same("subjects of a key", find("name", "x", "y"), "a", "b")
	same("another index", find("email", "x"))

	l.keep("ns", "a", map[lookup]bool{{"ns", "name", "y"}: true})
	same("after a run without it", find("name", "x"), "b")

	for i := range maxLookups + 1 {
		l.add("many", "name", strconv.Itoa(i), "ns")
	}
	same("a key that no subject looked up, but one looks up everything", find("name", "z"), "many")
	same("of another index", find("email", "z"))

	l.keep("ns", "many", nil)
	l.keep("ns", "b", nil)
	l.keep("elsewhere", "c", nil)
	if len(l.subjects) != 0 || len(l.made) != 0 {
		t.Errorf("something is left: %v, %v", l.subjects, l.made)
	}
}
