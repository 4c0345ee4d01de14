package rules

import (
	"fmt"
	"slices"
	"strings"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// maxNamedEndpoints is how many ScimEndpoints a message names.
const maxNamedEndpoints = 3

// noEndpoint stands for the ScimEndpoint that a refusal is owed to where there is none.
const noEndpoint = "there is no ScimEndpoint in the namespace whose client may be trusted with it"

// IsMadeByHand reports whether no SCIM client has pushed a Person.
func IsMadeByHand(person *v1alpha1.Person) bool {
	return person.Spec.Source != v1alpha1.SourceSCIM && len(FormerSources(person)) == 0
}

// mayLink refuses a Person that the SCIM client may not have the user get. One whose link to
// the user somebody has taken off by hand is the user's own.
func (r *run) mayLink(record Record) error {
	person, ok := record.(*v1alpha1.Person)
	if !ok {
		return nil
	}
	if own := r.in.User.Status.Person; own != nil && own.Name == person.Name && person.Spec.SourceID == "" {
		return nil
	}
	if why := r.in.Trust.outside(personKind.matchKey(person)); why != "" {
		return &fault{v1alpha1.ReasonEmailDomainNotAllowed, fmt.Sprintf("Person %s has this primaryEmail, and no user gets it, because %s", person.Name, why)}
	}
	switch r.in.Trust.Link {
	case v1alpha1.LinkNever:
		return r.in.Trust.refuse(person, "no user gets a Person that exists")
	case v1alpha1.LinkFormer:
		if IsMadeByHand(person) {
			return r.in.Trust.refuse(person, "no user gets one that no SCIM client has pushed before")
		}
	}
	return nil
}

// refuse says of a Person that a user may not get it.
func (t Trust) refuse(person *v1alpha1.Person, why string) error {
	by := noEndpoint + "; make one"
	if len(t.LinkBy) > 0 {
		by = fmt.Sprintf("by spec.linkExisting: %s of %s %s; change that", t.Link, endpointNames(t.LinkBy), why)
	}
	return &fault{v1alpha1.ReasonLinkNotAllowed, fmt.Sprintf("Person %s has this primaryEmail, and %s, or the address of one of the two", person.Name, by)}
}

// outside says why no Person gets a folded address; "" if the client may speak for it.
func (t Trust) outside(address string) string {
	_, domain, _ := strings.Cut(address, "@")
	var by []string
	for _, bound := range t.Domains {
		switch {
		case slices.Contains(bound.Domains, domain):
		case bound.Endpoint == "":
			return noEndpoint
		default:
			by = append(by, bound.Endpoint)
		}
	}
	if len(by) == 0 {
		return ""
	}
	return fmt.Sprintf("its domain is not among spec.emailDomains of %s; add it, or change the address", endpointNames(by))
}

// endpointNames names ScimEndpoints in a message.
func endpointNames(names []string) string {
	kind, more := "ScimEndpoint", ""
	if len(names) > 1 {
		kind = "ScimEndpoints"
	}
	if n := len(names) - maxNamedEndpoints; n > 0 {
		names, more = names[:maxNamedEndpoints], fmt.Sprintf(" and %d more", n)
	}
	return kind + " " + strings.Join(names, ", ") + more
}

// checkDomain refuses a new primary address outside of the domains that the SCIM client may
// speak for. A Person that has one keeps it, and the rest of the rule is carried out. That of a
// new Person is for the whole plan to check, since a later rule may give it another one.
func (r *run) checkDomain(before, after Record, created bool, assigned []string) []string {
	kind := r.kind
	was, value := kind.matchKey(before), kind.matchKey(after)
	if kind != personKind || !created && value == was {
		return assigned
	}
	why := r.in.Trust.outside(value)
	if why == "" {
		return assigned
	}
	if created {
		r.step.outside = why
		return assigned
	}
	return r.withhold(Kept{Field: kind.match, Reason: v1alpha1.ReasonEmailDomainNotAllowed, Because: "of the new one " + why}, before, after, assigned)
}

// madeOutside finds the rule that makes a Person which ends with an address outside of the
// domains that the SCIM client may speak for.
func (p *planner) madeOutside(done pass) map[*Rule]Outcome {
	last := done.after[personKind]
	if !last.created || last.record == nil || p.in.Trust.outside(personKind.matchKey(last.record)) == "" {
		return nil
	}
	for _, s := range done.steps {
		if s.outside != "" {
			return map[*Rule]Outcome{s.rule: {
				Rule: s.rule.name, Generation: s.rule.generation, Kind: s.rule.record.kind, Expressions: s.outcome.Expressions, ConditionMet: s.outcome.ConditionMet,
				Reason:  v1alpha1.ReasonEmailDomainNotAllowed,
				Message: Cut(fmt.Sprintf("rule %s: no Person gets this primaryEmail, because %s", s.rule.name, s.outside), MaxMessageLength),
			}}
		}
	}
	return nil
}
