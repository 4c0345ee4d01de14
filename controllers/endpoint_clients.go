package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/credentials"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/verdict"
)

// missingSecretPoll is how often a Secret is looked for that an endpoint names: without the label it is in no cache.
const missingSecretPoll = 15 * time.Second

// clientsState is what a reconcile finds out about an endpoint's OAuth clients.
type clientsState struct {
	// statuses are what status.connection tells of them.
	statuses []v1alpha1.OAuthClientStatus
	// problems say which of their Secrets and secrets are not accepted, and why.
	problems []string
	// ends are when clients have no valid secret any more.
	ends []credentialEnd
	// again is when to look again; zero for never.
	again time.Time
}

// at looks again no later than then.
func (s *clientsState) at(then time.Time) {
	if s.again.IsZero() || then.Before(s.again) {
		s.again = then
	}
}

// reconcileClients sees to the signing keys of an endpoint with OAuth clients and to the Secrets of these.
func (r *endpointReconciler) reconcileClients(ctx context.Context, endpoint *v1alpha1.ScimEndpoint) (*clientsState, error) {
	state := &clientsState{again: r.status.Now().Add(sweepInterval)}
	if err := r.assertions.sweep(ctx, endpoint, r.status.Now()); err != nil {
		return nil, err
	}
	if len(endpoint.Spec.Authentication.Clients) == 0 {
		return state, nil
	}
	if err := r.reconcileSigningKeys(ctx, endpoint, state); err != nil {
		return nil, err
	}
	for _, oauthClient := range endpoint.Spec.Authentication.Clients {
		if err := r.reconcileClient(ctx, endpoint, oauthClient, state); err != nil {
			return nil, err
		}
	}
	return state, nil
}

// reconcileSigningKeys makes and rotates the keys that sign access tokens.
func (r *endpointReconciler) reconcileSigningKeys(ctx context.Context, endpoint *v1alpha1.ScimEndpoint, state *clientsState) error {
	now := r.status.Now()
	secret := credentials.SigningSecret{Secret: &corev1.Secret{}}
	err := r.live.Get(ctx, client.ObjectKey{Namespace: endpoint.Namespace, Name: endpoint.SigningSecretName()}, secret.Secret)
	switch {
	case apierrors.IsNotFound(err):
		secret.Secret = ownSecret(endpoint, endpoint.SigningSecretName())
		again, err := secret.BringUpToDate(now)
		if err != nil {
			return err
		}
		state.at(again)
		if err := r.client.Create(ctx, secret.Secret); err != nil {
			return verdict.FailedTo("create the Secret with signing keys", err)
		}
		logf.FromContext(ctx).Info("Created a Secret with signing keys", "secret", secret.Name)
		return nil
	case err != nil:
		return verdict.FailedTo("read the Secret with signing keys", err)
	}
	before := secret.DeepCopy()
	holder, err := r.adopt(ctx, endpoint, secret.Secret)
	if err != nil {
		return err
	}
	if holder != "" {
		state.problems = append(state.problems, fmt.Sprintf("Secret %q, which is for signing keys, belongs to ScimEndpoint %q.", secret.Name, holder))
		return nil
	}
	tokenSecret{secret.Secret}.noteOwner(endpoint)
	again, err := secret.BringUpToDate(now)
	if err != nil {
		return err
	}
	state.at(again)
	return r.patchSecret(ctx, before, secret.Secret, "update the Secret with signing keys")
}

// reconcileClient gives the Secret of a client its label, and finds out which of its secrets are valid.
func (r *endpointReconciler) reconcileClient(
	ctx context.Context, endpoint *v1alpha1.ScimEndpoint, oauthClient v1alpha1.OAuthClient, state *clientsState,
) error {
	status := v1alpha1.OAuthClientStatus{ClientID: oauthClient.ClientID}
	defer func() { state.statuses = append(state.statuses, status) }()
	if oauthClient.SecretName == "" {
		return nil
	}
	now := r.status.Now()
	makeOne := credentials.NewSecretCommand(endpoint, oauthClient.ClientID)
	problem := func(format string, args ...any) {
		state.problems = append(state.problems, fmt.Sprintf("Client %q: ", oauthClient.ClientID)+fmt.Sprintf(format, args...))
	}
	secret := &corev1.Secret{}
	err := r.live.Get(ctx, client.ObjectKey{Namespace: endpoint.Namespace, Name: oauthClient.SecretName}, secret)
	if apierrors.IsNotFound(err) {
		problem("there is no Secret %q yet. Make one with: %s", oauthClient.SecretName, makeOne)
		state.at(now.Add(missingSecretPoll))
		return nil
	}
	if err != nil {
		return verdict.FailedTo("read the Secret of a client", err)
	}
	before := secret.DeepCopy()
	holder, err := r.adopt(ctx, endpoint, secret)
	if err != nil {
		return err
	}
	if holder != "" {
		problem("Secret %q belongs to ScimEndpoint %q. Set another secretName.", secret.Name, holder)
		return nil
	}
	if err := r.patchSecret(ctx, before, secret, "label the Secret of a client"); err != nil {
		return err
	}
	needed := makeOne
	if len(oauthClient.Assertions) > 0 {
		needed = "" // it has another proof
	}
	status.Secrets = state.judge(secret, now, needed, problem)
	if last := lastOf(status.Secrets); !last.IsZero() {
		state.ends = append(state.ends, credentialEnd{
			what: fmt.Sprintf("the last secret of client %q", oauthClient.ClientID), at: last, renew: "make another one with " + makeOne,
		})
	}
	return nil
}

// judge finds out which client secrets of a Secret are valid. If the client needs one, which the command of needed makes,
// and has none, it returns the one that ended last.
func (s *clientsState) judge(secret *corev1.Secret, now time.Time, needed string, problem func(string, ...any)) []v1alpha1.ClientSecretStatus {
	others := 0
	var valid []v1alpha1.ClientSecretStatus
	var ended v1alpha1.ClientSecretStatus
	for _, found := range credentials.ClientSecrets(secret, now) {
		told := v1alpha1.ClientSecretStatus{Name: found.Name, ExpiresAt: v1alpha1.NewTimestamp(found.ExpiresAt)}
		_, meant := secret.Data[found.Name+credentials.ExpirySuffix]
		switch {
		case !meant:
			others++
		case found.Problem != "":
			problem("secret %q in Secret %q is not accepted: %s.", found.Name, secret.Name, found.Problem)
		case found.Valid(now):
			valid = append(valid, told)
			s.at(found.ExpiresAt)
		case found.ExpiresAt.After(ended.ExpiresAt.Time):
			ended = told
		}
	}
	if len(valid) == 0 && needed != "" {
		problem("no secret in Secret %q is valid. Make one with: %s", secret.Name, needed)
		if ended.Name != "" {
			valid = append(valid, ended) // so that it is known since when the client has none
		}
	}
	if others > 0 {
		// The Secret may be one for something else, of which readers of the status must not know what is in it.
		problem("%d keys of Secret %q are not accepted: a client secret, as its SHA-256, needs an end: "+
			"another key of its name with %s and a time such as 2027-01-31T00:00:00Z.", others, secret.Name, credentials.ExpirySuffix)
	}
	return valid
}

// lastOf is when the last one of some secrets ends; the zero time if there are none.
func lastOf(secrets []v1alpha1.ClientSecretStatus) (last time.Time) {
	for _, secret := range secrets {
		if secret.ExpiresAt.After(last) {
			last = secret.ExpiresAt.Time
		}
	}
	return last
}

// patchSecret writes what has changed of a Secret.
func (r *endpointReconciler) patchSecret(ctx context.Context, before, secret *corev1.Secret, action string) error {
	if equality.Semantic.DeepEqual(before, secret) {
		return nil
	}
	return verdict.FailedTo(action, r.client.Patch(ctx, secret, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})))
}

// describe makes the status tell how clients connect.
func (s *clientsState) describe(endpoint *v1alpha1.ScimEndpoint) {
	connection := v1alpha1.ConnectionStatus{SCIMURL: endpoint.Spec.PublicURL, Clients: s.statuses}
	if connection.SCIMURL != "" && len(s.statuses) > 0 {
		connection.TokenURL = endpoint.Spec.PublicURL + v1alpha1.TokenPath
	}
	endpoint.Status.Connection = connection
}

// invalid says which credentials are not accepted, "" when all are.
func (s *clientsState) invalid() (reason, message string) {
	if len(s.problems) == 0 {
		return "", ""
	}
	return v1alpha1.ReasonInvalidClientSecret, verdict.Truncate(strings.Join(s.problems, " "))
}
