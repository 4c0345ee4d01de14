package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Revision says how much of the history of users and groups is known, so that
// one replica can wait until it knows what another one knew.
type Revision struct {
	users, groups int64
}

// String returns the text that ParseRevision reads, of digits, letters and "-".
func (r Revision) String() string {
	return strconv.FormatInt(r.users, 36) + "-" + strconv.FormatInt(r.groups, 36)
}

// ParseRevision reads what String has written.
func ParseRevision(text string) (Revision, error) {
	users, groups, _ := strings.Cut(text, "-")
	var r Revision
	var err error
	if r.users, err = strconv.ParseInt(users, 36, 64); err != nil {
		return Revision{}, fmt.Errorf("revision of users: %w", err)
	}
	if r.groups, err = strconv.ParseInt(groups, 36, 64); err != nil {
		return Revision{}, fmt.Errorf("revision of groups: %w", err)
	}
	return r, nil
}

// seen returns what this replica knows now.
func (s *Store) seen() Revision {
	return Revision{users: s.users.order.newestEvent(), groups: s.groups.order.newestEvent()}
}

// waitFor returns when this replica knows as much.
func (s *Store) waitFor(ctx context.Context, r Revision) error {
	for _, wait := range []struct {
		index    *kindIndex
		revision int64
	}{{&s.users, r.users}, {&s.groups, r.groups}} {
		if err := wait.index.order.wait(ctx, wait.revision); err != nil {
			return fmt.Errorf("wait for what another replica knew: %w", err)
		}
	}
	return nil
}

// currentRevision returns the API server's revision before the cache is filled.
// What was written and deleted again before that is in no event, and waiting for
// it would not end.
func currentRevision(ctx context.Context, o Options, list client.ObjectList) (int64, error) {
	if err := o.Live.List(ctx, list, client.InNamespace(o.Namespace), client.Limit(1)); err != nil {
		return 0, fmt.Errorf("read the revision of %T: %w", list, err)
	}
	revision, err := strconv.ParseInt(list.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the API server's resourceVersion is no number: %w", err)
	}
	return revision, nil
}
