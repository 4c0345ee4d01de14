package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// connection is what the dev runner writes, and the simulated Okta reads.
type connection struct {
	BaseURL    string `json:"baseURL"`
	Token      string `json:"token"`
	Kubeconfig string `json:"kubeconfig"`
	Namespace  string `json:"namespace"`
}

func readConnection(path string) (connection, error) {
	var c connection
	data, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("read the connection (is \"make run\" up?): %w", err)
	}
	return c, json.Unmarshal(data, &c)
}

// tenant is the one that wants to be left in peace.
type tenant struct {
	connection
	cluster   client.Client
	folder    string
	simulator string
}

// newTenant makes a namespace with an endpoint and the rules of the other one.
func newTenant(ctx context.Context, beside connection) (*tenant, error) {
	config, err := clientcmd.BuildConfigFromFlags("", beside.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	scheme, err := kube.NewScheme()
	if err != nil {
		return nil, err
	}
	t := &tenant{connection: beside}
	if t.cluster, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "fairness-"}}
	if err := t.cluster.Create(ctx, namespace); err != nil {
		return nil, fmt.Errorf("make the tenant: %w", err)
	}
	t.Namespace = namespace.Name
	if err := t.copyRules(ctx, beside.Namespace); err != nil {
		return nil, err
	}
	if err := t.connect(ctx); err != nil {
		return nil, err
	}
	if t.folder, err = os.MkdirTemp("", "fairness-"); err != nil {
		return nil, err
	}
	t.simulator = filepath.Join(t.folder, "oktasim")
	build := exec.CommandContext(ctx, "go", "build", "-o", t.simulator, "./hack/oktasim")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build the simulated Okta: %w", err)
	}
	data, err := json.Marshal(t.connection)
	if err != nil {
		return nil, err
	}
	return t, os.WriteFile(filepath.Join(t.folder, "connection.json"), data, 0o600)
}

func (t *tenant) close() { _ = os.RemoveAll(t.folder) }

func (t *tenant) copyRules(ctx context.Context, from string) error {
	var rules v1alpha1.AutomationRuleList
	if err := t.cluster.List(ctx, &rules, client.InNamespace(from)); err != nil {
		return fmt.Errorf("list rules: %w", err)
	}
	for _, rule := range rules.Items {
		own := &v1alpha1.AutomationRule{ObjectMeta: metav1.ObjectMeta{Namespace: t.Namespace, Name: rule.Name}, Spec: rule.Spec}
		if err := t.cluster.Create(ctx, own); err != nil {
			return fmt.Errorf("copy a rule: %w", err)
		}
	}
	return nil
}

// connect makes the endpoint and waits for its token.
func (t *tenant) connect(ctx context.Context) error {
	endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: t.Namespace, Name: "okta"}}
	// The simulated Okta deactivates a third of all users at once.
	endpoint.Spec.Safety.Disabled = true
	if err := t.cluster.Create(ctx, endpoint); err != nil {
		return fmt.Errorf("make the endpoint: %w", err)
	}
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		secret := &corev1.Secret{}
		if err := t.cluster.Get(ctx, client.ObjectKey{Namespace: t.Namespace, Name: "okta-token"}, secret); err != nil {
			return false, client.IgnoreNotFound(err)
		}
		t.Token = string(secret.Data[v1alpha1.SecretKeyToken])
		status, _, err := t.do(ctx, http.MethodGet, "/Users?count=0", "")
		return status == http.StatusOK, err
	})
}

// simulate runs the simulated Okta again and again for the time, and returns how long each answer took.
func (t *tenant) simulate(ctx context.Context, users int, duration time.Duration) (durations, error) {
	var all durations
	for end := time.Now().Add(duration); time.Now().Before(end); {
		attempts := filepath.Join(t.folder, "attempts")
		command := exec.CommandContext(ctx, t.simulator, "-connection", filepath.Join(t.folder, "connection.json"), "-attempts", attempts,
			"-users", fmt.Sprint(users), "-groups", "4", "-workers", "4", "-organizations=")
		if output, err := command.CombinedOutput(); err != nil {
			return all, fmt.Errorf("the simulated Okta: %w\n%s", err, output)
		}
		file, err := os.Open(attempts)
		if err != nil {
			return all, err
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			var attempt struct {
				Elapsed time.Duration `json:"elapsed"`
			}
			if err := json.Unmarshal(lines.Bytes(), &attempt); err != nil {
				return all, errors.Join(err, file.Close())
			}
			all = append(all, attempt.Elapsed)
		}
		if err := errors.Join(lines.Err(), file.Close()); err != nil {
			return all, err
		}
	}
	return all, nil
}

// pushUsers creates one user after the other and returns how long each waited for its Person.
func (t *tenant) pushUsers(ctx context.Context) durations {
	var all durations
	for ctx.Err() == nil {
		began := time.Now()
		status, answer, err := t.do(ctx, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q,"displayName":"Jane Roe"}`, unique("jane")))
		var made resource
		if err != nil || status != http.StatusCreated || json.Unmarshal(answer, &made) != nil {
			_ = pause(ctx)
			continue
		}
		err = wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, func(ctx context.Context) (bool, error) {
			user := &v1alpha1.ScimUser{}
			err := t.cluster.Get(ctx, client.ObjectKey{Namespace: t.Namespace, Name: made.ID}, user)
			return err == nil && meta.IsStatusConditionTrue(user.Status.Conditions, v1alpha1.ConditionReady), err
		})
		if err == nil {
			all = append(all, time.Since(began))
		}
		_ = pause(ctx)
	}
	return all
}

// process is what the operator's process used.
type process struct {
	memory float64
	cpu    time.Duration
}

// watchProcess follows the operator's metrics until the context ends.
func watchProcess(ctx context.Context, url string) <-chan process {
	watched := make(chan process, 1)
	go func() {
		var found process
		first := math.NaN()
		_ = wait.PollUntilContextCancel(ctx, 250*time.Millisecond, true, func(ctx context.Context) (bool, error) {
			memory, cpu, err := scrape(ctx, url)
			if err != nil {
				fmt.Fprintln(os.Stderr, "fairness: the operator's metrics:", err)
				return false, nil // the next look may succeed
			}
			if math.IsNaN(first) {
				first = cpu
			}
			found.memory, found.cpu = max(found.memory, memory), time.Duration((cpu-first)*float64(time.Second))
			return false, nil
		})
		watched <- found
	}()
	return watched
}

func scrape(ctx context.Context, url string) (memory, cpu float64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, 0, err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case "process_resident_memory_bytes":
			memory, err = strconv.ParseFloat(value, 64)
		case "process_cpu_seconds_total":
			cpu, err = strconv.ParseFloat(value, 64)
		}
		if err != nil {
			return 0, 0, fmt.Errorf("read %s: %w", name, err)
		}
	}
	return memory, cpu, lines.Err()
}

// durations are how long things took.
type durations []time.Duration

func (d durations) quantile(q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func unique(name string) string { return name + "-" + uuid.NewString() + "@hostile.example" }

// pause waits a moment before the next try.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(100 * time.Millisecond):
		return nil
	}
}
