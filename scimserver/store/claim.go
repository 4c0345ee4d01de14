package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// claimKind is what a claim makes unique within a tenant.
type claimKind string

const (
	claimUserName    claimKind = "username"
	claimDisplayName claimKind = "displayname"
)

// uniqueName is a name that only one resource of a tenant may have.
type uniqueName struct {
	kind          claimKind
	tenant, value string
}

// claimant is who wants a claim.
type claimant struct {
	id string
	// begun is what is written of the resource already, as beginning says it, "" for nothing.
	begun string
}

// claimPoll is how often a request looks whether another one, which holds the
// claim that it wants, has finished.
const claimPoll = 50 * time.Millisecond

// timing holds the times after which the leftovers of a crash may be reused. All
// replicas must agree on it.
type timing struct {
	// claimLease is how long a fresh claim is respected although its holder does
	// not exist: the holder may be about to be created.
	claimLease time.Duration
	// claimedWrite bounds the write that a fresh claim is for. It is well under the
	// lease, so that the write is over before anyone takes the claim over.
	claimedWrite time.Duration
	// claimForgotten is the age by which a claim without holder is certainly
	// nobody's, whatever the clocks of two replicas say.
	claimForgotten time.Duration
	// danglingAge is the age by which the creation of a group is over, so that a
	// mention of a group that does not exist is a leftover.
	danglingAge time.Duration
}

var defaultTiming = timing{
	claimLease: 10 * time.Second, claimedWrite: 5 * time.Second, claimForgotten: 100 * time.Second, danglingAge: 10 * time.Minute,
}

// errTaken means that another resource has the name.
var errTaken = errors.New("the name is taken")

// claimName derives the Lease's name from the folded value. The version prefix
// allows for another derivation later.
func claimName(salt kube.Salt, kind claimKind, value string) string {
	return claimPrefix(kind) + salt.Name("claim/"+string(kind), fold.String(value))
}

// claimPrefix begins the names of this version's claims.
func claimPrefix(kind claimKind) string { return "scim-v1-" + string(kind) + "-" }

// claim is a held claim.
type claim struct {
	lease *coordinationv1.Lease
	// renewed is when the lease began, by this process's monotonic clock.
	renewed time.Time
	// shared says that the claim was this holder's before: another request of the same
	// resource may rely on it, so it is not given up when this request fails.
	shared bool
	// begun is what annotationBegun says.
	begun string
}

func (c *claim) kind() claimKind { return claimKind(c.lease.Labels[v1alpha1.LabelClaim]) }

// claims takes and releases claims.
type claims struct {
	client client.Client
	live   client.Reader
	salts  *kube.Salts
	timing timing
}

// leaseName is the name of the Lease that claims a name.
func (c claims) leaseName(ctx context.Context, name uniqueName) (string, error) {
	salt, err := c.salts.Of(ctx, name.tenant)
	if err != nil {
		return "", err
	}
	return claimName(salt, name.kind, name.value), nil
}

// acquire makes the claimant the holder of the name, or leaves it to the id that an interrupted request has begun the
// same with. It returns errTaken when another resource has the name. While another request holds the claim without its
// resource to show for it, acquire waits until that is decided: the resource appears, or the lease runs out and acquire
// takes it over.
func (c claims) acquire(ctx context.Context, name uniqueName, by claimant) (*claim, error) {
	leaseName, err := c.leaseName(ctx, name)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	lease := c.newLease(name.kind, name.tenant, leaseName, by.id)
	noteBegun(lease, by.begun)
	err = c.client.Create(ctx, lease, client.DisableReadYourWritesConsistency)
	if err == nil {
		return &claim{lease: lease, renewed: now, begun: by.begun}, nil
	}
	if !apierrors.IsAlreadyExists(err) {
		return nil, fmt.Errorf("create claim: %w", err)
	}
	// watched is the version of the lease that has not changed since the time.
	var watched string
	var since time.Time
	for {
		held := &coordinationv1.Lease{}
		err := c.live.Get(ctx, key(name.tenant, leaseName), held)
		if apierrors.IsNotFound(err) {
			return c.acquire(ctx, name, by)
		}
		if err != nil {
			return nil, fmt.Errorf("read claim: %w", err)
		}
		if held.ResourceVersion != watched {
			watched, since = held.ResourceVersion, time.Now()
		}
		state, err := c.holderState(ctx, name.kind, held, by.id, time.Since(since))
		if err != nil {
			return nil, err
		}
		switch state {
		case holderOwns:
			return nil, errTaken
		case holderGone:
			got, err := c.takeOver(ctx, name.kind, held, by)
			if got != nil || err != nil {
				return got, err
			}
		case holderPending:
			if err := sleep(ctx, claimPoll); err != nil {
				return nil, err
			}
		}
	}
}

type holderState int

const (
	// holderOwns: the holder exists and has the name.
	holderOwns holderState = iota
	// holderPending: the holder may be about to be created or renamed.
	holderPending
	// holderGone: the claim may be taken over.
	holderGone
)

// holderState finds out whether a claim still stands for something. unchanged is
// how long the lease has been seen as it is, by this process's own clock.
func (c claims) holderState(
	ctx context.Context, kind claimKind, lease *coordinationv1.Lease, id string, unchanged time.Duration,
) (holderState, error) {
	holder := holderOf(lease)
	if holder == id {
		return holderGone, nil // a claim of our own, from an earlier try
	}
	claimed, deleting, err := c.holderClaim(ctx, kind, lease.Namespace, holder)
	switch {
	case err != nil:
		return holderPending, err
	case deleting:
		return holderGone, nil
	case claimed == lease.Name:
		return holderOwns, nil
	case interrupted(lease) || unchanged >= c.timing.claimLease || c.age(lease) >= c.timing.claimForgotten:
		return holderGone, nil
	default:
		return holderPending, nil
	}
}

// holderClaim returns the name of the Lease for the name that the holder has now, or "" when
// it does not exist.
func (c claims) holderClaim(ctx context.Context, kind claimKind, tenant, holder string) (claimed string, deleting bool, err error) {
	if holder == "" {
		return "", false, nil
	}
	obj := kind.newHolder()
	if err := c.live.Get(ctx, key(tenant, holder), obj); apierrors.IsNotFound(err) {
		return "", false, nil
	} else if err != nil {
		return "", false, fmt.Errorf("read the holder of a claim: %w", err)
	}
	claimed, err = c.leaseName(ctx, uniqueName{kind, tenant, claimedName(obj)})
	return claimed, obj.GetDeletionTimestamp() != nil, err
}

// newHolder returns an empty object of the kind that holds such claims.
func (k claimKind) newHolder() client.Object {
	if k == claimUserName {
		return &v1alpha1.ScimUser{}
	}
	return &v1alpha1.ScimGroup{}
}

// resourceType is the type of what holds such claims.
func (k claimKind) resourceType() *scim.ResourceType {
	if k == claimUserName {
		return scim.User
	}
	return scim.Group
}

// taken is the answer to a request for a name that another resource has.
func (k claimKind) taken() error {
	if k == claimUserName {
		return userNameTaken()
	}
	return displayNameTaken()
}

// claimedName is the name that an object has a claim on.
func claimedName(obj client.Object) string {
	switch typed := obj.(type) {
	case *v1alpha1.ScimUser:
		return typed.Spec.UserName
	case *v1alpha1.ScimGroup:
		return typed.Spec.DisplayName
	}
	return ""
}

// takeOver makes the claimant the holder of a claim that stands for nothing. It returns
// nil when somebody else was faster. When the old holder has come to life after
// all, the claim goes back to it and the name is taken. If the old holder is a group of
// which the same has been begun, it stays the holder.
func (c claims) takeOver(ctx context.Context, kind claimKind, held *coordinationv1.Lease, by claimant) (*claim, error) {
	old, id := holderOf(held), by.id
	now := time.Now()
	goesOn := goesOn(held, by.begun)
	if goesOn {
		id = old
	}
	err := c.write(ctx, held, func(lease *coordinationv1.Lease) {
		noteBegun(lease, by.begun)
		lease.Spec.HolderIdentity = &id
		lease.Spec.RenewTime = new(metav1.NowMicro())
	})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("take over claim: %w", err)
	}
	if old == "" || old == id && !goesOn {
		return &claim{lease: held, renewed: now, shared: old == id, begun: by.begun}, nil
	}
	claimed, deleting, err := c.holderClaim(ctx, kind, held.Namespace, old)
	if err != nil {
		return nil, err
	}
	if deleting || claimed != held.Name {
		return &claim{lease: held, renewed: now, begun: by.begun}, nil
	}
	if goesOn {
		return nil, errTaken
	}
	err = c.write(ctx, held, func(lease *coordinationv1.Lease) {
		lease.Spec.HolderIdentity = &old
		noteBegun(lease, "")
	})
	if err != nil {
		return nil, fmt.Errorf("give back claim: %w", err)
	}
	return nil, errTaken
}

// renew begins the lease anew. It returns errTaken when the claim has been taken over.
func (c claims) renew(ctx context.Context, held *claim) error {
	now := time.Now()
	err := c.write(ctx, held.lease, func(lease *coordinationv1.Lease) {
		lease.Spec.RenewTime = new(metav1.NowMicro())
		noteBegun(lease, held.begun)
	})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return errTaken
	} else if err != nil {
		return fmt.Errorf("renew claim: %w", err)
	}
	held.renewed = now
	return nil
}

// heldBy returns the claim on a name as it is now if id holds it, and nil if not.
func (c claims) heldBy(ctx context.Context, name uniqueName, id string) (*coordinationv1.Lease, error) {
	leaseName, err := c.leaseName(ctx, name)
	if err != nil {
		return nil, err
	}
	lease := &coordinationv1.Lease{}
	if err := c.live.Get(ctx, key(name.tenant, leaseName), lease); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read claim: %w", err)
	}
	if holderOf(lease) != id {
		return nil, nil
	}
	return lease, nil
}

func (c claims) newLease(kind claimKind, tenant, name, id string) *coordinationv1.Lease {
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: tenant, Name: name, Labels: map[string]string{v1alpha1.LabelClaim: string(kind)},
		},
		// Every user has one, so it says what is read and nothing more.
		Spec: coordinationv1.LeaseSpec{HolderIdentity: &id, RenewTime: new(metav1.NowMicro())},
	}
}

// holderOf is the SCIM id that a claim names.
func holderOf(lease *coordinationv1.Lease) string { return ptr.Deref(lease.Spec.HolderIdentity, "") }

func (c claims) age(lease *coordinationv1.Lease) time.Duration {
	if lease.Spec.RenewTime == nil {
		return c.timing.claimForgotten
	}
	return time.Since(lease.Spec.RenewTime.Time)
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
