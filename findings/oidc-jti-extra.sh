#!/usr/bin/env bash
# Kubernetes' own authenticator for JWTs, which is a library too, gives a user more than claimMappings says: of claim jti it makes
# extra authentication.kubernetes.io/credential-id, the name of that one token. Whoever logs people in with it and then acts as them, as
# it says that they are, needs a right for an extra that nobody mapped, and no role can name the values: the next token of the
# same person has another. Providers whose tokens have no jti (Entra: uti) do not show it.
set -euo pipefail
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && cd "$dir"
cat > go.mod <<'MOD'
module look
go 1.26
require (
	gopkg.in/go-jose/go-jose.v2 v2.6.3
	k8s.io/apimachinery v0.37.2
	k8s.io/apiserver v0.37.2
	k8s.io/client-go v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"gopkg.in/go-jose/go-jose.v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/filters/impersonation"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
	"k8s.io/client-go/transport"
)

type keys struct{ public *ecdsa.PublicKey }

func (k keys) VerifySignature(_ context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSigned(token)
	if err != nil {
		return nil, err
	}
	return signed.Verify(k.public)
}

func main() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	must(err)
	authenticator, err := oidc.New(context.Background(), oidc.Options{
		KeySet: keys{&key.PublicKey}, SupportedSigningAlgs: []string{"ES256"},
		JWTAuthenticator: apiserver.JWTAuthenticator{
			Issuer: apiserver.Issuer{URL: "https://idp.example.com", Audiences: []string{"console"}},
			ClaimMappings: apiserver.ClaimMappings{
				Username: apiserver.PrefixedClaimOrExpression{Claim: "sub", Prefix: new(string)},
				Groups:   apiserver.PrefixedClaimOrExpression{Claim: "groups", Prefix: new(string)},
			},
		},
	})
	must(err)
	const rest = `"sub":"anna","groups":["staff"]`
	for _, claims := range []string{rest, rest + `,"uti":"x1"`, rest + `,"jti":"ID.x1"`, rest + `,"jti":"ID.x2"`} {
		signed, err := signer.Sign([]byte(`{"iss":"https://idp.example.com","aud":"console","exp":32503680000,` + claims + `}`))
		must(err)
		token, err := signed.CompactSerialize()
		must(err)
		who, _, err := authenticator.AuthenticateToken(context.Background(), token)
		must(err)
		fmt.Println(claims, "->", who.User.GetName(), who.User.GetGroups(), who.User.GetExtra())
		fmt.Println("  acting as that user:", act(who.User))
	}
}

// act reads a pod as somebody, with the right to be any user and any group.
func act(as user.Info) string {
	rights := authorizer.AuthorizerFunc(func(_ context.Context, asked authorizer.Attributes) (authorizer.Decision, string, error) {
		if asked.GetResource() == "userextras" || asked.GetVerb() == "impersonate" {
			return authorizer.DecisionNoOpinion, "", nil
		}
		return authorizer.DecisionAllow, "", nil
	})
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, metav1.SchemeGroupVersion)
	guarded := impersonation.WithConstrainedImpersonation(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), rights, serializer.NewCodecFactory(scheme))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := request.WithUser(r.Context(), &user.DefaultInfo{Name: "console"})
		ctx = request.WithRequestInfo(ctx, &request.RequestInfo{
			IsResourceRequest: true, Verb: "get", APIVersion: "v1", Resource: "pods", Namespace: "default", Name: "a",
		})
		guarded.ServeHTTP(w, r.WithContext(ctx))
	}))
	defer server.Close()
	client := http.Client{Transport: transport.NewImpersonatingRoundTripper(transport.ImpersonationConfig{
		UserName: as.GetName(), Groups: as.GetGroups(), Extra: as.GetExtra(),
	}, http.DefaultTransport)}
	answer, err := client.Get(server.URL + "/api/v1/namespaces/default/pods/a")
	must(err)
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return "200"
	}
	var status metav1.Status
	must(json.NewDecoder(answer.Body).Decode(&status))
	return fmt.Sprint(answer.StatusCode, " ", status.Message)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
GO
go run -mod=mod . 2>/dev/null | tee seen
diff seen - <<'SEEN'
"sub":"anna","groups":["staff"] -> anna [staff] map[]
  acting as that user: 200
"sub":"anna","groups":["staff"],"uti":"x1" -> anna [staff] map[]
  acting as that user: 200
"sub":"anna","groups":["staff"],"jti":"ID.x1" -> anna [staff] map[authentication.kubernetes.io/credential-id:[JTI=ID.x1]]
  acting as that user: 403 userextras.authentication.k8s.io "JTI=ID.x1" is forbidden: User "console" cannot impersonate:user-info resource "userextras/authentication.kubernetes.io/credential-id" in API group "authentication.k8s.io" at the cluster scope
"sub":"anna","groups":["staff"],"jti":"ID.x2" -> anna [staff] map[authentication.kubernetes.io/credential-id:[JTI=ID.x2]]
  acting as that user: 403 userextras.authentication.k8s.io "JTI=ID.x2" is forbidden: User "console" cannot impersonate:user-info resource "userextras/authentication.kubernetes.io/credential-id" in API group "authentication.k8s.io" at the cluster scope
SEEN
echo "k8s.io/apiserver v0.37.2: as stated"
