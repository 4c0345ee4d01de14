package sim

import (
	"crypto/rand"
	"fmt"
	"maps"
	"strings"

	"rservice.dev/scim-operator/hack/oktasim/internal/okta"
)

// User is a user as Okta knows him: what the server should hold is derived from it.
type User struct {
	// Number counts the users of the app from 0.
	Number int
	// ID is the SCIM id; empty until the user has been created.
	ID string
	// ExternalID is Okta's own id of the user.
	ExternalID string
	UserName   string
	GivenName  string
	FamilyName string
	Email      string
	Title      string
	Phone      string
	Locale     string
	// Enterprise holds attributes of the enterprise extension; empty for users of apps that do not map it.
	Enterprise map[string]any
	// Active is false once the user has been deactivated or unassigned.
	Active bool
	// lastActive is an inactive user as it was when it was last active, nil if it never was.
	lastActive *User

	password string
}

var (
	givenNames  = []string{"Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Katherine", "Dennis", "Radia", "Ken", "Frances", "Niklaus", "Zoë"}
	familyNames = []string{"Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Johnson", "Ritchie", "Perlman", "Thompson", "Allen", "Wirth", "Ångström", "Núñez", "O'Hara", "van der Berg", "Li"}
	titles      = []string{"Engineer", "Analyst", "Designer", "Manager", "Support Agent"}
)

// newUser makes user number n of an app. The run is part of the e-mail address, so that no two runs meet.
func newUser(run string, mode Mode, n int) *User {
	given, family := givenNames[n%len(givenNames)], familyNames[(n/len(givenNames)+n)%len(familyNames)]
	email := fmt.Sprintf("%s.%s.%s%d@%s.example", ascii(given), ascii(family), mode[:2], n, run)
	u := &User{
		Number: n, ExternalID: "00u" + rand.Text()[:17], UserName: email, Email: email,
		GivenName: given, FamilyName: family, Title: titles[n%len(titles)], Locale: "en-US",
		Phone: fmt.Sprintf("+31 20 555 %04d", n%10000), Active: true, password: rand.Text()[:8],
	}
	if n%2 == 0 {
		u.Enterprise = map[string]any{"employeeNumber": fmt.Sprintf("E%05d", n), "costCenter": "CC-" + string(mode), "department": "Department " + string(rune('A'+n%5))}
	}
	return u
}

// ascii keeps the letters of a name that may stand in any e-mail address.
func ascii(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ' || r == '\'':
			return -1
		case r > 'z':
			return 'x'
		}
		return r
	}, strings.ToLower(name))
}

// DisplayName is what the user is called.
func (u *User) DisplayName() string { return u.GivenName + " " + u.FamilyName }

// LastActive is the user as it was when it was last active: as it is, unless it has been active before and is not.
func (u *User) LastActive() *User {
	if u.lastActive != nil {
		return u.lastActive
	}
	return u
}

// attributes are the mapped attributes, as Okta sends them.
func (u *User) attributes() map[string]any {
	out := map[string]any{
		"schemas":      []string{okta.UserURN},
		"userName":     u.UserName,
		"externalId":   u.ExternalID,
		"name":         map[string]any{"givenName": u.GivenName, "familyName": u.FamilyName},
		"displayName":  u.DisplayName(),
		"emails":       []any{map[string]any{"primary": true, "value": u.Email, "type": "work"}},
		"phoneNumbers": []any{map[string]any{"primary": true, "value": u.Phone, "type": "work"}},
		"title":        u.Title,
		"locale":       u.Locale,
		"active":       u.Active,
	}
	if u.Enterprise != nil {
		out["schemas"] = []string{okta.UserURN, okta.EnterpriseURN}
		out[okta.EnterpriseURN] = u.Enterprise
	}
	return out
}

// create is the body of POST: always with a password and without groups, whatever the settings of the app.
func (u *User) create() map[string]any {
	out := u.attributes()
	out["password"] = u.password
	out["groups"] = []any{}
	return out
}

// replace is the body of PUT: what GET has returned, read-only attributes too, with the mapped attributes on top.
func (u *User) replace(got okta.Resource) map[string]any {
	out := maps.Clone(map[string]any(got))
	maps.Copy(out, u.attributes())
	return out
}

// expectation is one attribute of a resource, and the value that it has to have.
type expectation struct {
	path []string
	want any
}

// expect lists what an answer must hold. Empty text stands for an attribute that may be left out.
func (u *User) expect() []expectation {
	out := []expectation{
		{[]string{"id"}, u.ID},
		{[]string{"userName"}, u.UserName},
		{[]string{"externalId"}, u.ExternalID},
		{[]string{"active"}, u.Active},
		{[]string{"name", "givenName"}, u.GivenName},
		{[]string{"name", "familyName"}, u.FamilyName},
		{[]string{"displayName"}, u.DisplayName()},
		{[]string{"emails", "value"}, u.Email},
		{[]string{"emails", "type"}, "work"},
		{[]string{"emails", "primary"}, true},
		{[]string{"phoneNumbers", "value"}, u.Phone},
		{[]string{"title"}, u.Title},
		{[]string{"locale"}, u.Locale},
		{[]string{"meta", "resourceType"}, "User"},
	}
	for _, name := range []string{"employeeNumber", "costCenter", "department"} {
		if value, ok := u.Enterprise[name]; ok {
			out = append(out, expectation{[]string{okta.EnterpriseURN, name}, value})
		}
	}
	return out
}
