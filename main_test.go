package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
)

func startEnv(t *testing.T) *testenv.Env {
	t.Helper()
	env, err := testenv.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("KUBECONFIG", env.Kubeconfig)
	return env
}

func parse(t *testing.T, args ...string) options {
	t.Helper()
	var o options
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	o.bind(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	o.manager.SkipNameValidation = true
	return o
}

// freeAddress returns an address that was free a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func eventually(t *testing.T, what string, condition func() error) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

func status(ctx context.Context, url, token string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err == nil && w.StatusCode != http.StatusOK {
		err = errors.New(w.Status + ": " + string(body))
	}
	return err
}

func TestOperatorServesAnEndpointThatIsCreatedAndStopsCleanly(t *testing.T) {
	env := startEnv(t)
	namespace := env.Namespace(t.Context(), t)
	scimAddress, probeAddress, metricsAddress := freeAddress(t), freeAddress(t), freeAddress(t)
	o := parse(t, "--scim-bind-address="+scimAddress, "--health-probe-bind-address="+probeAddress, "--metrics-bind-address="+metricsAddress,
		"--namespace="+namespace, "--leader-election-namespace="+namespace)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, o, logr.Discard()) }()

	for _, probe := range []string{"/healthz", "/readyz"} {
		eventually(t, probe, func() error { return status(ctx, "http://"+probeAddress+probe, "") })
	}
	scheme, err := kube.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(env.Config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta"}}
	if err := c.Create(ctx, endpoint); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a request with the token that the controllers made", func() error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(endpoint), endpoint); err != nil {
			return err
		}
		secret := &corev1.Secret{}
		if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: endpoint.Status.TokenSecretName}, secret); err != nil {
			return err
		}
		return status(ctx, "http://"+scimAddress+"/scim/v2/Users", string(secret.Data[v1alpha1.SecretKeyToken]))
	})
	if err := status(ctx, "http://"+metricsAddress+"/metrics", ""); err != nil {
		t.Errorf("metrics: %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTakenAddressIsExplained(t *testing.T) {
	startEnv(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, name := range []string{"scim-bind-address", "metrics-bind-address", "health-probe-bind-address"} {
		t.Run(name, func(t *testing.T) {
			o := parse(t, "--scim-bind-address=127.0.0.1:0", "--metrics-bind-address=0", "--health-probe-bind-address=0",
				"--leader-elect=false", "--"+name+"="+taken.Addr().String())
			err := o.explain(run(t.Context(), o, logr.Discard()))
			if err == nil || !strings.Contains(err.Error(), taken.Addr().String()) || !strings.Contains(err.Error(), "--"+name) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestLogger(t *testing.T) {
	for name, test := range map[string]struct {
		level, format string
		wantOutput    string
		wantError     string
	}{
		"JSON":                  {"info", "json", `"msg":"hello"`, ""},
		"text":                  {"INFO", "text", `msg=hello`, ""},
		"an unknown level":      {"loud", "json", "", "--log-level"},
		"an unknown log format": {"info", "xml", "", "--log-format"},
	} {
		t.Run(name, func(t *testing.T) {
			var output bytes.Buffer
			logger, err := newLogger(&output, test.level, test.format)
			if test.wantError != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantError) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			logger.Info("hello")
			logger.V(1).Info("whisper")
			if got := output.String(); !strings.Contains(got, test.wantOutput) || strings.Contains(got, "whisper") {
				t.Errorf("got %s", got)
			}
		})
	}
}
