package rules

import (
	"encoding/json"
	"testing"

	"github.com/google/cel-go/common/types"
	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// The samples set every field, so that a field of the API that expressions do not
// see, or see under another name or with another's value, is noticed. The JSON is
// that of the API.
const (
	userSample = `{
		"userName": "userName", "externalId": "externalId", "active": false,
		"name": {"formatted": "1", "familyName": "2", "givenName": "3", "middleName": "4", "honorificPrefix": "5", "honorificSuffix": "6"},
		"displayName": "displayName", "nickName": "nickName", "profileUrl": "profileUrl", "title": "title", "userType": "userType",
		"preferredLanguage": "preferredLanguage", "locale": "locale", "timezone": "timezone",
		"emails": [{"value": "1", "display": "2", "type": "3", "primary": true}], "phoneNumbers": [{"value": "phone"}],
		"ims": [{"value": "im"}], "photos": [{"value": "photo"}], "entitlements": [{"value": "entitlement"}], "roles": [{"value": "role"}],
		"addresses": [{"formatted": "1", "streetAddress": "2", "locality": "3", "region": "4", "postalCode": "5", "country": "6", "type": "7", "primary": false}],
		"x509Certificates": [{"value": "1", "display": "2", "type": "3", "primary": true}],
		"enterprise": {"employeeNumber": "1", "costCenter": "2", "organization": "3", "division": "4", "department": "5", "site": "6",
			"location": "7", "supportID": "8", "manager": {"value": "1", "ref": "2", "displayName": "3"}},
		"extensions": {"urn:x": {"text": "a", "int": 9007199254740993, "double": 1.5, "list": [true, null]}}
	}`
	groupSample  = `{"displayName": "1", "externalId": "2", "groupType": "3", "extensions": {"urn:x": {"a": 1}}}`
	personSample = `{
		"name": "name", "primaryEmail": "a@example.com", "otherEmails": ["b@example.com"], "jobTitle": "jobTitle", "organization": "organization",
		"site": "site", "location": "location", "manager": "manager", "employeeID": "employeeID", "supportID": "supportID",
		"costCenter": "costCenter", "locale": "locale", "preferredLanguage": "preferredLanguage", "timeZone": "timeZone", "vip": true, "disabled": true,
		"contacts": [{"protocol": "chat", "label": "1", "uri": "2", "integration": true}],
		"addresses": [{"label": "1", "address": "2", "city": "3", "state": "4", "zip": "5", "country": "6", "integration": true}],
		"customFields": {"badge": [1]}, "source": "source", "sourceID": "sourceID"
	}`
	organizationSample = `{
		"name": "name", "disabled": true, "parent": "parent", "manager": "manager", "financialID": "financialID", "region": "region",
		"remarks": "remarks", "source": "source", "sourceID": "sourceID"
	}`
	siteSample = `{
		"name": "name", "disabled": true, "timeZone": "timeZone", "addresses": [{"city": "1", "integration": true}],
		"remarks": "remarks", "source": "source", "sourceID": "sourceID"
	}`
)

func TestExpressionsSeeEveryFieldOfTheAPI(t *testing.T) {
	u, g := user("id", v1alpha1.ScimUserSpec{}), group("id", v1alpha1.ScimGroupSpec{})
	p, o := person("", v1alpha1.PersonSpec{}), organization("", v1alpha1.OrganizationSpec{})
	s := site("", v1alpha1.SiteSpec{})
	for name, c := range map[string]struct {
		sample string
		spec   any
		typ    *structType
		object any
		// unseen are fields of the API that expressions need not see.
		unseen []string
	}{
		"ScimUser":     {userSample, &u.Spec, userType, u, []string{"groups", "lastModified", "provisionedAt"}},
		"ScimGroup":    {groupSample, &g.Spec, groupType, g, []string{"groups", "lastModified", "membersRevision", "provisionedAt"}},
		"Person":       {personSample, &p.Spec, personKind.typ, p, nil},
		"Organization": {organizationSample, &o.Spec, organizationKind.typ, o, nil},
		"Site":         {siteSample, &s.Spec, siteKind.typ, s, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if err := json.Unmarshal([]byte(withReferences(t, c.sample)), c.spec); err != nil {
				t.Fatal(err)
			}
			want := decoded(t, jsonOf(t, c.spec))
			for _, field := range c.unseen {
				delete(want, field)
			}
			for _, field := range []string{"organization", "site", "manager", "parent"} {
				if reference, ok := want[field].(map[string]any); ok {
					want[field] = reference["name"]
				}
			}
			seen, err := toGo(c.typ.value(c.object))
			if err != nil {
				t.Fatal(err)
			}
			got := decoded(t, jsonOf(t, seen))
			delete(got, "id") // the object's name, not of the spec
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if len(c.typ.fields) != len(c.typ.byName) {
				t.Error("two fields have the same name")
			}
		})
	}
}

// withReferences writes the names of records in a sample as references.
func withReferences(t *testing.T, sample string) string {
	t.Helper()
	members := decoded(t, sample)
	for _, field := range []string{"organization", "site", "manager", "parent"} {
		if name, ok := members[field].(string); ok {
			members[field] = map[string]any{"name": name}
		}
	}
	if _, isUser := members["userName"]; isUser { // keeps its large whole number as it is written
		return sample
	}
	return jsonOf(t, members)
}

func decoded(t *testing.T, text string) map[string]any {
	t.Helper()
	members := map[string]any{}
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		t.Fatal(err)
	}
	return members
}

func TestAbsentFieldsReadAsEmpty(t *testing.T) {
	u := userType.value(user("id", v1alpha1.ScimUserSpec{})).(*object)
	for name, f := range u.byName {
		if name != "id" && f.IsSet(u.goValue) {
			t.Errorf("%s is set", name)
		}
		value := u.Get(types.String(name))
		if _, failed := value.(*types.Err); failed {
			t.Errorf("%s: %v", name, value)
		}
	}
	if u.Get(types.String("active")) != types.True {
		t.Error("a user whose active is absent is not active")
	}
}

func TestLargeNumbersOfExtensionsAreKept(t *testing.T) {
	for raw, want := range map[string]string{
		`9007199254740993`: `9007199254740993`,
		`1e400`:            `1e400`,
		`1.5`:              `1.5`,
		``:                 `null`,
	} {
		if got := resultText(jsonValue(v1alpha1.JSON{Raw: []byte(raw)})); got != want {
			t.Errorf("%q reads as %s, want %s", raw, got, want)
		}
	}
}

func TestCustomFieldsInEitherForm(t *testing.T) {
	for name, c := range map[string]struct {
		extensions map[string]v1alpha1.JSON
		want       string
	}{
		"an object": {
			map[string]v1alpha1.JSON{"urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields": {Raw: []byte(`{"a":1,"b":"x"}`)}},
			`{"a":1,"b":"x"}`,
		},
		"a list of id and value, with another brand and case": {
			map[string]v1alpha1.JSON{"URN:ietf:params:scim:schemas:extension:brand:1.0:Custom_Fields": {
				Raw: []byte(`{"custom_fields":[{"id":"a","value":1},{"id":"b","value":{"c":true}}]}`)}},
			`{"a":1,"b":{"c":true}}`,
		},
		"an object with a field of that name": {
			map[string]v1alpha1.JSON{"urn:x:custom_fields": {Raw: []byte(`{"custom_fields":"text"}`)}},
			`{"custom_fields":"text"}`,
		},
		"no such extension": {
			map[string]v1alpha1.JSON{"urn:x": {Raw: []byte(`{"a":1}`)}},
			`{}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := resultText(customFields(c.extensions)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	if _, failed := customFields(map[string]v1alpha1.JSON{"urn:x:custom_fields": {Raw: []byte(`[1]`)}}).(*types.Err); !failed {
		t.Error("an extension that is no object is no error")
	}
}
