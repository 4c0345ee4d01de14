package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheTableHasEveryStepTheTotalAndTheFirstFailures(t *testing.T) {
	r := &Report{}
	users := r.Step("assign users", "patch")
	for i := range 20 {
		users.Answered(time.Duration(i+1) * time.Millisecond)
	}
	users.Retried()
	for i := range maxFailures + 2 {
		users.Check(false, "number %d", i)
	}
	r.Step("import", "").Check(true, "never shown")
	if r.Step("assign users", "patch") != users {
		t.Error("a step of the same name and mode is another one")
	}
	var out strings.Builder
	if err := r.Write(&out, 1500*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"assign users  patch  20        1        0       22      10.0ms  19.0ms",
		"import        -      0         0        1       0       -       -",
		"total         -      20        1        1       22      10.0ms  19.0ms",
		"20 requests in 1.5s, 1 checks passed, 22 failed",
		"  assign users (patch): number 19\n  and 2 more",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestQuantileIsTheNearestRank(t *testing.T) {
	ms := func(values ...int) []time.Duration {
		var out []time.Duration
		for _, v := range values {
			out = append(out, time.Duration(v))
		}
		return out
	}
	tests := map[string]struct {
		latencies []time.Duration
		q         float64
		want      time.Duration
	}{
		"nothing has no latency":             {nil, 0.5, 0},
		"one value is every quantile":        {ms(7), 0.95, 7},
		"the median of two is the lower":     {ms(9, 5), 0.5, 5},
		"the median of three is the middle":  {ms(9, 5, 7), 0.5, 7},
		"p95 of few values is the largest":   {ms(3, 1, 2), 0.95, 3},
		"p95 of a hundred leaves five above": {ms(hundred()...), 0.95, 95},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := quantile(tc.latencies, tc.q); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

func hundred() []int {
	var out []int
	for i := range 100 {
		out = append(out, 100-i)
	}
	return out
}

func TestProgress(t *testing.T) {
	tests := map[string]struct {
		terminal bool
		want     string
	}{
		"a file gets one line a step": {false, "assign users: 2 of 2\n"},
		"a terminal gets a bar that is drawn again": {true, strings.Join([]string{
			"\rassign users                         [..............................] 0/2",
			"\rassign users                         [###############...............] 1/2",
			"\rassign users                         [##############################] 2/2\n",
		}, "")},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			p := &Progress{Out: &out, Terminal: tc.terminal}
			p.Start("assign users", 2)
			p.Done()
			p.Done()
			p.End()
			if diff := cmp.Diff(tc.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
