package monitoring

import (
	"os/exec"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// empty are panels that have nothing to show while all is well.
var empty = []string{"Failing rules"}

var _ = Describe("the dashboard", func() {
	It("has data in every panel while the simulated Okta works", func(ctx SpecContext) {
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
		for _, panel := range dashboard.Panels {
			for _, target := range panel.Targets {
				expression := strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")
				found := query(ctx, Default, expression)
				AddReportEntry(panel.Title, len(found))
				if slices.Contains(empty, panel.Title) {
					Expect(found).To(BeEmpty(), expression)
					continue
				}
				Expect(found).NotTo(BeEmpty(), "%s: %s", panel.Title, expression)
			}
		}
	}, NodeTimeout(10*time.Minute))
})
