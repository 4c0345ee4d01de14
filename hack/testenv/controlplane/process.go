package controlplane

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a child program that cannot outlive the process that started it.
type Process struct {
	Name    string
	LogFile string

	cmd     *exec.Cmd
	done    chan struct{}
	exitErr error // valid once done is closed
}

// StartProcess starts a program whose output goes to the file <logDir>/<name>.log, which is begun anew. env is added to
// this process's environment.
//
// The child is a process group of its own, so that Ctrl-C reaches only the parent, which stops its children in order. The
// kernel kills the child when the parent dies.
func StartProcess(name, logDir, path string, args, env []string) (*Process, error) {
	logFile := filepath.Join(logDir, name+".log")
	log, err := os.Create(logFile)
	if err != nil {
		return nil, fmt.Errorf("making the log of %s: %w", name, err)
	}
	cmd := exec.Command(path, args...) //nolint:noctx // it lives until Stop, not as long as one call
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	process := &Process{Name: name, LogFile: logFile, cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Linux sends the death signal when the thread that started the child ends, so that thread waits for the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() { _ = log.Close() }() // the child has its own descriptor
		err := cmd.Start()
		started <- err
		if err == nil {
			process.exitErr = cmd.Wait()
			close(process.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return process, nil
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// PID is the program's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// ExitError says how a program ended that should have kept running. Call it after Done.
func (p *Process) ExitError() error {
	how := "it exited with status 0"
	if p.exitErr != nil {
		how = p.exitErr.Error()
	}
	return fmt.Errorf("%s ended unexpectedly (%s); its log is %s, and ends with:\n%s", p.Name, how, p.LogFile, p.LogTail())
}

// Stop asks the program to end, and kills it and what it started when it has not ended after grace.
func (p *Process) Stop(grace time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			return nil
		}
		return fmt.Errorf("stopping %s: %w", p.Name, err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(grace):
	}
	if err := syscall.Kill(-p.PID(), syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("killing %s: %w", p.Name, err)
	}
	<-p.done
	return nil
}

// LogTail returns the last lines of the log, enough to see why a program gave up.
func (p *Process) LogTail() string {
	const lines = 12
	data, err := os.ReadFile(p.LogFile)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// logSize is how many bytes the program has written to its log; 0 when that is not known.
func (p *Process) logSize() int64 {
	info, err := os.Stat(p.LogFile)
	if err != nil {
		return 0
	}
	return info.Size()
}

// ticksPerSecond is the unit of CPU times in /proc, the same on every Linux that Go runs on.
const ticksPerSecond = 100

// CPUTime is how long the program has computed so far; 0 when that is not known.
func (p *Process) CPUTime() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		return 0
	}
	// The second field is the program's name in brackets; 14 and 15 are the times of the program and of the kernel for it.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const user, kernel = 14 - 3, 15 - 3
	if len(fields) <= kernel {
		return 0
	}
	ticks := 0
	for _, field := range fields[user : kernel+1] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond
}
