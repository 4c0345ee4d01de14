// Command vulncheck runs a command that needs the Go vulnerability database, such as govulncheck, and says so where that
// does not answer, instead of waiting for it:
//
//	go run ./hack/vulncheck [-optional] COMMAND [ARGUMENT...]
//
// GOVULNDB is the database's address, as for govulncheck. It exits with the command's exit code. Where nothing was checked,
// that is 1, or with -optional 0.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

const (
	defaultDatabase = "https://vuln.go.dev"
	// patience is for one small file.
	patience = 20 * time.Second
)

func main() {
	optional := flag.Bool("optional", false, "succeed where the database does not answer")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: vulncheck [-optional] COMMAND [ARGUMENT...]")
		os.Exit(2)
	}
	os.Exit(run(context.Background(), cmp.Or(os.Getenv("GOVULNDB"), defaultDatabase), *optional, os.Stdout, flag.Args()...))
}

func run(ctx context.Context, database string, optional bool, out io.Writer, command ...string) int {
	if err := answers(ctx, database); err != nil {
		fmt.Fprintf(out, "vulncheck: NOT CHECKED for known vulnerabilities: the database %s does not answer here (%v). "+
			"Run `make vulncheck` where it does, or set GOVULNDB to a copy of it.\n", database, err)
		if optional {
			return 0
		}
		return 1
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(out, "vulncheck:", err)
		return 1
	}
	return 0
}

// answers asks for the file that every database has. A copy in files is there or not when it is read.
func answers(ctx context.Context, database string) error {
	if strings.HasPrefix(database, "file:") {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(database, "/")+"/index/db.json", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it says %s", response.Status)
	}
	return nil
}
