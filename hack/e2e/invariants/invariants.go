// Package invariants checks what has to be true of a tenant's custom resources whatever has happened to the operator, once
// it has had the time to finish what it began.
package invariants

import (
	"context"
	"fmt"
	"slices"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// Tenant is what a namespace holds.
type Tenant struct {
	Users      []v1alpha1.ScimUser
	Groups     []v1alpha1.ScimGroup
	Pages      []v1alpha1.ScimGroupPage
	Persons    []v1alpha1.Person
	Executions []v1alpha1.AutomationRuleExecution
	Rules      []v1alpha1.AutomationRule
	Claims     []coordinationv1.Lease
}

// Read reads a namespace.
func Read(ctx context.Context, c client.Client, namespace string) (*Tenant, error) {
	var (
		users      v1alpha1.ScimUserList
		groups     v1alpha1.ScimGroupList
		pages      v1alpha1.ScimGroupPageList
		persons    v1alpha1.PersonList
		executions v1alpha1.AutomationRuleExecutionList
		rules      v1alpha1.AutomationRuleList
		claims     coordinationv1.LeaseList
	)
	for _, list := range []client.ObjectList{&users, &groups, &pages, &persons, &executions, &rules} {
		if err := c.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return nil, fmt.Errorf("reading the tenant: %w", err)
		}
	}
	if err := c.List(ctx, &claims, client.InNamespace(namespace), client.HasLabels{v1alpha1.LabelClaim}); err != nil {
		return nil, fmt.Errorf("reading the tenant: %w", err)
	}
	return &Tenant{
		Users: users.Items, Groups: groups.Items, Pages: pages.Items, Persons: persons.Items,
		Executions: executions.Items, Rules: rules.Items, Claims: claims.Items,
	}, nil
}

// Problems lists what is wrong. expectFailure says which users may end without a Person; nil: none.
func (t *Tenant) Problems(expectFailure func(*v1alpha1.ScimUser) bool) []string {
	return slices.Concat(t.duplicates(), t.unlinked(expectFailure), t.uncounted(), t.orphans(), t.unclaimed())
}

// duplicates names values that two resources have and only one may have.
func (t *Tenant) duplicates() []string {
	var problems []string
	holders := map[string]string{}
	check := func(kind, folded, name string) {
		key := kind + " " + folded
		if other, taken := holders[key]; taken {
			problems = append(problems, fmt.Sprintf("%s and %s have the same %s", other, name, key))
		}
		holders[key] = name
	}
	for i := range t.Users {
		check("userName", fold.String(t.Users[i].Spec.UserName), t.Users[i].Name)
	}
	for i := range t.Groups {
		check("displayName", fold.String(t.Groups[i].Spec.DisplayName), t.Groups[i].Name)
	}
	for i := range t.Persons {
		if email := t.Persons[i].Spec.PrimaryEmail; email != "" {
			check("primaryEmail", fold.Email(email), t.Persons[i].Name)
		}
	}
	return problems
}

// unlinked names users without the one Person that is linked to them, unless it went over to another user, and users whose latest change has not been processed.
func (t *Tenant) unlinked(expectFailure func(*v1alpha1.ScimUser) bool) []string {
	linked := map[string][]string{}
	for i := range t.Persons {
		if source := t.Persons[i].Spec.SourceID; source != "" {
			linked[source] = append(linked[source], t.Persons[i].Name)
		}
	}
	var problems []string
	for i := range t.Users {
		user := &t.Users[i]
		if user.Status.ObservedGeneration != user.Generation {
			problems = append(problems, fmt.Sprintf("ScimUser %s: generation %d is not processed", user.Name, user.Generation))
		}
		if expectFailure != nil && expectFailure(user) {
			continue
		}
		ready := meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || ready.Status != metav1.ConditionTrue {
			problems = append(problems, fmt.Sprintf("ScimUser %s is not ready: %v", user.Name, ready))
			continue
		}
		if ready.Reason == v1alpha1.ReasonPersonTakenOver && !user.IsActive() {
			continue
		}
		persons := linked[user.Name]
		if len(persons) != 1 || user.Status.Person == nil || user.Status.Person.Name != persons[0] {
			problems = append(problems, fmt.Sprintf("ScimUser %s: status names Person %v, and %v are linked", user.Name, user.Status.Person, persons))
		}
	}
	return problems
}

// uncounted names groups that have not been processed, or whose status tells of more or fewer members than they and the pages that
// they list hold. The members of a group from before pages are not looked at.
func (t *Tenant) uncounted() []string {
	pages := map[string][]v1alpha1.GroupMember{}
	for i := range t.Pages {
		pages[t.Pages[i].Name] = t.Pages[i].Spec.Members
	}
	var problems []string
	for i := range t.Groups {
		group := &t.Groups[i]
		if group.Status.ObservedGeneration != group.Generation {
			problems = append(problems, fmt.Sprintf("ScimGroup %s: generation %d is not processed", group.Name, group.Generation))
		}
		members := map[string]bool{}
		held := slices.Clone(group.Spec.Members)
		for _, number := range group.Spec.Pages {
			held = append(held, pages[membership.PageName(group.Name, number)]...)
		}
		for _, member := range held {
			members[member.ID] = true
		}
		if counted := ptr.Deref(group.Status.Members, 0); membership.InPages(group) && int(counted) != len(members) {
			problems = append(problems, fmt.Sprintf("ScimGroup %s: status tells of %d members, and there are %d", group.Name, counted, len(members)))
		}
	}
	return problems
}

// orphans names executions whose subject or rule is gone.
func (t *Tenant) orphans() []string {
	known := map[string]bool{}
	for i := range t.Users {
		known[string(v1alpha1.SubjectScimUser)+"/"+t.Users[i].Name] = true
	}
	for i := range t.Groups {
		known[string(v1alpha1.SubjectScimGroup)+"/"+t.Groups[i].Name] = true
	}
	for i := range t.Rules {
		known["rule/"+t.Rules[i].Name] = true
	}
	var problems []string
	for i := range t.Executions {
		spec := t.Executions[i].Spec
		if !known[string(spec.Subject.Kind)+"/"+spec.Subject.Name] || !known["rule/"+spec.Rule] {
			problems = append(problems, "execution "+t.Executions[i].Name+" has lost its subject or its rule")
		}
	}
	return problems
}

// unclaimed names users and groups that hold no claim on a name, so that another one could take it.
func (t *Tenant) unclaimed() []string {
	holders := t.holders()
	for _, claim := range t.Claims {
		delete(holders, claim.Labels[v1alpha1.LabelClaim]+"/"+ptr.Deref(claim.Spec.HolderIdentity, ""))
	}
	var problems []string
	for holder := range holders {
		problems = append(problems, holder+" holds no claim on its name")
	}
	slices.Sort(problems)
	return problems
}

// StuckClaims names the claims that keep a name from being used: those whose holder does not exist, and those beyond
// the one that each user and group needs. A request that was interrupted leaves such claims, and the sweeper removes them.
func (t *Tenant) StuckClaims() []string {
	holders := t.holders()
	var problems []string
	for _, claim := range t.Claims {
		holder := claim.Labels[v1alpha1.LabelClaim] + "/" + ptr.Deref(claim.Spec.HolderIdentity, "")
		if !holders[holder] {
			problems = append(problems, fmt.Sprintf("claim %s: its holder %s does not exist, or holds another one too", claim.Name, holder))
		}
		delete(holders, holder)
	}
	return problems
}

// holders are the users and groups, by the kind of their claim and their id.
func (t *Tenant) holders() map[string]bool {
	holders := map[string]bool{}
	for i := range t.Users {
		holders["username/"+t.Users[i].Name] = true
	}
	for i := range t.Groups {
		holders["displayname/"+t.Groups[i].Name] = true
	}
	return holders
}
