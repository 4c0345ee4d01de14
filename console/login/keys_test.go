package login

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/hack/testenv"
)

// Two replicas, and the Secret of a real API server.
func TestReplicasShareKeysThatRotate(t *testing.T) {
	env := testenv.StartFor(t)
	ctx := t.Context()
	c, err := client.New(env.Config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	secret := client.ObjectKey{Namespace: env.Namespace(ctx, t), Name: DefaultSecret}
	now := time.Now()
	clock := func() time.Time { return now }
	replicas := []*Keys{}
	for range 4 {
		replicas = append(replicas, &Keys{Client: c, Secret: secret, Lifetime: DefaultLifetime, Now: clock, Log: logr.Discard()})
	}
	var all sync.WaitGroup
	for _, k := range replicas {
		all.Go(func() {
			if err := k.Read(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	held := func() []string {
		t.Helper()
		found := &corev1.Secret{}
		if err := c.Get(ctx, secret, found); err != nil {
			t.Fatal(err)
		}
		return slices.Sorted(maps.Keys(found.Data))
	}
	if names := held(); len(names) != 1 {
		t.Fatalf("the replicas made keys %v", names)
	}
	first, err := replicas[0].seal(ctx, "x", []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range replicas {
		if content, err := k.open(ctx, "x", first); err != nil || string(content) != "content" {
			t.Fatalf("%q, %v", content, err)
		}
	}

	t.Run("a day later there is a second one, and what the first one sealed is still good", func(t *testing.T) {
		now = now.Add(rotateAfter)
		if err := replicas[0].Read(ctx); err != nil {
			t.Fatal(err)
		}
		if names := held(); len(names) != 2 {
			t.Fatalf("there are keys %v", names)
		}
		now = now.Add(settleKey)
		second, err := replicas[0].seal(ctx, "x", nil)
		if err != nil {
			t.Fatal(err)
		}
		// The other one has not read since, and does when it sees a key that it does not know.
		for _, sealed := range []string{first, second} {
			if _, err := replicas[1].open(ctx, "x", sealed); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("a key that nothing needs any more goes", func(t *testing.T) {
		for range 3 {
			now = now.Add(rotateAfter)
			if err := replicas[0].Read(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := replicas[0].open(ctx, "x", first); !errors.Is(err, errNotSealed) {
			t.Errorf("the first key still opens: %v", err)
		}
		if names := held(); len(names) > 4 {
			t.Errorf("there are keys %v", names)
		}
	})
	t.Run("without the Secret all sessions end", func(t *testing.T) {
		sealed, err := replicas[2].seal(ctx, "x", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Delete(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: secret.Namespace, Name: secret.Name}}); err != nil {
			t.Fatal(err)
		}
		for _, k := range replicas {
			if err := k.Read(ctx); err != nil {
				t.Fatal(err)
			}
			if _, err := k.open(ctx, "x", sealed); !errors.Is(err, errNotSealed) {
				t.Errorf("it opens: %v", err)
			}
		}
	})
}

func TestKeysSayWhenTheirNamespaceIsMissing(t *testing.T) {
	c, err := client.New(testenv.StartFor(t).Config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	k := &Keys{Client: c, Secret: client.ObjectKey{Namespace: "no-such-namespace", Name: DefaultSecret}, Log: logr.Discard()}
	if err := k.Read(t.Context()); !apierrors.IsNotFound(err) {
		t.Errorf("the error is %v", err)
	}
}
