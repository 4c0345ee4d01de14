package rules

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const groupID = "01980000-0000-7000-8000-00000000000a"

// reasons of the outcomes, in the order of the rules.
func reasons(result Result) []string {
	all := make([]string, len(result.Outcomes))
	for i, outcome := range result.Outcomes {
		all[i] = outcome.Reason
	}
	return all
}

func TestTheDefaultGroupRulesLinkAnOrganizationASiteOrBoth(t *testing.T) {
	rules := []*Rule{defaultRule(t, "default-organization-mapping"), defaultRule(t, "default-site-mapping")}
	sales := organization("sales", v1alpha1.OrganizationSpec{Name: "SALES"})
	place := site("place", v1alpha1.SiteSpec{Name: "sales", TimeZone: "Europe/Amsterdam"})
	taken := site("taken", v1alpha1.SiteSpec{Name: "Sales", SourceID: "other"})
	for name, c := range map[string]struct {
		dir *memory
		// want are the reasons of the rule for organizations and of that for sites.
		want    []string
		message string
		records []string
	}{
		"an organization alone": {
			dir:  &memory{organizations: []*v1alpha1.Organization{sales}},
			want: []string{v1alpha1.ReasonApplied, v1alpha1.ReasonConditionNotMet}, records: []string{"sales"},
		},
		"a site alone, which is no failure of the rule for organizations": {
			dir:  &memory{sites: []*v1alpha1.Site{place}},
			want: []string{v1alpha1.ReasonNotNeeded, v1alpha1.ReasonApplied}, records: []string{"place"},
			message: "rule default-organization-mapping: no Organization of this name exists, and none is needed beside the record of another kind",
		},
		"both": {
			dir:  &memory{organizations: []*v1alpha1.Organization{sales}, sites: []*v1alpha1.Site{place}},
			want: []string{v1alpha1.ReasonApplied, v1alpha1.ReasonApplied}, records: []string{"sales", "place"},
		},
		"neither, which one rule reports for both": {
			dir:     &memory{},
			want:    []string{v1alpha1.ReasonOrganizationNotFound, v1alpha1.ReasonConditionNotMet},
			message: "rule default-organization-mapping: no Organization and no Site of this name exists; create one, or rename the group",
		},
		"a site that another group has, which is the failure": {
			dir:  &memory{sites: []*v1alpha1.Site{taken}, groups: []*v1alpha1.ScimGroup{group("other", v1alpha1.ScimGroupSpec{DisplayName: "x"})}},
			want: []string{v1alpha1.ReasonNotNeeded, v1alpha1.ReasonConflict},
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := Input{Group: group(groupID, v1alpha1.ScimGroupSpec{DisplayName: "Sales"})}
			result := planned(t, rules, in, c.dir)
			if diff := cmp.Diff(c.want, reasons(result)); diff != "" {
				t.Fatal(diff)
			}
			if c.message != "" && result.Outcomes[0].Message != c.message {
				t.Errorf("message %q", result.Outcomes[0].Message)
			}
			var records []string
			for _, kind := range []v1alpha1.RecordKind{v1alpha1.RecordOrganization, v1alpha1.RecordSite} {
				if record := result.Records[kind]; record != nil {
					records = append(records, record.GetName())
				}
			}
			if diff := cmp.Diff(c.records, records); diff != "" {
				t.Error(diff)
			}
			for _, outcome := range result.Outcomes {
				if failed := outcome.Reason == v1alpha1.ReasonOrganizationNotFound || outcome.Reason == v1alpha1.ReasonConflict; outcome.Failed() != failed {
					t.Errorf("%s counts as failed: %v", outcome.Reason, outcome.Failed())
				}
			}
		})
	}
}

func TestALinkedSiteFollowsItsGroupAndKeepsTheRest(t *testing.T) {
	linked := site("place", v1alpha1.SiteSpec{Name: "Old", Remarks: "R", Source: v1alpha1.SourceSCIM, SourceID: groupID})
	in := Input{Group: group(groupID, v1alpha1.ScimGroupSpec{DisplayName: "New"})}
	outcome := planned(t, []*Rule{defaultRule(t, "default-site-mapping")}, in, &memory{sites: []*v1alpha1.Site{linked}}).Outcomes[0]
	want := v1alpha1.SiteSpec{Name: "New", Remarks: "R", Source: v1alpha1.SourceSCIM, SourceID: groupID}
	if diff := cmp.Diff(want, outcome.After.(*v1alpha1.Site).Spec); diff != "" || outcome.Kind != v1alpha1.RecordSite {
		t.Errorf("kind %s: %s", outcome.Kind, diff)
	}
}

func TestRulesForSitesThatReportAMissingSite(t *testing.T) {
	asSite := func(r *v1alpha1.AutomationRule) {
		r.Spec.Update.Kind, r.Spec.Update.Create = v1alpha1.RecordSite, false
	}
	named := func(name string, position int32) func(*v1alpha1.AutomationRule) {
		return func(r *v1alpha1.AutomationRule) { r.Name, r.Spec.Position = name, &position }
	}
	sites := compiled(t, groupRule(asSite, named("sites", 1)))
	organizations := compiled(t, groupRule(named("organizations", 2), func(r *v1alpha1.AutomationRule) { r.Spec.Update.Create = false }))
	in := Input{Group: group(groupID, v1alpha1.ScimGroupSpec{DisplayName: "Sales"})}

	result := planned(t, []*Rule{sites}, in, &memory{})
	if got := result.Outcomes[0]; got.Reason != v1alpha1.ReasonSiteNotFound || got.Message != "rule sites: no Site of this name exists; create one, or rename the group" {
		t.Errorf("outcome %+v", got)
	}
	result = planned(t, []*Rule{sites, organizations}, in, &memory{})
	if diff := cmp.Diff([]string{v1alpha1.ReasonSiteNotFound, v1alpha1.ReasonNotNeeded}, reasons(result)); diff != "" {
		t.Error(diff)
	}
	if want := "no Organization of this name exists, as rule sites reports"; !strings.Contains(result.Outcomes[1].Message, want) {
		t.Errorf("message %q", result.Outcomes[1].Message)
	}

	other := compiled(t, groupRule(asSite, named("other", 1), withCondition(`group.groupType == "Site" && has(record.name)`)))
	result = planned(t, []*Rule{other, organizations}, in, &memory{})
	if want := "rule organizations: no Organization of this name exists; create one, or rename the group"; result.Outcomes[1].Message != want {
		t.Errorf("a kind that no rule looked for is named: %q", result.Outcomes[1].Message)
	}

	creates := compiled(t, groupRule(named("creates", 3), func(r *v1alpha1.AutomationRule) { r.Spec.Update.Kind = v1alpha1.RecordSite }))
	result = planned(t, []*Rule{organizations, creates}, in, &memory{})
	if diff := cmp.Diff([]string{v1alpha1.ReasonNotNeeded, v1alpha1.ReasonApplied}, reasons(result)); diff != "" {
		t.Errorf("a missing organization must not keep a site from being created: %s", diff)
	}
}
