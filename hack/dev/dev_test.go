package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/manifests"
)

// listen takes a free port until the test ends.
func listen(t *testing.T) int {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

func TestATakenPortIsNamedWithItsFlag(t *testing.T) {
	taken := listen(t)
	tests := map[string]options{
		"scim-port":    {scimPort: taken},
		"probe-port":   {probePort: taken},
		"metrics-port": {metricsPort: taken},
		"webhook-port": {webhookPort: taken},
		"api-port":     {apiPort: taken},
		"etcd-port":    {etcdPort: taken},
	}
	for flag, opts := range tests {
		t.Run(flag, func(t *testing.T) {
			err := checkPorts(t.Context(), opts)
			if err == nil {
				t.Fatal("a taken port passed")
			}
			for _, want := range []string{fmt.Sprintf("port %d is not free", taken), "--" + flag + ":"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in %q", want, err)
				}
			}
		})
	}
	if err := checkPorts(t.Context(), options{}); err != nil { // port 0: any free one
		t.Errorf("free ports did not pass: %v", err)
	}
}

func TestASecondRunnerIsKeptAwayFromTheData(t *testing.T) {
	data := filepath.Join(t.TempDir(), "dev")
	release, err := lockData(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockData(data); err == nil || !strings.Contains(err.Error(), "another runner uses "+data) {
		t.Errorf("got %v", err)
	}
	release()
	release, err = lockData(data)
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func TestTheConnectionFileIsForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "connection.json")
	for _, earlier := range []string{path, path + ".new"} { // of a runner that was killed, or copied by hand
		if err := os.WriteFile(earlier, []byte("an earlier one that is longer than the new one, and open to all\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	conn := connection{BaseURL: "http://127.0.0.1:1/scim/v2", Token: "a-token", Kubeconfig: "k", Namespace: "n"}
	if err := conn.write(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v", info.Mode())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got connection
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got != conn {
		t.Errorf("read %+v, wrote %+v", got, conn)
	}
}

func TestWhatIsPrintedDoesNotHoldTheToken(t *testing.T) {
	var out strings.Builder
	r := &runner{out: &out, root: "/r", data: "/r/bin/dev", binaries: "/r/bin/cp"}
	r.print(connection{BaseURL: "http://127.0.0.1:1/scim/v2", Token: "a-token", Kubeconfig: "/r/k", Namespace: "n", secret: "s"})
	if strings.Contains(out.String(), "a-token") {
		t.Error("the token is printed")
	}
	for _, want := range []string{"http://127.0.0.1:1/scim/v2", "export KUBECONFIG=/r/k", "-n n get secret s ", "make demo"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in what is printed:\n%s", want, out.String())
		}
	}
}

func TestTheConnectionOfAKilledRunnerIsRemovedAtTheStart(t *testing.T) {
	data := t.TempDir()
	r := &runner{data: data, out: io.Discard}
	if err := os.WriteFile(r.connectionFile(), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(assets.DirEnv, filepath.Join(data, "missing")) // so that the start ends here
	if err := r.run(t.Context()); err == nil {
		t.Fatal("started without programs")
	}
	if _, err := os.Stat(r.connectionFile()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the connection is still there: %v", err)
	}
}

func TestTheWebhookOfTheConfigurationIsCalledOnThisMachine(t *testing.T) {
	root, err := assets.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	objects, err := manifests.Read(filepath.Join(root, "config", "webhook"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, object := range objects {
		if object.GetKind() != webhookKind {
			continue
		}
		found++
		if err := onThisMachine(object, 1234); err != nil {
			t.Fatal(err)
		}
		webhooks, _, err := unstructured.NestedSlice(object.Object, "webhooks")
		if err != nil || len(webhooks) != 1 {
			t.Fatalf("webhooks %v, error %v", webhooks, err)
		}
		webhook := webhooks[0].(map[string]any)
		want := map[string]any{"url": "https://127.0.0.1:1234"}
		if diff := cmp.Diff(want, webhook["clientConfig"]); diff != "" {
			t.Error(diff)
		}
		if webhook["failurePolicy"] != "Ignore" {
			t.Errorf("failurePolicy %v would keep rules from being applied before the operator runs", webhook["failurePolicy"])
		}
	}
	if found != 1 {
		t.Errorf("%d configurations", found)
	}
}

func TestALongStartSaysWhatItWaitsFor(t *testing.T) {
	began := time.Now()
	w := waitNotice{began: began}
	var told []string
	for second := range 40 {
		problem := "there is no endpoint"
		if second >= 12 {
			problem = "the server does not answer"
		}
		if waited, due := w.due(began.Add(time.Duration(second)*time.Second), problem); due {
			told = append(told, fmt.Sprint(waited, " ", problem))
		}
	}
	want := []string{
		"5s there is no endpoint", "12s the server does not answer", "27s the server does not answer",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
}
