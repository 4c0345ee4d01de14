package tokens

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	plain = "a-token-that-is-long-enough-to-be-one"
	other = "a-token-that-was-there-before-that-one"
	day   = 24 * 3600
)

var made = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// after is a time in RFC 3339, so many days after made.
func after(days int) string { return made.AddDate(0, 0, days).Format(time.RFC3339) }

func secretOf(data map[string]string, annotations map[string]string) *corev1.Secret {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Annotations: annotations}, Data: map[string][]byte{}}
	for key, value := range data {
		secret.Data[key] = []byte(value)
	}
	return secret
}

func TestWhichTokensASecretHolds(t *testing.T) {
	idOf := v1alpha1.TokenID
	tests := map[string]struct {
		data, annotations map[string]string
		lifetime          *int32
		want              []string
	}{
		"a token": {map[string]string{"token": plain}, nil, nil, []string{idOf(plain) + " Current"}},
		"a token that ends": {
			map[string]string{"token": plain}, map[string]string{v1alpha1.AnnotationTokenIssuedAt: after(0)}, new(int32(90 * day)),
			[]string{idOf(plain) + " Current " + after(90)},
		},
		"a token of which nobody knows when it was made": {
			map[string]string{"token": plain}, map[string]string{v1alpha1.AnnotationTokenIssuedAt: "yesterday"}, new(int32(90 * day)),
			[]string{idOf(plain) + " Current"},
		},
		"a token in the place of one that was known": {
			map[string]string{"token": plain},
			map[string]string{v1alpha1.AnnotationTokenIssuedAt: after(0), v1alpha1.AnnotationIssuedTokenID: idOf(other)}, new(int32(90 * day)),
			[]string{idOf(plain) + " Current"},
		},
		"one before it, until its overlap ends": {
			map[string]string{"token": plain, "previousToken": other}, map[string]string{v1alpha1.AnnotationPreviousTokenExpiresAt: after(30)}, nil,
			[]string{idOf(plain) + " Current", idOf(other) + " Previous " + after(30)},
		},
		"one before it, until it ends itself": {
			map[string]string{"token": plain, "previousToken": other},
			map[string]string{
				v1alpha1.AnnotationTokenIssuedAt: after(0), v1alpha1.AnnotationPreviousTokenIssuedAt: after(-80), v1alpha1.AnnotationPreviousTokenExpiresAt: after(30),
			}, new(int32(90 * day)),
			[]string{idOf(plain) + " Current " + after(90), idOf(other) + " Previous " + after(10)},
		},
		"one before it without an end": {map[string]string{"token": plain, "previousToken": other}, nil, nil, []string{idOf(plain) + " Current"}},
		"the same before it":           {map[string]string{"token": plain, "previousToken": plain}, map[string]string{v1alpha1.AnnotationPreviousTokenExpiresAt: after(30)}, nil, []string{idOf(plain) + " Current"}},
		"a hash":                       {map[string]string{"tokenHash": HashOf([]byte(plain))}, nil, nil, []string{idOf(plain) + " Current elsewhere"}},
		"a hash in capitals, with a line end": {
			map[string]string{"tokenHash": strings.ToUpper(HashOf([]byte(plain))) + "\n"}, nil, nil, []string{idOf(plain) + " Current elsewhere"},
		},
		"the token counts before a hash": {map[string]string{"token": plain, "tokenHash": HashOf([]byte(other))}, nil, nil, []string{idOf(plain) + " Current"}},
		"a hash before it": {
			map[string]string{"tokenHash": HashOf([]byte(plain)), "previousTokenHash": HashOf([]byte(other))},
			map[string]string{v1alpha1.AnnotationPreviousTokenExpiresAt: after(30), v1alpha1.AnnotationPreviousTokenID: idOf(other)}, nil,
			[]string{idOf(plain) + " Current elsewhere", idOf(other) + " Previous elsewhere " + after(30)},
		},
		"a hash before it that the operator has not seen": {
			map[string]string{"tokenHash": HashOf([]byte(plain)), "previousTokenHash": HashOf([]byte(other))},
			map[string]string{v1alpha1.AnnotationPreviousTokenExpiresAt: after(30), v1alpha1.AnnotationPreviousTokenID: idOf(plain)}, nil,
			[]string{idOf(plain) + " Current elsewhere"},
		},
		"too short a token":     {map[string]string{"token": "secret"}, nil, nil, nil},
		"half of a hash":        {map[string]string{"tokenHash": HashOf([]byte(plain))[:32]}, nil, nil, nil},
		"what is no hash":       {map[string]string{"tokenHash": strings.Repeat("x", 64)}, nil, nil, nil},
		"a hash and its prefix": {map[string]string{"tokenHash": "sha256:" + HashOf([]byte(plain))}, nil, nil, nil},
		"nothing":               {nil, nil, nil, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, token := range Of(secretOf(tt.data, tt.annotations), tt.lifetime) {
				text := token.ID() + " " + string(token.State)
				if token.Elsewhere {
					text += " elsewhere"
				}
				if token.ExpiresAt != nil {
					text += " " + token.ExpiresAt.UTC().Format(time.RFC3339)
				}
				got = append(got, text)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestATokenIsValidUntilItEnds(t *testing.T) {
	ends := v1alpha1.NewTimestamp(made)
	token := Token{ExpiresAt: &ends}
	if !token.Valid(made.Add(-time.Second)) || token.Valid(made) || !(Token{}).Valid(made) {
		t.Error("a token is not valid before its end, or after it")
	}
}

func TestTheOnlyOneThatHasATokenMayHaveCopiedIt(t *testing.T) {
	token := Token{Hash: HashOf([]byte(plain))}
	at := v1alpha1.NewTimestamp(made)
	for name, tt := range map[string]struct {
		told []v1alpha1.TokenStatus
		want bool
	}{
		"made while the operator was down": {nil, false},
		"another had it by then":           {[]v1alpha1.TokenStatus{{ID: "another", FirstSeenAt: &at}, {ID: token.ID()}}, false},
		"the first":                        {[]v1alpha1.TokenStatus{{ID: token.ID(), FirstSeenAt: &at}}, true},
	} {
		endpoint := &v1alpha1.ScimEndpoint{}
		endpoint.Status.Tokens = tt.told
		if got := (Holder{Endpoint: endpoint, Token: token}).SeenFirst(); got != tt.want {
			t.Errorf("%s: seen first is %v", name, got)
		}
	}
}

func TestOfSeveralThatHaveATokenTheFirstIsKnown(t *testing.T) {
	holder := func(name string, seen int) Holder {
		token := Token{Hash: HashOf([]byte(plain))}
		endpoint := &v1alpha1.ScimEndpoint{}
		endpoint.Name = name
		endpoint.CreationTimestamp = metav1.NewTime(made.AddDate(0, 0, -len(name))) // which says nothing
		told := v1alpha1.TokenStatus{ID: token.ID()}
		if seen != 0 {
			at := v1alpha1.NewTimestamp(made.AddDate(0, 0, seen))
			told.FirstSeenAt = &at
		}
		endpoint.Status.Tokens = []v1alpha1.TokenStatus{{ID: "another"}, told}
		return Holder{Endpoint: endpoint, Token: token}
	}
	for name, tt := range map[string]struct {
		holders []Holder
		want    string
	}{
		"nobody":                           {nil, ""},
		"the only one":                     {[]Holder{holder("a", 0)}, "a"},
		"the one of which it is known":     {[]Holder{holder("older", 0), holder("b", 5)}, "b"},
		"the earlier one":                  {[]Holder{holder("older", 7), holder("b", 5), holder("c", 6), holder("d", 0)}, "b"},
		"nothing is known of any":          {[]Holder{holder("older", 0), holder("b", 0)}, ""},
		"two at the very same moment":      {[]Holder{holder("older", 5), holder("b", 5)}, ""},
		"two at one moment, one before":    {[]Holder{holder("older", 5), holder("b", 5), holder("c", 4)}, "c"},
		"one before, then two at a moment": {[]Holder{holder("c", 4), holder("older", 5), holder("b", 5)}, "c"},
		"three at the very same moment":    {[]Holder{holder("c", 5), holder("older", 5), holder("b", 5)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if first := First(tt.holders); first != nil {
				got = first.Endpoint.Name
			}
			if got != tt.want {
				t.Errorf("the first is %q, want %q", got, tt.want)
			}
		})
	}
	if got := fmt.Sprint(First([]Holder{holder("a", 1)}).Key()); got != "/a" {
		t.Errorf("its key is %s", got)
	}
}

func TestTheNextGenerationMakesAToken(t *testing.T) {
	for name, tt := range map[string]struct{ asked, made, want int64 }{
		"never rotated":              {0, 0, 1},
		"rotated":                    {4, 4, 5},
		"not rotated yet":            {5, 4, 6},
		"taken back by who has less": {0, 7, 8},
		"at its end":                 {v1alpha1.MaxTokenGeneration, 7, v1alpha1.MaxTokenGeneration + 1},
		"from before it had an end":  {0, math.MaxInt64, v1alpha1.MaxTokenGeneration + 1},
	} {
		endpoint := &v1alpha1.ScimEndpoint{}
		endpoint.Spec.TokenGeneration, endpoint.Status.TokenGeneration = tt.asked, tt.made
		if got := NextGeneration(endpoint); got != tt.want {
			t.Errorf("%s: got %d, want %d", name, got, tt.want)
		}
	}
}

func TestATokenIsRenewedAlsoAfterTheLastGeneration(t *testing.T) {
	endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "okta"}}
	for generation, want := range map[int64]string{
		7:                               "spec.tokenGeneration: 8",
		v1alpha1.MaxTokenGeneration - 1: "spec.tokenGeneration: 9007199254740991",
		v1alpha1.MaxTokenGeneration:     "kubectl -n acme delete secret okta-token",
		math.MaxInt64:                   "kubectl -n acme delete secret okta-token",
	} {
		endpoint.Spec.TokenGeneration = generation
		if got := Renewal(endpoint); got != want {
			t.Errorf("after %d: got %q, want %q", generation, got, want)
		}
	}
}
