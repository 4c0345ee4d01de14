package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// attemptTimeout bounds one look, so that what hangs is named. The SCIM server ends its requests by then.
	attemptTimeout = 30 * time.Second
	// waitingAfter and waitingEvery are when a start that takes long says what it waits for.
	waitingAfter = 5 * time.Second
	waitingEvery = 15 * time.Second
)

// connection is what a SCIM client needs. connection.json holds it for scripts, readable by its owner only.
type connection struct {
	BaseURL    string `json:"baseURL"`
	Token      string `json:"token"`
	Kubeconfig string `json:"kubeconfig"`
	Namespace  string `json:"namespace"`

	secret string // the name of the Secret that the token is from
}

func (c connection) write(path string) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the connection: %w", err)
	}
	// In one step, so that a script that waits for the file never reads half of it.
	file := path + ".new"
	if err := errors.Join(os.WriteFile(file, append(data, '\n'), 0o600), os.Chmod(file, 0o600), os.Rename(file, path)); err != nil {
		return fmt.Errorf("writing the connection: %w", err)
	}
	return nil
}

// waitConnected waits until the sample endpoint has a token, the SCIM server accepts it and rules are checked. It waits as
// long as the programs run, whose end ends ctx, and says what for: with tens of thousands of users a start takes minutes.
func (r *runner) waitConnected(ctx context.Context) (connection, error) {
	waiting := waitNotice{began: time.Now()}
	for {
		conn, err := r.tryConnect(ctx)
		if err == nil {
			return conn, nil
		}
		if waited, due := waiting.due(time.Now(), err.Error()); due {
			fmt.Fprintf(r.out, "dev: waiting for the SCIM endpoint, %s so far: %v%s\n", waited.Round(time.Second), err, r.operatorState())
		}
		select {
		case <-ctx.Done():
			return connection{}, fmt.Errorf("the SCIM endpoint is not ready: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// waitNotice decides when to say what is waited for.
type waitNotice struct {
	began, said time.Time
	told        string
}

// due reports whether the problem is to be told now: after a while, when it is another one, and from time to time.
func (w *waitNotice) due(now time.Time, problem string) (waited time.Duration, due bool) {
	waited = now.Sub(w.began)
	if waited < waitingAfter || problem == w.told && now.Sub(w.said) < waitingEvery {
		return waited, false
	}
	w.said, w.told = now, problem
	return waited, true
}

func (r *runner) tryConnect(ctx context.Context) (connection, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	conn, err := r.connect(ctx)
	if err != nil {
		return connection{}, err
	}
	return conn, r.checkWebhook(ctx)
}

// operatorState tells whether the operator advances: how long it has computed.
func (r *runner) operatorState() string {
	if r.operator == nil {
		return ""
	}
	return fmt.Sprintf(" (the operator has used %s of CPU; its log is %s)", r.operator.CPUTime().Round(time.Second), r.operator.LogFile)
}

// followToken keeps connection.json up to date when the token is rotated or its
// Secret is made anew.
func (r *runner) followToken(ctx context.Context, known connection) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		// While something is restarting, the connection that is known stays. The server is
		// asked only about a new token: its log and the endpoint's last request are the client's.
		conn, err := r.readConnection(ctx)
		if err != nil || conn.Token == known.Token || conn.probe(ctx) != nil {
			continue
		}
		if err := conn.write(r.connectionFile()); err != nil {
			fmt.Fprintf(r.out, "dev: the new token is not in %s: %v\n", r.connectionFile(), err)
			continue
		}
		known = conn
		fmt.Fprintf(r.out, "dev: the token has changed; %s has the new one\n", r.connectionFile())
	}
}

// connect finds the connection and makes sure that it works.
func (r *runner) connect(ctx context.Context) (connection, error) {
	conn, err := r.readConnection(ctx)
	if err != nil {
		return connection{}, err
	}
	return conn, conn.probe(ctx)
}

func (r *runner) readConnection(ctx context.Context) (connection, error) {
	endpoint, err := r.sample(ctx)
	if err != nil {
		return connection{}, err
	}
	if endpoint == nil {
		return connection{}, fmt.Errorf("namespace %s has no ScimEndpoint: config/samples should hold one", r.opts.namespace)
	}
	if endpoint.Status.TokenSecretName == "" {
		return connection{}, fmt.Errorf("ScimEndpoint %s has no status.tokenSecretName", endpoint.Name)
	}
	conn := connection{
		BaseURL:    r.baseURL(),
		Kubeconfig: r.kubeconfig(),
		Namespace:  r.opts.namespace,
		secret:     endpoint.Status.TokenSecretName,
	}
	var secret corev1.Secret
	if err := r.client.Get(ctx, client.ObjectKey{Namespace: conn.Namespace, Name: conn.secret}, &secret); err != nil {
		return connection{}, fmt.Errorf("reading the token's Secret: %w", err)
	}
	conn.Token = string(secret.Data[v1alpha1.SecretKeyToken])
	if conn.Token == "" {
		return connection{}, fmt.Errorf("Secret %s has no key %q", conn.secret, v1alpha1.SecretKeyToken)
	}
	return conn, nil
}

// sample returns the ScimEndpoint that is there from the start: a later one may have a token that only reads, or that nobody
// here knows. It is nil if there is none.
func (r *runner) sample(ctx context.Context) (*v1alpha1.ScimEndpoint, error) {
	var endpoints v1alpha1.ScimEndpointList
	if err := r.client.List(ctx, &endpoints, client.InNamespace(r.opts.namespace)); err != nil {
		return nil, fmt.Errorf("listing ScimEndpoints: %w", err)
	}
	var first *v1alpha1.ScimEndpoint
	for i := range endpoints.Items {
		if first == nil || endpoints.Items[i].CreationTimestamp.Before(&first.CreationTimestamp) {
			first = &endpoints.Items[i]
		}
	}
	return first, nil
}

// nameAddress gives the sample endpoint the address that it has on this machine, so that status.refusals tells of requests
// that name nobody. Later starts only follow the port: what the user has made of it stays.
func (r *runner) nameAddress(ctx context.Context, fresh bool) error {
	endpoint, err := r.sample(ctx)
	if err != nil || endpoint == nil {
		return err
	}
	known := endpoint.Spec.PublicURL
	ours := strings.HasPrefix(known, localBase) && strings.HasSuffix(known, basePath)
	if known == r.baseURL() || !ours && (known != "" || !fresh) {
		return nil
	}
	before := endpoint.DeepCopy()
	endpoint.Spec.PublicURL = r.baseURL()
	if err := r.client.Patch(ctx, endpoint, client.MergeFrom(before), client.FieldOwner(fieldManager)); err != nil {
		return fmt.Errorf("setting publicURL of ScimEndpoint %s: %w", endpoint.Name, err)
	}
	return nil
}

const (
	localBase = "http://127.0.0.1:"
	basePath  = "/scim/v2"
)

func (r *runner) baseURL() string { return localBase + strconv.Itoa(r.opts.scimPort) + basePath }

// probe makes an authenticated request, which shows that the server is up and knows the token.
func (c connection) probe(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.BaseURL+"/Users?count=0", nil)
	if err != nil {
		return fmt.Errorf("making a SCIM request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("asking the SCIM server: %w", err)
	}
	if err := response.Body.Close(); err != nil {
		return fmt.Errorf("asking the SCIM server: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return errors.New("the SCIM server answered " + response.Status)
	}
	return nil
}

func newClient(cfg *rest.Config) (client.Client, error) {
	if err := v1alpha1.AddToScheme(scheme.Scheme); err != nil {
		return nil, fmt.Errorf("building the scheme: %w", err)
	}
	c, err := client.New(cfg, client.Options{})
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return c, nil
}

func (r *runner) print(conn connection) {
	kubectl := r.kubectl()
	fmt.Fprintf(r.out, `
SCIM base URL   %s
Bearer token    %s -n %s get secret %s -o jsonpath='{.data.token}' | base64 -d
Kubernetes      export KUBECONFIG=%s
Logs            %s

Try, in another terminal:
  make demo
  %s get scimusers,persons
  curl -s -H "Authorization: Bearer $(%s get secret %s -o jsonpath='{.data.token}' | base64 -d)" %s/Users

`, conn.BaseURL, kubectl, conn.Namespace, conn.secret, conn.Kubeconfig, filepath.Join(r.data, "logs"),
		kubectl, kubectl, conn.secret, conn.BaseURL)
}

func (r *runner) printWithoutOperator() {
	fmt.Fprintf(r.out, "\nKubernetes      export KUBECONFIG=%s\nOperator        KUBECONFIG=%s go run .", r.kubeconfig(), r.operatorKubeconfig())
	for _, arg := range r.operatorArgs() {
		fmt.Fprintf(r.out, " %s", arg)
	}
	fmt.Fprint(r.out, "\n\n")
}

// kubectl is the one on the PATH, or else the one built with the control plane.
func (r *runner) kubectl() string {
	if _, err := exec.LookPath("kubectl"); err == nil {
		return "kubectl"
	}
	path := filepath.Join(r.binaries, "kubectl")
	if relative, err := filepath.Rel(r.root, path); err == nil {
		return relative
	}
	return path
}
