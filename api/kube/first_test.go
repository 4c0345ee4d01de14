package kube

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
)

func TestOtherKindsWaitForThoseThatServingNeeds(t *testing.T) {
	for name, ready := range map[string]func(*first, *atomic.Bool, context.CancelFunc){
		"until they are known": func(_ *first, known *atomic.Bool, _ context.CancelFunc) { known.Store(true) },
		"or cannot be read": func(f *first, _ *atomic.Bool, _ context.CancelFunc) {
			f.health.note("", "ScimUser", new(reading("")), errors.New("no form of ours"))
			f.health.clock.(*clocktesting.FakeClock).Step(faultLasts)
		},
		"or the process ends": func(_ *first, _ *atomic.Bool, stop context.CancelFunc) { stop() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				health := NewInformerHealth(&v1alpha1.ScimUser{})
				health.clock = clocktesting.NewFakeClock(time.Now())
				var known atomic.Bool
				f := &first{health: health, serving: map[string]toolscache.InformerSynced{"ScimUser": known.Load}}
				var lists, watches atomic.Int32
				behind := f.behind(&toolscache.ListWatch{
					ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
						lists.Add(1)
						return &v1alpha1.PersonList{}, nil
					},
					WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
						watches.Add(1)
						return watch.NewFake(), nil
					},
				}, f.done)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				errs := make(chan error, 2)
				go func() {
					_, err := behind.ListWithContextFunc(ctx, metav1.ListOptions{})
					errs <- err
				}()
				go func() {
					_, err := behind.WatchFuncWithContext(ctx, metav1.ListOptions{})
					errs <- err
				}()
				<-time.After(time.Hour)
				if lists.Load()+watches.Load() > 0 {
					t.Error("others do not wait")
				}
				ready(f, &known, stop)
				first, second := <-errs, <-errs
				if stopped := ctx.Err() != nil; (first != nil) != stopped || (second != nil) != stopped || lists.Load()+watches.Load() != 2 && !stopped {
					t.Errorf("%d lists, %d watches, %v, %v", lists.Load(), watches.Load(), first, second)
				}
			})
		})
	}
}

// TestAnInformerThatTheCacheDidNotTakeIsNotWaitedFor: controller-runtime may fail after it has made one, and makes another.
func TestAnInformerThatTheCacheDidNotTakeIsNotWaitedFor(t *testing.T) {
	f := &first{health: NewInformerHealth(&v1alpha1.ScimUser{})}
	users := &toolscache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			return &v1alpha1.ScimUserList{}, nil
		},
		WatchFuncWithContext: func(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
			if options.SendInitialEvents != nil {
				return nil, errors.New("lists are not streamed")
			}
			return watch.NewFake(), nil
		},
	}
	f.newInformer(users, &v1alpha1.ScimUser{}, 0, nil)
	taken := f.newInformer(users, &v1alpha1.ScimUser{}, 0, nil)
	if f.done() {
		t.Error("nothing is known, and nobody waits")
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		taken.RunWithContext(ctx)
	}()
	if !toolscache.WaitForCacheSync(ctx.Done(), taken.HasSynced) || !f.done() {
		t.Error("others wait although all users are known")
	}
	stop()
	<-ended
}

// TestNobodyWaitsAfterAStart: a fault of a start may pass while the process goes on.
func TestNobodyWaitsAfterAStart(t *testing.T) {
	health := NewInformerHealth(&v1alpha1.ScimUser{}, &v1alpha1.ScimGroup{})
	clock := clocktesting.NewFakeClock(time.Now())
	health.clock = clock
	var known atomic.Bool
	f := &first{health: health, serving: map[string]toolscache.InformerSynced{"ScimUser": func() bool { return true }}}
	if !f.done() {
		t.Error("others wait for what nobody has asked for")
	}
	f.serving["ScimGroup"] = known.Load
	if f.done() {
		t.Error("groups are not waited for because users were there before")
	}
	health.note("", "ScimGroup", new(reading("")), errors.New("no form of ours"))
	clock.Step(faultLasts)
	if !f.done() {
		t.Error("others wait for what cannot be read")
	}
	clock.Step(2 * faultForgotten)
	if health.gaveUp("") || !f.done() {
		t.Error("others wait again")
	}
}

// TestServingKindsAreReadFirst sees that a manager asks for users before it asks for Persons.
func TestServingKindsAreReadFirst(t *testing.T) {
	g := NewWithT(t)
	g.SetDefaultEventuallyTimeout(testenv.Patience)
	env := testenv.StartFor(t)
	var synced atomic.Pointer[toolscache.InformerSynced]
	var early atomic.Bool
	config := rest.CopyConfig(env.Config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/persons") && !(*synced.Load())() {
				early.Store(true)
			}
			return next.RoundTrip(r)
		})
	})
	mgr, err := NewManager(config, Options{MetricsBindAddress: "0", Logger: logr.Discard(), SkipNameValidation: true, Informers: NewInformerHealth(&v1alpha1.ScimUser{})})
	g.Expect(err).NotTo(HaveOccurred())
	var last cache.Informer
	for _, obj := range []client.Object{&v1alpha1.ScimUser{}, &v1alpha1.Person{}} {
		last, err = mgr.GetCache().GetInformer(t.Context(), obj, cache.BlockUntilSynced(false))
		g.Expect(err).NotTo(HaveOccurred())
		if synced.Load() == nil {
			users := toolscache.InformerSynced(last.HasSynced)
			synced.Store(&users)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	g.Eventually(last.HasSynced).Should(BeTrue())
	g.Expect(early.Load()).To(BeFalse(), "Persons are asked for before all users are known")
	stop()
	g.Eventually(ended).Should(Receive(Not(HaveOccurred())))
}

// roundTripper is an http.RoundTripper that is a function.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
