package story

import (
	"context"
	"fmt"
	"slices"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/userindex"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
)

// foreign are reasons of a user whose Person is, or may be, somebody else's.
var foreign = []string{v1alpha1.ReasonPrimaryEmailTaken, v1alpha1.ReasonConflict, v1alpha1.ReasonLinkNotAllowed, v1alpha1.ReasonDuplicatePrimaryEmail}

// findOthers tells, where a Person stands in the way, which that is and whose.
func (t *teller) findOthers(ctx context.Context) error {
	if t.user == nil {
		return nil
	}
	for i := range t.story.Problems {
		p := &t.story.Problems[i]
		if !slices.Contains(foreign, p.Reason) {
			continue
		}
		others, err := t.personsWithAddress(ctx)
		if err != nil {
			return err
		}
		for _, other := range others {
			if err := t.tellOther(ctx, p, other); err != nil {
				return err
			}
		}
	}
	return nil
}

// personsWithAddress are the Persons, not the user's own, that have one of its addresses as their primary one.
func (t *teller) personsWithAddress(ctx context.Context) ([]v1alpha1.Person, error) {
	var found []v1alpha1.Person
	add := func(person v1alpha1.Person) {
		own := person.Spec.SourceID == t.user.Name
		if !own && !slices.ContainsFunc(found, func(p v1alpha1.Person) bool { return p.Name == person.Name }) {
			found = append(found, person)
		}
	}
	for _, address := range t.addresses() {
		list := &v1alpha1.PersonList{}
		var err error
		if t.cached != nil {
			err = directory.List(ctx, t.cached, list, t.namespace, directory.PersonByEmail, address)
		} else {
			err = t.selected(ctx, t.namespace, list, "spec.primaryEmail", address)
		}
		if err := t.allowed(err); err != nil {
			return nil, err
		}
		for i := range list.Items {
			add(list.Items[i])
		}
	}
	slices.SortFunc(found, func(a, b v1alpha1.Person) int { return compareNames(&a, &b) })
	return found, nil
}

// addresses are those that the user's Person may get: for an index as it has them, for the API server, which compares letter by
// letter, also as they were sent.
func (t *teller) addresses() []string {
	addresses := userindex.EmailCandidates(t.user)
	if t.cached != nil {
		return addresses
	}
	sent := t.user.AsLastActive().Spec
	for _, value := range append([]string{sent.UserName}, emailsOf(sent.Emails)...) {
		if value != "" && !slices.Contains(addresses, value) {
			addresses = append(addresses, value)
		}
	}
	return addresses
}

func emailsOf(values []v1alpha1.ScimValue) []string {
	emails := make([]string, len(values))
	for i := range values {
		emails[i] = values[i].Value
	}
	return emails
}

// tellOther adds to a problem what is known of the Person that stands in the way.
func (t *teller) tellOther(ctx context.Context, p *Problem, other v1alpha1.Person) error {
	p.names.Other = other.Name
	fact := fmt.Sprintf("Person %s (%s) has the address", other.Name, TitleOf(&other))
	if other.Spec.SourceID == "" {
		p.Facts = append(p.Facts, fact+" and is linked to no user: somebody made it by hand.")
		return nil
	}
	user := &v1alpha1.ScimUser{}
	exists, err := t.get(ctx, t.namespace, other.Spec.SourceID, user)
	if err := t.allowed(err); err != nil {
		return err
	}
	state := "which is active"
	switch {
	case !exists:
		state, p.names.Former = "which is deleted", other.Name
	case !user.IsActive():
		state, p.names.Former, p.names.OtherUser = fmt.Sprintf("userName %s, which is inactive", user.Spec.UserName), other.Name, user.Name
	default:
		state, p.names.OtherUser = fmt.Sprintf("userName %s, %s", user.Spec.UserName, state), user.Name
	}
	p.Facts = append(p.Facts, fmt.Sprintf("%s and is linked to ScimUser %s, %s.", fact, other.Spec.SourceID, state))
	return nil
}

// findGaps tells of references that the user's Person lacks although a rule would set them, and why.
func (t *teller) findGaps(context.Context) error {
	if t.user == nil || len(t.records) != 1 {
		return nil
	}
	person, ok := t.records[0].(*v1alpha1.Person)
	if !ok {
		return nil
	}
	sent := v1alpha1.ScimEnterprise{}
	if t.user.Spec.Enterprise != nil {
		sent = *t.user.Spec.Enterprise
	}
	on := subjectOf(person)
	if person.Spec.Organization == nil && t.rulesSet("organization") {
		p := Problem{Severity: SeverityNotice, On: on, Reason: ReasonNoOrganization, Message: "The Person has no Organization."}
		p.names.Name = sent.Organization
		t.tellSentPlace(&p, "organization", sent.Organization)
		t.tellPlacesOfGroups(&p, KindOrganization)
		t.problem(p)
	}
	if person.Spec.Site == nil && sent.Site != "" && t.rulesSet("site") {
		p := Problem{Severity: SeverityNotice, On: on, Reason: ReasonNoSite, Message: "The Person has no Site."}
		p.names.Name = sent.Site
		t.tellSentPlace(&p, "site", sent.Site)
		t.tellPlacesOfGroups(&p, KindSite)
		t.problem(p)
	}
	if person.Spec.Manager == nil && sent.Manager != nil && fold.String(sent.Manager.Value) != "" && t.rulesSet("manager") {
		t.problem(Problem{
			Severity: SeverityNotice, On: on, Reason: ReasonNoManager, Message: "The Person has no manager.",
			Facts: []string{fmt.Sprintf("The client sent manager %q, and no Person is found by that.", sent.Manager.Value)},
		})
	}
	return nil
}

// rulesSet reports whether a rule that runs sets a field.
func (t *teller) rulesSet(field string) bool {
	return slices.ContainsFunc(t.rules, func(rule v1alpha1.AutomationRule) bool {
		return !rule.Spec.Disabled && slices.ContainsFunc(rule.Spec.Update.Set, func(a v1alpha1.FieldAssignment) bool { return a.Field == field })
	})
}

func (t *teller) tellSentPlace(p *Problem, attribute, name string) {
	if name == "" {
		p.Facts = append(p.Facts, fmt.Sprintf("The client sends no %s of the user.", attribute))
		return
	}
	p.Facts = append(p.Facts, fmt.Sprintf("The client sent %s %q, and no enabled record of that name was found.", attribute, name))
}

// tellPlacesOfGroups tells why none of the user's groups gave a place.
func (t *teller) tellPlacesOfGroups(p *Problem, kind string) {
	if len(t.story.Memberships) == 0 {
		p.Facts = append(p.Facts, "The user is in no group.")
		return
	}
	for _, m := range t.story.Memberships {
		i := slices.IndexFunc(m.Places, func(place Place) bool { return place.Subject.Kind == kind })
		switch {
		case i < 0:
			p.Facts = append(p.Facts, fmt.Sprintf("Group %q is linked to no %s.", m.Title, kind))
			if p.names.Name == "" {
				p.names.Name = m.Title
			}
		case m.Places[i].Disabled:
			p.Facts = append(p.Facts, fmt.Sprintf("Group %q is linked to %s %q, which is disabled.", m.Title, kind, m.Places[i].Title))
		default:
			p.Facts = append(p.Facts, fmt.Sprintf("Group %q is linked to %s %q; no rule has taken it from there.", m.Title, kind, m.Places[i].Title))
		}
	}
}

// remedy adds to a problem what to do about it.
func (t *teller) remedy(p *Problem) {
	names := p.names
	names.Namespace = t.namespace
	if t.user != nil {
		names.User = t.user.Name
	}
	if t.group != nil {
		names.Group, names.Name = t.group.Name, t.group.Spec.DisplayName
	}
	for _, record := range t.records {
		if person, ok := record.(*v1alpha1.Person); ok {
			names.Person, names.Email = person.Name, person.Spec.PrimaryEmail
		}
	}
	if names.Person == "" {
		names.Person = names.Other // as the protected one, which is not the user's
	}
	if i := t.ruleOf(p); i >= 0 {
		names.Rule, names.Execution = t.story.Rules[i].Name, t.story.Rules[i].Execution
	}
	t.nameEndpoint(p, &names)
	if remedy, known := RemedyFor(p.Reason, names); known {
		p.Remedies = append(p.Remedies, remedy)
	}
}

// ruleOf is the rule that a problem comes from, -1 where it comes from none.
func (t *teller) ruleOf(p *Problem) int {
	byName := slices.IndexFunc(t.story.Rules, func(r Rule) bool { return r.Execution != "" && r.Execution == p.On.Name })
	if byName >= 0 {
		return byName
	}
	byReason := slices.IndexFunc(t.story.Rules, func(r Rule) bool { return r.Reason == p.Reason })
	if byReason >= 0 {
		return byReason
	}
	return slices.IndexFunc(t.story.Rules, func(r Rule) bool { return r.Execution != "" })
}

// nameEndpoint names the endpoint that a problem is about, else the one that speaks for the namespace, and what it holds.
func (t *teller) nameEndpoint(p *Problem, names *Names) {
	for i := range t.endpoints {
		endpoint := &t.endpoints[i]
		about := p.On.Kind == KindEndpoint && p.On.Name == endpoint.Name
		if about || names.Endpoint == "" && p.On.Kind != KindEndpoint && endpoint.DeletionTimestamp.IsZero() {
			names.Endpoint = endpoint.Name
			if held := endpoint.Status.Held; held != nil && held.Count > 0 {
				names.Held = held.Generation
			}
		}
	}
}
