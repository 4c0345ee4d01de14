// Package userindex finds ScimUsers by what they are called: one index of the cache for the SCIM server and the controllers. What
// it holds of a user are mostly two values, because name and address are one for most.
package userindex

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/buckets"
	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
)

const index = "userindex.user"

// By is one of the ways in which users are found. It gives the values under which a user is.
type By func(user *v1alpha1.ScimUser) []string

// UserName is the folded userName (fold.String).
func UserName(user *v1alpha1.ScimUser) []string { return folded(user.Spec.UserName, nil, fold.String) }

// ExternalID is the externalId as it is.
func ExternalID(user *v1alpha1.ScimUser) []string {
	if user.Spec.ExternalID == "" {
		return nil
	}
	return []string{user.Spec.ExternalID}
}

// Addresses are the folded e-mail addresses, and the userName (fold.String).
func Addresses(user *v1alpha1.ScimUser) []string {
	return folded(user.Spec.UserName, user.Spec.Emails, fold.String)
}

// EmailCandidates are the folded values (fold.Email) that a mapping can make the primary e-mail address of a Person: rules
// read what an inactive user was called last.
func EmailCandidates(user *v1alpha1.ScimUser) []string {
	user = user.AsLastActive()
	return folded(user.Spec.UserName, user.Spec.Emails, fold.Email)
}

func folded(name string, emails []v1alpha1.ScimValue, fold func(string) string) []string {
	values := append(make([]string, 0, 1+len(emails)), fold(name))
	for i := range emails {
		if value := fold(emails[i].Value); !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return slices.DeleteFunc(values, func(value string) bool { return value == "" })
}

// Index is what Users reads by.
func Index() membership.Index {
	return membership.Index{Object: &v1alpha1.ScimUser{}, Name: index, Keys: buckets.Many.Of(func(object client.Object) []string {
		user, ok := object.(*v1alpha1.ScimUser)
		if !ok {
			return nil
		}
		values := append(Addresses(user), EmailCandidates(user)...) // the former begin with UserName
		return append(values, ExternalID(user)...)
	})}
}

// Register adds the index to a cache, and with it the informer of users. Call it once for each cache, before it is started.
func Register(ctx context.Context, indexer client.FieldIndexer) error {
	if err := indexer.IndexField(ctx, Index().Object, index, Index().Keys); err != nil {
		return fmt.Errorf("register index %s: %w", index, err)
	}
	return nil
}

// Users reads the users of a namespace that have a value, also those that are being deleted.
func Users(ctx context.Context, reader client.Reader, into *v1alpha1.ScimUserList, namespace string, by By, value string, options ...client.ListOption) error {
	return buckets.Many.List(ctx, reader, into, namespace, index, value, func(object client.Object) []string {
		user, ok := object.(*v1alpha1.ScimUser)
		if !ok {
			return nil
		}
		return by(user)
	}, options...)
}

// Names returns the names of the users of a namespace that have a value and are not being deleted, in no order. informer is
// that of users, which has synced; the reader is asked where that is one of several namespaces.
func Names(ctx context.Context, informer cache.Informer, reader client.Reader, namespace string, by By, value string, options ...client.ListOption) ([]string, error) {
	found, ok, err := kube.ReadIndex(informer, index, namespace, buckets.Many.Key(value))
	if err != nil {
		return nil, err
	}
	if !ok {
		list := &v1alpha1.ScimUserList{}
		if err := Users(ctx, reader, list, namespace, by, value, options...); err != nil {
			return nil, err
		}
		for i := range list.Items {
			found = append(found, &list.Items[i])
		}
	}
	var names []string
	for _, object := range found {
		if user, ok := object.(*v1alpha1.ScimUser); ok && user.DeletionTimestamp == nil && slices.Contains(by(user), value) {
			names = append(names, user.Name)
		}
	}
	return names, nil
}
