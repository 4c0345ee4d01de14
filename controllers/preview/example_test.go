package preview_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/preview"
)

// exampleTests check examples of a rule that sets jobTitle, organization and a custom
// field, and is for contractors only.
var exampleTests = map[string]struct {
	example string
	// want are the mismatches, err is the beginning of the error.
	want []string
	err  string
}{
	"everything as expected": {example: `
input:
  user: {userName: jane@example.com, userType: Contractor, title: Engineer}
expected:
  outcome: Applied
  record: {jobTitle: Engineer (contractor), location: null, vip: false, otherEmails: [], customFields.kind: Contractor, customFields: {kind: Contractor}}
`},
	"a user as a client sends it": {example: `
input:
  user:
    schemas: [urn:ietf:params:scim:schemas:core:2.0:User]
    id: 0193f5c0
    meta: {resourceType: User}
    groups: [{value: x}]
    userName: jane@example.com
    userType: Contractor
    urn:ietf:params:scim:schemas:extension:enterprise:2.0:User: {organization: research}
    urn:example:2.0:User: {floor: 3}
  organizations: {lab: {name: Research}}
expected: {record: {organization: lab}}
`},
	"a record that is linked already": {example: `
input:
  user: {userName: jane@example.com, userType: Contractor, title: Engineer}
  record: {primaryEmail: other@example.com, jobTitle: Engineer (contractor), customFields: {kind: Contractor}}
expected: {outcome: NoChange, record: {primaryEmail: other@example.com}}
`},
	"another value, which shows both": {
		example: `
input:
  user: {userName: jane@example.com, userType: Contractor, title: Engineer}
expected: {record: {jobTitle: Engineer, vip: true}}
`, want: []string{
			`record.jobTitle: expected "Engineer", got "Engineer (contractor)"`,
			`record.vip: expected true, got nothing`,
		}},
	"a condition that is not met": {
		example: `
input: {user: {userName: jane@example.com, userType: Employee}}
expected: {record: {jobTitle: Engineer}}
`, want: []string{
			`outcome: expected Applied or NoChange, got ConditionNotMet (the condition of rule rule is not met: user.userType == "Contractor")`,
			`record: expected a record, got no record`,
		}},
	"a condition that is not met, as expected": {example: `
input: {user: {userName: jane@example.com, userType: Employee}}
expected: {outcome: ConditionNotMet}
`},
	"a failure that is expected by a part of its message": {example: `
input: {user: {userName: "", userType: Contractor}}
expected: {message: match.primaryEmail}
`},
	"a failure with another message": {
		example: `
input: {user: {userName: "", userType: Contractor}}
expected: {outcome: InvalidValue, message: something else}
`, want: []string{`message: expected "something else", got "rule rule: match.primaryEmail: gives blank text, but primaryEmail must not be empty"`}},
	"no subject":          {example: `{input: {groups: []}, expected: {outcome: Applied}}`, err: "input: give the subject: either user or group"},
	"two subjects":        {example: `{input: {user: {}, group: {}}, expected: {outcome: Applied}}`, err: "input: give the subject: either user or group"},
	"the wrong subject":   {example: `{input: {group: {displayName: x}}, expected: {outcome: Applied}}`, err: "input: the subject is a ScimGroup, but the rule is for ScimUser"},
	"a misspelt input":    {example: `{input: {user: {}, gruops: []}, expected: {outcome: Applied}}`, err: `input: unknown field "gruops"`},
	"a misspelt field":    {example: `{input: {user: {usrName: x}}, expected: {outcome: Applied}}`, err: `input: user: unknown field "usrName"`},
	"a misspelt person":   {example: `{input: {user: {}, record: {jobTitel: x}}, expected: {outcome: Applied}}`, err: `input: record: unknown field "jobTitel"`},
	"a misspelt expected": {example: `{input: {user: {userName: a@example.com, userType: Contractor}}, expected: {record: {jobTitel: x}}}`, err: `expected.record: there is no field "jobTitel"`},
	"a number for text":   {example: `{input: {user: {title: 1}}, expected: {outcome: Applied}}`, err: "input: user: the field title cannot hold a number"},
	"text for an object":  {example: `{input: {user: jane}, expected: {outcome: Applied}}`, err: "input: user: is no object"},
}

func TestExamplesAreChecked(t *testing.T) {
	rule := compiled(t, userRule("rule", 10, `user.userType == "Contractor"`, `    create: true
    set:
      - {field: jobTitle, value: '?user.title == "" ? "" : user.title + " (contractor)"'}
      - {field: organization, value: 'find.organization(user.enterprise.organization)'}
      - {field: customFields.kind, value: user.userType}`))[0]
	for name, test := range exampleTests {
		t.Run(name, func(t *testing.T) {
			example := v1alpha1.RuleExample{Name: name}
			if err := yaml.UnmarshalStrict([]byte(test.example), &example); err != nil {
				t.Fatal(err)
			}
			mismatches, err := preview.CheckExample(t.Context(), directory.NewObjectWorld, rule, example)
			if (err != nil) != (test.err != "") || err != nil && !strings.HasPrefix(err.Error(), test.err) {
				t.Fatalf("error %v, want %q", err, test.err)
			}
			var got []string
			for _, m := range mismatches {
				got = append(got, m.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("mismatches (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEverythingInAFixtureCanBeLookedUp(t *testing.T) {
	rule := compiled(t, userRule("rule", 10, always, `    create: true
    set:
      - {field: organization, value: 'firstOrganization(groups)'}
      - {field: site, value: 'firstSite(groups)'}
      - {field: manager, value: 'find.personOf("boss-id").value().name'}
      - {field: location, value: 'groups.map(g, g.id + "=" + g.displayName + "/" + g.classification).join(" ")'}
      - {field: costCenter, value: endpoint.defaultOrganization}`))[0]
	example := v1alpha1.RuleExample{}
	if err := yaml.UnmarshalStrict([]byte(`
input:
  id: 0193f5c0
  user: {userName: jane@example.com}
  groups:
    - {displayName: Everyone, id: all}
    - {displayName: Sales, organization: sales}
    - {displayName: Amsterdam, site: ams}
  users: {boss-id: {userName: boss@example.com}}
  persons: {boss: {primaryEmail: boss@example.com, source: SCIM, sourceID: boss-id}}
  organizations: {sales: {name: Sales}, main: {name: Main}}
  sites: {ams: {name: Amsterdam}}
  endpoint: {defaultOrganization: main}
expected:
  record:
    organization: sales
    site: ams
    manager: boss
    location: all=Everyone/Unclassified group-2=Sales/Organization group-3=Amsterdam/Site
    costCenter: main
    sourceID: 0193f5c0
`), &example); err != nil {
		t.Fatal(err)
	}
	mismatches, err := preview.CheckExample(t.Context(), directory.NewObjectWorld, rule, example)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mismatches {
		t.Error(m)
	}
}
