package store

import (
	"context"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/scimserver/scim"
)

// listFirst reads objects only when it has listed some, and something has happened after that.
type listFirst struct {
	client.Reader
	happens func(ctx context.Context) error
	listed  chan struct{}
	once    sync.Once
}

func (l *listFirst) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	select {
	case <-l.listed:
	case <-ctx.Done():
		return ctx.Err()
	}
	return l.Reader.Get(ctx, key, obj, opts...)
}

func (l *listFirst) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	err := l.Reader.List(ctx, list, opts...)
	if _, pages := list.(*metav1.PartialObjectMetadataList); pages && err == nil {
		l.once.Do(func() {
			err = l.happens(ctx)
			close(l.listed)
		})
	}
	return err
}

var _ = It("loses nobody in a page that is made between the look at the pages and that at the group", func(ctx SpecContext) {
	tenant := namespaceOf(ctx)
	a, b := replica(ctx, tenant, patient), replica(ctx, tenant, patient)
	a.room, b.room = 2, 2
	users := createUsers(ctx, a, tenant, 8)
	created, err := a.Create(within(ctx), tenant, scim.Group, group("Growing", users[:6]...))
	Expect(err).NotTo(HaveOccurred())
	Expect(a.waitForWrites(within(ctx))).To(Succeed())
	a.live = &listFirst{Reader: a.live, listed: make(chan struct{}), happens: func(ctx context.Context) error {
		_, err := b.Update(ctx, tenant, scim.Group, created.ID(), "", join(users[6:]...))
		return err
	}}
	_, err = a.Update(within(ctx), tenant, scim.Group, created.ID(), "", set("externalId", "x"))
	Expect(err).NotTo(HaveOccurred())
	Expect(storedMembers(ctx, b, tenant, created.ID())).To(Equal(sorted(users)))
})
