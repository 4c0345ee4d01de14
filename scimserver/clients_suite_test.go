package scimserver_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/credentials"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// oauthTenant is a namespace with endpoint "entra", which has an OAuth client with one secret and signing keys, as the
// controllers make them.
type oauthTenant struct {
	namespace, clientID, secret string
}

// newOAuthTenant makes one. Its keys have been there for an hour.
func newOAuthTenant(ctx context.Context, change ...func(*v1alpha1.ScimEndpoint, *corev1.Secret)) oauthTenant {
	GinkgoHelper()
	namespace := env.Namespace(ctx, GinkgoT())
	t := oauthTenant{namespace: namespace, clientID: "client-of-" + namespace, secret: credentials.NewClientSecret()}
	t.newSecret(ctx, "entra-client", map[string][]byte{
		"first": []byte(credentials.HashOf(t.secret)), "first.expires": []byte(time.Now().Add(48 * time.Hour).Format(time.RFC3339)),
	})
	signing := credentials.SigningSecret{Secret: t.labelled("entra-signing-keys")}
	_, err := signing.BringUpToDate(time.Now().Add(-time.Hour))
	Expect(err).NotTo(HaveOccurred())
	Expect(direct.Create(ctx, signing.Secret)).To(Succeed())
	newEndpoint(ctx, namespace, "entra", tokenFor(namespace), append([]func(*v1alpha1.ScimEndpoint, *corev1.Secret){
		func(e *v1alpha1.ScimEndpoint, _ *corev1.Secret) {
			e.Spec.Authentication.Clients = []v1alpha1.OAuthClient{{ClientID: t.clientID, SecretName: "entra-client"}}
		},
	}, change...)...)
	return t
}

func (t oauthTenant) labelled(name string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: t.namespace, Name: name, Labels: map[string]string{v1alpha1.LabelEndpoint: "entra"},
	}}
}

func (t oauthTenant) newSecret(ctx context.Context, name string, data map[string][]byte) {
	GinkgoHelper()
	secret := t.labelled(name)
	secret.Data = data
	Expect(direct.Create(ctx, secret)).To(Succeed())
}

// change changes a Secret of the tenant.
func (t oauthTenant) change(ctx context.Context, name string, apply func(*corev1.Secret)) {
	GinkgoHelper()
	secret := &corev1.Secret{}
	Expect(direct.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: name}, secret)).To(Succeed())
	before := secret.DeepCopy()
	apply(secret)
	Expect(direct.Patch(ctx, secret, client.MergeFrom(before))).To(Succeed()) // the operator may write it at the same time
}

// changeEndpoint changes the endpoint's spec.
func (t oauthTenant) changeEndpoint(ctx context.Context, apply func(*v1alpha1.ScimEndpoint)) {
	GinkgoHelper()
	endpoint := &v1alpha1.ScimEndpoint{}
	Expect(direct.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: "entra"}, endpoint)).To(Succeed())
	before := endpoint.DeepCopy()
	apply(endpoint)
	Expect(direct.Patch(ctx, endpoint, client.MergeFrom(before))).To(Succeed())
}

// form returns the body of a token request from pairs, in their order.
func form(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(pairs[i] + "=" + url.QueryEscape(pairs[i+1]))
	}
	return b.String()
}

// post is a request with a client's secret in the body.
func (t oauthTenant) post(more ...string) string {
	return form(append([]string{"grant_type", "client_credentials", "client_id", t.clientID, "client_secret", t.secret}, more...)...)
}

// basic is the header with a client's secret.
func (t oauthTenant) basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// askForToken sends a token request; header holds pairs.
func askForToken(ctx context.Context, address, body string, header ...string) answer {
	GinkgoHelper()
	a, err := tryForToken(ctx, address, body, header...)
	Expect(err).NotTo(HaveOccurred())
	return a
}

func tryForToken(ctx context.Context, address, body string, header ...string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := exchange(r, header)
	if err != nil {
		return answer{}, err
	}
	return a, json.Unmarshal([]byte(a.Raw), &a.Body)
}

// accessToken is the one in an answer.
func (a answer) accessToken() string {
	token, _ := a.Body["access_token"].(string)
	return token
}

// decoded reads the JSON of an answer.
func decoded(w *http.Response) map[string]any {
	GinkgoHelper()
	defer w.Body.Close()
	Expect(w.StatusCode).To(Equal(http.StatusOK))
	var got map[string]any
	Expect(json.NewDecoder(w.Body).Decode(&got)).To(Succeed())
	return got
}

// knownBy waits until a replica knows the tenant, and returns an access token.
func (t oauthTenant) knownBy(ctx context.Context, r replica) string {
	GinkgoHelper()
	var got answer
	Eventually(func() answer { got = askForToken(ctx, r.url+"/oauth2/token", t.post()); return got }).WithContext(ctx).Should(beToken("scim"))
	return got.accessToken()
}

// refusals are what the owner is told.
func (t oauthTenant) refusals(ctx context.Context) func() []v1alpha1.Refusal {
	return func() []v1alpha1.Refusal {
		endpoint := &v1alpha1.ScimEndpoint{}
		Expect(direct.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: "entra"}, endpoint)).To(Succeed())
		return endpoint.Status.Refusals
	}
}
