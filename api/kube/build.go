package kube

import (
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// release and commit are set by builds without a repository, such as the
// Dockerfile's, with the linker flags "-X rservice.dev/scim-operator/api/kube.release=..." and ".commit=...".
var release, commit string

// unstamped is what Go gives for the version of a module that it built without asking git.
const unstamped = "(devel)"

// Build is what a binary was made from.
type Build struct {
	// Version is a release, or a pseudo-version of Go; "+dirty" when files differed from the commit. Without
	// either it is "unreleased".
	Version string
	// Commit is the full hash, or "unknown": the sources were no Git repository, there was no git, or Go was told not to
	// ask it, by -buildvcs=false in GOFLAGS or in its env file.
	Commit string
	// GoVersion is the compiler's.
	GoVersion string
}

// ReadBuild takes from the linker's flags, or else from what Go stamps into binaries.
func ReadBuild() Build {
	b := Build{Version: release, Commit: commit, GoVersion: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		if b.Version == "" && info.Main.Version != unstamped {
			b.Version = info.Main.Version
		}
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" && b.Commit == "" {
				b.Commit = setting.Value
			}
		}
	}
	if b.Version == "" {
		b.Version = "unreleased"
	}
	if b.Commit == "" {
		b.Commit = "unknown"
	}
	return b
}

func (b Build) String() string {
	return b.Version + " commit " + b.Commit + " " + b.GoVersion
}

// Publish shows the build as a metric whose value is always 1, for joining with others.
func (b Build) Publish() error {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "scim_operator_build_info",
		Help:        "Always 1; the labels say what this process was built from.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "goversion": b.GoVersion},
	})
	info.Set(1)
	return metrics.Registry.Register(info)
}
