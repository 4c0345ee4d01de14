package kube

import (
	"errors"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NoRoom reports whether the API server has refused a write because there is no room for it, which lasts until somebody
// makes some: a ResourceQuota of the namespace is used up, or etcd is full. Neither has a reason of its own in the API:
// the first is Forbidden like what RBAC refuses, the second has none. So their messages decide, which hold no values.
func NoRoom(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	s := status.Status()
	return s.Reason == metav1.StatusReasonForbidden && strings.Contains(s.Message, " is forbidden: exceeded quota: ") ||
		s.Code >= 500 && strings.Contains(s.Message, "etcdserver: mvcc: database space exceeded")
}

// TooLarge reports whether the API server has refused an object for its size: itself, or etcd, or the connection to it,
// for which the API has no reason either.
func TooLarge(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	s := status.Status()
	return s.Reason == metav1.StatusReasonRequestEntityTooLarge || s.Code == 413 ||
		s.Code >= 500 && (strings.Contains(s.Message, "etcdserver: request is too large") || strings.Contains(s.Message, "trying to send message larger than max"))
}
