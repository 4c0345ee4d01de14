package kube

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// awaitPoll is how often a starting process looks for its API server.
	awaitPoll = time.Second
	// awaitLog is how often it says that it waits.
	awaitLog = 30 * time.Second
)

// AwaitAPIServer waits until the API server serves the kinds of this project, with health probes at the address meanwhile: alive, and not ready.
// A process that ended instead would be started again after ever longer pauses, of up to five minutes, and be away for
// as long after the API server is back. It returns an error for what does not pass by itself, such as a wrong certificate or
// token, and when the context ends.
func AwaitAPIServer(ctx context.Context, cfg *rest.Config, healthAddress string, log logr.Logger) error {
	api, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return fmt.Errorf("set up a client of the API server: %w", err)
	}
	if err = servesKinds(api); err == nil || !comesBack(err) {
		return err
	}
	stop, listenErr := serveAlive(ctx, healthAddress)
	if listenErr != nil {
		return listenErr
	}
	defer stop()
	var said time.Time
	waitErr := wait.PollUntilContextCancel(ctx, awaitPoll, true, func(context.Context) (bool, error) {
		if err = servesKinds(api); err == nil {
			return true, nil
		}
		if time.Since(said) >= awaitLog {
			said = time.Now()
			log.Info("Waiting for the API server", "error", err.Error())
		}
		if !comesBack(err) {
			return false, err
		}
		return false, nil
	})
	if waitErr != nil {
		return fmt.Errorf("wait for the API server: %w", errors.Join(waitErr, err))
	}
	return nil
}

// errNotServed is the error of an API server without kinds of this project.
var errNotServed = errors.New("the definitions in config/crd are not applied, or the API server does not serve them yet")

// servesKinds returns nil if the API server serves all kinds of this project. One that has just started answers before it does.
func servesKinds(api discovery.DiscoveryInterface) error {
	resources, err := api.ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
	if apierrors.IsNotFound(err) {
		return errNotServed
	}
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return fmt.Errorf("build scheme: %w", err)
	}
	for kind := range scheme.KnownTypes(v1alpha1.GroupVersion) {
		served := slices.ContainsFunc(resources.APIResources, func(r metav1.APIResource) bool { return r.Kind == kind })
		if scheme.Recognizes(v1alpha1.GroupVersion.WithKind(kind+"List")) && !served {
			return fmt.Errorf("%w: %s", errNotServed, kind)
		}
	}
	return nil
}

// comesBack reports whether an error is one of an API server that is away, starts or is overloaded. One that has just started
// refuses everybody until it knows the roles.
func comesBack(err error) bool {
	if errors.Is(err, errNotServed) {
		return true
	}
	if status, is := errors.AsType[*apierrors.StatusError](err); is {
		code := status.ErrStatus.Code
		return code == http.StatusForbidden || code == http.StatusTooManyRequests || code >= http.StatusInternalServerError
	}
	if failed, is := errors.AsType[*net.OpError](err); is {
		return failed.Op != "remote error" // which is TLS that the other side does not want
	}
	failed, is := errors.AsType[net.Error](err)
	return is && failed.Timeout() || utilnet.IsProbableEOF(err)
}

// serveAlive answers probes: /healthz is ok, everything else unavailable.
func serveAlive(ctx context.Context, address string) (stop func(), err error) {
	if address == "" || address == "0" {
		return func() {}, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve probes: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "waiting for the API server", http.StatusServiceUnavailable)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // until it is closed
	}()
	return func() {
		_ = server.Close()
		<-ended
	}, nil
}
