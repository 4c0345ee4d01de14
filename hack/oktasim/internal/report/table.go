package report

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"rservice.dev/scim-operator/api/fold"
)

// Write prints the table, its totals and the first failures.
func (r *Report) Write(out io.Writer, took time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nSTEP\tMODE\tREQUESTS\tRETRIES\tPASSED\tFAILED\tP50\tP95")
	total := Step{Name: "total"}
	for _, s := range r.steps {
		writeRow(w, s)
		total.latencies = append(total.latencies, s.latencies...)
		total.retries += s.retries
		total.passed += s.passed
		total.failed += s.failed
	}
	writeRow(w, &total)
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	fmt.Fprintf(out, "\n%d requests in %s, %d checks passed, %d failed\n",
		len(total.latencies), took.Round(time.Millisecond), total.passed, total.failed)
	if len(r.failures) == 0 {
		return nil
	}
	fmt.Fprintln(out, "\nFirst failures:")
	for _, f := range r.failures {
		fmt.Fprintf(out, "  %s\n", fold.Printable(f))
	}
	if more := r.failed - len(r.failures); more > 0 {
		fmt.Fprintf(out, "  and %d more\n", more)
	}
	return nil
}

func writeRow(w io.Writer, s *Step) {
	mode := s.Mode
	if mode == "" {
		mode = "-"
	}
	p50, p95 := "-", "-"
	if len(s.latencies) > 0 {
		p50, p95 = milliseconds(quantile(s.latencies, 0.5)), milliseconds(quantile(s.latencies, 0.95))
	}
	fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\n", s.Name, mode, len(s.latencies), s.retries, s.passed, s.failed, p50, p95)
}

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64) + "ms"
}
