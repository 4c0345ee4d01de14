package access

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ReviewsLast is how long an answer of the API server about a right is kept: what a page offers, and what it shows from a cache, is
// at most so far behind a change of roles. What is done is authorised by the API server itself.
const ReviewsLast = 10 * time.Second

// maxReviews bounds the answers that are kept of one caller.
const maxReviews = 1000

// Reviews asks the API server what the person may whom a client acts as, and keeps the answers for a while.
type Reviews struct {
	client client.Client

	mu      sync.Mutex
	answers map[string]answer
}

type answer struct {
	allowed bool
	until   time.Time
}

// NewReviews asks with a client that acts as the person: with the person's own credentials, or impersonating.
func NewReviews(c client.Client) *Reviews {
	return &Reviews{client: c, answers: map[string]answer{}}
}

// May is Caller.May.
func (r *Reviews) May(ctx context.Context, what authorizationv1.ResourceAttributes) (bool, error) {
	// No part has a blank or a line break in it; one that had would only be asked for anew.
	key := strings.Join([]string{what.Namespace, what.Verb, what.Group, what.Version, what.Resource, what.Subresource, what.Name}, "\n")
	if found, ok := r.known(key); ok {
		return found, nil
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &what}}
	if err := r.client.Create(ctx, review); err != nil {
		return false, fmt.Errorf("ask the API server for the right to %s %s: %w", what.Verb, what.Resource, err)
	}
	allowed := review.Status.Allowed && !review.Status.Denied
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.answers) >= maxReviews {
		clear(r.answers)
	}
	r.answers[key] = answer{allowed: allowed, until: time.Now().Add(ReviewsLast)}
	return allowed, nil
}

func (r *Reviews) known(key string) (allowed, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, ok := r.answers[key]
	return found.allowed, ok && time.Now().Before(found.until)
}

// WhoAmI is who the cluster takes the person for whom a client acts as.
func WhoAmI(ctx context.Context, c client.Client) (authenticationv1.UserInfo, error) {
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.Create(ctx, review); err != nil {
		return authenticationv1.UserInfo{}, fmt.Errorf("ask the API server who you are: %w", err)
	}
	return review.Status.UserInfo, nil
}
