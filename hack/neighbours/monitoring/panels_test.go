package monitoring

import (
	"context"
	"os/exec"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// empty are panels that rightly have nothing to show: no rule has been changed. (A rule fails, for a group that the simulated Okta
// pushes without an Organization.)
var empty = []string{"Waiting for a changed rule"}

// panelsHaveData asks for every panel, while what the simulated Okta does is fresh.
func panelsHaveData(ctx context.Context) {
	GinkgoHelper()
	command := exec.CommandContext(ctx, cluster.Oktasim, "-connection", acme.Connection, "-users", "20", "-groups", "4",
		"-demo", "-settle-for", "1m", "-converge-for", "3m", "-retry-for", "1m")
	command.Dir = cluster.Root
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	readYAML(&dashboard, "dashboard.json")
	Expect(len(dashboard.Panels)).To(BeNumerically(">", 10))
	var without []string
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			found := query(ctx, Default, strings.ReplaceAll(target.Expr, "$__rate_interval", "5m"))
			AddReportEntry(panel.Title, len(found))
			if len(found) == 0 {
				without = append(without, panel.Title)
			}
		}
	}
	Expect(without).To(ConsistOf(empty))
}
