package issuers

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/types"

	"rservice.dev/scim-operator/api/trust"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// Refusal is why a token is not accepted. It is for the owners of endpoints; the client learns nothing of it.
type Refusal struct {
	// Reason is the check that failed. Of several endpoints, it is that of the one whose checks went furthest.
	Reason v1alpha1.RefusalReason
	// Told is what each endpoint's owner is told; none where nobody knows whose token it was to be.
	Told []Told
	// Message and Remedy are for the owner of an endpoint that is known in another way, such as by the address of
	// the request; "" if there is nothing to tell.
	Message, Remedy string
}

// Told is what the owner of one endpoint is told.
type Told struct {
	Endpoint types.NamespacedName
	// Message says what was expected and what came. Of the token, it has issuer, audience and subject only.
	Message string
	// Remedy is what would let such a token in, most often a line of YAML; "" if nothing would. It has values only of
	// tokens that the endpoint's issuer has signed, and placeholders in the place of others.
	Remedy string
	// Discreet says that the owner is not to learn from where the token came: it may be another tenant's.
	Discreet bool
}

// Error implements error.
func (r *Refusal) Error() string { return string(r.Reason) }

// stage is how far a token came at one endpoint.
type stage int

const (
	stageIssuer stage = iota + 1
	stageSpelling
	stageKeys
	stageTimes
	stageAudience
	stageUse
	stageClaims
)

// failure is why one element does not take a token.
type failure struct {
	stage           stage
	reason          v1alpha1.RefusalReason
	message, remedy string
	// undecided says that nobody knows whether the element would take the token.
	undecided bool
}

func failed(s stage, reason v1alpha1.RefusalReason, remedy, message string, args ...any) *failure {
	return &failure{stage: s, reason: reason, message: fmt.Sprintf(message, args...), remedy: remedy}
}

// everywhere is a refusal of a token that no endpoint could take.
func everywhere(reason v1alpha1.RefusalReason, remedy, message string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Message: fmt.Sprintf(message, args...), Remedy: remedy}
}

// maxQuoted bounds how much of a text from a token is told.
const maxQuoted = 256

// quote makes a text of a token one that can stand in a line, in YAML, too. What is too long is cut off.
func quote(text string) string {
	if len(text) > maxQuoted {
		text = text[:maxQuoted]
		for !utf8.ValidString(text) && len(text) > maxQuoted-utf8.UTFMax {
			text = text[:len(text)-1]
		}
		return strconv.Quote(text + "…")
	}
	return strconv.Quote(text)
}

// quoteAll is quote for several.
func quoteAll(texts []string) string {
	const most = 4
	quoted := make([]string, 0, most+1)
	for _, text := range texts {
		if len(quoted) == most {
			quoted = append(quoted, "…")
			break
		}
		quoted = append(quoted, quote(text))
	}
	return strings.Join(quoted, ", ")
}

// line is a line of YAML for a field of an element.
func line(element int, fieldAndValue string) string {
	return trust.Path(element).String() + "." + fieldAndValue
}

// withAudience is the line that takes another audience, too, which is quoted already.
func withAudience(index int, issuer *v1alpha1.JWTIssuer, audience string) string {
	const enough = 512
	list := "..."
	if all := quoteAll(issuer.Audiences); len(all) <= enough && len(issuer.Audiences) <= 4 {
		list = all
	}
	remedy := line(index, fmt.Sprintf("issuer.audiences: [%s, %s]", list, audience))
	if issuer.AudienceMatchPolicy == "" {
		remedy += "\n" + line(index, "issuer.audienceMatchPolicy: MatchAny")
	}
	return remedy
}

// newElement is the line that trusts an issuer that no element has. It has no values of the token: a stranger, who may put
// anything into one, would write what the owner is told to set.
const newElement = "spec.authentication.jwt: [..., {issuer: {url: <iss of your own issuer>, audiences: [<aud>]}, " +
	"claimValidationRules: [{claim: sub, requiredValue: <sub>}], scope: scim}]"
