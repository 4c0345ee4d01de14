package controlplane

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// parentEnv makes the test binary act as a parent that starts a child and waits to be killed.
const parentEnv = "CONTROLPLANE_TEST_PARENT_LOGS"

func TestMain(m *testing.M) {
	logs := os.Getenv(parentEnv)
	if logs == "" {
		os.Exit(m.Run())
	}
	child, err := StartProcess("child", logs, "sleep", []string{"600"}, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(child.PID())
	<-child.Done()
}

func TestAChildEndsWithAKilledParent(t *testing.T) {
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), parentEnv+"="+t.TempDir())
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := parent.Wait(); err == nil {
		t.Fatal("the parent ended by itself, so the test shows nothing")
	}
	waitFor(t, fmt.Sprintf("child %d to end", pid), func() bool { return hasEnded(t, pid) })
}

func TestStop(t *testing.T) {
	tests := map[string]string{
		"ends a program that obeys":      "echo ready; exec sleep 600",
		"kills a program that refuses":   "trap '' TERM; echo ready; while :; do sleep 600 & wait; done",
		"accepts one that ended already": "echo ready",
	}
	for name, script := range tests {
		t.Run(name, func(t *testing.T) {
			process, err := StartProcess("program", t.TempDir(), "sh", []string{"-c", script}, nil)
			if err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the program to be ready", func() bool { return process.LogTail() == "ready" })
			if err := process.Stop(100 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
			<-process.Done()
		})
	}
}

func TestExitErrorTellsProgramLogAndReason(t *testing.T) {
	process, err := StartProcess("program", t.TempDir(), "sh", []string{"-c", "echo disk is full; exit 3"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	<-process.Done()
	message := process.ExitError().Error()
	for _, want := range []string{"program", "exit status 3", process.LogFile, "disk is full"} {
		if !strings.Contains(message, want) {
			t.Errorf("%q is missing in %q", want, message)
		}
	}
}

func TestStartProcessReportsAMissingProgram(t *testing.T) {
	if _, err := StartProcess("program", t.TempDir(), "/does/not/exist", nil, nil); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
}

// hasEnded says whether a process is gone or only waits to be collected.
func hasEnded(t *testing.T, pid int) bool {
	t.Helper()
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) {
		return true
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(stat), ") Z ")
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	timeout := time.After(5 * time.Minute) // a hang, however busy the machine is
	for !condition() {
		select {
		case <-timeout:
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// running starts a shell script and stops it at the end of the test.
func running(t *testing.T, script string) *Process {
	t.Helper()
	process, err := StartProcess("program", t.TempDir(), "sh", []string{"-c", script}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Stop(0); err != nil {
			t.Error(err)
		}
	})
	return process
}

func TestAStartIsWaitedForAsLongAsItAdvances(t *testing.T) {
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		script string
		// attempts are the answers of the probe; the last one is repeated.
		attempts []error
		stall    time.Duration
		want     string
	}{
		"a program that becomes ready": {"sleep 600", []error{refused, refused, nil}, time.Hour, ""},
		"a program that ends":          {"echo broken; exit 3", []error{refused}, time.Hour, "program ended unexpectedly (exit status 3)"},
		"a program that is silent": {"sleep 600", []error{refused}, 200 * time.Millisecond,
			"program is not ready and has done nothing for 200ms: refused"},
		"a program that answers something else first": {"sleep 600", []error{refused, errors.New("503")}, 200 * time.Millisecond,
			"has done nothing for 200ms: 503"},
		"a program that was not looked at for longer": {"sleep 600", []error{refused, errors.New("503"), refused, nil}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tries := 0
			err := wait(t.Context(), running(t, c.script), c.stall, func() error {
				tries++
				return c.attempts[min(tries, len(c.attempts))-1]
			})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("after %d tries: %v", tries, err)
			}
		})
	}
}

func TestTheTimeThatAProgramHasComputedGrows(t *testing.T) {
	process := running(t, "while :; do :; done")
	waitFor(t, "the program to compute", func() bool { return process.CPUTime() >= 20*time.Millisecond })
}
