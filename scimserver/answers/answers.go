// Package answers is "manager answers": it asks a SCIM server whether it answers, as `helm test` does, from an image that has no
// other program.
package answers

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"time"
)

// Exit codes of Run.
const (
	// ExitOK says that the server answers.
	ExitOK = 0
	// ExitSilent says that it does not.
	ExitSilent = 1
	// ExitError says that it was not asked.
	ExitError = 2
)

const (
	usage = `Usage: manager answers [flags]

Asks a SCIM server for its ServiceProviderConfig, which needs no token, until it answers. In a pod it finds Service scim-operator by
the environment, without DNS.

`
	path   = "/scim/v2/ServiceProviderConfig"
	schema = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	// again is how long after an attempt the next one is made.
	again = time.Second
	// patience is how long an attempt may take: one that has come to a pod that goes is answered by nobody.
	patience = 5 * time.Second
	// maxAnswer is how much of an answer is read, in bytes. The configuration is far smaller.
	maxAnswer = 1 << 20
)

// Run carries out the arguments after "manager answers" and returns the exit code.
func Run(ctx context.Context, args []string, out, errOut io.Writer) int {
	flags := flag.NewFlagSet("manager answers", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.Usage = func() { fmt.Fprint(errOut, usage); flags.PrintDefaults() }
	address := flags.String("address", service(), "host and port of the server; unset: those of Service scim-operator")
	encrypted := flags.Bool("tls", false, "over TLS; whose certificate it is does not matter, since nothing secret is sent")
	timeout := flags.Duration("timeout", time.Minute, "how long to wait for the answer")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return ExitOK
	case err != nil:
		return ExitError
	case *address == "":
		fmt.Fprintln(errOut, "manager answers: no server: set --address, or run in a pod that was made after Service scim-operator, in its namespace")
		return ExitError
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	url := "http://" + *address + path
	if *encrypted {
		url = "https://" + *address + path
	}
	if err := await(ctx, url); err != nil {
		fmt.Fprintf(errOut, "manager answers: no answer from %s in %s: %v\n", url, *timeout, err)
		return ExitSilent
	}
	fmt.Fprintln(out, "answered:", url)
	return ExitOK
}

// service is the address of Service scim-operator, of which Kubernetes tells the pods of its namespace; empty: none.
func service() string {
	host, port := os.Getenv("SCIM_OPERATOR_SERVICE_HOST"), os.Getenv("SCIM_OPERATOR_SERVICE_PORT")
	if host == "" || port == "" {
		return ""
	}
	return net.JoinHostPort(host, port)
}

// await asks until there is an answer, and returns why the last attempt failed when there is no more time.
func await(ctx context.Context, url string) error {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // Asks whether, not who.
	client := &http.Client{Transport: transport, Timeout: patience}
	defer client.CloseIdleConnections()
	for {
		err := ask(ctx, client, url)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(again):
		}
	}
}

func ask(ctx context.Context, client *http.Client, url string) (err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the status is %s", response.Status)
	}
	var answer struct {
		Schemas []string `json:"schemas"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&answer); err != nil || !slices.Contains(answer.Schemas, schema) {
		return errors.New("what answers is no SCIM server")
	}
	return nil
}
