package store

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// maker makes the objects and lists that a resource consists of. nil makes new ones. Another one makes those of a page's
// resources, one after the other, of the same memory: a resource is good until the next one is begun.
type maker struct {
	objects            []map[string]any
	lists              [][]any
	madeLists, madeMap int
}

// begin begins the next resource.
func (by *maker) begin() { by.madeMap, by.madeLists = 0, 0 }

// object returns an empty object with room for so many members.
func (by *maker) object(size int) map[string]any {
	if by == nil {
		return make(map[string]any, size)
	}
	if by.madeMap == len(by.objects) {
		by.objects = append(by.objects, make(map[string]any, size))
	}
	object := by.objects[by.madeMap]
	by.madeMap++
	clear(object)
	return object
}

// list returns a list of so many values, which the caller sets.
func (by *maker) list(length int) []any {
	if by == nil {
		return make([]any, length)
	}
	if by.madeLists == len(by.lists) {
		by.lists = append(by.lists, nil)
	}
	list := &by.lists[by.madeLists]
	by.madeLists++
	if cap(*list) < length {
		*list = make([]any, length)
	}
	*list = (*list)[:length]
	return *list
}

// userRows loads users for a page, one after the other.
type userRows struct {
	store *Store
	by    maker
	user  v1alpha1.ScimUser
	opts  []client.GetOption
}

// newUserRows is for who has waited for this process's writes.
func (s *Store) newUserRows() *userRows {
	return &userRows{store: s, opts: []client.GetOption{client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency}}
}

// load returns a user, or nil when it does not exist. What it returned before is not good any more.
func (u *userRows) load(ctx context.Context, tenant, id string) (scim.Resource, error) {
	u.user = v1alpha1.ScimUser{} // an answer of the API server leaves what it does not mention
	if ok, err := fetch(ctx, u.store, tenant, id, &u.user, false, u.opts...); !ok || err != nil {
		return nil, err
	}
	u.by.begin()
	return u.store.makeUser(ctx, &u.user, &u.by)
}
