// Package kine runs kine over a PostgreSQL server of its own, which an API server can store in in the place of etcd.
package kine

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
)

const (
	// role is the owner of the database, and its name.
	role      = "kine"
	stopGrace = 10 * time.Second
)

// Database is a PostgreSQL server and a kine in front of it. Everything listens on this machine only.
type Database struct {
	dir, programs, kine string
	postgres            *controlplane.Process
	// stopKine ends kine; nil while it is stopped.
	stopKine func(grace time.Duration) error
	port     int
	password string
	// name is that of the database that kine uses.
	name string
}

// Start starts both programs on an empty database, in a temporary folder, and builds kine first if it is missing; log gets
// the progress of that. It needs PostgreSQL's programs as Debian installs them.
func Start(ctx context.Context, log io.Writer) (*Database, error) {
	built, err := assets.EnsureKine(ctx, log)
	if err != nil {
		return nil, err
	}
	d := &Database{kine: filepath.Join(built, "kine"), password: rand.Text(), name: role}
	if d.programs, err = findPrograms(); err != nil {
		return nil, err
	}
	if d.port, err = controlplane.FreePort(ctx); err != nil {
		return nil, err
	}
	if d.dir, err = os.MkdirTemp("", "scim-kine-"); err != nil {
		return nil, fmt.Errorf("making the database's folder: %w", err)
	}
	if err := d.start(ctx); err != nil {
		return nil, errors.Join(err, d.Stop())
	}
	return d, nil
}

func (d *Database) start(ctx context.Context) error {
	if err := d.initialize(ctx); err != nil {
		return err
	}
	if err := d.StartPostgres(ctx); err != nil {
		return err
	}
	return d.StartKine(ctx)
}

// Endpoint is the address that kine serves etcd's protocol on: a socket in a folder that only this user enters.
func (d *Database) Endpoint() string { return "unix://" + d.socket() }

func (d *Database) socket() string { return filepath.Join(d.dir, "kine", "kine.sock") }

func (d *Database) data() string { return filepath.Join(d.dir, "data") }

// initialize makes the folders and an empty cluster of databases.
func (d *Database) initialize(ctx context.Context) error {
	// PostgreSQL's user has to get to its own folder, and no further.
	if err := errors.Join(os.Chmod(d.dir, 0o711), os.Mkdir(filepath.Dir(d.socket()), 0o700), os.Mkdir(d.data(), 0o700)); err != nil {
		return fmt.Errorf("making the database's folders: %w", err)
	}
	password := filepath.Join(d.dir, "password")
	if err := os.WriteFile(password, []byte(d.password), 0o600); err != nil {
		return fmt.Errorf("writing the database's password: %w", err)
	}
	for _, path := range []string{d.data(), password} {
		if err := giveToOwner(path); err != nil {
			return err
		}
	}
	_, err := d.run(ctx, nil, "initdb", "--pgdata="+d.data(), "--username="+role, "--auth=scram-sha-256", "--pwfile="+password,
		"--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	return err
}

// StartPostgres starts PostgreSQL, again after StopPostgres, and returns when it answers.
func (d *Database) StartPostgres(ctx context.Context) error {
	args := d.asOwner("postgres", "-D", d.data(), "-p", strconv.Itoa(d.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200")
	for {
		process, err := controlplane.StartProcess("postgres", d.dir, args[0], args[1:], nil)
		if err != nil {
			return err
		}
		err = d.awaitPostgres(ctx, process)
		if err == nil {
			d.postgres = process
			return nil
		}
		// Also another program may have got the port meanwhile, and keep it.
		if log, readErr := os.ReadFile(process.LogFile); ctx.Err() != nil || readErr != nil || !stillThere.Match(log) {
			return errors.Join(err, process.Stop(stopGrace))
		}
	}
}

// stillThere is what PostgreSQL says when it is started again after a SIGKILL, until the processes of its connections have
// ended, too.
var stillThere = regexp.MustCompile("pre-existing shared memory|lock file .* already exists|could not bind")

func (d *Database) awaitPostgres(ctx context.Context, process *controlplane.Process) error {
	return await(ctx, process, func() error {
		_, err := d.run(ctx, nil, "pg_isready", "--host=127.0.0.1", "--port="+strconv.Itoa(d.port))
		return err
	})
}

// await tries until there is no error, the program has ended or ctx is over.
func await(ctx context.Context, process *controlplane.Process, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-process.Done():
			return process.ExitError()
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w; its log ends with:\n%s", process.Name, err, process.LogTail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// StopPostgres ends PostgreSQL as a crash does, with SIGKILL.
func (d *Database) StopPostgres() error {
	process := d.postgres
	d.postgres = nil
	return process.Stop(0)
}

// StartKine starts kine, again after StopKine, and returns when it answers. From then on it is started again when it ends by
// itself, as a service manager does: it does when a connection is cut in the middle of a compaction.
func (d *Database) StartKine(ctx context.Context) error {
	process, err := d.runKine(ctx)
	if err != nil {
		return err
	}
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	last := make(chan *controlplane.Process, 1)
	go func() { last <- d.keepKine(keep, process) }()
	d.stopKine = func(grace time.Duration) error {
		stop()
		if process := <-last; process != nil {
			return process.Stop(grace)
		}
		return nil
	}
	return nil
}

// keepKine returns the kine that runs when ctx ends; nil if there is none.
func (d *Database) keepKine(ctx context.Context, process *controlplane.Process) *controlplane.Process {
	for {
		select {
		case <-ctx.Done():
			return process
		case <-process.Done():
		}
		for {
			next, err := d.runKine(ctx)
			if err == nil {
				process = next
				break
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

func (d *Database) runKine(ctx context.Context) (*controlplane.Process, error) {
	process, err := controlplane.StartProcess("kine", d.dir, d.kine, []string{
		"--listen-address=" + d.Endpoint(), "--metrics-bind-address=0", "--emulated-etcd-version=3.5.12",
		"--endpoint=postgres://" + role + "@127.0.0.1:" + strconv.Itoa(d.port) + "/" + d.name + "?sslmode=disable",
	}, []string{"PGPASSWORD=" + d.password})
	if err != nil {
		return nil, err
	}
	err = await(ctx, process, func() error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", d.socket())
		if err != nil {
			return err
		}
		return conn.Close()
	})
	if err != nil {
		return nil, errors.Join(err, process.Stop(stopGrace))
	}
	return process, nil
}

// StopKine ends kine, and kills it when it has not ended after grace.
func (d *Database) StopKine(grace time.Duration) error {
	stop := d.stopKine
	d.stopKine = nil
	return stop(grace)
}

// Dump writes the database into a file, as pg_dump does.
func (d *Database) Dump(ctx context.Context, file string) error {
	dump, err := d.client(ctx, "pg_dump", "--format=custom", d.name)
	if err != nil {
		return err
	}
	return os.WriteFile(file, dump, 0o600)
}

// Restore reads such a file into a new database of that name, which kine uses from its next start on.
func (d *Database) Restore(ctx context.Context, file, name string) error {
	dump, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = dump.Close() }() // it was only read
	if _, err := d.client(ctx, "createdb", name); err != nil {
		return err
	}
	_, err = d.run(ctx, dump, "pg_restore", append(d.connection(), "--exit-on-error", "--dbname="+name)...)
	d.name = name
	return err
}

// Query returns what the database answers to a statement.
func (d *Database) Query(ctx context.Context, statement string) (string, error) {
	answer, err := d.client(ctx, "psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command="+statement, d.name)
	return strings.TrimSpace(string(answer)), err
}

func (d *Database) connection() []string {
	return []string{"--host=127.0.0.1", "--port=" + strconv.Itoa(d.port), "--username=" + role}
}

func (d *Database) client(ctx context.Context, program string, args ...string) ([]byte, error) {
	return d.run(ctx, nil, program, append(d.connection(), args...)...)
}

// run runs one of PostgreSQL's programs to its end and returns what it printed.
func (d *Database) run(ctx context.Context, input io.Reader, program string, args ...string) ([]byte, error) {
	argv := d.asOwner(program, args...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+d.password)
	var problems bytes.Buffer
	cmd.Stdin, cmd.Stderr, cmd.Dir = input, &problems, "/"
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s%s", program, err, output, problems.Bytes())
	}
	return output, nil
}

// Stop ends both programs and removes their folder.
func (d *Database) Stop() error {
	var errs []error
	if d.stopKine != nil {
		errs = append(errs, d.StopKine(stopGrace))
	}
	if d.postgres != nil {
		errs = append(errs, d.postgres.Stop(stopGrace))
	}
	return errors.Join(append(errs, os.RemoveAll(d.dir))...)
}

// findPrograms returns the folder of the newest PostgreSQL on this machine.
func findPrograms() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("there is no PostgreSQL in /usr/lib/postgresql: install it, on Debian by `apt-get install postgresql` (%w)",
			errors.Join(err, os.ErrNotExist))
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

// version is the number in /usr/lib/postgresql/15/bin/postgres; 0 for what is none.
func version(program string) int {
	number, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(program))))
	return number
}
