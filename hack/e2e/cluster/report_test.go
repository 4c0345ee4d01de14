package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// row is what one fault led to.
type row struct {
	fault string
	// requests are those of the simulated Okta, failed those of them that it had to repeat.
	requests, failed int
	// outage is the time from the fault until the end of the last failed request.
	outage time.Duration
	// recovery is the time from the fault until everything was as before, as the fault's own check tells.
	recovery time.Duration
}

var (
	rowsMu sync.Mutex
	rows   []row
)

func report(r row) {
	rowsMu.Lock()
	defer rowsMu.Unlock()
	rows = append(rows, r)
}

// notMeasured is what the suite does not do.
const notMeasured = `
Not tried: a jump of the node's clock. Linux has no namespace for the time of day, so it would be that of the whole machine.
NetworkPolicies are applied, but nothing enforces them on this node.
`

var _ = AfterSuite(func() {
	var text strings.Builder
	fmt.Fprintf(&text, "# Faults under load\n\nSimulated Okta through the ingress with TLS, two tenants, two replicas on one node.\n\n")
	fmt.Fprintf(&text, "| Fault | Requests | Failed attempts | Last failure after | Whole again after |\n|---|---:|---:|---:|---:|\n")
	for _, r := range rows {
		outage := "none failed"
		if r.failed > 0 {
			outage = r.outage.Round(100 * time.Millisecond).String()
		}
		fmt.Fprintf(&text, "| %s | %d | %d | %s | %s |\n", r.fault, r.requests, r.failed, outage, r.recovery.Round(100*time.Millisecond))
	}
	text.WriteString(notMeasured)
	fmt.Print("\n" + text.String())
	if cluster != nil {
		Expect(os.WriteFile(filepath.Join(cluster.Results, "report.md"), []byte(text.String()), 0o644)).To(Succeed())
	}
})
