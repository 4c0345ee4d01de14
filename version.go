package main

import (
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// release and commit are set by builds without a repository, such as the
// Dockerfile's, with -ldflags "-X main.release=... -X main.commit=...".
var release, commit string

// build is what a binary was made from.
type build struct {
	// version is a release, or a pseudo-version of Go; "+dirty" when files differed from the commit.
	version string
	// commit is the full hash, or "unknown".
	commit string
	// goVersion is the compiler's.
	goVersion string
}

// readBuild takes from the linker's flags, or else from what Go stamps into binaries.
func readBuild() build {
	b := build{version: release, commit: commit, goVersion: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		if b.version == "" {
			b.version = info.Main.Version
		}
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" && b.commit == "" {
				b.commit = setting.Value
			}
		}
	}
	if b.version == "" {
		b.version = "unreleased"
	}
	if b.commit == "" {
		b.commit = "unknown"
	}
	return b
}

func (b build) String() string {
	return b.version + " commit " + b.commit + " " + b.goVersion
}

// publish shows the build as a metric whose value is always 1, for joining with others.
func (b build) publish() error {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "scim_operator_build_info",
		Help:        "Always 1; the labels say what this process was built from.",
		ConstLabels: prometheus.Labels{"version": b.version, "commit": b.commit, "goversion": b.goVersion},
	})
	info.Set(1)
	return metrics.Registry.Register(info)
}
