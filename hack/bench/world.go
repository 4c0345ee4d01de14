package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/tokens"
	"rservice.dev/scim-operator/api/trust"
	"rservice.dev/scim-operator/api/userindex"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/issuer"
	"rservice.dev/scim-operator/scimserver"
	"rservice.dev/scim-operator/scimserver/issuers"
	"rservice.dev/scim-operator/scimserver/store"
)

const (
	namespace = "bench"
	token     = "scim_bench-0123456789-0123456789-0123456789" //nolint:gosec // for this run's own server alone
)

// world is a control plane with the SCIM server, without controllers, so that only
// the server's own work is measured.
type world struct {
	env    *testenv.Env
	direct client.Client
	server *scimserver.Server
	stop   context.CancelFunc
	ended  chan error
	ids    []string
	serial atomic.Int64
	// empty is the heap before the first user.
	empty uint64
	// issuer signs the token signed, and is closed by end.
	issuer *issuer.Issuer
	signed string
	end    func()
}

// Cleanup implements issuer.Cleaner.
func (w *world) Cleanup(end func()) { w.end = end }

func newWorld(ctx context.Context) (*world, error) {
	fmt.Fprintln(os.Stderr, "bench: starting a control plane")
	env, err := testenv.Start() //nolint:contextcheck // it is stopped by close, not by the end of ctx
	if err != nil {
		return nil, err
	}
	w := &world{env: env, stop: func() {}, ended: make(chan error, 1)}
	w.issuer = issuer.New(w, "ES256")
	w.signed = w.issuer.Token("ES256", w.issuer.Claims(namespace, "bench"))
	if err := w.prepare(ctx); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *world) prepare(ctx context.Context) error {
	scheme, err := kube.NewScheme()
	if err != nil {
		return err
	}
	if w.direct, err = client.New(w.env.Config, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	for _, obj := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&v1alpha1.ScimEndpoint{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "bench"},
			Spec: v1alpha1.ScimEndpointSpec{
				Limits: v1alpha1.ScimEndpointLimits{RequestsPerSecond: new(int32(0))},
				Authentication: v1alpha1.ScimEndpointAuthentication{JWT: []v1alpha1.JWTAuthenticator{{
					Issuer: v1alpha1.JWTIssuer{URL: w.issuer.URL, CertificateAuthority: w.issuer.CA, Audiences: []string{namespace}}, Scope: v1alpha1.ScopeAll,
				}}},
			},
		},
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "bench-token", Labels: map[string]string{v1alpha1.LabelEndpoint: "bench"}},
			StringData: map[string]string{v1alpha1.SecretKeyToken: token},
		},
	} {
		if err := w.direct.Create(ctx, obj); err != nil {
			return fmt.Errorf("prepare the tenant: %w", err)
		}
	}
	return w.serve(ctx)
}

func (w *world) serve(ctx context.Context) error {
	// What a real operator logs is written, too: to where nobody looks.
	sink, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	logger := newLogger(sink)
	ctrl.SetLogger(logr.Discard())
	mgr, err := kube.NewManager(rest.CopyConfig(w.env.Config), kube.Options{MetricsBindAddress: "0", Logger: logr.Discard()})
	if err != nil {
		return err
	}
	indexer := kube.IndexPerNamespace(mgr.GetCache())
	if err := errors.Join(membership.Register(ctx, indexer), userindex.Register(ctx, indexer), tokens.Register(ctx, mgr.GetFieldIndexer())); err != nil {
		return err
	}
	resources, err := store.New(ctx, store.Options{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Cache: mgr.GetCache(), Namespace: namespace})
	if err != nil {
		return err
	}
	if err := trust.Register(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	trusted := issuers.New(ctx, issuers.Options{Reader: mgr.GetCache(), PrivateHosts: []string{"127.0.0.1"}, Logger: logger})
	if err := trusted.Watch(ctx, mgr.GetCache()); err != nil {
		return err
	}
	w.server, err = scimserver.SetupWithManager(ctx, mgr, resources, scimserver.Options{BindAddress: "127.0.0.1:0", Logger: logger, Issuers: trusted})
	if err != nil {
		return err
	}
	run, stop := context.WithCancel(ctx)
	w.stop = stop
	go func() { w.ended <- mgr.Start(run) }()
	err = wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(context.Context) (bool, error) {
		select {
		case err := <-w.ended:
			w.ended <- err
			return false, fmt.Errorf("the server has ended: %w", err)
		default:
		}
		if w.server.Address() == "" {
			return false, nil
		}
		c, err := dial(w.server.Address())
		if err != nil {
			return false, nil // not yet
		}
		defer c.close()
		status, err := c.do(request(http.MethodGet, "/Users?count=0", ""))
		return status == http.StatusOK, err
	})
	if err != nil {
		return fmt.Errorf("wait for the server: %w", err)
	}
	w.empty = heap()
	return nil
}

func (w *world) close() {
	defer w.end()
	w.stop()
	if w.server != nil {
		if err := <-w.ended; err != nil {
			fmt.Fprintln(os.Stderr, "bench: the server's end:", err)
		}
	}
	if err := w.env.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "bench: the control plane's end:", err)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// memoryPerUser is the growth of the heap since the server was empty, in bytes a user.
func (w *world) memoryPerUser() float64 {
	return float64(heap()-w.empty) / float64(w.serial.Load())
}

// grow creates users until the tenant has so many, past the server, which learns of
// them from its cache.
func (w *world) grow(ctx context.Context, size int) error {
	began := time.Now()
	missing := size - int(w.serial.Load())
	if missing > 0 {
		if _, err := w.rate(ctx, 32, missing, func(ctx context.Context, _ *connection) error {
			return w.direct.Create(ctx, w.newUser())
		}); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "bench: %d users after %s\n", size, time.Since(began).Round(time.Second))
	var users v1alpha1.ScimUserList
	if err := w.direct.List(ctx, &users, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("list users: %w", err)
	}
	w.ids = w.ids[:0]
	for i := range users.Items {
		w.ids = append(w.ids, users.Items[i].Name)
	}
	return w.waitForTotal(ctx, len(w.ids))
}

func (w *world) waitForTotal(ctx context.Context, total int) error {
	c, err := dial(w.server.Address())
	if err != nil {
		return err
	}
	defer c.close()
	want := fmt.Sprintf(`"totalResults":%d,`, total)
	err = wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, func(context.Context) (bool, error) {
		_, err := c.do(request(http.MethodGet, "/Users?count=0", ""))
		return strings.Contains(string(c.body), want), err
	})
	if err != nil {
		return fmt.Errorf("the server does not list all users: %w", err)
	}
	return nil
}

func userName(n int64) string { return fmt.Sprintf("user%06d@bench.example.com", n) }

// newUser is a user with what Okta sends of one.
func (w *world) newUser() *v1alpha1.ScimUser {
	n := w.serial.Add(1)
	name := userName(n)
	id, err := uuid.NewV7()
	if err != nil {
		panic(err) // the system has no randomness
	}
	return &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: id.String(), Finalizers: []string{v1alpha1.FinalizerDeprovision}},
		Spec: v1alpha1.ScimUserSpec{
			UserName: name, ExternalID: fmt.Sprintf("00u%017d", n), Active: new(true), DisplayName: fmt.Sprintf("User %d", n),
			Name: &v1alpha1.ScimName{GivenName: "User", FamilyName: fmt.Sprint(n)}, Locale: "en-US", Title: "Engineer",
			Emails:       []v1alpha1.ScimValue{{Value: name, Type: "work", Primary: new(true)}},
			PhoneNumbers: []v1alpha1.ScimValue{{Value: "+31 20 555 0100", Type: "work"}},
			Enterprise:   &v1alpha1.ScimEnterprise{EmployeeNumber: fmt.Sprint(n), Department: "Engineering", CostCenter: "4130"},
			LastModified: v1alpha1.NewTimestamp(time.Now()),
		},
	}
}

// createBare makes what the server makes for a new user: the claim and the user.
func (w *world) createBare(ctx context.Context, _ *connection) error {
	user := w.newUser()
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "bare-" + user.Name, Labels: map[string]string{v1alpha1.LabelClaim: "bare"}},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &user.Name, RenewTime: new(metav1.NowMicro())},
	}
	if err := w.direct.Create(ctx, lease); err != nil {
		return err
	}
	return w.direct.Create(ctx, user)
}

// post makes a user through the server.
func (w *world) post(_ context.Context, c *connection) error {
	n := w.serial.Add(1)
	body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"externalId":"00u%017d","active":true,`+
		`"displayName":"User %d","name":{"givenName":"User","familyName":"%d"},"locale":"en-US","title":"Engineer",`+
		`"emails":[{"value":%q,"type":"work","primary":true}],"phoneNumbers":[{"value":"+31 20 555 0100","type":"work"}],`+
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"%d","department":"Engineering","costCenter":"4130"}}`,
		userName(n), n, n, n, userName(n), n)
	status, err := c.do(request(http.MethodPost, "/Users", body))
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("POST answered %d: %s", status, c.body)
	}
	return err
}

// rate runs n calls by so many workers, and returns what one took.
// Each worker has a connection to the server of its own.
func (w *world) rate(ctx context.Context, workers, n int, call func(context.Context, *connection) error) (measured, error) {
	left := atomic.Int64{}
	left.Store(int64(n))
	before := usageNow()
	group, ctx := errgroup.WithContext(ctx)
	for range workers {
		group.Go(func() error {
			c, err := dial(w.server.Address())
			if err != nil {
				return err
			}
			defer c.close()
			for left.Add(-1) >= 0 {
				if err := call(ctx, c); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return before.until(int64(n)), err
}
