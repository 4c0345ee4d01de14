// Package access says for whom the console acts, and lets nothing be read or done beyond that person's rights in the cluster.
package access

import (
	"context"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Caller is a person for whom the console acts.
type Caller interface {
	// User is who the cluster takes the caller for, as a SelfSubjectReview says; never what a form says.
	User() authenticationv1.UserInfo
	// May asks the API server whether the caller may. Answers are kept for ReviewsLast. A failure is an error, never a yes.
	May(ctx context.Context, what authorizationv1.ResourceAttributes) (bool, error)
	// Client acts as the caller, without a cache: the API server authorises every call.
	Client() client.Client
	// Reader reads what a cache holds of a namespace, and live what no cache holds. It is a Guard.
	Reader(ctx context.Context, namespace string) (client.Reader, error)
}
