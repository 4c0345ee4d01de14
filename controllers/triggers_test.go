package controllers

import (
	stdflag "flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"k8s.io/utils/clock"
)

var update = stdflag.Bool("update", false, "rewrite the table of triggers in README.md")

// TestReadmeTellsOfEveryTrigger holds the README's table against the one that the code has. Run it with -update to
// rewrite README.md.
func TestReadmeTellsOfEveryTrigger(t *testing.T) {
	const header = "| Controller | Change of | which | reconciles |\n|---|---|---|---|\n"
	s := &setup{reprocessing: newReprocessing(clock.RealClock{})}
	var want strings.Builder
	for _, controller := range []string{"scimuser", "scimgroup", "automationrule", "person", "organization", "site", "scimendpoint", "retention"} {
		triggers := s.triggers(controller)
		if len(triggers) == 0 {
			t.Errorf("controller %s has no triggers", controller)
		}
		for _, one := range triggers {
			fmt.Fprintf(&want, "| %s | %s | %s | %s |\n", controller, reflect.TypeOf(one.changed).Elem().Name(), one.how, one.whom)
		}
	}
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(data), header)
	rows, after, ended := strings.Cut(rest, "\n\n")
	if !found || !ended {
		t.Fatalf("README.md has no table that begins with\n%s", header)
	}
	if rows+"\n" == want.String() {
		return
	}
	if *update {
		if err := os.WriteFile("README.md", []byte(before+header+want.String()+"\n"+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("README.md is not up to date; run: go test ./controllers -run Trigger -update\n%s", want.String())
}
