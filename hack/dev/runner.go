package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
	"rservice.dev/scim-operator/hack/testenv/manifests"
)

const (
	fieldManager = "make-run"

	// The operator runs as the service account that it has in a cluster, so that a missing permission shows here.
	operatorNamespace = "scim-system"
	operatorUser      = "system:serviceaccount:" + operatorNamespace + ":scim-operator"

	operatorGrace = 30 * time.Second
)

// runner starts the programs, in order, and stops them in the reverse order.
type runner struct {
	opts options
	root string // of the repository
	data string
	out  io.Writer

	binaries string
	cp       *controlplane.ControlPlane
	operator *controlplane.Process
	// webhook is the name of the configuration of the operator's webhook.
	webhook string
	client  client.Client
	// fresh says that the namespace has got its samples at this start.
	fresh   bool
	stopErr error
}

// run returns when ctx is done or a program has ended. Nothing that it started is running then.
func (r *runner) run(ctx context.Context) (err error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	// A runner that was killed has left its connection, which is not true any more.
	if err := removeIfThere(r.connectionFile()); err != nil {
		return err
	}
	defer func() {
		r.stopErr = r.stop()
		err = errors.Join(err, r.stopErr)
	}()
	began := time.Now()
	if err := r.startAll(ctx, fail); err != nil {
		// A program that has ended is why, and says more than the call that then failed.
		if cause := context.Cause(ctx); cause != nil && ctx.Err() != nil {
			return cause
		}
		return err
	}
	fmt.Fprintf(r.out, "dev: ready after %s; Ctrl-C stops everything\n", time.Since(began).Round(100*time.Millisecond))
	<-ctx.Done()
	return context.Cause(ctx)
}

func (r *runner) startAll(ctx context.Context, fail context.CancelCauseFunc) error {
	if err := r.build(ctx); err != nil {
		return err
	}
	if err := r.startControlPlane(ctx); err != nil {
		return err
	}
	if err := r.applyManifests(ctx); err != nil {
		return err
	}
	if err := r.cp.StartControllers(); err != nil {
		return err
	}
	for _, process := range r.cp.Processes() {
		watch(process, fail)
	}
	if err := r.writeKubeconfigs(); err != nil {
		return err
	}
	if r.opts.withoutOperator {
		r.printWithoutOperator()
		return nil
	}
	if err := r.startOperator(fail); err != nil {
		return err
	}
	conn, err := r.waitConnected(ctx)
	if err != nil {
		return err
	}
	// Not earlier: while it waits, the runner itself sends requests that are refused.
	if err := r.nameAddress(ctx, r.fresh); err != nil {
		return err
	}
	if err := conn.write(r.connectionFile()); err != nil {
		return err
	}
	go r.followToken(ctx, conn)
	r.print(conn)
	return nil
}

// watch makes fail known when the program ends.
func watch(process *controlplane.Process, fail context.CancelCauseFunc) {
	go func() {
		<-process.Done()
		fail(process.ExitError()) // without effect while stopping: the first cause stays
	}()
}

func (r *runner) stop() error {
	var errs []error
	errs = append(errs, removeIfThere(r.connectionFile()))
	if r.operator != nil {
		fmt.Fprintln(r.out, "dev: stopping the operator")
		errs = append(errs, r.operator.Stop(operatorGrace))
	}
	if r.cp != nil {
		fmt.Fprintln(r.out, "dev: stopping the control plane")
		errs = append(errs, r.cp.Stop())
	}
	return errors.Join(errs...)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing an old file: %w", err)
	}
	return nil
}

func (r *runner) build(ctx context.Context) error {
	var err error
	if r.binaries, err = assets.Ensure(ctx, r.out); err != nil {
		return err
	}
	if r.opts.withoutOperator {
		return nil
	}
	fmt.Fprintln(r.out, "dev: building the operator")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join("bin", "manager"), ".")
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.root, r.out, r.out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building the operator: %w", err)
	}
	return nil
}

func (r *runner) startControlPlane(ctx context.Context) error {
	fmt.Fprintln(r.out, "dev: starting etcd and kube-apiserver")
	var err error
	r.cp, err = controlplane.Start(ctx, controlplane.Options{
		Binaries: r.binaries,
		Dir:      r.data,
		APIPort:  r.opts.apiPort,
		EtcdPort: r.opts.etcdPort,
		Durable:  true,
	})
	if err != nil {
		return err
	}
	cfg, err := r.cp.AdminConfig()
	if err != nil {
		return err
	}
	r.client, err = newClient(cfg)
	return err
}

// applyManifests installs what a cluster would get from config/default, but for the Deployment and what is around it.
func (r *runner) applyManifests(ctx context.Context) error {
	var existing corev1.Namespace
	if err := r.client.Get(ctx, client.ObjectKey{Name: r.opts.namespace}, &existing); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading namespace %s: %w", r.opts.namespace, err)
	}
	if err := r.applyNamespace(ctx, corev1ac.Namespace(operatorNamespace)); err != nil {
		return err
	}
	folders := []folder{
		{"crd/bases", operatorNamespace},
		{"rbac", operatorNamespace},
		{"policy", operatorNamespace},
	}
	seeded := existing.Annotations[seededAnnotation] != ""
	if !seeded {
		if err := r.applyNamespace(ctx, corev1ac.Namespace(r.opts.namespace)); err != nil {
			return err
		}
		folders = append(folders, folder{"rules", r.opts.namespace}, folder{"samples", r.opts.namespace})
	}
	if err := r.applyFolders(ctx, folders); err != nil {
		return err
	}
	if err := r.applyWebhook(ctx); err != nil {
		return err
	}
	r.fresh = !seeded
	if seeded {
		fmt.Fprintf(r.out, "dev: kept the rules and samples of namespace %s as they are\n", r.opts.namespace)
		return nil
	}
	return r.applyNamespace(ctx, corev1ac.Namespace(r.opts.namespace).WithAnnotations(map[string]string{seededAnnotation: "true"}))
}

// seededAnnotation is on a namespace that has got rules and samples: from then on
// they are the user's to edit and delete.
const seededAnnotation = "provisioning.rservice.dev/seeded"

// folder is a folder of config and the namespace of objects that name none.
type folder struct{ path, namespace string }

func (r *runner) applyNamespace(ctx context.Context, namespace *corev1ac.NamespaceApplyConfiguration) error {
	if err := r.client.Apply(ctx, namespace, client.FieldOwner(fieldManager), client.ForceOwnership); err != nil {
		return fmt.Errorf("applying namespace %s: %w", *namespace.Name, err)
	}
	return nil
}

func (r *runner) applyFolders(ctx context.Context, folders []folder) error {
	total := 0
	for _, folder := range folders {
		applied, err := manifests.Apply(ctx, r.client, manifests.Options{FieldManager: fieldManager, Namespace: folder.namespace},
			filepath.Join(r.root, "config", folder.path))
		if err != nil {
			return fmt.Errorf("config/%s: %w", folder.path, err)
		}
		total += applied
	}
	fmt.Fprintf(r.out, "dev: applied %d objects from config\n", total)
	return nil
}

func (r *runner) writeKubeconfigs() error {
	if err := r.cp.WriteKubeconfig(r.kubeconfig(), r.opts.namespace, "admin", "system:masters"); err != nil {
		return err
	}
	return r.cp.WriteKubeconfig(r.operatorKubeconfig(), operatorNamespace, operatorUser,
		"system:serviceaccounts", "system:serviceaccounts:"+operatorNamespace)
}

func (r *runner) startOperator(fail context.CancelCauseFunc) error {
	fmt.Fprintln(r.out, "dev: starting the operator")
	var err error
	r.operator, err = controlplane.StartProcess("operator", filepath.Join(r.data, "logs"), filepath.Join(r.root, "bin", "manager"),
		r.operatorArgs(), []string{"KUBECONFIG=" + r.operatorKubeconfig()})
	if err != nil {
		return err
	}
	watch(r.operator, fail)
	return nil
}

func (r *runner) operatorArgs() []string {
	return []string{
		"--scim-bind-address=" + loopback(r.opts.scimPort),
		"--metrics-bind-address=" + loopback(r.opts.metricsPort),
		"--health-probe-bind-address=" + loopback(r.opts.probePort),
		"--leader-elect=false",
		// The sample endpoint has no limit, so that a machine can be measured.
		"--max-requests-per-second=0",
		"--max-burst=0",
		"--webhook-bind-address=" + loopback(r.opts.webhookPort),
		"--webhook-namespace=" + operatorNamespace,
		// The API server issues tokens, of service accounts, with which workload identity is tried out.
		"--private-issuers=127.0.0.1",
	}
}

func (r *runner) kubeconfig() string         { return filepath.Join(r.data, "kubeconfig") }
func (r *runner) operatorKubeconfig() string { return filepath.Join(r.data, "operator.kubeconfig") }
func (r *runner) connectionFile() string     { return filepath.Join(r.data, "connection.json") }

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
