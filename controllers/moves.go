package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/brake"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/identity"
	"rservice.dev/scim-operator/controllers/rulecache"
	"rservice.dev/scim-operator/controllers/rules"
	"rservice.dev/scim-operator/controllers/verdict"
)

// maxMoves is how many users are followed who wait for each other's address.
const maxMoves = 1000

// errMoving ends the reconcile of a user whose address another user's Person has, but is
// about to leave. It is tried again soon.
var errMoving = verdict.Transient("the e-mail address is still on the Person of a user that is to leave it")

// awaitMove finds out whether the address that a user is to get is really taken. It is
// not when the user who has it is to get another one, which that one may have to wait for
// in turn: then the error is errMoving. When they wait for each other in a circle, this
// user's Person makes way. A crash after that leaves a row instead of a circle, which
// resolves itself from its end.
//
// Where the brake holds the new address, no error is returned and plans leave it out.
func (r *ruleRunner) awaitMove(ctx context.Context, run *run) error {
	row, moving, err := r.row(ctx, run)
	if err != nil || !moving {
		return err
	}
	view := run.directory.View
	own, err := view.PersonBySource(ctx, run.input.User.Name)
	if err != nil || own == nil && row.held {
		return err
	}
	move := brake.Move{Person: own, Address: row.addresses[0], Blocked: row.held}
	if row.circle && own != nil {
		move.Others = slices.DeleteFunc(row.holders, func(name string) bool { return name == own.Name })
	}
	answer, err := r.brake.MayMove(ctx, run.braked(), move)
	if err != nil || answer.Hold.On() {
		run.held(answer.Hold)
		return err
	}
	if row.circle {
		var release func()
		if release, err = r.identities.Lock(ctx, row.keys(run.subject.GetNamespace())...); err != nil {
			return err
		}
		defer release()
		// Another one of the circle may have made way in the meantime.
		if row, moving, err = r.row(ctx, run); err == nil && moving && row.circle {
			err = r.park(ctx, row.own, answer.At)
		}
	}
	if err != nil {
		return err
	}
	return errMoving
}

// moveRow is a row of users each of whom is to get the address of the next one's Person.
type moveRow struct {
	// own is the Person of the first user, nil if there is none.
	own *v1alpha1.Person
	// addresses are the folded addresses that the users are to get, and holders the names of
	// the Persons that have them.
	addresses, holders []string
	// circle says that the last one is to get the address of the first one.
	circle bool
	// held says that the safety brake keeps one of the others from getting another address.
	held bool
}

func (m moveRow) keys(namespace string) []string {
	var keys []string
	for _, address := range m.addresses {
		keys = append(keys, identity.OfAddress(address).Key(namespace))
	}
	return keys
}

// row follows who has the address that the user of a run is to get, which address that
// user is to get and so on. It is false when it ends with a Person that stays as it is.
func (r *ruleRunner) row(ctx context.Context, run *run) (moveRow, bool, error) {
	view := run.directory.View
	s, err := brake.SafetyIn(ctx, r.client, run.subject.GetNamespace())
	if err != nil {
		return moveRow{}, false, err
	}
	var found moveRow
	user, seen := run.input.User, []string{}
	for len(seen) < maxMoves {
		if len(seen) > 0 && s.Keeps(brake.HoldOf(user), v1alpha1.HeldChangePrimaryEmail) {
			found.held = true
		}
		seen = append(seen, user.Name)
		address, err := r.wantedAddress(ctx, run.set, view, user)
		if err != nil || address == "" {
			return found, false, err
		}
		found.addresses = append(found.addresses, address)
		holder, err := view.PersonByEmail(ctx, address)
		if err != nil || holder == nil {
			return found, err == nil, err
		}
		found.holders = append(found.holders, holder.Name)
		if holder.Spec.SourceID == user.Name {
			moved, err := found.hasMoved(ctx, view, user.Name)
			return found, moved, err
		}
		if slices.Contains(seen, holder.Spec.SourceID) {
			found.circle = holder.Spec.SourceID == seen[0]
			found.own, err = view.PersonBySource(ctx, seen[0])
			return found, true, err
		}
		user = &v1alpha1.ScimUser{}
		exists, err := view.Get(ctx, holder.Spec.SourceID, user)
		if err != nil || !exists || !user.DeletionTimestamp.IsZero() {
			return found, false, err
		}
	}
	return found, false, nil
}

// hasMoved finds out about the last user of a row, whose Person has what it is to have:
// it has either left the address before since that was looked up, or the user has two
// Persons, and that one stays.
func (m moveRow) hasMoved(ctx context.Context, d directory.View, user string) (bool, error) {
	if len(m.addresses) < 2 {
		return false, nil
	}
	holder, err := d.PersonByEmail(ctx, m.addresses[len(m.addresses)-2])
	return err == nil && (holder == nil || holder.Spec.SourceID != user), err
}

// wantedAddress is the folded address that the rules give a user's Person where it is
// free, "" where they make no Person.
func (r *ruleRunner) wantedAddress(ctx context.Context, set rulecache.Set, d directory.View, user *v1alpha1.ScimUser) (string, error) {
	input, err := d.UserInput(ctx, user)
	if err != nil {
		return "", err
	}
	plan, err := rules.Plan(ctx, set.Compiled, input, d.Unoccupied(user.Name))
	if err != nil {
		return "", fmt.Errorf("plan for a user with the same address: %w", err)
	}
	person, ok := plan.Records[v1alpha1.RecordPerson].(*v1alpha1.Person)
	if !ok {
		return "", nil
	}
	return rules.MatchKey(person), nil
}

// park gives a Person an address that nobody wants, so that its own becomes free. It counts as
// changed from then on.
func (r *ruleRunner) park(ctx context.Context, person *v1alpha1.Person, at time.Time) error {
	if person == nil {
		return nil
	}
	parked := person.DeepCopy()
	parked.Spec.PrimaryEmail = parked.Name + rules.ParkedDomain
	brake.Stamp(parked, v1alpha1.HeldChangePrimaryEmail, at)
	patch := client.MergeFromWithOptions(person, client.MergeFromWithOptimisticLock{})
	if err := r.client.Patch(ctx, parked, patch); err != nil {
		return verdict.FailedTo("let a Person make way for another one's address", err)
	}
	logf.FromContext(ctx).Info("Let a Person make way in a circle of e-mail addresses", "record", parked.Name)
	return nil
}

// addressTaken reports whether a plan fails, or leaves the address out, because another
// Person has it.
func addressTaken(plan rules.Result) bool {
	return slices.ContainsFunc(plan.Outcomes, func(o rules.Outcome) bool {
		return o.Reason == v1alpha1.ReasonPrimaryEmailTaken || o.Withheld() == v1alpha1.ReasonPrimaryEmailTaken
	})
}
