package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/verdict"
)

const (
	// defaultFaultInterval is how often it is looked whether kinds cannot be read.
	defaultFaultInterval = 10 * time.Second
	// faultTimeout bounds one look. It ends when ScimEndpoints themselves cannot be read.
	faultTimeout = 30 * time.Second
)

// faultReporter tells on every ScimEndpoint which kinds the operator cannot read in its namespace. It is no
// reconciler: those wait for all kinds when they start.
type faultReporter struct {
	client   client.Client
	cache    client.Reader
	status   *verdict.Writer
	faults   func() []kube.Fault
	interval time.Duration
	// clean says that no endpoint has the condition.
	clean bool
}

// Start implements manager.Runnable, which only the leader runs.
func (r *faultReporter) Start(ctx context.Context) error {
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		if err := r.look(ctx); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Could not tell ScimEndpoints which kinds cannot be read")
		}
	}, r.interval)
	return nil
}

func (r *faultReporter) look(ctx context.Context) error {
	faults := r.faults()
	if len(faults) == 0 && r.clean {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, faultTimeout)
	defer cancel()
	r.clean = false
	endpoints := &v1alpha1.ScimEndpointList{}
	if err := r.client.List(ctx, endpoints); err != nil {
		return fmt.Errorf("list ScimEndpoints: %w", err)
	}
	var failed []error
	for i := range endpoints.Items {
		endpoint := &endpoints.Items[i]
		elsewhere := func(f kube.Fault) bool { return f.Namespace != "" && f.Namespace != endpoint.Namespace }
		err := r.tell(ctx, endpoint, slices.DeleteFunc(slices.Clone(faults), elsewhere))
		failed = append(failed, client.IgnoreNotFound(err))
	}
	err := errors.Join(failed...)
	// The list lacks the endpoints of namespaces that are not known yet.
	r.clean = err == nil && len(faults) == 0 && len(kube.Unread(r.cache, &v1alpha1.ScimEndpoint{})) == 0
	return err
}

// tell writes the condition if it is to change.
func (r *faultReporter) tell(ctx context.Context, endpoint *v1alpha1.ScimEndpoint, faults []kube.Fault) error {
	before := endpoint.DeepCopy()
	var changed bool
	if len(faults) == 0 {
		changed = meta.RemoveStatusCondition(&endpoint.Status.Conditions, v1alpha1.ConditionUnreadable)
	} else {
		changed = meta.SetStatusCondition(&endpoint.Status.Conditions, unreadableCondition(faults, r.status.Now()))
	}
	if !changed {
		return nil
	}
	// The list of conditions is replaced as a whole, and others write it, too.
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.client.Status().Patch(ctx, endpoint, patch); err != nil {
		return fmt.Errorf("write the status of a ScimEndpoint: %w", err)
	}
	if len(faults) > 0 {
		condition := meta.FindStatusCondition(endpoint.Status.Conditions, v1alpha1.ConditionUnreadable)
		r.status.Event(endpoint, nil, corev1.EventTypeWarning, condition.Reason, "%s", condition.Message)
	}
	return nil
}

func unreadableCondition(faults []kube.Fault, now time.Time) metav1.Condition {
	whom := "for any tenant"
	if faults[0].Namespace != "" {
		whom = "in this namespace"
	}
	texts := make([]string, len(faults))
	for i, f := range faults {
		texts[i] = fmt.Sprintf("%s (%s) since %s: %s", f.Kind, f.Reason, f.Since.UTC().Format(time.RFC3339), f.Message)
	}
	return metav1.Condition{
		Type: v1alpha1.ConditionUnreadable, Status: metav1.ConditionTrue, Reason: faults[0].Reason, LastTransitionTime: metav1.NewTime(now),
		Message: verdict.Truncate("The operator cannot read all kinds, " + whom + "; what depends on these stands still. " + strings.Join(texts, "; ")),
	}
}
