package cluster

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

	"rservice.dev/scim-operator/hack/e2e/world"
)

// attempt is what the simulated Okta tells of each HTTP request.
type attempt struct {
	At      time.Time     `json:"at"`
	Elapsed time.Duration `json:"elapsed"`
	Method  string        `json:"method"`
	Path    string        `json:"path"`
	Status  int           `json:"status"`
	Error   string        `json:"error"`
}

// failed tells that a user of Okta might have noticed: there was no answer, or one that asks to come again.
func (a attempt) failed() bool {
	return a.Error != "" || a.Status >= http.StatusInternalServerError || a.Status == http.StatusTooManyRequests
}

func (a attempt) end() time.Time { return a.At.Add(a.Elapsed) }

// load is simulated Okta, one for each tenant, again and again until it is told to stop.
// Every run checks all answers, and at its end the custom resources, against its own model.
type load struct {
	folder  string
	stop    chan struct{}
	workers sync.WaitGroup

	mu       sync.Mutex
	problems []string
}

// startLoad keeps what Okta told in a folder of this name among the results.
func startLoad(ctx context.Context, name string) *load {
	GinkgoHelper()
	l := &load{folder: filepath.Join(cluster.Results, "oktasim", strings.ReplaceAll(name, " ", "-")), stop: make(chan struct{})}
	Expect(os.RemoveAll(l.folder)).To(Succeed())
	Expect(os.MkdirAll(l.folder, 0o755)).To(Succeed())
	for _, t := range tenants {
		l.workers.Go(func() { l.repeat(ctx, t) })
	}
	return l
}

func (l *load) repeat(ctx context.Context, t *world.Tenant) {
	for run := 0; ctx.Err() == nil; run++ {
		select {
		case <-l.stop:
			return
		default:
		}
		var output bytes.Buffer
		file := filepath.Join(l.folder, fmt.Sprintf("%s-%d", t.Namespace, run))
		command := exec.CommandContext(ctx, cluster.Oktasim, "-connection", t.Connection, "-attempts", file+".jsonl",
			"-users", "20", "-groups", "4", "-workers", "2",
			"-demo", "-settle-for", "1m", "-converge-for", "3m", "-retry-for", "3m")
		command.Dir = cluster.Root
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

// lastLines are those below the simulated Okta's table, where it says which checks failed.
func lastLines(text string) string {
	const most = 60
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// attempts are all of them so far.
func (l *load) attempts() ([]attempt, error) {
	files, err := filepath.Glob(filepath.Join(l.folder, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	var all []attempt
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(data)) {
			if !strings.HasSuffix(line, "\n") { // being written
				continue
			}
			var a attempt
			if err := json.Unmarshal([]byte(line), &a); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			all = append(all, a)
		}
	}
	return all, nil
}

// answered waits for so many more requests that get their answer.
func (l *load) answered(number int) {
	GinkgoHelper()
	begin := time.Now()
	Eventually(func() (int, error) {
		all, err := l.attempts()
		count := 0
		for _, a := range all {
			if a.At.After(begin) && !a.failed() {
				count++
			}
		}
		if problems := l.broken(); problems != "" {
			return 0, StopTrying(problems)
		}
		return count, err
	}).Should(BeNumerically(">=", number))
}

func (l *load) broken() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.problems, "\n")
}

// finish lets the runs that are under way come to their end, and judges all of them.
func (l *load) finish() {
	GinkgoHelper()
	close(l.stop)
	done := make(chan struct{})
	go func() {
		l.workers.Wait()
		close(done)
	}()
	Eventually(done).WithTimeout(10 * time.Minute).Should(BeClosed())
	Expect(l.broken()).To(BeEmpty())
}
