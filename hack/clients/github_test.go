package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-github/v89/github"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const (
	enterprise   = "acme"
	organization = "guides"
)

// newGitHub is go-github as it is for GitHub Enterprise, behind the proxy.
func newGitHub(ctx context.Context, prefix string) *github.Client {
	GinkgoHelper()
	base := "http://" + address + "/"
	c, err := github.NewClient(github.WithURLs(&base, nil), github.WithTransport(rewriting{newTenant(ctx), prefix}))
	Expect(err).NotTo(HaveOccurred())
	return c
}

func gitHubUser(name string) github.SCIMEnterpriseUserAttributes {
	return github.SCIMEnterpriseUserAttributes{
		Schemas: []string{github.SCIMSchemasURINamespacesUser}, UserName: name, DisplayName: name + " Jensen", ExternalID: "external-" + name, Active: true,
		Name:   &github.SCIMEnterpriseUserName{GivenName: name, FamilyName: "Jensen"},
		Emails: []*github.SCIMEnterpriseUserEmail{{Value: name + "@example.com", Type: "work", Primary: true}},
		Roles:  []*github.SCIMEnterpriseUserRole{{Value: "27d9891d-2c17-4f45-a262-781a0e55c80a", Display: new("User")}},
	}
}

// gitHubPatch is one operation, as GitHub documents it.
func gitHubPatch(op string, path *string, value any) github.SCIMEnterpriseAttribute {
	return github.SCIMEnterpriseAttribute{
		Schemas:    []string{github.SCIMSchemasURINamespacesPatchOp},
		Operations: []*github.SCIMEnterpriseAttributeOperation{{Op: op, Path: path, Value: value}},
	}
}

// haveCode matches an error of go-github by its status.
func haveCode(status int) OmegaMatcher {
	return WithTransform(func(err error) int {
		if failed, ok := errors.AsType[*github.ErrorResponse](err); ok {
			return failed.Response.StatusCode
		}
		return 0
	}, Equal(status))
}

func gitHubUserID(u *github.SCIMEnterpriseUserAttributes) string { return *u.ID }

func gitHubGroupID(g *github.SCIMEnterpriseGroupAttributes) string { return *g.ID }

func gitHubMember(m *github.SCIMEnterpriseDisplayReference) string { return m.Value }

var _ = Describe("go-github, users of an enterprise", func() {
	var service *github.EnterpriseService
	BeforeEach(func(ctx SpecContext) { service = newGitHub(ctx, "/scim/v2/enterprises/"+enterprise).Enterprise })

	provision := func(ctx SpecContext, name string) *github.SCIMEnterpriseUserAttributes {
		GinkgoHelper()
		user, _, err := service.ProvisionSCIMUser(ctx, enterprise, gitHubUser(name))
		Expect(err).NotTo(HaveOccurred())
		return user
	}

	It("are provisioned once, and read", func(ctx SpecContext) {
		user, response, err := service.ProvisionSCIMUser(ctx, enterprise, gitHubUser("babs"))
		Expect(err).NotTo(HaveOccurred())
		Expect(response.StatusCode).To(Equal(http.StatusCreated))
		want := gitHubUser("babs")
		want.ID, want.Meta = user.ID, user.Meta
		Expect(*user).To(Equal(want))
		Expect(*user.ID).NotTo(BeEmpty())
		Expect(user.Meta.ResourceType).To(Equal("User"))
		Expect(user.Meta.Created.IsZero()).To(BeFalse())
		Expect(*user.Meta.Location).To(Equal("http://" + address + "/scim/v2/Users/" + *user.ID))

		read, _, err := service.GetProvisionedSCIMUser(ctx, enterprise, *user.ID)
		Expect(err).NotTo(HaveOccurred())
		Expect(read).To(Equal(user))

		_, _, err = service.ProvisionSCIMUser(ctx, enterprise, gitHubUser("BABS"))
		Expect(err).To(haveCode(http.StatusConflict))
	})

	It("are listed by page and by each filter that GitHub has", func(ctx SpecContext) {
		users := []*github.SCIMEnterpriseUserAttributes{provision(ctx, "anna"), provision(ctx, "babs"), provision(ctx, "carl")}
		page, _, err := service.ListProvisionedSCIMUsers(ctx, enterprise, &github.ListProvisionedSCIMUsersEnterpriseOptions{StartIndex: new(2), Count: new(1)})
		Expect(err).NotTo(HaveOccurred())
		Expect([]int{*page.TotalResults, *page.StartIndex, *page.ItemsPerPage}).To(Equal([]int{3, 2, 1}))
		Expect(page.Resources).To(Equal(users[1:2]))
		for attribute, value := range map[string]string{
			"userName": "babs", "externalId": "external-babs", "id": *users[1].ID, "displayName": "babs Jensen",
		} {
			filter := fmt.Sprintf("%s eq %q", attribute, value)
			found, _, err := service.ListProvisionedSCIMUsers(ctx, enterprise, &github.ListProvisionedSCIMUsersEnterpriseOptions{Filter: &filter})
			Expect(err).NotTo(HaveOccurred(), filter)
			Expect(ids(found.Resources, gitHubUserID)).To(Equal([]string{*users[1].ID}), filter)
		}
		all, _, err := service.ListProvisionedSCIMUsers(ctx, enterprise, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(all.Resources).To(Equal(users))
	})

	It("are replaced, suspended and reactivated", func(ctx SpecContext) {
		user := provision(ctx, "babs")
		body := gitHubUser("babs")
		body.DisplayName, body.Roles, body.Active = "Barbara Jensen", nil, false
		replaced, _, err := service.SetProvisionedSCIMUser(ctx, enterprise, *user.ID, body)
		Expect(err).NotTo(HaveOccurred())
		body.ID, body.Meta = user.ID, replaced.Meta
		Expect(*replaced).To(Equal(body))

		for _, active := range []bool{true, false} {
			for _, patch := range []github.SCIMEnterpriseAttribute{
				gitHubPatch("replace", new("active"), active), gitHubPatch("replace", nil, map[string]any{"active": active}),
			} {
				patched, _, err := service.UpdateSCIMUserAttribute(ctx, enterprise, *user.ID, patch)
				Expect(err).NotTo(HaveOccurred())
				Expect(patched.Active).To(Equal(active))
				Expect(patched.UserName).To(Equal("babs"))
			}
		}
	})

	It("are changed attribute by attribute", func(ctx SpecContext) {
		user := provision(ctx, "babs")
		email := []any{map[string]any{"value": "home@example.com", "type": "home"}}
		for _, patch := range []github.SCIMEnterpriseAttribute{
			gitHubPatch("add", new("emails"), email), gitHubPatch("replace", new("name.familyName"), "Roe"), gitHubPatch("remove", new("roles"), nil),
			gitHubPatch("replace", nil, map[string]any{"displayName": "Barbara Roe", "externalId": "other"}),
		} {
			_, _, err := service.UpdateSCIMUserAttribute(ctx, enterprise, *user.ID, patch)
			Expect(err).NotTo(HaveOccurred())
		}
		read, _, err := service.GetProvisionedSCIMUser(ctx, enterprise, *user.ID)
		Expect(err).NotTo(HaveOccurred())
		Expect(read.Emails).To(Equal([]*github.SCIMEnterpriseUserEmail{
			{Value: "babs@example.com", Type: "work", Primary: true}, {Value: "home@example.com", Type: "home"},
		}))
		Expect([]string{read.Name.FamilyName, read.DisplayName, read.ExternalID}).To(Equal([]string{"Roe", "Barbara Roe", "other"}))
		Expect(read.Roles).To(BeEmpty())
	})

	It("are deleted", func(ctx SpecContext) {
		user := provision(ctx, "babs")
		response, err := service.DeleteSCIMUser(ctx, enterprise, *user.ID)
		Expect(err).NotTo(HaveOccurred())
		Expect(response.StatusCode).To(Equal(http.StatusNoContent))
		_, _, err = service.GetProvisionedSCIMUser(ctx, enterprise, *user.ID)
		Expect(err).To(haveCode(http.StatusNotFound))
		_, err = service.DeleteSCIMUser(ctx, enterprise, *user.ID)
		Expect(err).To(haveCode(http.StatusNotFound))
	})
})

var _ = Describe("go-github, groups of an enterprise", func() {
	var service *github.EnterpriseService
	var users []string
	BeforeEach(func(ctx SpecContext) {
		service, users = newGitHub(ctx, "/scim/v2/enterprises/"+enterprise).Enterprise, nil
		for _, name := range []string{"anna", "babs", "carl"} {
			user, _, err := service.ProvisionSCIMUser(ctx, enterprise, gitHubUser(name))
			Expect(err).NotTo(HaveOccurred())
			users = append(users, *user.ID)
		}
	})

	group := func(name string, members ...string) github.SCIMEnterpriseGroupAttributes {
		g := github.SCIMEnterpriseGroupAttributes{
			Schemas: []string{github.SCIMSchemasURINamespacesGroups}, DisplayName: &name, ExternalID: new("external-" + name),
		}
		for _, id := range members {
			g.Members = append(g.Members, &github.SCIMEnterpriseDisplayReference{Value: id})
		}
		return g
	}
	provision := func(ctx SpecContext, name string, members ...string) *github.SCIMEnterpriseGroupAttributes {
		GinkgoHelper()
		g, _, err := service.ProvisionSCIMGroup(ctx, enterprise, group(name, members...))
		Expect(err).NotTo(HaveOccurred())
		return g
	}

	It("are provisioned once, and read with and without their members", func(ctx SpecContext) {
		guides, response, err := service.ProvisionSCIMGroup(ctx, enterprise, group("Guides", users[:2]...))
		Expect(err).NotTo(HaveOccurred())
		Expect(response.StatusCode).To(Equal(http.StatusCreated))
		Expect(*guides.DisplayName).To(Equal("Guides"))
		Expect(ids(guides.Members, gitHubMember)).To(ConsistOf(users[:2]))
		Expect(guides.Meta.ResourceType).To(Equal("Group"))

		read, _, err := service.GetProvisionedSCIMGroup(ctx, enterprise, *guides.ID, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(read).To(Equal(guides))
		without, _, err := service.GetProvisionedSCIMGroup(ctx, enterprise, *guides.ID, &github.GetProvisionedSCIMGroupEnterpriseOptions{ExcludedAttributes: new("members")})
		Expect(err).NotTo(HaveOccurred())
		Expect(without.Members).To(BeEmpty())

		member, _, err := service.GetProvisionedSCIMUser(ctx, enterprise, users[0])
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(member.Groups, gitHubMember)).To(Equal([]string{*guides.ID}))

		_, _, err = service.ProvisionSCIMGroup(ctx, enterprise, group("guides"))
		Expect(err).To(haveCode(http.StatusConflict))
	})

	It("are listed by page and by each filter that GitHub has", func(ctx SpecContext) {
		groups := []*github.SCIMEnterpriseGroupAttributes{provision(ctx, "A", users[0]), provision(ctx, "B", users[1]), provision(ctx, "C")}
		page, _, err := service.ListProvisionedSCIMGroups(ctx, enterprise, &github.ListProvisionedSCIMGroupsEnterpriseOptions{
			StartIndex: new(2), Count: new(1), ExcludedAttributes: new("members"),
		})
		Expect(err).NotTo(HaveOccurred())
		Expect([]int{*page.TotalResults, *page.StartIndex, *page.ItemsPerPage}).To(Equal([]int{3, 2, 1}))
		Expect(ids(page.Resources, gitHubGroupID)).To(Equal([]string{*groups[1].ID}))
		Expect(page.Resources[0].Members).To(BeEmpty())
		for attribute, value := range map[string]string{"displayName": "B", "externalId": "external-B", "id": *groups[1].ID} {
			filter := fmt.Sprintf("%s eq %q", attribute, value)
			found, _, err := service.ListProvisionedSCIMGroups(ctx, enterprise, &github.ListProvisionedSCIMGroupsEnterpriseOptions{Filter: &filter})
			Expect(err).NotTo(HaveOccurred(), filter)
			Expect(found.Resources).To(Equal(groups[1:2]), filter)
		}
	})

	It("are replaced, and keep members that are left out", func(ctx SpecContext) {
		guides := provision(ctx, "Guides", users[:2]...)
		replaced, _, err := service.SetProvisionedSCIMGroup(ctx, enterprise, *guides.ID, group("Guides", users[2]))
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(replaced.Members, gitHubMember)).To(Equal(users[2:]))
		// go-github cannot send an empty list: it leaves it out.
		renamed, _, err := service.SetProvisionedSCIMGroup(ctx, enterprise, *guides.ID, group("Tour Guides"))
		Expect(err).NotTo(HaveOccurred())
		Expect(*renamed.DisplayName).To(Equal("Tour Guides"))
		Expect(ids(renamed.Members, gitHubMember)).To(Equal(users[2:]))
	})

	It("are changed, and answer with the group", func(ctx SpecContext) {
		guides := provision(ctx, "Guides", users[0])
		refer := func(ids ...string) []any {
			all := []any{}
			for _, id := range ids {
				all = append(all, map[string]any{"value": id})
			}
			return all
		}
		for _, step := range []struct {
			patch github.SCIMEnterpriseAttribute
			want  []string
		}{
			{gitHubPatch("add", new("members"), refer(users[1:]...)), users},
			{gitHubPatch("remove", new(fmt.Sprintf("members[value eq %q]", users[0])), nil), users[1:]},
			{gitHubPatch("remove", new("members"), refer(users[1])), users[2:]},
			{gitHubPatch("replace", new("displayName"), "Tour Guides"), users[2:]},
			{gitHubPatch("replace", new("members"), refer(users[0])), users[:1]},
			{gitHubPatch("remove", new("members"), nil), nil},
		} {
			changed, response, err := service.UpdateSCIMGroupAttribute(ctx, enterprise, *guides.ID, step.patch)
			Expect(err).NotTo(HaveOccurred())
			Expect(response.StatusCode).To(Equal(http.StatusOK))
			Expect(ids(changed.Members, gitHubMember)).To(ConsistOf(step.want))
		}
		read, _, err := service.GetProvisionedSCIMGroup(ctx, enterprise, *guides.ID, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(*read.DisplayName).To(Equal("Tour Guides"))
	})

	It("are deleted, and leave their members", func(ctx SpecContext) {
		guides := provision(ctx, "Guides", users...)
		response, err := service.DeleteSCIMGroup(ctx, enterprise, *guides.ID)
		Expect(err).NotTo(HaveOccurred())
		Expect(response.StatusCode).To(Equal(http.StatusNoContent))
		_, _, err = service.GetProvisionedSCIMGroup(ctx, enterprise, *guides.ID, nil)
		Expect(err).To(haveCode(http.StatusNotFound))
		_, _, err = service.GetProvisionedSCIMUser(ctx, enterprise, users[0])
		Expect(err).NotTo(HaveOccurred())
	})
})

var _ = Describe("go-github, users of an organization", func() {
	It("are provisioned, listed, replaced, changed and deleted", func(ctx SpecContext) {
		service := newGitHub(ctx, "/scim/v2/organizations/"+organization).SCIM
		user, _, err := service.ProvisionAndInviteSCIMUser(ctx, organization, &github.SCIMUserAttributes{
			UserName: "babs", Name: github.SCIMUserName{GivenName: "Barbara", FamilyName: "Jensen"}, Active: new(true),
			Emails: []*github.SCIMUserEmail{{Value: "babs@example.com", Primary: new(true)}},
		})
		Expect(err).NotTo(HaveOccurred())
		read, _, err := service.GetSCIMProvisioningInfoForUser(ctx, organization, *user.ID)
		Expect(err).NotTo(HaveOccurred())
		Expect(read).To(Equal(user))
		listed, _, err := service.ListSCIMProvisionedIdentities(ctx, organization, &github.ListSCIMProvisionedIdentitiesOptions{
			StartIndex: new(1), Count: new(10), Filter: new(`userName eq "babs"`),
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(listed.Resources).To(Equal([]*github.SCIMUserAttributes{user}))

		changed, _, err := service.UpdateAttributeForSCIMUser(ctx, organization, *user.ID, github.UpdateAttributeForSCIMUserRequest{
			Operations: []*github.UpdateAttributeForSCIMUserOperations{{Op: "replace", Path: new("active"), Value: json.RawMessage("false")}},
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(*changed.Active).To(BeFalse())
		// It leaves out active, which stays as it is.
		_, _, err = service.UpdateProvisionedOrgMembership(ctx, organization, *user.ID, github.UpdateProvisionedOrgMembershipRequest{
			UserName: "barbara", Name: user.Name, Emails: user.Emails,
		})
		Expect(err).NotTo(HaveOccurred())
		read, _, err = service.GetSCIMProvisioningInfoForUser(ctx, organization, *user.ID)
		Expect(err).NotTo(HaveOccurred())
		Expect(read.UserName).To(Equal("barbara"))
		Expect(*read.Active).To(BeFalse())

		_, err = service.DeleteSCIMUserFromOrg(ctx, organization, *user.ID)
		Expect(err).NotTo(HaveOccurred())
		_, _, err = service.GetSCIMProvisioningInfoForUser(ctx, organization, *user.ID)
		Expect(err).To(haveCode(http.StatusNotFound))
	})
})
