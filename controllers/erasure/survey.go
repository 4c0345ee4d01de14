package erasure

import (
	"context"
	"fmt"
	"slices"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/execution"
	"rservice.dev/scim-operator/controllers/rules"
)

// survey is what hangs on a dossier, and where else it is named.
type survey struct {
	// executions are the names of the users' own.
	executions []string
	// claims are Leases that keep a name or an address for them.
	claims []*coordinationv1.Lease
	// managed are Persons and Organizations whose manager they are.
	managed []client.Object
	// formerly are Persons of others that one of the users had before, or was the first to have.
	formerly []*v1alpha1.Person
	// mentions are executions of others with values that name them.
	mentions []*v1alpha1.AutomationRuleExecution
	// pages and groups are those that hold one of the users as a member, whether it exists or not; others are groups that only
	// a page or a user names.
	pages          []*v1alpha1.ScimGroupPage
	groups, others []*v1alpha1.ScimGroup
	// namedBy are ScimUsers that the client says they manage, and listedBy are Persons that
	// have their address, too. Nobody but their owners can change these.
	namedBy, listedBy []string
}

// left reports whether there is anything that can be removed.
func (s *survey) left() bool {
	return len(s.executions)+len(s.claims)+len(s.managed)+len(s.formerly)+len(s.mentions)+len(s.pages)+len(s.groups) > 0
}

func (e *Eraser) survey(ctx context.Context, d *Dossier) (*survey, error) {
	s := &survey{}
	for _, kind := range []struct {
		list  client.ObjectList
		visit func(*Dossier, client.Object)
	}{
		{&v1alpha1.AutomationRuleExecutionList{}, s.seeExecution},
		{&v1alpha1.PersonList{}, s.seePerson},
		{&v1alpha1.OrganizationList{}, s.seeOrganization},
		{&v1alpha1.ScimUserList{}, s.seeUser},
		{&v1alpha1.ScimGroupPageList{}, s.seePage},
		{&v1alpha1.ScimGroupList{}, s.seeGroup}, // after pages, which say of what group they are
	} {
		if err := e.each(ctx, kind.list, func(object client.Object) error { kind.visit(d, object); return nil }); err != nil {
			return nil, fmt.Errorf("list %T: %w", kind.list, err)
		}
	}
	for label, holders := range map[string][]string{v1alpha1.LabelClaim: d.ids, v1alpha1.LabelIdentity: d.personNames()} {
		err := e.each(ctx, &coordinationv1.LeaseList{}, func(object client.Object) error {
			if lease, ok := object.(*coordinationv1.Lease); ok && slices.Contains(holders, ptr.Deref(lease.Spec.HolderIdentity, "")) {
				s.claims = append(s.claims, lease.DeepCopy())
			}
			return nil
		}, client.HasLabels{label})
		if err != nil {
			return nil, fmt.Errorf("list claims: %w", err)
		}
	}
	return s, nil
}

func (d *Dossier) personNames() []string {
	var names []string
	for _, person := range d.Persons {
		names = append(names, person.Name)
	}
	return names
}

func (s *survey) seeExecution(d *Dossier, object client.Object) {
	one, ok := object.(*v1alpha1.AutomationRuleExecution)
	switch {
	case !ok:
	case slices.Contains(d.ids, one.Spec.Subject.Name):
		s.executions = append(s.executions, one.Name)
	default:
		if erased, changed := execution.EraseValues(one, d.isIn); changed {
			s.mentions = append(s.mentions, erased)
		}
	}
}

func (s *survey) seePerson(d *Dossier, object client.Object) {
	person, ok := object.(*v1alpha1.Person)
	if !ok || d.hasPerson(person.Name) {
		return
	}
	if person.Spec.Manager != nil && d.hasPerson(person.Spec.Manager.Name) {
		s.managed = append(s.managed, person.DeepCopy())
	}
	if slices.ContainsFunc(append(rules.FormerSources(person), person.Annotations[v1alpha1.AnnotationAdopted]), d.hasID) {
		s.formerly = append(s.formerly, person.DeepCopy())
	}
	addresses := append([]string{person.Spec.PrimaryEmail}, person.Spec.OtherEmails...)
	if slices.ContainsFunc(addresses, d.hasAddress) {
		s.listedBy = append(s.listedBy, person.Name)
	}
}

func (s *survey) seePage(d *Dossier, object client.Object) {
	if page, ok := object.(*v1alpha1.ScimGroupPage); ok && d.hasMember(page.Spec.Members) {
		s.pages = append(s.pages, page.DeepCopy())
	}
}

func (s *survey) seeGroup(d *Dossier, object client.Object) {
	group, ok := object.(*v1alpha1.ScimGroup)
	switch {
	case !ok:
	case d.hasMember(group.Spec.Members):
		s.groups = append(s.groups, group.DeepCopy())
	case slices.ContainsFunc(s.pages, func(p *v1alpha1.ScimGroupPage) bool { return p.Spec.Group == group.Name }),
		slices.ContainsFunc(d.Users, func(u *v1alpha1.ScimUser) bool { return slices.Contains(u.Spec.Groups, group.Name) }):
		s.others = append(s.others, group.DeepCopy())
	}
}

// memberships is how many groups a user is a member of.
func (s *survey) memberships(ctx context.Context, user *v1alpha1.ScimUser) (int, error) {
	var objects []client.Object
	for _, page := range s.pages {
		objects = append(objects, page)
	}
	for _, group := range slices.Concat(s.groups, s.others) {
		objects = append(objects, group)
	}
	groups, err := membership.GroupsOf(ctx, directory.NewObjects(objects...), user)
	return len(groups), err
}

// hasMember reports whether any of the users is among the members of a group or a page.
func (d *Dossier) hasMember(members []v1alpha1.GroupMember) bool {
	return slices.ContainsFunc(members, d.isMember)
}

func (d *Dossier) isMember(member v1alpha1.GroupMember) bool { return d.hasID(member.ID) }

// hasID reports whether an id is that of one of the users.
func (d *Dossier) hasID(id string) bool { return slices.Contains(d.ids, id) }

func (s *survey) seeOrganization(d *Dossier, object client.Object) {
	if o, ok := object.(*v1alpha1.Organization); ok && o.Spec.Manager != nil && d.hasPerson(o.Spec.Manager.Name) {
		s.managed = append(s.managed, o.DeepCopy())
	}
}

func (s *survey) seeUser(d *Dossier, object client.Object) {
	user, ok := object.(*v1alpha1.ScimUser)
	if !ok || slices.Contains(d.ids, user.Name) || user.Spec.Enterprise == nil || user.Spec.Enterprise.Manager == nil {
		return
	}
	named := user.Spec.Enterprise.Manager.Value
	byID := slices.Contains(d.ids, named) || slices.ContainsFunc(d.names, func(name string) bool { return fold.Equal(name, named) })
	byExternalID := slices.ContainsFunc(d.Users, func(u *v1alpha1.ScimUser) bool { return u.Spec.ExternalID != "" && u.Spec.ExternalID == named })
	if byID || byExternalID {
		s.namedBy = append(s.namedBy, user.Name)
	}
}

// hasAddress reports whether an address is the one that a Person of the dossier is known by.
func (d *Dossier) hasAddress(address string) bool {
	return slices.ContainsFunc(d.Persons, func(p *v1alpha1.Person) bool {
		return p.Spec.PrimaryEmail != "" && fold.Email(p.Spec.PrimaryEmail) == fold.Email(address)
	})
}

// isIn reports whether a value of somebody else's execution names the dossier: by a SCIM id, the
// name or address of a Person, or a userName. One that is no address is short and may be a word
// of other meaning, so it has to be the whole value.
func (d *Dossier) isIn(value string) bool {
	folded := fold.String(value)
	for _, id := range slices.Concat(d.ids, d.personNames()) {
		if containsWord(folded, fold.String(id)) {
			return true
		}
	}
	for _, person := range d.Persons {
		if containsWord(folded, fold.String(person.Spec.PrimaryEmail)) {
			return true
		}
	}
	return slices.ContainsFunc(d.names, func(name string) bool {
		name = fold.String(name)
		return folded == name || strings.Contains(name, "@") && containsWord(folded, name)
	})
}

// containsWord reports whether a word is in a text and does not go on before or after.
func containsWord(text, word string) bool {
	if word == "" {
		return false
	}
	for from := 0; ; {
		at := strings.Index(text[from:], word)
		if at < 0 {
			return false
		}
		begin, end := from+at, from+at+len(word)
		if (begin == 0 || !inWord(text[begin-1])) && (end == len(text) || !inWord(text[end])) {
			return true
		}
		from = begin + 1
	}
}

func inWord(b byte) bool {
	return b == '-' || b == '_' || b == '+' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 0x80
}
