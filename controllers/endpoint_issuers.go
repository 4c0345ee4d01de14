package controllers

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/trust"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/verdict"
)

// describeIssuers makes the endpoint's status tell of issuers whose tokens let nobody in.
func (r *endpointReconciler) describeIssuers(ctx context.Context, endpoint *v1alpha1.ScimEndpoint, report *verdict.Report) error {
	reason, message, err := r.issuersShared(ctx, endpoint)
	if err != nil {
		return err
	}
	told := meta.FindStatusCondition(endpoint.Status.Conditions, v1alpha1.ConditionIssuerShared)
	if reason == "" && told != nil && len(kube.Unread(r.cache, &v1alpha1.ScimEndpoint{})) > 0 {
		reason, message = told.Reason, told.Message // the other one may be where nobody can look now
	}
	r.tellWhile(endpoint, report, v1alpha1.ConditionIssuerShared, reason, message)
	reason, message = r.issuersAway(endpoint)
	r.tellWhile(endpoint, report, v1alpha1.ConditionIssuerUnavailable, reason, message)
	return nil
}

// invalidCredentials says which credentials that the endpoint names are not accepted: of its clients, and of issuers.
func (r *endpointReconciler) invalidCredentials(endpoint *v1alpha1.ScimEndpoint, reason, message string) (string, string) {
	var texts []string
	if reason != "" {
		texts = append(texts, message)
	}
	for _, fault := range r.faults(endpoint) {
		if reason == "" {
			reason = v1alpha1.ReasonInvalidIssuer
		}
		texts = append(texts, fault.Message)
	}
	return reason, verdict.Truncate(strings.Join(texts, " "))
}

// faults are those of the endpoint's spec as it is, which are looked for once: expressions take long to compile.
func (r *endpointReconciler) faults(endpoint *v1alpha1.ScimEndpoint) trust.Faults {
	type state struct {
		endpoint   types.UID
		generation int64
	}
	now := state{endpoint.UID, endpoint.Generation}
	if known, ok := r.checked.Get(now); ok {
		if faults, ok := known.(trust.Faults); ok {
			return faults
		}
	}
	faults := trust.Check(endpoint)
	r.checked.Add(now, faults)
	return faults
}

// issuersShared says which tokens several endpoints would take, "" for none. An endpoint of another namespace, which may be
// another tenant's, is in the log only.
func (r *endpointReconciler) issuersShared(ctx context.Context, endpoint *v1alpha1.ScimEndpoint) (reason, message string, err error) {
	rivals, err := trust.Rivals(ctx, r.client, endpoint)
	if err != nil || len(rivals) == 0 {
		return "", "", err
	}
	var names, all []string
	elsewhere := false
	for _, rival := range rivals {
		all = append(all, client.ObjectKeyFromObject(rival.Endpoint).String())
		if rival.Endpoint.Namespace != endpoint.Namespace {
			elsewhere = true
		} else if !slices.Contains(names, rival.Endpoint.Name) {
			names = append(names, rival.Endpoint.Name)
		}
	}
	slices.Sort(names)
	if elsewhere {
		names = append(names, "and one of another namespace, which the operator's log names")
	}
	if meta.FindStatusCondition(endpoint.Status.Conditions, v1alpha1.ConditionIssuerShared) == nil {
		logf.FromContext(ctx).Info("Several ScimEndpoints would take the same tokens, so none does", "others", all)
	}
	first := rivals[0]
	return v1alpha1.ReasonIssuerShared, verdict.Truncate(fmt.Sprintf(
		"Another ScimEndpoint takes tokens of the issuer %s for the audience %s (%s), too: %s. A token that both would take lets nobody in. "+
			"Give each an audience of its own, or let claimValidationRules of both want one claim to have different values.",
		strconv.Quote(first.Issuer), strconv.Quote(first.Audience), trust.Path(first.Element), strings.Join(names, ", "))), nil
}

// issuersAway says whose keys cannot be fetched, "" if all can.
func (r *endpointReconciler) issuersAway(endpoint *v1alpha1.ScimEndpoint) (reason, message string) {
	if r.outages == nil {
		return "", ""
	}
	var texts []string
	for _, outage := range r.outages(endpoint) {
		now := v1alpha1.ReasonKeysKept
		state := fmt.Sprintf("Those of %s are used until %s.", outage.Fetched.UTC().Format(time.RFC3339), outage.Until.UTC().Format(time.RFC3339))
		if outage.Fetched.IsZero() || !r.status.Now().Before(outage.Until) {
			now, state = v1alpha1.ReasonNoKeys, "Its tokens let nobody in."
		}
		if reason != v1alpha1.ReasonNoKeys {
			reason = now
		}
		texts = append(texts, fmt.Sprintf("The keys of the issuer %s (%s) cannot be fetched: %s. %s %s",
			strconv.Quote(outage.Issuer), trust.Path(outage.Element), outage.Message, state, outage.Remedy))
	}
	return reason, verdict.Truncate(strings.Join(texts, " "))
}

// rivalsOf reconciles the endpoints that would take tokens that a changed one takes, or took.
func rivalsOf(reader client.Reader) handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	add := func(ctx context.Context, to queue, objects ...client.Object) {
		for _, object := range objects {
			endpoint, ok := object.(*v1alpha1.ScimEndpoint)
			if !ok || len(endpoint.Spec.Authentication.JWT) == 0 {
				continue
			}
			rivals, err := trust.Rivals(ctx, reader, endpoint)
			if err != nil {
				logf.FromContext(ctx).Error(err, "Could not find the ScimEndpoints that take the same tokens")
			}
			for _, rival := range rivals {
				to.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(rival.Endpoint)})
			}
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, to queue) { add(ctx, to, e.Object) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, to queue) { add(ctx, to, e.Object) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, to queue) {
			if changedSpec(e.ObjectOld, e.ObjectNew) {
				add(ctx, to, e.ObjectOld, e.ObjectNew)
			}
		},
	}
}

// outageWatch has endpoints reconciled when issuers that they trust stop answering, or answer again. The SCIM server of
// the same process knows.
type outageWatch struct {
	reader   client.Reader
	outages  func(*v1alpha1.ScimEndpoint) []trust.Outage
	interval time.Duration
	changed  chan event.GenericEvent
	// known is what was found at each endpoint that has an outage.
	known map[types.UID]string
}

// Start implements manager.Runnable, which only the leader runs.
func (w *outageWatch) Start(ctx context.Context) error {
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		if err := w.look(ctx); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Could not look which issuers do not answer")
		}
	}, w.interval)
	return nil
}

func (w *outageWatch) look(ctx context.Context) error {
	endpoints := &v1alpha1.ScimEndpointList{}
	if err := w.reader.List(ctx, endpoints, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list ScimEndpoints: %w", err)
	}
	now := map[types.UID]string{}
	for i := range endpoints.Items {
		endpoint := &endpoints.Items[i]
		found := ""
		if len(endpoint.Spec.Authentication.JWT) > 0 {
			if outages := w.outages(endpoint); len(outages) > 0 {
				found = fmt.Sprint(outages)
				now[endpoint.UID] = found
			}
		}
		if found == w.known[endpoint.UID] {
			continue
		}
		named := &v1alpha1.ScimEndpoint{}
		named.Namespace, named.Name = endpoint.Namespace, endpoint.Name
		select {
		case w.changed <- event.GenericEvent{Object: named}:
		case <-ctx.Done():
			return nil
		}
	}
	w.known = now
	return nil
}
