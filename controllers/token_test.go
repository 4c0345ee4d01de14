package controllers

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/tokens"
	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestTokensAreLongAndPrintable(t *testing.T) {
	if a, b := newToken(), newToken(); bytes.Equal(a, b) || checkToken(a) != "" {
		t.Errorf("two tokens are equal, or a new one is not good enough: %s", checkToken(a))
	}
	for name, token := range map[string]string{
		"too short":        strings.Repeat("a", v1alpha1.MinTokenLength-1),
		"with a blank":     strings.Repeat("a", v1alpha1.MinTokenLength) + " a",
		"with a line end":  strings.Repeat("a", v1alpha1.MinTokenLength) + "\n",
		"outside of ASCII": strings.Repeat("é", v1alpha1.MinTokenLength),
	} {
		if checkToken([]byte(token)) == "" {
			t.Errorf("a token %s is accepted", name)
		}
	}
}

func TestTokensOfSomebodyElseCountFromWhenTheyAreSeen(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	const first, second = "a-token-that-somebody-has-made-himself", "a-token-that-somebody-has-made-thereafter"
	endpoint := &v1alpha1.ScimEndpoint{}
	endpoint.Spec.TokenOverlapSeconds, endpoint.Spec.Authentication.TokenSeconds = new(int32(10*24*3600)), new(int32(90*24*3600))
	secret := tokenSecret{&corev1.Secret{Data: map[string][]byte{v1alpha1.SecretKeyTokenHash: []byte(tokens.HashOf([]byte(first)))}}}
	// told are the tokens with the days from the first look until each was made and ends.
	told := func(days int) string {
		t.Helper()
		at := now.AddDate(0, 0, days)
		secret.bringUpToDate(endpoint, at)
		before := secret.DeepCopy()
		secret.bringUpToDate(endpoint, at.Add(time.Minute))
		if diff := cmp.Diff(before, secret.Secret); diff != "" {
			t.Errorf("a second look changes the Secret: %s", diff)
		}
		var list []string
		for _, token := range secret.tokens(endpoint.Spec.Authentication.TokenSeconds, at) {
			name := map[string]string{v1alpha1.TokenID(first): "first", v1alpha1.TokenID(second): "second"}[token.ID]
			if token.IssuedAt != nil {
				name += fmt.Sprintf(" made %.0f", token.IssuedAt.Sub(now).Hours()/24)
			}
			list = append(list, name+fmt.Sprintf(" ends %.0f", token.ExpiresAt.Sub(now).Hours()/24))
		}
		return strings.Join(list, ", ")
	}
	check := func(days int, want string) {
		t.Helper()
		if got := told(days); got != want {
			t.Errorf("after %d days: %s, want %s", days, got, want)
		}
	}
	check(0, "first made 0 ends 90")
	check(40, "first made 0 ends 90")
	secret.Data[v1alpha1.SecretKeyPreviousTokenHash] = secret.Data[v1alpha1.SecretKeyTokenHash]
	secret.Data[v1alpha1.SecretKeyTokenHash] = []byte(tokens.HashOf([]byte(second)))
	check(85, "second made 85 ends 175, first made 0 ends 90") // at the earlier one of both ends
	check(89, "second made 85 ends 175, first made 0 ends 90")
	check(91, "second made 85 ends 175")
	if secret.Data[v1alpha1.SecretKeyPreviousTokenHash] == nil || secret.Data[v1alpha1.SecretKeyToken] != nil {
		t.Error("the operator makes a token, or takes a hash away")
	}
	// Putting it there again does not bring it back.
	delete(secret.Annotations, v1alpha1.AnnotationPreviousTokenID)
	check(96, "second made 85 ends 175")

	// In two steps, as when two people do it.
	secret.Data[v1alpha1.SecretKeyTokenHash] = []byte(tokens.HashOf([]byte(first)))
	check(100, "first made 100 ends 190")
	secret.Data[v1alpha1.SecretKeyPreviousTokenHash] = []byte(tokens.HashOf([]byte(second)))
	check(101, "first made 100 ends 190, second ends 110")

	// Made by a leader whose clock was wrong.
	secret.Annotations[v1alpha1.AnnotationTokenIssuedAt] = now.AddDate(5, 0, 0).Format(time.RFC3339)
	check(102, "first made 102 ends 192, second ends 110")
}

func TestChecksOfASecret(t *testing.T) {
	const token, another = "a-token-that-somebody-has-made-himself", "a-token-that-somebody-has-made-thereafter"
	hash := []byte(tokens.HashOf([]byte(token)))
	for name, tt := range map[string]struct {
		data map[string][]byte
		want string
	}{
		"a hash":                     {map[string][]byte{"tokenHash": hash}, ""},
		"a token and its own hash":   {map[string][]byte{"token": []byte(token), "tokenHash": hash}, ""},
		"a token and another's hash": {map[string][]byte{"token": []byte(another), "tokenHash": hash}, "take out one of them"},
		"not a hash":                 {map[string][]byte{"tokenHash": []byte("secret")}, "64 hexadecimal digits"},
		"the hash in base64":         {map[string][]byte{"tokenHash": []byte("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")}, "64 hexadecimal digits"},
		"nothing":                    {nil, "at least 32 characters"},
	} {
		got := tokenSecret{&corev1.Secret{Data: tt.data}}.check()
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q", name, got)
		}
		if strings.Contains(got, token) || strings.Contains(got, another) {
			t.Errorf("%s: the message has the token: %s", name, got)
		}
	}
}

func TestWhenACredentialIsToldToEnd(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	end := func(age, lifetime time.Duration) credentialEnd {
		return credentialEnd{what: "it", renew: "make another one", made: now.Add(-age), at: now.Add(lifetime - age)}
	}
	for name, tt := range map[string]struct {
		ends   []credentialEnd
		reason string
		next   time.Duration
	}{
		"none":                              {nil, "", 0},
		"a new one":                         {[]credentialEnd{end(0, 365*day)}, "", 335 * day},
		"a month before":                    {[]credentialEnd{end(335*day, 365*day)}, v1alpha1.ReasonEndsSoon, 30 * day},
		"a moment before that":              {[]credentialEnd{end(335*day-time.Second, 365*day)}, "", time.Second},
		"one of a week, in its first half":  {[]credentialEnd{end(3*day, 7*day)}, "", day / 2},
		"one of a week, in its second half": {[]credentialEnd{end(4*day, 7*day)}, v1alpha1.ReasonEndsSoon, 3 * day},
		"of unknown age":                    {[]credentialEnd{{at: now.Add(29 * day)}}, v1alpha1.ReasonEndsSoon, 29 * day},
		"at its end":                        {[]credentialEnd{end(365*day, 365*day)}, v1alpha1.ReasonEnded, 0},
		"long after":                        {[]credentialEnd{end(900*day, 365*day)}, v1alpha1.ReasonEnded, 0},
		"several":                           {[]credentialEnd{end(900*day, 365*day), end(340*day, 365*day), end(334*day, 365*day)}, v1alpha1.ReasonEnded, day},
	} {
		t.Run(name, func(t *testing.T) {
			reason, message, next := expiring(tt.ends, now)
			if reason != tt.reason || (message != "") != (reason != "") {
				t.Errorf("got %q: %s", reason, message)
			}
			if want := now.Add(tt.next); next.IsZero() != (tt.next == 0) || tt.next != 0 && !next.Equal(want) {
				t.Errorf("looked at again at %s, want %s", next, want)
			}
		})
	}
}

func TestTheEndOfATokenSaysHowToGoOn(t *testing.T) {
	const token = "a-token-that-somebody-has-made-himself"
	endpoint := &v1alpha1.ScimEndpoint{}
	endpoint.Spec.TokenGeneration, endpoint.Spec.Authentication.TokenSeconds = 4, new(int32(3600))
	endpoint.Status.Tokens = []v1alpha1.TokenStatus{{ID: v1alpha1.TokenID(token)}}
	for want, data := range map[string]map[string][]byte{
		"spec.tokenGeneration: 5": {v1alpha1.SecretKeyToken: []byte(token)},
		"previousTokenHash":       {v1alpha1.SecretKeyTokenHash: []byte(tokens.HashOf([]byte(token)))},
	} {
		secret := tokenSecret{&corev1.Secret{Data: data}}
		secret.issued(v1alpha1.TokenID(token), time.Now())
		if ends := endOfToken(endpoint, secret, time.Now()); len(ends) != 1 || !strings.Contains(ends[0].renew, want) || ends[0].at.Sub(ends[0].made) != time.Hour {
			t.Errorf("got %+v", ends)
		}
		if ends := endOfToken(&v1alpha1.ScimEndpoint{}, secret, time.Now()); len(ends) != 0 {
			t.Errorf("of a Secret that is not accepted: %+v", ends)
		}
	}

	// Somebody raised it by hand, and Flux, in whose Git it is not, took that back.
	endpoint.Spec.TokenGeneration, endpoint.Status.TokenGeneration = 0, 7
	secret := tokenSecret{&corev1.Secret{Data: map[string][]byte{v1alpha1.SecretKeyToken: []byte(token)}}}
	secret.issued(v1alpha1.TokenID(token), time.Now())
	if ends := endOfToken(endpoint, secret, time.Now()); len(ends) != 1 || !strings.Contains(ends[0].renew, "spec.tokenGeneration: 8") {
		t.Errorf("got %+v, which makes no new token", ends)
	}
}

func TestTheEndOfATokenThatNobodyUsesIsNotTold(t *testing.T) {
	now := time.Now()
	ago := func(days int) *v1alpha1.Timestamp {
		at := v1alpha1.NewTimestamp(now.AddDate(0, 0, -days))
		return &at
	}
	for name, tt := range map[string]struct {
		authentication v1alpha1.ScimEndpointAuthentication
		lastUsed       *v1alpha1.Timestamp
		want           bool
	}{
		"no other way, not used":       {v1alpha1.ScimEndpointAuthentication{}, nil, true},
		"an OAuth client, not used":    {v1alpha1.ScimEndpointAuthentication{Clients: make([]v1alpha1.OAuthClient, 1)}, nil, false},
		"an OAuth client, used":        {v1alpha1.ScimEndpointAuthentication{Clients: make([]v1alpha1.OAuthClient, 1)}, ago(3), true},
		"an OAuth client, used before": {v1alpha1.ScimEndpointAuthentication{Clients: make([]v1alpha1.OAuthClient, 1)}, ago(40), false},
		"an issuer, not used":          {v1alpha1.ScimEndpointAuthentication{JWT: make([]v1alpha1.JWTAuthenticator, 1)}, nil, false},
	} {
		endpoint := &v1alpha1.ScimEndpoint{}
		endpoint.Spec.Authentication = tt.authentication
		endpoint.Status.Tokens = []v1alpha1.TokenStatus{{LastUsedAt: tt.lastUsed}}
		if got := missed(endpoint, now); got != tt.want {
			t.Errorf("%s: missed is %v", name, got)
		}
	}
}

func TestTheMetricTellsTheEndOfWhatAClientNeeds(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	at := func(days int) *v1alpha1.Timestamp {
		at := v1alpha1.NewTimestamp(now.AddDate(0, 0, days))
		return &at
	}
	client := v1alpha1.OAuthClientStatus{ClientID: "entra", Secrets: []v1alpha1.ClientSecretStatus{{Name: "first", ExpiresAt: *at(-2)}}}
	for name, tt := range map[string]struct {
		clients  []v1alpha1.OAuthClientStatus
		lastUsed *v1alpha1.Timestamp
		want     int
	}{
		"a client's secret has ended, after a token that nobody uses": {[]v1alpha1.OAuthClientStatus{client}, nil, -2},
		"a token that is used has ended before it":                    {[]v1alpha1.OAuthClientStatus{client}, at(-6), -5},
		"a token that nobody uses has ended":                          {nil, nil, 0},
	} {
		endpoint := &v1alpha1.ScimEndpoint{}
		endpoint.Spec.Authentication.Clients = make([]v1alpha1.OAuthClient, 1)
		endpoint.Status.Tokens = []v1alpha1.TokenStatus{{State: v1alpha1.TokenCurrent, ExpiresAt: at(-5), LastUsedAt: tt.lastUsed}}
		endpoint.Status.Connection.Clients = tt.clients
		endpoint.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionCredentialExpiring, Status: metav1.ConditionTrue}}
		got, told := endOfCredential(endpoint, now)
		if told != (tt.want != 0) || told && got != at(tt.want).Unix() {
			t.Errorf("%s: got %v, %v", name, time.Unix(got, 0), told)
		}
	}
}

func TestWhatIsToldOfASharedToken(t *testing.T) {
	now := v1alpha1.NewTimestamp(time.Now())
	later := v1alpha1.NewTimestamp(now.Add(time.Second))
	hash := tokens.HashOf([]byte("x"))
	holder := func(namespace, name string, seen *v1alpha1.Timestamp) tokens.Holder {
		e := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		e.Status.Tokens = []v1alpha1.TokenStatus{{ID: v1alpha1.TokenIDOfHash(hash), FirstSeenAt: seen}}
		return tokens.Holder{Endpoint: e, Token: tokens.Token{Hash: hash}}
	}
	for reason, own := range map[string]*v1alpha1.Timestamp{
		v1alpha1.ReasonWorksHere: &now, v1alpha1.ReasonWorksElsewhere: nil, v1alpha1.ReasonWorksNowhere: &later,
	} {
		others := []tokens.Holder{holder("acme", "entra", nil), holder("globex", "secret-project", &later), holder("initech", "okta", nil)}
		got := sharingOf(holder("acme", "okta", own), others, "0123456789ab")
		if got.reason != reason {
			t.Errorf("got %+v, want %s", got, reason)
		}
		for _, name := range []string{"globex", "secret-project", "initech"} {
			if strings.Contains(got.message, name) {
				t.Errorf("a tenant learns of another one: %s", got.message)
			}
		}
		if !strings.Contains(got.message, "ScimEndpoint entra, 2 ScimEndpoint(s) of other namespaces") || !strings.Contains(got.message, "tokenGeneration") {
			t.Errorf("it does not say who else, or what to do: %s", got.message)
		}
	}
}
