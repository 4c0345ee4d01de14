package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
	"rservice.dev/scim-operator/hack/testenv/manifests"
)

const (
	namespace         = "scale"
	bareNamespace     = "scale-bare"
	operatorNamespace = "scim-system"
	operatorUser      = "system:serviceaccount:" + operatorNamespace + ":scim-operator"

	operatorGrace = 80 * time.Second
	// look is how often it is looked how far the operator is, and tell how often that is told.
	look = 500 * time.Millisecond
	tell = 15 * time.Second
	// stall is after how long without any change a wait is given up.
	stall = 5 * time.Minute
)

// world is a control plane with one build of the operator.
type world struct {
	options
	build                build
	binaries, tools, dir string

	cp             *controlplane.ControlPlane
	admin          client.Client
	api            *http.Client
	config         *rest.Config
	operator       *controlplane.Process
	ports          struct{ scim, metrics, probe, pprof int }
	token          string
	usersPerSecond float64
	before         map[string]memory // of each program, without users
}

func (w *world) start(ctx context.Context) error {
	progress("%s: starting etcd, API server and operator", w.build.name)
	var err error
	if w.cp, err = controlplane.Start(ctx, controlplane.Options{Binaries: w.binaries, Dir: w.dir, Durable: true}); err != nil {
		return err
	}
	if w.config, err = w.cp.AdminConfig(); err != nil {
		return err
	}
	if w.api, err = rest.HTTPClientFor(w.config); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if w.admin, err = newClient(w.config); err != nil {
		return err
	}
	for _, name := range []string{operatorNamespace, namespace, bareNamespace} {
		if err := w.admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return fmt.Errorf("make namespace %s: %w", name, err)
		}
	}
	for _, folder := range []struct{ path, namespace string }{
		{"crd/bases", ""}, {"rbac", operatorNamespace}, {"policy", operatorNamespace}, {"rules", namespace}, {"samples", namespace},
	} {
		options := manifests.Options{FieldManager: "scale", Namespace: folder.namespace}
		if _, err := manifests.Apply(ctx, w.admin, options, filepath.Join(w.build.config, folder.path)); err != nil {
			return fmt.Errorf("config/%s: %w", folder.path, err)
		}
	}
	if err := w.cp.StartControllers(); err != nil {
		return err
	}
	err = w.cp.WriteKubeconfig(w.kubeconfig(), operatorNamespace, operatorUser, "system:serviceaccounts", "system:serviceaccounts:"+operatorNamespace)
	if err != nil {
		return err
	}
	if err := w.cp.WriteKubeconfig(w.adminKubeconfig(), namespace, "admin", "system:masters"); err != nil {
		return err
	}
	if _, err := w.startOperator(ctx); err != nil {
		return err
	}
	return w.connect(ctx)
}

func newClient(config *rest.Config) (client.Client, error) {
	scheme, err := kube.NewScheme()
	if err != nil {
		return nil, err
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return c, nil
}

// startOperator returns how long it took until the operator served.
func (w *world) startOperator(ctx context.Context) (time.Duration, error) {
	var err error
	for _, port := range []*int{&w.ports.scim, &w.ports.metrics, &w.ports.probe, &w.ports.pprof} {
		if *port, err = controlplane.FreePort(ctx); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	w.operator, err = controlplane.StartProcess("operator", filepath.Join(w.dir, "logs"), w.build.manager, []string{
		"--scim-bind-address=" + address(w.ports.scim), "--metrics-bind-address=" + address(w.ports.metrics),
		"--health-probe-bind-address=" + address(w.ports.probe), "--pprof-bind-address=" + address(w.ports.pprof), "--leader-elect=false",
	}, []string{"KUBECONFIG=" + w.kubeconfig()})
	if err != nil {
		return 0, err
	}
	err = w.wait(ctx, "the operator serves", func(ctx context.Context) (bool, string, error) {
		_, err := get(ctx, http.DefaultClient, "http://"+address(w.ports.probe)+"/readyz")
		return err == nil, w.operator.CPUTime().String(), nil
	})
	return time.Since(began), err
}

func (w *world) stopOperator() error {
	if w.operator == nil {
		return nil
	}
	err := w.operator.Stop(operatorGrace)
	w.operator = nil
	return err
}

func (w *world) stop() error {
	err := w.stopOperator()
	if w.cp != nil {
		err = errors.Join(err, w.cp.Stop())
	}
	return err
}

// connect waits for the token, and writes the file that the simulated Okta reads.
func (w *world) connect(ctx context.Context) error {
	err := w.wait(ctx, "the endpoint has a token", func(ctx context.Context) (bool, string, error) {
		endpoints := &v1alpha1.ScimEndpointList{}
		if err := w.admin.List(ctx, endpoints, client.InNamespace(namespace)); err != nil || len(endpoints.Items) == 0 {
			return false, "", err
		}
		secret := &corev1.Secret{}
		key := client.ObjectKey{Namespace: namespace, Name: endpoints.Items[0].Status.TokenSecretName}
		if key.Name == "" {
			return false, "", nil
		}
		if err := w.admin.Get(ctx, key, secret); err != nil {
			return false, "", client.IgnoreNotFound(err)
		}
		w.token = string(secret.Data[v1alpha1.SecretKeyToken])
		_, err := w.scim(ctx, http.MethodGet, "/Users?count=0", "")
		return err == nil, "", nil
	})
	if err != nil {
		return err
	}
	data, err := json.Marshal(map[string]string{
		"baseURL": "http://" + address(w.ports.scim) + "/scim/v2", "token": w.token, "kubeconfig": w.adminKubeconfig(), "namespace": namespace,
	})
	if err != nil {
		return fmt.Errorf("encode the connection: %w", err)
	}
	return os.WriteFile(w.connection(), data, 0o600)
}

// wait looks until done, and tells how far it is. It is given up when the operator ends, or when state stays the same for long.
func (w *world) wait(ctx context.Context, what string, done func(context.Context) (bool, string, error)) error {
	began, told, moved, last := time.Now(), time.Now(), time.Now(), ""
	for {
		ok, state, err := done(ctx)
		if ok || err != nil {
			return err
		}
		if state != last {
			moved, last = time.Now(), state
		}
		if time.Since(moved) > stall {
			return fmt.Errorf("waiting until %s: nothing has moved for %s (%s)", what, stall, state)
		}
		if time.Since(told) > tell {
			told = time.Now()
			progress("%s so far until %s: %s", time.Since(began).Round(time.Second), what, state)
		}
		var ended <-chan struct{}
		if w.operator != nil {
			ended = w.operator.Done()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, context.Cause(ctx))
		case <-ended:
			return w.operator.ExitError()
		case <-time.After(look):
		}
	}
}

func (w *world) kubeconfig() string      { return filepath.Join(w.dir, "operator.kubeconfig") }
func (w *world) adminKubeconfig() string { return filepath.Join(w.dir, "admin.kubeconfig") }
func (w *world) connection() string      { return filepath.Join(w.dir, "connection.json") }

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
