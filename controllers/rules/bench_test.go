package rules

import (
	"fmt"
	"testing"
	"time"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// BenchmarkDefaultUserMapping plans 10,000 different users, each with an
// organization, a site, a manager, phones and an address, against one directory; the rule is
// compiled once. The aim is one second on one core.
func BenchmarkDefaultUserMapping(b *testing.B) {
	rules := []*Rule{defaultRule(b, "default-user-mapping")}
	const count = 10_000
	inputs := make([]Input, count)
	for i := range inputs {
		inputs[i] = benchmarkInput(i)
	}
	dir := &memory{
		organizations: []*v1alpha1.Organization{organization("sales", v1alpha1.OrganizationSpec{Name: "Sales EMEA"})},
		sites:         []*v1alpha1.Site{site("amsterdam", v1alpha1.SiteSpec{Name: "Amsterdam"})},
		users:         []*v1alpha1.ScimUser{user("boss", v1alpha1.ScimUserSpec{UserName: "boss@example.com"})},
		persons:       []*v1alpha1.Person{person("boss", v1alpha1.PersonSpec{PrimaryEmail: "boss@example.com", SourceID: "boss"})},
	}
	start := time.Now()
	for b.Loop() {
		for _, in := range inputs {
			if result := planned(b, rules, in, dir); result.Outcomes[0].Reason != v1alpha1.ReasonApplied {
				b.Fatalf("outcome %+v", result.Outcomes[0])
			}
		}
	}
	b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(b.N)/count, "ns/user")
}

func benchmarkInput(i int) Input {
	primary := true
	return Input{
		User: user(fmt.Sprintf("00000000-0000-7000-8000-%012d", i), v1alpha1.ScimUserSpec{
			UserName:     fmt.Sprintf("user%d@example.com", i),
			DisplayName:  fmt.Sprintf("User %d", i),
			Name:         &v1alpha1.ScimName{GivenName: "User", FamilyName: fmt.Sprint(i)},
			Title:        "Engineer",
			Locale:       "nl-NL",
			Timezone:     "Europe/Amsterdam",
			UserType:     "Employee",
			Emails:       []v1alpha1.ScimValue{{Value: fmt.Sprintf("user%d@example.com", i), Type: "work", Primary: &primary}},
			PhoneNumbers: []v1alpha1.ScimValue{{Value: "+31 20 555 0100", Type: "work"}, {Value: "+31 6 5550 0100", Type: "mobile"}},
			Addresses:    []v1alpha1.ScimAddress{{StreetAddress: "Damrak 1", Locality: "Amsterdam", Type: "work"}},
			Enterprise: &v1alpha1.ScimEnterprise{Organization: "Sales EMEA", Site: "Amsterdam", EmployeeNumber: fmt.Sprint(i), CostCenter: "C1",
				Manager: &v1alpha1.ScimManager{Value: "boss"}},
		}),
		Groups: []Group{{ID: "g", DisplayName: "Support", Organization: "support"}},
	}
}

// BenchmarkCompile compiles the default rule, as happens once a generation.
func BenchmarkCompile(b *testing.B) {
	var rule v1alpha1.AutomationRule
	loadYAML(b, "../../config/rules/default-user-mapping.yaml", &rule)
	for b.Loop() {
		compiled(b, &rule)
	}
}
