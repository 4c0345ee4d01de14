package sim

import (
	"fmt"
	"slices"

	"rservice.dev/scim-operator/hack/oktasim/internal/okta"
)

// Group is a pushed group as Okta knows it.
type Group struct {
	// Number counts the groups of the app from 0.
	Number int
	// ID is the SCIM id; empty until the group has been created or linked.
	ID          string
	DisplayName string
	// Organization is true for a group that has an Organization of its name. Such a
	// group is linked when it is there already, never renamed, and never deleted.
	Organization bool
	// Deleted is true after the group has been unlinked with "delete".
	Deleted bool
	// Members are in the order of joining.
	Members []*User
}

func newGroup(run string, mode Mode, n int) *Group {
	return &Group{Number: n, DisplayName: fmt.Sprintf("Team %s %d (%s)", mode, n, run)}
}

// Has says whether the user is a member.
func (g *Group) Has(u *User) bool { return slices.Contains(g.Members, u) }

func (g *Group) add(users ...*User) {
	for _, u := range users {
		if u.ID != "" && !g.Has(u) {
			g.Members = append(g.Members, u)
		}
	}
}

func (g *Group) remove(users ...*User) {
	g.Members = slices.DeleteFunc(g.Members, func(u *User) bool { return slices.Contains(users, u) })
}

func members(users []*User) []any {
	out := make([]any, len(users))
	for i, u := range users {
		out[i] = map[string]any{"value": u.ID, "display": u.UserName}
	}
	return out
}

// body is the whole group, for POST and PUT. Some apps have an extension of
// Okta's own in their group schema, which is sent whether the server knows it or not.
func (g *Group) body(members []any) map[string]any {
	out := map[string]any{"schemas": []string{okta.GroupURN}, "displayName": g.DisplayName, "members": members}
	if g.Number%3 == 2 {
		out["schemas"] = []string{okta.GroupURN, "urn:okta:custom:group:1.0"}
		out["urn:okta:custom:group:1.0"] = map[string]any{"description": ""}
	}
	return out
}

// operation is one operation of a PATCH (RFC 7644 section 3.5.2).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path,omitempty"`
	Value any    `json:"value,omitempty"`
}

func patch(operations ...operation) map[string]any {
	return map[string]any{"schemas": []string{okta.PatchURN}, "Operations": operations}
}

// link tells the server the name of the group. Okta sends it without a path, also with every change of members.
func (g *Group) link() operation {
	return operation{Op: "replace", Value: map[string]any{"id": g.ID, "displayName": g.DisplayName}}
}

// change is the one PATCH that removes and adds members.
func change(removed, added []*User) map[string]any {
	var operations []operation
	for _, u := range removed {
		operations = append(operations, operation{Op: "remove", Path: `members[value eq "` + u.ID + `"]`})
	}
	if len(added) > 0 {
		operations = append(operations, operation{Op: "add", Path: "members", Value: members(added)})
	}
	return patch(operations...)
}
