package controllers

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/lru"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/bounds"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/tokens"
	"rservice.dev/scim-operator/api/trust"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/brake"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/rulecache"
	"rservice.dev/scim-operator/controllers/verdict"
)

// eventTokenReplaced is the reason of the Event that tells of a token made because
// the Secret of an earlier one is gone: the client has to be given the new one.
const eventTokenReplaced = "TokenReplaced"

// unreadPoll is how often an endpoint that waits for namespaces to be read looks again.
const unreadPoll = 10 * time.Second

// endpointReconciler keeps the token Secret of each ScimEndpoint.
type endpointReconciler struct {
	client client.Client
	// cache is what client reads, and knows which namespaces are not in it.
	cache client.Reader
	// live reads Secrets that do not have the label yet, which the cache lacks.
	live     client.Reader
	status   *verdict.Writer
	rules    *rulecache.Cache
	subjects subjectTallies
	brake    *brake.Brake
	// bounds are what the operator lets endpoints ask for.
	bounds bounds.Bounds
	// outages returns the issuers of an endpoint whose keys cannot be fetched; nil if nobody knows.
	outages func(*v1alpha1.ScimEndpoint) []trust.Outage
	// checked has what was found of generations of endpoints.
	checked *lru.Cache
	// made has the hashes of tokens that this process has made: whatever cannot be read, they are copies of none.
	made       *lru.Cache
	assertions *assertionSweeper
}

// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=scimendpoints;organizations,verbs=get;list;watch
// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=scimendpoints/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;patch

// Reconcile implements reconcile.Reconciler.
func (r *endpointReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	endpoint := &v1alpha1.ScimEndpoint{}
	if err := r.client.Get(ctx, req.NamespacedName, endpoint); err != nil {
		if apierrors.IsNotFound(err) {
			r.assertions.forget(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !endpoint.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	report := r.status.Begin(endpoint, &endpoint.Status.Conditions)
	result, found, err := r.reconcile(ctx, endpoint, report)
	return report.End(ctx, result, found, err)
}

// reconcile sees to the Secret of an endpoint and counts what the namespace holds.
func (r *endpointReconciler) reconcile(
	ctx context.Context, endpoint *v1alpha1.ScimEndpoint, report *verdict.Report,
) (result ctrl.Result, found verdict.Verdict, err error) {
	reason, message, err := r.own(ctx, endpoint)
	if err != nil {
		return result, verdict.Verdict{}, err
	}
	r.tellWhile(endpoint, report, v1alpha1.ConditionSecretsNotOwned, reason, message)
	secret, found, err := r.reconcileSecret(ctx, endpoint)
	if err == nil {
		err = r.release(ctx, endpoint)
	}
	if err != nil {
		return result, verdict.Verdict{}, err
	}
	clients, err := r.reconcileClients(ctx, endpoint)
	if err != nil {
		return result, verdict.Verdict{}, err
	}
	clients.describe(endpoint)
	endpoint.Status.ObservedGeneration = endpoint.Generation
	endpoint.Status.TokenSecretName = endpoint.WantedSecretName()
	if err := r.subjects.count(ctx, endpoint); err != nil {
		return result, verdict.Verdict{}, err
	}
	events, err := r.brake.Describe(ctx, endpoint)
	if err != nil {
		return result, verdict.Verdict{}, err
	}
	report.Announce(func() { r.send(endpoint, events) })
	reason, message = r.limitsReduced(endpoint)
	r.tellWhile(endpoint, report, v1alpha1.ConditionLimitsReduced, reason, message)
	if err := r.describeIssuers(ctx, endpoint, report); err != nil {
		return result, verdict.Verdict{}, err
	}
	reason, message = clients.invalid()
	reason, message = r.invalidCredentials(endpoint, reason, message)
	r.tellWhile(endpoint, report, v1alpha1.ConditionCredentialInvalid, reason, message)
	if found, err = r.describeTokens(ctx, endpoint, secret, found, report); err != nil {
		return result, verdict.Verdict{}, err
	}
	reason, message, next := expiring(append(endOfToken(endpoint, secret, r.status.Now()), clients.ends...), r.status.Now())
	r.tellWhile(endpoint, report, v1alpha1.ConditionCredentialExpiring, reason, message)
	next = sooner(next, clients.again)
	// One that has ended since the Secret was seen to is in no status any more, and goes the next time. Hashes stay.
	for _, token := range tokens.Of(secret.Secret, endpoint.Spec.Authentication.TokenSeconds) {
		if token.State == v1alpha1.TokenPrevious && token.ExpiresAt != nil && (!token.Elsewhere || token.Valid(r.status.Now())) {
			next = sooner(next, token.ExpiresAt.Time)
		}
	}
	if r.waitsForNamespaces(endpoint, found) {
		next = sooner(next, r.status.Now().Add(unreadPoll))
	}
	if !next.IsZero() {
		// Not earlier than the second that the time is given in.
		result.RequeueAfter = max(next.Sub(r.status.Now()), 0) + time.Second
	}
	return result, found, nil
}

// waitsForNamespaces reports whether what is told of other endpoints may be another thing once all namespaces are read.
func (r *endpointReconciler) waitsForNamespaces(endpoint *v1alpha1.ScimEndpoint, found verdict.Verdict) bool {
	conditions := endpoint.Status.Conditions
	told := found.Reason == v1alpha1.ReasonNamespacesUnread || meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionTokenShared) ||
		meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionIssuerShared)
	return told && len(kube.Unread(r.cache, &corev1.Secret{}, &v1alpha1.ScimEndpoint{})) > 0
}

// describeTokens makes the endpoint's status tell of the tokens, and the verdict of one that does not work here.
func (r *endpointReconciler) describeTokens(
	ctx context.Context, endpoint *v1alpha1.ScimEndpoint, secret tokenSecret, found verdict.Verdict, report *verdict.Report,
) (_ verdict.Verdict, err error) {
	known := endpoint.Status.Tokens
	endpoint.Status.Tokens = nil
	var shared sharing
	if found.Reason != v1alpha1.ReasonInvalidSecret {
		endpoint.Status.Tokens = keepLastUse(secret.tokens(endpoint.Spec.Authentication.TokenSeconds, r.status.Now()), known)
		endpoint.Status.TokenGeneration, _ = secret.generation()
		if shared, err = r.tellFirst(ctx, endpoint, secret, known); err != nil {
			return verdict.Verdict{}, err
		}
	}
	r.tellWhile(endpoint, report, v1alpha1.ConditionTokenShared, shared.reason, shared.message)
	switch {
	case shared.broken:
		found = verdict.Stalled(shared.reason, shared.message)
	case shared.undecided != "" && !found.IsStalled():
		found = verdict.UnderWay(v1alpha1.ReasonNamespacesUnread, shared.undecided)
	}
	return found, nil
}

// send tells of the safety brake what the status says by now.
func (r *endpointReconciler) send(endpoint *v1alpha1.ScimEndpoint, events []brake.Event) {
	for _, event := range events {
		if event.Reason != "" {
			r.status.Event(endpoint, nil, event.Kind, event.Reason, "%s", verdict.Truncate(event.Message))
		}
	}
}

// reconcileSecret makes, adopts, rotates or tidies the Secret and says how it is.
func (r *endpointReconciler) reconcileSecret(ctx context.Context, endpoint *v1alpha1.ScimEndpoint) (tokenSecret, verdict.Verdict, error) {
	secret := tokenSecret{&corev1.Secret{}}
	err := r.live.Get(ctx, client.ObjectKey{Namespace: endpoint.Namespace, Name: endpoint.WantedSecretName()}, secret.Secret)
	if apierrors.IsNotFound(err) {
		return r.createSecret(ctx, endpoint)
	}
	if err != nil {
		return secret, verdict.Verdict{}, verdict.FailedTo("read token Secret", err)
	}
	before := secret.DeepCopy()
	holder, err := r.adopt(ctx, endpoint, secret.Secret)
	if err != nil {
		return secret, verdict.Verdict{}, err
	}
	if holder != "" {
		return secret, verdict.Stalled(v1alpha1.ReasonInvalidSecret, fmt.Sprintf(
			"Secret %q belongs to ScimEndpoint %q. Set another spec.tokenSecretName.", secret.Name, holder)), nil
	}
	secret.noteOwner(endpoint)
	found := verdict.Stalled(v1alpha1.ReasonInvalidSecret, secret.check())
	if found.Message == "" {
		secret.bringUpToDate(endpoint, r.status.Now())
		if found, err = r.endpointVerdict(ctx, endpoint); err != nil {
			return secret, verdict.Verdict{}, err
		}
		if generation, _ := secret.generation(); generation < endpoint.Spec.TokenGeneration && secret.madeElsewhere() {
			found = verdict.Stalled(v1alpha1.ReasonTokenMadeElsewhere, fmt.Sprintf("spec.tokenGeneration asks for a new token, but Secret %q has the hash of one that is "+
				"made elsewhere: put the hash of a new one under %q, and the present one under %q, where it works for spec.tokenOverlapSeconds.",
				secret.Name, v1alpha1.SecretKeyTokenHash, v1alpha1.SecretKeyPreviousTokenHash))
		}
	}
	if !bytes.Equal(before.Data[v1alpha1.SecretKeyToken], secret.Data[v1alpha1.SecretKeyToken]) {
		r.made.Add(hashOf(secret, v1alpha1.TokenCurrent), nil)
	}
	if err := r.patchSecret(ctx, before, secret.Secret, "update token Secret"); err != nil {
		return secret, verdict.Verdict{}, err
	}
	return secret, found, nil
}

func (r *endpointReconciler) createSecret(ctx context.Context, endpoint *v1alpha1.ScimEndpoint) (tokenSecret, verdict.Verdict, error) {
	secret := tokenSecret{ownSecret(endpoint, endpoint.WantedSecretName())}
	secret.issue(endpoint.Spec.TokenGeneration, r.status.Now())
	r.made.Add(hashOf(secret, v1alpha1.TokenCurrent), nil)
	if err := r.client.Create(ctx, secret.Secret); err != nil {
		return secret, verdict.Verdict{}, verdict.FailedTo("create token Secret", err)
	}
	logf.FromContext(ctx).Info("Created a token Secret", "secret", secret.Name)
	if endpoint.Status.TokenSecretName == secret.Name && len(endpoint.Status.Tokens) > 0 {
		r.status.Event(endpoint, secret.Secret, corev1.EventTypeWarning, eventTokenReplaced,
			"The token Secret was gone, so a new token was made. Give it to the SCIM client.")
	}
	found, err := r.endpointVerdict(ctx, endpoint)
	return secret, found, err
}

// adopt gives a Secret the label that makes it the endpoint's, in memory. It returns the name of the endpoint that has it,
// if that is another one.
func (r *endpointReconciler) adopt(ctx context.Context, endpoint *v1alpha1.ScimEndpoint, secret *corev1.Secret) (holder string, err error) {
	holder = secret.Labels[v1alpha1.LabelEndpoint]
	if holder == endpoint.Name {
		return "", nil
	}
	if taken, err := r.isHeldBy(ctx, secret, holder); taken || err != nil {
		return holder, err
	}
	if secret.Labels == nil {
		secret.Labels = map[string]string{}
	}
	secret.Labels[v1alpha1.LabelEndpoint] = endpoint.Name
	tokenSecret{secret}.disown(endpoint)
	return "", nil
}

// isHeldBy reports whether a Secret is in use by the endpoint that its label names,
// or made for another one.
func (r *endpointReconciler) isHeldBy(ctx context.Context, secret *corev1.Secret, holder string) (bool, error) {
	if holder == "" {
		return false, nil
	}
	other := &v1alpha1.ScimEndpoint{}
	err := r.client.Get(ctx, client.ObjectKey{Namespace: secret.Namespace, Name: holder}, other)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up the ScimEndpoint that a Secret belongs to: %w", err)
	}
	return other.DeletionTimestamp.IsZero() && other.UsesSecret(secret.Name), nil
}

// endpointVerdict says whether an endpoint with a good token is complete.
func (r *endpointReconciler) endpointVerdict(ctx context.Context, endpoint *v1alpha1.ScimEndpoint) (verdict.Verdict, error) {
	missing, err := missingReferences(ctx, r.client, endpoint.Namespace, []reference{
		{field: "defaultOrganization", to: endpoint.Spec.DefaultOrganization, kind: &v1alpha1.Organization{}},
	})
	if err != nil {
		return verdict.Verdict{}, err
	}
	if missing != "" {
		return verdict.Waiting(v1alpha1.ReasonReferenceNotFound, missing), nil
	}
	endpoints, err := directory.Of(r.client, endpoint.Namespace).Endpoints(ctx)
	if err != nil {
		return verdict.Verdict{}, err
	}
	if names := directory.Disjoint(endpoints); slices.Contains(names, endpoint.Name) {
		return verdict.Stalled(v1alpha1.ReasonEmailDomainsDisjoint, fmt.Sprintf("No domain is in spec.emailDomains of all of the ScimEndpoints %s, "+
			"so no user gets a Person here. Name one in each of them, or keep the clients in namespaces of their own.", strings.Join(names, ", "))), nil
	}
	idle, err := r.noRules(ctx, endpoint.Namespace)
	if err != nil {
		return verdict.Verdict{}, err
	}
	if idle != "" {
		return verdict.Ready(v1alpha1.ReasonNoRules, idle), nil
	}
	return verdict.Ready(v1alpha1.ReasonReady, "The token is in the Secret that status.tokenSecretName names."), nil
}

// release takes the label off Secrets that the endpoint has used under another
// spec.tokenSecretName, or for clients that it has no longer: without it what they hold
// is not valid. They are not deleted, so the operator needs no permission for that.
func (r *endpointReconciler) release(ctx context.Context, endpoint *v1alpha1.ScimEndpoint) error {
	secrets := &corev1.SecretList{}
	err := r.client.List(ctx, secrets, client.InNamespace(endpoint.Namespace), client.MatchingLabels{v1alpha1.LabelEndpoint: endpoint.Name})
	if err != nil {
		return fmt.Errorf("list the endpoint's Secrets: %w", err)
	}
	for i := range secrets.Items {
		secret := &secrets.Items[i]
		if endpoint.UsesSecret(secret.Name) {
			continue
		}
		before := secret.DeepCopy()
		delete(secret.Labels, v1alpha1.LabelEndpoint)
		// The cache will not see this Secret again, so there is nothing to wait for.
		err := r.client.Patch(ctx, secret, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}),
			client.DisableReadYourWritesConsistency)
		if client.IgnoreNotFound(err) != nil {
			return verdict.FailedTo("release a former Secret", err)
		}
	}
	return nil
}
