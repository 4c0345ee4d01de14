package kube

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

func TestReadBuild(t *testing.T) {
	t.Cleanup(func() { release, commit = "", "" })
	release, commit = "v1.2.3", "0123456789abcdef"
	b := ReadBuild()
	if b.Version != release || b.Commit != commit || !strings.HasPrefix(b.GoVersion, "go1.") {
		t.Errorf("what the linker was told is lost: %+v", b)
	}
	if got, want := b.String(), "v1.2.3 commit 0123456789abcdef "+b.GoVersion; got != want {
		t.Errorf("--version says %q, want %q", got, want)
	}
	release, commit = "", ""
	if b := ReadBuild(); b.Version == "" || b.Version == unstamped || b.Commit == "" {
		t.Errorf("a build without a repository has to say something: %+v", b)
	}
}

func TestPublishBuild(t *testing.T) {
	b := Build{Version: "v1.2.3", Commit: "0123456789abcdef", GoVersion: "go1.26"}
	if err := b.Publish(); err != nil {
		t.Fatal(err)
	}
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "scim_operator_build_info" {
			continue
		}
		labels := map[string]string{}
		for _, label := range family.GetMetric()[0].GetLabel() {
			labels[label.GetName()] = label.GetValue()
		}
		if diff := cmp.Diff(map[string]string{"version": "v1.2.3", "commit": "0123456789abcdef", "goversion": "go1.26"}, labels); diff != "" {
			t.Error(diff)
		}
		if value := family.GetMetric()[0].GetGauge().GetValue(); value != 1 {
			t.Errorf("the value is %v", value)
		}
		return
	}
	t.Error("the metric is missing")
}
