// Package testenv gives tests a real Kubernetes control plane: etcd, kube-apiserver and kube-controller-manager (garbage
// collection, namespace deletion), with the project's custom resource definitions installed.
//
// Under `make test` all packages share one control plane; a package tested alone starts its own. README.md shows a suite.
package testenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
	"rservice.dev/scim-operator/hack/testenv/manifests"
)

// ConnectionEnv names the environment variable that points at the control plane of a whole test run.
const ConnectionEnv = "SCIM_TESTENV"

// StorageEnv names the environment variable with the address where control planes store in the place of an etcd of their own:
// controlplane.Options.Storage. `make kine` sets it.
const StorageEnv = "SCIM_TESTENV_STORAGE"

// Patience is how long a suite waits for what must happen: the default of its Eventually. It is no statement about how
// fast a machine is. It only makes a hang end with what was waited for, before `go test` ends it after 10 minutes, or what
// -timeout says, with the stacks of all goroutines.
const Patience = 5 * time.Minute

const (
	// startAttempts covers the rare case that another process took a port between choosing and using it.
	startAttempts = 3
)

// Env is a running control plane as one test package sees it.
type Env struct {
	// Config authenticates as a cluster administrator, without client-side throttling. Copy it before changing it.
	Config *rest.Config
	// Kubeconfig is a file with the same access, for programs started by a test.
	Kubeconfig string
	// AuditLog is the API server's log of writes; AuditWrites reads it.
	AuditLog string
	// Own is the control plane of StartOwn, to stop and start its programs; nil when others use it, too.
	Own *controlplane.ControlPlane

	client client.Client
	conn   connection
	audit  *auditReader
	stop   func() error
}

// connection is what a test process needs to know about a control plane that another process started.
type connection struct {
	Dir string `json:"dir"`
	URL string `json:"url"`
}

// TB is the part of testing.TB and of Ginkgo's GinkgoT() that this package uses.
type TB interface {
	Helper()
	Cleanup(f func())
	Fatalf(format string, args ...any)
}

// Start connects to the control plane of the test run, or starts one when the package is tested alone; that builds the
// programs first if they are missing, which takes minutes (`make controlplane` does only that). Call Stop at the end.
func Start() (*Env, error) {
	if path := os.Getenv(ConnectionEnv); path != "" {
		return connect(path)
	}
	return StartOwn()
}

// StartOwn is Start for what would disturb everybody else, such as a change of one of the project's definitions: nobody else
// uses the control plane, which change may make another one than that of a test run.
func StartOwn(change ...func(*controlplane.Options)) (*Env, error) {
	run, err := StartRun(context.Background(), os.Stderr, change...)
	if err != nil {
		return nil, err
	}
	env, err := connect(run.ConnectionFile)
	if err != nil {
		return nil, errors.Join(err, run.Stop())
	}
	env.stop, env.Own = run.Stop, run.cp
	return env, nil
}

// StartFor is Start for one test, or for a suite with GinkgoT() in its BeforeSuite: it ends with that.
func StartFor(t TB) *Env {
	t.Helper()
	env, err := Start()
	if err != nil {
		t.Fatalf("starting the control plane: %v", err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Fatalf("stopping the control plane: %v", err)
		}
	})
	return env
}

// Stop ends the control plane if Start started it.
func (e *Env) Stop() error {
	if e.stop == nil {
		return nil
	}
	return e.stop()
}

// Namespace creates a namespace of its own for a test and returns its name. At the test's end the namespace is deleted;
// nobody waits until it is gone.
func (e *Env) Namespace(ctx context.Context, t TB) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	if err := e.client.Create(ctx, namespace); err != nil {
		t.Fatalf("creating the test's namespace: %v", err)
	}
	t.Cleanup(func() {
		// The test's own context is over by now.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Patience)
		defer cancel()
		if err := e.client.Delete(ctx, namespace); client.IgnoreNotFound(err) != nil {
			t.Fatalf("deleting the test's namespace: %v", err)
		}
	})
	return namespace.Name
}

// User returns a configuration that authenticates as this user. It may do only what RBAC rules of the test allow, or
// everything with the group system:masters.
func (e *Env) User(name string, groups ...string) (*rest.Config, error) {
	return controlplane.IssueConfig(e.conn.Dir, e.conn.URL, name, groups...)
}

// May reports whether a user has a right in a namespace by now: the API server learns of roles and bindings a moment after
// they are written.
func (e *Env) May(ctx context.Context, user, namespace, verb string, resource schema.GroupResource) (bool, error) {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: verb, Group: resource.Group, Resource: resource.Resource,
		},
	}}
	if err := e.client.Create(ctx, review); err != nil {
		return false, fmt.Errorf("asking what %s may do: %w", user, err)
	}
	return review.Status.Allowed, nil
}

// FreeAddress returns an address on this machine for a server that a test starts, and starts again: see
// controlplane.FreePort.
func FreeAddress(ctx context.Context, t TB) string {
	t.Helper()
	port, err := controlplane.FreePort(ctx)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

func connect(path string) (*Env, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the test run's connection, unset %s to start a control plane of your own: %w", ConnectionEnv, err)
	}
	env := &Env{}
	if err := json.Unmarshal(data, &env.conn); err != nil {
		return nil, fmt.Errorf("reading the test run's connection: %w", err)
	}
	env.Kubeconfig = filepath.Join(env.conn.Dir, "admin.kubeconfig")
	env.AuditLog = filepath.Join(env.conn.Dir, "audit.log")
	if env.Config, err = env.User("admin", "system:masters"); err != nil {
		return nil, err
	}
	if env.client, err = client.New(env.Config, client.Options{}); err != nil {
		return nil, fmt.Errorf("making a client for the control plane: %w", err)
	}
	if env.audit, err = openAudit(env.AuditLog); err != nil {
		return nil, err
	}
	return env, nil
}

// Run is a control plane for a whole test run.
type Run struct {
	// ConnectionFile is the value of ConnectionEnv for processes that are to use it.
	ConnectionFile string

	dir string
	cp  *controlplane.ControlPlane
}

// StartRun starts a control plane in a temporary folder and installs config/crd/bases. Progress of a build that may be
// needed first goes to log.
func StartRun(ctx context.Context, log io.Writer, change ...func(*controlplane.Options)) (*Run, error) {
	binaries, err := assets.Ensure(ctx, log)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		run, err := startRun(ctx, binaries, change)
		if err == nil || attempt == startAttempts || ctx.Err() != nil {
			return run, err
		}
		fmt.Fprintf(log, "testenv: starting the control plane failed, trying again: %v\n", err)
	}
}

func startRun(ctx context.Context, binaries string, change []func(*controlplane.Options)) (*Run, error) {
	dir, err := os.MkdirTemp("", "scim-testenv-")
	if err != nil {
		return nil, fmt.Errorf("making the control plane's folder: %w", err)
	}
	run := &Run{dir: dir, ConnectionFile: filepath.Join(dir, "connection.json")}
	opts := controlplane.Options{Binaries: binaries, Dir: dir, Audit: true, Storage: os.Getenv(StorageEnv)}
	for _, apply := range change {
		apply(&opts)
	}
	run.cp, err = controlplane.Start(ctx, opts)
	if err != nil {
		return nil, errors.Join(err, run.Stop())
	}
	if err := run.prepare(ctx); err != nil {
		return nil, errors.Join(err, run.Stop())
	}
	return run, nil
}

func (r *Run) prepare(ctx context.Context) error {
	cfg, err := r.cp.AdminConfig()
	if err != nil {
		return err
	}
	c, err := client.New(cfg, client.Options{})
	if err != nil {
		return fmt.Errorf("making a client for the control plane: %w", err)
	}
	root, err := assets.RepositoryRoot()
	if err != nil {
		return err
	}
	if _, err := manifests.Apply(ctx, c, manifests.Options{FieldManager: "testenv"}, filepath.Join(root, "config", "crd", "bases")); err != nil {
		return err
	}
	if err := r.cp.StartControllers(); err != nil {
		return err
	}
	if err := r.cp.WriteKubeconfig(filepath.Join(r.dir, "admin.kubeconfig"), "", "admin", "system:masters"); err != nil {
		return err
	}
	data, err := json.Marshal(connection{Dir: r.dir, URL: r.cp.URL()})
	if err != nil {
		return fmt.Errorf("encoding the test run's connection: %w", err)
	}
	if err := os.WriteFile(r.ConnectionFile, data, 0o600); err != nil {
		return fmt.Errorf("writing the test run's connection: %w", err)
	}
	return nil
}

// Stop ends the control plane and removes its folder.
func (r *Run) Stop() error {
	var err error
	if r.cp != nil {
		err = r.cp.Stop()
	}
	return errors.Join(err, os.RemoveAll(r.dir))
}
