package store

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"weak"

	"rservice.dev/scim-operator/scimserver/scim"
)

// TestAPageHoldsWhatIsStillToBeHandedOut: its client may read it for as long as a connection lasts.
func TestAPageHoldsWhatIsStillToBeHandedOut(t *testing.T) {
	const all, wanted = 1000, 10
	resources := make([]weak.Pointer[[64]byte], all)
	found := func() []match {
		matches := make([]match, all)
		for i := range matches {
			kept := new([64]byte)
			resources[i] = weak.Make(kept)
			matches[i] = match{
				rt: scim.User, key: scim.SortKey{Value: fmt.Sprint("name ", i), ID: fmt.Sprint(i)},
				resource: scim.Resource{"id": fmt.Sprint(i), "kept": kept},
			}
		}
		return matches
	}
	handedOut := 0
	e := &examination{Query: Query{Page: scim.NewPage(101, wanted), Each: func(_ *scim.ResourceType, r scim.Resource) error {
		handedOut++
		runtime.GC()
		held := 0
		for _, resource := range resources {
			if resource.Value() != nil {
				held++
			}
		}
		if most := wanted - handedOut + 1; held > most {
			t.Errorf("at resource %d of %d there are %d in memory, want %d", handedOut, wanted, held, most)
		}
		runtime.KeepAlive(r)
		return nil
	}}}
	page, err := (&Store{}).cutMatches(context.Background(), "acme", e, found())
	if err != nil || handedOut != wanted || page.Total != all || !page.Before || !page.After {
		t.Fatalf("%d handed out, %+v, %v", handedOut, page, err)
	}
	if page.First != (scim.SortKey{Value: "name 100", ID: "100"}) || page.Last != (scim.SortKey{Value: "name 109", ID: "109"}) {
		t.Errorf("from %v to %v", page.First, page.Last)
	}
}
