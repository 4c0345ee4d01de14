// Package trust says what spec.authentication of a ScimEndpoint means where it names issuers of tokens: what Kubernetes'
// authenticator makes of it, what is wrong with it, and by which keys an index finds it. The SCIM server and the
// controllers, which do not know each other, read it in this one way.
package trust

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"
	"k8s.io/apiserver/pkg/cel/environment"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// maxCost bounds one evaluation of one expression, in the units of cel-go: a millisecond or so. A comparison of a claim
// costs less than ten, and each element of a list that is looked through about as much. Kubernetes lets an administrator
// of the cluster spend a hundred times as much.
const maxCost = 10_000

// Compiler compiles the expressions of an element. It is made once, as that takes long.
var Compiler = sync.OnceValue(func() authenticationcel.Compiler {
	base := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())
	bounded, err := base.Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0),
		ProgramOptions:    []cel.ProgramOption{cel.CostLimit(maxCost)},
	})
	if err != nil {
		panic(fmt.Sprintf("bound the cost of expressions: %v", err)) // it is the same at every start
	}
	return authenticationcel.NewCompiler(bounded)
})

// Authenticator returns what Kubernetes' authenticator is told of an element. Its discoveryURL is not in it.
func Authenticator(element *v1alpha1.JWTAuthenticator) apiserver.JWTAuthenticator {
	issuer := &element.Issuer
	a := apiserver.JWTAuthenticator{Issuer: apiserver.Issuer{
		URL: issuer.URL, CertificateAuthority: issuer.CertificateAuthority, Audiences: issuer.Audiences,
		AudienceMatchPolicy: apiserver.AudienceMatchPolicyType(issuer.AudienceMatchPolicy),
	}}
	for _, rule := range element.ClaimValidationRules {
		a.ClaimValidationRules = append(a.ClaimValidationRules, apiserver.ClaimValidationRule{
			Claim: rule.Claim, RequiredValue: rule.RequiredValue, Expression: rule.Expression, Message: rule.Message,
		})
	}
	for _, rule := range element.UserValidationRules {
		a.UserValidationRules = append(a.UserValidationRules, apiserver.UserValidationRule{Expression: rule.Expression, Message: rule.Message})
	}
	name := element.ClaimMappings.Username
	switch {
	case name.Expression != "":
		a.ClaimMappings.Username = apiserver.PrefixedClaimOrExpression{Expression: name.Expression}
	case name.Claim != "":
		a.ClaimMappings.Username = apiserver.PrefixedClaimOrExpression{Claim: name.Claim, Prefix: &name.Prefix}
	default:
		a.ClaimMappings.Username = apiserver.PrefixedClaimOrExpression{Claim: "sub", Prefix: new("")}
	}
	return a
}

// Path is where an element is in a ScimEndpoint.
func Path(index int) *field.Path { return field.NewPath("spec", "authentication", "jwt").Index(index) }

// Faults say what is wrong with what an endpoint says of issuers, in its own order; none if nothing is. An element with
// a fault lets nobody in, the others do.
type Faults []Fault

// Fault is one of them.
type Fault struct {
	// Element is the index in jwt, -1 for a fault elsewhere.
	Element int
	// Message names the field, what is wrong with it, and what to do.
	Message string
}

// Check looks for faults. It compiles all expressions, which takes milliseconds.
func Check(endpoint *v1alpha1.ScimEndpoint) Faults {
	var faults Faults
	authentication := &endpoint.Spec.Authentication
	urls := map[string]bool{}
	for i := range authentication.JWT {
		urls[authentication.JWT[i].Issuer.URL] = true
		for _, message := range checkElement(i, &authentication.JWT[i]) {
			faults = append(faults, Fault{Element: i, Message: message})
		}
	}
	clients := field.NewPath("spec", "authentication", "clients")
	for i, client := range authentication.Clients {
		for j, assertion := range client.Assertions {
			if !urls[assertion.Issuer] {
				faults = append(faults, Fault{Element: -1, Message: fmt.Sprintf(
					"%s is %s, which is no issuer.url of spec.authentication.jwt: add an element with it, or write it letter by letter as there.",
					clients.Index(i).Child("assertions").Index(j).Child("issuer"), strconv.Quote(assertion.Issuer))})
			}
		}
	}
	return faults
}

// checkElement asks Kubernetes' own validation.
func checkElement(index int, element *v1alpha1.JWTAuthenticator) []string {
	checked := Authenticator(element)
	checked.Issuer.DiscoveryURL = element.Issuer.DiscoveryURL
	_, errs := validation.CompileAndValidateJWTAuthenticator(Compiler(), checked, nil)
	messages := make([]string, 0, len(errs))
	for _, err := range errs {
		messages = append(messages, describe(Path(index), err))
	}
	return messages
}

// describe says what to do about an error of the validation.
func describe(path *field.Path, err *field.Error) string {
	place := path.String() + "." + err.Field
	switch {
	case err.Type == field.ErrorTypeDuplicate:
		return fmt.Sprintf("%s is there twice: take one of them out.", place)
	case err.Field == "issuer.certificateAuthority":
		return fmt.Sprintf("%s holds no certificates: set it to certificates in PEM, from -----BEGIN CERTIFICATE----- on.", place)
	}
	if expression, ok := err.BadValue.(string); ok && err.Field != "issuer.url" && err.Field != "issuer.discoveryURL" {
		return fmt.Sprintf("%s is %s and is not valid: %s. Correct the expression.", place, strconv.Quote(expression), oneLine(err.Detail))
	}
	return fmt.Sprintf("%s is not valid: %s. Correct it.", place, oneLine(err.Detail))
}
