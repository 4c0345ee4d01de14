package world

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// Attempt is what the simulated Okta tells of each HTTP request.
type Attempt struct {
	At      time.Time     `json:"at"`
	Elapsed time.Duration `json:"elapsed"`
	Method  string        `json:"method"`
	Path    string        `json:"path"`
	Status  int           `json:"status"`
	Error   string        `json:"error"`
}

// Failed tells that a user of Okta might have noticed: there was no answer, or one that asks to come again.
func (a Attempt) Failed() bool {
	return a.Error != "" || a.Status >= http.StatusInternalServerError || a.Status == http.StatusTooManyRequests
}

// End is when the answer was there.
func (a Attempt) End() time.Time { return a.At.Add(a.Elapsed) }

// Load is simulated Okta, one for each tenant, again and again until it is told to stop.
// Every run checks all answers, and at its end the custom resources, against its own model.
type Load struct {
	world   *World
	folder  string
	stop    chan struct{}
	workers sync.WaitGroup

	mu       sync.Mutex
	problems []string
}

// StartLoad keeps what Okta told in a folder of this name among the results. The load ends with the spec at the latest.
func (w *World) StartLoad(ctx context.Context, name string, tenants ...*Tenant) *Load {
	GinkgoHelper()
	ctx, cancel := context.WithCancel(ctx)
	DeferCleanup(cancel)
	l := &Load{world: w, folder: filepath.Join(w.Results, "oktasim", strings.ReplaceAll(name, " ", "-")), stop: make(chan struct{})}
	Expect(os.RemoveAll(l.folder)).To(Succeed())
	Expect(os.MkdirAll(l.folder, 0o755)).To(Succeed())
	for _, t := range tenants {
		l.workers.Go(func() { l.repeat(ctx, t) })
	}
	return l
}

func (l *Load) repeat(ctx context.Context, t *Tenant) {
	for run := 0; ctx.Err() == nil; run++ {
		select {
		case <-l.stop:
			return
		default:
		}
		var output bytes.Buffer
		file := filepath.Join(l.folder, fmt.Sprintf("%s-%d", t.Namespace, run))
		command := exec.CommandContext(ctx, l.world.Oktasim, "-connection", t.Connection, "-attempts", file+".jsonl",
			"-users", "20", "-groups", "4", "-workers", "2",
			"-demo", "-settle-for", "1m", "-converge-for", "3m", "-retry-for", "3m")
		command.Dir = l.world.Root
		command.Stdout, command.Stderr = &output, &output
		err := command.Run()
		if writeErr := os.WriteFile(file+".log", output.Bytes(), 0o600); writeErr != nil && err == nil {
			err = writeErr
		}
		if err != nil && ctx.Err() == nil {
			l.mu.Lock()
			l.problems = append(l.problems, fmt.Sprintf("%v; %s.log ends with:\n%s", err, file, lastLines(output.String())))
			l.mu.Unlock()
			return
		}
	}
}

// UnderLoad does something while the simulated Okta works, and wants that to have noticed nothing.
func (w *World) UnderLoad(ctx context.Context, name string, tenant *Tenant, do func()) {
	GinkgoHelper()
	const enough = 100 // requests before and after
	load := w.StartLoad(ctx, name, tenant)
	load.Answered(enough)
	do()
	load.Answered(enough)
	attempts := load.Finish()
	AddReportEntry(name, len(attempts))
	for _, attempt := range attempts {
		Expect(attempt.Failed()).To(BeFalse(), "%+v", attempt)
	}
}

// lastLines are those below the simulated Okta's table, where it says which checks failed.
func lastLines(text string) string {
	const most = 60
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// attempts are all of them so far.
func (l *Load) attempts() ([]Attempt, error) {
	files, err := filepath.Glob(filepath.Join(l.folder, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	var all []Attempt
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(data)) {
			if !strings.HasSuffix(line, "\n") { // being written
				continue
			}
			var a Attempt
			if err := json.Unmarshal([]byte(line), &a); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			all = append(all, a)
		}
	}
	return all, nil
}

// Answered waits for so many more requests that get their answer.
func (l *Load) Answered(number int) {
	GinkgoHelper()
	begin := time.Now()
	Eventually(func() (int, error) {
		all, err := l.attempts()
		count := 0
		for _, a := range all {
			if a.At.After(begin) && !a.Failed() {
				count++
			}
		}
		if problems := l.broken(); problems != "" {
			return 0, StopTrying(problems)
		}
		return count, err
	}).Should(BeNumerically(">=", number))
}

func (l *Load) broken() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.problems, "\n")
}

// Finish lets the runs that are under way come to their end, judges all of them, and returns every request.
func (l *Load) Finish() []Attempt {
	GinkgoHelper()
	close(l.stop)
	done := make(chan struct{})
	go func() {
		l.workers.Wait()
		close(done)
	}()
	Eventually(done).WithTimeout(10 * time.Minute).Should(BeClosed())
	Expect(l.broken()).To(BeEmpty())
	all, err := l.attempts()
	Expect(err).NotTo(HaveOccurred())
	return all
}
