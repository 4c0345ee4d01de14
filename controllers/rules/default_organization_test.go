package rules

import (
	stdcmp "cmp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestDefaultOrganizationMapping(t *testing.T) {
	const id = "01980000-0000-7000-8000-00000000000a"
	rules := []*Rule{defaultRule(t, "default-organization-mapping")}
	linked := func(name string) v1alpha1.OrganizationSpec {
		return v1alpha1.OrganizationSpec{Name: name, Source: v1alpha1.SourceSCIM, SourceID: id}
	}
	for name, c := range map[string]struct {
		organizations []*v1alpha1.Organization
		groups        []*v1alpha1.ScimGroup
		display       string
		reason        string
		record        string
		want          v1alpha1.OrganizationSpec
	}{
		"an organization with the group's display name is linked, whatever the case, and takes the spelling": {
			organizations: []*v1alpha1.Organization{organization("sales", v1alpha1.OrganizationSpec{Name: "SALES", Region: "EMEA"})},
			reason:        v1alpha1.ReasonApplied, record: "sales",
			want: v1alpha1.OrganizationSpec{Name: "Sales", Region: "EMEA", Source: v1alpha1.SourceSCIM, SourceID: id},
		},
		"white space around a name is not compared": {
			organizations: []*v1alpha1.Organization{organization("sales", v1alpha1.OrganizationSpec{Name: " Sales"})},
			display:       "Sales\u00a0 ",
			reason:        v1alpha1.ReasonApplied, record: "sales", want: linked("Sales"),
		},
		"a linked organization stays when the group's name gets white space around it": {
			organizations: []*v1alpha1.Organization{organization("sales", linked("Sales"))},
			display:       "Sales ",
			reason:        v1alpha1.ReasonNoChange, record: "sales", want: linked("Sales"),
		},
		"a linked organization follows the group's name": {
			organizations: []*v1alpha1.Organization{organization("sales", linked("Verkoop"))},
			reason:        v1alpha1.ReasonApplied, record: "sales", want: linked("Sales"),
		},
		"the link is kept even when another organization has the name, and the name then does not follow": {
			organizations: []*v1alpha1.Organization{
				organization("sales", linked("Verkoop")), organization("other", v1alpha1.OrganizationSpec{Name: "Sales"}),
			},
			reason: v1alpha1.ReasonConflict,
		},
		"a linked organization that is in sync is left alone": {
			organizations: []*v1alpha1.Organization{organization("sales", linked("Sales"))},
			reason:        v1alpha1.ReasonNoChange, record: "sales", want: linked("Sales"),
		},
		"a disabled organization is linked and stays disabled": {
			organizations: []*v1alpha1.Organization{organization("sales", v1alpha1.OrganizationSpec{Name: "Sales", Disabled: true})},
			reason:        v1alpha1.ReasonApplied, record: "sales",
			want: v1alpha1.OrganizationSpec{Name: "Sales", Disabled: true, Source: v1alpha1.SourceSCIM, SourceID: id},
		},
		"nothing is created where there is none": {
			reason: v1alpha1.ReasonOrganizationNotFound,
		},
		"an organization of another group is not taken": {
			organizations: []*v1alpha1.Organization{organization("sales", v1alpha1.OrganizationSpec{Name: "Sales", SourceID: "other"})},
			groups:        []*v1alpha1.ScimGroup{group("other", v1alpha1.ScimGroupSpec{DisplayName: "Other"})},
			reason:        v1alpha1.ReasonConflict,
		},
		"an organization of a group that is gone is": {
			organizations: []*v1alpha1.Organization{organization("sales", v1alpha1.OrganizationSpec{Name: "Sales", SourceID: "other"})},
			reason:        v1alpha1.ReasonApplied, record: "sales", want: linked("Sales"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := &memory{organizations: c.organizations, groups: c.groups}
			outcome := planned(t, rules, Input{Group: group(id, v1alpha1.ScimGroupSpec{DisplayName: stdcmp.Or(c.display, "Sales")})}, dir).Outcomes[0]
			if outcome.Reason != c.reason || outcome.Create || outcome.Kind != v1alpha1.RecordOrganization {
				t.Fatalf("outcome %+v", outcome)
			}
			if c.record == "" {
				if outcome.After != nil || outcome.Changes != nil {
					t.Errorf("changes %v of a rule that failed", outcome.Changes)
				}
				return
			}
			after := outcome.After.(*v1alpha1.Organization)
			if after.Name != c.record {
				t.Errorf("record %q", after.Name)
			}
			if diff := cmp.Diff(c.want, after.Spec); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAGroupRuleMayCreateOrganizations(t *testing.T) {
	rule := compiled(t, groupRule(
		withCondition(`group.groupType == "Organization" && customFields.?region.hasValue()`),
		withSet("region", "customFields.region"), withSet("parent", "?endpoint.defaultOrganization")))
	g := group("g", v1alpha1.ScimGroupSpec{DisplayName: "Sales", GroupType: "Organization",
		Extensions: map[string]v1alpha1.JSON{"urn:x:custom_fields": {Raw: []byte(`{"region":"EMEA"}`)}}})
	outcome := planned(t, []*Rule{rule}, Input{Group: g, DefaultOrganization: "main"}, &memory{}).Outcomes[0]
	if !outcome.Create {
		t.Fatalf("outcome %+v", outcome)
	}
	want := v1alpha1.OrganizationSpec{Name: "Sales", Region: "EMEA", Parent: reference("main"), Source: v1alpha1.SourceSCIM, SourceID: "g"}
	if diff := cmp.Diff(want, outcome.After.(*v1alpha1.Organization).Spec); diff != "" {
		t.Error(diff)
	}
}
