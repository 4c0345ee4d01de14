package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMappingIsBehindByTheAgeOfItsWork(t *testing.T) {
	began := time.Unix(1_800_000_000, 0)
	p := &pushing{world: &world{options: options{users: 100}}}
	for second, counts := range [][2]int64{{0, 0}, {10, 0}, {40, 10}, {70, 10}, {100, 40}, {100, 90}, {100, 100}} {
		p.note(counted{at: began.Add(time.Duration(second) * time.Second), users: counts[0], persons: counts[1]})
	}
	at := func(second int) time.Time { return began.Add(time.Duration(second) * time.Second) }
	if p.first != at(1) || p.answered != at(4) || p.mapped != at(6) {
		t.Errorf("first %s, answered %s, mapped %s", p.first, p.answered, p.mapped)
	}
	// When 10 Persons were there for the second time, 10 users had been there for two seconds; 40 and then 90 of 100 for two more.
	if p.behind != 2*time.Second {
		t.Errorf("behind by %s", p.behind)
	}
}

func TestWhatIsQuietOnceIsNotDone(t *testing.T) {
	var q quiet
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	for second, nothing := range []bool{true, true, true, false, true, true, true} {
		if q.seen(nothing, at(int64(second))) {
			t.Fatalf("done after %d seconds", second)
		}
	}
	if !q.seen(true, at(7)) || q.since != at(4) {
		t.Errorf("quiet since %s", q.since)
	}
}

func TestSamplesOfPrometheus(t *testing.T) {
	got, err := samples([]byte("# HELP x y\nx{group=\"a.b\",verb=\"PUT\",code=\"200\"} 3\nx{group=\"\",verb=\"GET\"} 4e+02\nup 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []sample{
		{"x", map[string]string{"group": "a.b", "verb": "PUT", "code": "200"}, 3}, {"x", map[string]string{"group": "", "verb": "GET"}, 400}, {"up", map[string]string{}, 1},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(sample{})); diff != "" {
		t.Error(diff)
	}
	if n := sum(got, "x", func(labels map[string]string) bool { return labels["verb"] == "PUT" }); n != 3 || sum(got, "x", nil) != 403 {
		t.Errorf("sums %v, %v", n, sum(got, "x", nil))
	}
}

func TestTheTableHasRatiosOfTwoBuilds(t *testing.T) {
	var one, other table
	one.add("rate", 30, "%.1f")
	one.took("start", 1500*time.Millisecond)
	one.add("new", 1, "%.0f")
	other.took("start", 3*time.Second)
	other.add("rate", 20, "%.1f")
	var out strings.Builder
	write(&out, []build{{name: "this build"}, {name: "beside"}}, []*table{&one, &other})
	want := "| What | this build | beside | ratio |\n|---|---|---|---|\n| rate | 30.0 | 20.0 | 1.50 |\n| start | 1.5s | 3s | 0.50 |\n| new | 1 | – | – |\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestMedianOfRounds(t *testing.T) {
	round := func(rate, behind float64) *table {
		return &table{rows: []row{{name: "rate", number: rate}, {name: "behind", number: behind}}}
	}
	middle := median([]*table{round(3, 10), round(1, 30), round(2, 20)})
	if want := []row{{name: "rate", number: 2}, {name: "behind", number: 20}}; !cmp.Equal(middle.rows, want, cmp.AllowUnexported(row{})) {
		t.Errorf("%v, want %v", middle.rows, want)
	}
}

func TestThePageHasItsRowsInItsOrder(t *testing.T) {
	measured := &table{}
	measured.add("first 100 users", 7, "%.0f")
	measured.add(largestGroup, 1000, "%.0f")
	measured.add(ofBareClients, 0.86, "%.2f")
	var text strings.Builder
	page(&text, measured)
	want := "\n| What | here | what others let clients send |\n|---|---|---|\n" +
		"| End to end, of the bare client's | 0.86 |  |\n| Largest group, members | 1000 | at most 8,000 in a PATCH to Miro |\n"
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Error(diff)
	}
}
