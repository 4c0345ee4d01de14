package listing

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// Names of columns that can be sorted by. A kind has those that its list shows.
const (
	ByName         = "name"
	ByProvisioned  = "provisioned"
	ByUpdated      = "updated"
	ByState        = "state"
	ByReason       = "reason"
	ByEmail        = "email"
	ByOrganization = "organization"
	BySite         = "site"
	ByMembers      = "members"
	ByStandsFor    = "standsfor"
)

// byID is the order of SCIM ids, in which the client has created what has them; of other names it is the alphabetic one.
func byID[P client.Object](P) Cursor { return Cursor{} }

func byText[P client.Object](text func(P) string) func(P) Cursor {
	return func(object P) Cursor { return Cursor{Text: fold.String(text(object))} }
}

func byTime[P client.Object](time func(P) v1alpha1.Timestamp) func(P) Cursor {
	return func(object P) Cursor { return Cursor{Number: time(object).UnixMicro()} }
}

func byFlag[P client.Object](flag func(P) bool) func(P) Cursor {
	return func(object P) Cursor {
		if flag(object) {
			return Cursor{Number: 1}
		}
		return Cursor{}
	}
}

// byReason has first what is Ready.
func byReason[P client.Object](conditions func(P) []metav1.Condition) func(P) Cursor {
	return func(object P) Cursor { return Cursor{Text: NotReady(conditions(object))} }
}

func referred(reference *v1alpha1.RecordReference) string {
	if reference == nil {
		return ""
	}
	return reference.Name
}

// Users are those that the client has pushed, by default in the order in which it did.
func Users(ctx context.Context, reader client.Reader, namespace string, q Query) (Page[*v1alpha1.ScimUser], error) {
	return list[v1alpha1.ScimUser, v1alpha1.ScimUserList](ctx, reader, namespace, users(), q)
}

func users() kind[*v1alpha1.ScimUser] {
	type user = *v1alpha1.ScimUser
	conditions := func(u user) []metav1.Condition { return u.Status.Conditions }
	return kind[user]{
		columns: map[string]func(user) Cursor{
			"": byID[user], ByProvisioned: byID[user],
			ByUpdated: byTime(func(u user) v1alpha1.Timestamp { return u.Spec.LastModified }),
			ByName:    byText(func(u user) string { return u.Spec.UserName }),
			ByState:   byFlag(user.IsActive),
			ByReason:  byReason(conditions),
		},
		search: func(u user, found func(string) bool) bool {
			if found(u.Spec.UserName) || found(u.Spec.DisplayName) || found(u.Spec.ExternalID) {
				return true
			}
			for i := range u.Spec.Emails {
				if found(u.Spec.Emails[i].Value) {
					return true
				}
			}
			name := u.Spec.Name
			return name != nil && (found(name.Formatted) || found(name.GivenName+" "+name.FamilyName))
		},
		conditions: conditions,
		active:     user.IsActive,
	}
}

// Groups are those that the client has pushed, by default in the order in which it did. All are active.
func Groups(ctx context.Context, reader client.Reader, namespace string, q Query) (Page[*v1alpha1.ScimGroup], error) {
	return list[v1alpha1.ScimGroup, v1alpha1.ScimGroupList](ctx, reader, namespace, groups(), q)
}

func groups() kind[*v1alpha1.ScimGroup] {
	type group = *v1alpha1.ScimGroup
	conditions := func(g group) []metav1.Condition { return g.Status.Conditions }
	return kind[group]{
		columns: map[string]func(group) Cursor{
			"": byID[group], ByProvisioned: byID[group],
			ByUpdated: byTime(func(g group) v1alpha1.Timestamp { return g.Spec.LastModified }),
			ByName:    byText(func(g group) string { return g.Spec.DisplayName }),
			ByReason:  byReason(conditions),
			ByMembers: func(g group) Cursor {
				if g.Status.Members == nil {
					return Cursor{Number: -1}
				}
				return Cursor{Number: int64(*g.Status.Members)}
			},
			ByStandsFor: byText(func(g group) string { return string(g.Status.Classification) }),
		},
		search: func(g group, found func(string) bool) bool {
			return found(g.Spec.DisplayName) || found(g.Spec.ExternalID)
		},
		conditions: conditions,
		active:     func(group) bool { return true },
	}
}

// Persons are all of the namespace, by default in the order of their names.
func Persons(ctx context.Context, reader client.Reader, namespace string, q Query) (Page[*v1alpha1.Person], error) {
	return list[v1alpha1.Person, v1alpha1.PersonList](ctx, reader, namespace, persons(), q)
}

func persons() kind[*v1alpha1.Person] {
	type person = *v1alpha1.Person
	conditions := func(p person) []metav1.Condition { return p.Status.Conditions }
	active := func(p person) bool { return !p.Spec.Disabled }
	name := byText(func(p person) string { return p.Spec.Name })
	return kind[person]{
		columns: map[string]func(person) Cursor{
			"": name, ByName: name,
			ByEmail:        byText(func(p person) string { return p.Spec.PrimaryEmail }),
			ByOrganization: byText(func(p person) string { return referred(p.Spec.Organization) }),
			BySite:         byText(func(p person) string { return referred(p.Spec.Site) }),
			ByState:        byFlag(active),
			ByReason:       byReason(conditions),
		},
		search: func(p person, found func(string) bool) bool {
			return found(p.Spec.Name) || found(p.Spec.PrimaryEmail) || found(p.Spec.EmployeeID) || found(p.Spec.SourceID) ||
				slices.ContainsFunc(p.Spec.OtherEmails, found)
		},
		conditions: conditions,
		active:     active,
	}
}

// Organizations are all of the namespace, by default in the order of their names.
func Organizations(ctx context.Context, reader client.Reader, namespace string, q Query) (Page[*v1alpha1.Organization], error) {
	return list[v1alpha1.Organization, v1alpha1.OrganizationList](ctx, reader, namespace, organizations(), q)
}

func organizations() kind[*v1alpha1.Organization] {
	type organization = *v1alpha1.Organization
	conditions := func(o organization) []metav1.Condition { return o.Status.Conditions }
	active := func(o organization) bool { return !o.Spec.Disabled }
	name := byText(func(o organization) string { return o.Spec.Name })
	return kind[organization]{
		columns: map[string]func(organization) Cursor{
			"": name, ByName: name, ByState: byFlag(active), ByReason: byReason(conditions),
		},
		search: func(o organization, found func(string) bool) bool {
			return found(o.Spec.Name) || found(o.Spec.FinancialID) || found(o.Spec.SourceID)
		},
		conditions: conditions,
		active:     active,
	}
}

// Sites are all of the namespace, by default in the order of their names.
func Sites(ctx context.Context, reader client.Reader, namespace string, q Query) (Page[*v1alpha1.Site], error) {
	return list[v1alpha1.Site, v1alpha1.SiteList](ctx, reader, namespace, sites(), q)
}

func sites() kind[*v1alpha1.Site] {
	type site = *v1alpha1.Site
	conditions := func(s site) []metav1.Condition { return s.Status.Conditions }
	active := func(s site) bool { return !s.Spec.Disabled }
	name := byText(func(s site) string { return s.Spec.Name })
	return kind[site]{
		columns: map[string]func(site) Cursor{
			"": name, ByName: name, ByState: byFlag(active), ByReason: byReason(conditions),
		},
		search: func(s site, found func(string) bool) bool {
			return found(s.Spec.Name) || found(s.Spec.SourceID)
		},
		conditions: conditions,
		active:     active,
	}
}
