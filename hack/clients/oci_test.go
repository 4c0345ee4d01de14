package clients

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/identitydomains"
)

const (
	userSchema   = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupSchema  = "urn:ietf:params:scim:schemas:core:2.0:Group"
	patchSchema  = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	searchSchema = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
)

// newOCI is Oracle's SDK, which signs requests with a key, behind the proxy.
func newOCI(ctx context.Context) identitydomains.IdentityDomainsClient {
	GinkgoHelper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	Expect(err).NotTo(HaveOccurred())
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	signer := common.NewRawConfigurationProvider("ocid1.tenancy.oc1..a", "ocid1.user.oc1..a", "us-phoenix-1", "00:00", string(pemKey), nil)
	c, err := identitydomains.NewIdentityDomainsClientWithConfigurationProvider(signer, "http://"+address)
	Expect(err).NotTo(HaveOccurred())
	c.HTTPClient = &http.Client{Transport: rewriting{newTenant(ctx), "/admin/v1"}}
	return c
}

func ociUser(name string) identitydomains.User {
	return identitydomains.User{
		Schemas: []string{userSchema}, UserName: &name, ExternalId: new("external-" + name), DisplayName: new(name + " Jensen"), Title: new("Guide"),
		Active: new(true), Name: &identitydomains.UserName{GivenName: &name, FamilyName: new("Jensen")},
		Emails:       []identitydomains.UserEmails{{Value: new(name + "@example.com"), Type: identitydomains.UserEmailsTypeWork, Primary: new(true)}},
		PhoneNumbers: []identitydomains.UserPhoneNumbers{{Value: new("+31205550100"), Type: identitydomains.UserPhoneNumbersTypeWork}},
		Addresses:    []identitydomains.Addresses{{Type: identitydomains.AddressesTypeWork, Locality: new("Amsterdam"), Country: new("NL")}},
		UrnIetfParamsScimSchemasExtensionEnterprise2_0User: &identitydomains.ExtensionEnterprise20User{Department: new("Tours"), EmployeeNumber: new("7")},
	}
}

func ociGroup(name string, members ...string) identitydomains.Group {
	g := identitydomains.Group{Schemas: []string{groupSchema}, DisplayName: &name, ExternalId: new("external-" + name)}
	for _, id := range members {
		g.Members = append(g.Members, identitydomains.GroupMembers{Value: &id, Type: identitydomains.GroupMembersTypeUser})
	}
	return g
}

// ociPatch is a PATCH of one operation; a value of nil is left out.
func ociPatch(op identitydomains.OperationsOpEnum, path string, value any) identitydomains.PatchOp {
	o := identitydomains.Operations{Op: op, Path: &path}
	if value != nil {
		o.Value = &value
	}
	return identitydomains.PatchOp{Schemas: []string{patchSchema}, Operations: []identitydomains.Operations{o}}
}

// haveOCIStatus matches an error of Oracle's SDK by its status.
func haveOCIStatus(status int) OmegaMatcher {
	return WithTransform(func(err error) int {
		if failed, ok := common.IsServiceError(err); ok {
			return failed.GetHTTPStatusCode()
		}
		return 0
	}, Equal(status))
}

func ociUserID(u identitydomains.User) string { return *u.Id }

func ociGroupID(g identitydomains.Group) string { return *g.Id }

func ociMember(m identitydomains.GroupMembers) string { return *m.Value }

var _ = Describe("oci-go-sdk, users", func() {
	var c identitydomains.IdentityDomainsClient
	BeforeEach(func(ctx SpecContext) { c = newOCI(ctx) })

	create := func(ctx SpecContext, name string) identitydomains.User {
		GinkgoHelper()
		created, err := c.CreateUser(ctx, identitydomains.CreateUserRequest{User: ociUser(name)})
		Expect(err).NotTo(HaveOccurred())
		return created.User
	}

	It("are created once, and read", func(ctx SpecContext) {
		created, err := c.CreateUser(ctx, identitydomains.CreateUserRequest{User: ociUser("babs")})
		Expect(err).NotTo(HaveOccurred())
		Expect(created.RawResponse.StatusCode).To(Equal(http.StatusCreated))
		Expect(*created.Etag).To(Equal(*created.Meta.Version))
		want := ociUser("babs")
		want.Schemas, want.Id, want.Meta = created.Schemas, created.Id, created.Meta
		Expect(created.User).To(Equal(want))
		Expect(created.Schemas).To(ContainElement(userSchema))

		read, err := c.GetUser(ctx, identitydomains.GetUserRequest{UserId: created.Id})
		Expect(err).NotTo(HaveOccurred())
		Expect(read.User).To(Equal(created.User))
		some, err := c.GetUser(ctx, identitydomains.GetUserRequest{
			UserId: created.Id, Attributes: new("displayName,emails.value"), AttributeSets: []identitydomains.AttributeSetsEnum{identitydomains.AttributeSetsDefault},
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(*some.DisplayName).To(Equal("babs Jensen"))
		Expect(some.Title).To(BeNil())

		_, err = c.CreateUser(ctx, identitydomains.CreateUserRequest{User: ociUser("BABS")})
		Expect(err).To(haveOCIStatus(http.StatusConflict))
	})

	It("are listed and searched, sorted and by page", func(ctx SpecContext) {
		users := []identitydomains.User{create(ctx, "anna"), create(ctx, "babs"), create(ctx, "carl")}
		all := ids(users, ociUserID)
		listed, err := c.ListUsers(ctx, identitydomains.ListUsersRequest{
			SortBy: new("userName"), SortOrder: identitydomains.ListUsersSortOrderDescending, StartIndex: new(2), Count: new(1),
		})
		Expect(err).NotTo(HaveOccurred())
		Expect([]int{*listed.TotalResults, *listed.StartIndex, *listed.ItemsPerPage}).To(Equal([]int{3, 2, 1}))
		Expect(ids(listed.Resources, ociUserID)).To(Equal(all[1:2]))
		listed, err = c.ListUsers(ctx, identitydomains.ListUsersRequest{Filter: new(`userName sw "b" or emails.value eq "carl@example.com"`)})
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(listed.Resources, ociUserID)).To(Equal(all[1:]))

		searched, err := c.SearchUsers(ctx, identitydomains.SearchUsersRequest{UserSearchRequest: identitydomains.UserSearchRequest{
			Schemas: []string{searchSchema}, Filter: new(`title eq "guide"`), Attributes: []string{"userName"},
			SortBy: new("userName"), SortOrder: identitydomains.SortOrderDescending, StartIndex: new(1), Count: new(2),
		}})
		Expect(err).NotTo(HaveOccurred())
		Expect(*searched.TotalResults).To(Equal(3))
		Expect(ids(searched.Resources, ociUserID)).To(Equal([]string{all[2], all[1]}))
		Expect(searched.Resources[0].DisplayName).To(BeNil())
	})

	It("are replaced, only if they are as they were read", func(ctx SpecContext) {
		user := create(ctx, "babs")
		before := *user.Meta.Version
		user.DisplayName, user.Title = new("Barbara Jensen"), nil
		replaced, err := c.PutUser(ctx, identitydomains.PutUserRequest{UserId: user.Id, User: user, IfMatch: &before})
		Expect(err).NotTo(HaveOccurred())
		user.Meta = replaced.Meta
		Expect(replaced.User).To(Equal(user))
		_, err = c.PutUser(ctx, identitydomains.PutUserRequest{UserId: user.Id, User: user, IfMatch: &before})
		Expect(err).To(haveOCIStatus(http.StatusPreconditionFailed))
	})

	It("are changed by operations in capitals, and answer with the user", func(ctx SpecContext) {
		user := create(ctx, "babs")
		for _, patch := range []identitydomains.PatchOp{
			ociPatch(identitydomains.OperationsOpReplace, "active", false),
			ociPatch(identitydomains.OperationsOpReplace, `emails[type eq "work"].value`, "barbara@example.com"),
			ociPatch(identitydomains.OperationsOpAdd, "emails", []any{map[string]any{"value": "home@example.com", "type": "home"}}),
			ociPatch(identitydomains.OperationsOpRemove, "title", nil),
			ociPatch(identitydomains.OperationsOpReplace, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "Sales"),
		} {
			changed, err := c.PatchUser(ctx, identitydomains.PatchUserRequest{UserId: user.Id, PatchOp: patch})
			Expect(err).NotTo(HaveOccurred())
			Expect(*changed.Id).To(Equal(*user.Id))
		}
		read, err := c.GetUser(ctx, identitydomains.GetUserRequest{UserId: user.Id})
		Expect(err).NotTo(HaveOccurred())
		Expect(*read.Active).To(BeFalse())
		Expect(read.Title).To(BeNil())
		Expect(ids(read.Emails, func(e identitydomains.UserEmails) string { return *e.Value })).To(Equal([]string{"barbara@example.com", "home@example.com"}))
		Expect(*read.UrnIetfParamsScimSchemasExtensionEnterprise2_0User.Department).To(Equal("Sales"))
		Expect(*read.UrnIetfParamsScimSchemasExtensionEnterprise2_0User.EmployeeNumber).To(Equal("7"))
	})

	It("are deleted", func(ctx SpecContext) {
		user := create(ctx, "babs")
		deleted, err := c.DeleteUser(ctx, identitydomains.DeleteUserRequest{UserId: user.Id, ForceDelete: new(true)})
		Expect(err).NotTo(HaveOccurred())
		Expect(deleted.RawResponse.StatusCode).To(Equal(http.StatusNoContent))
		_, err = c.GetUser(ctx, identitydomains.GetUserRequest{UserId: user.Id})
		Expect(err).To(haveOCIStatus(http.StatusNotFound))
	})
})

var _ = Describe("oci-go-sdk, groups", func() {
	var c identitydomains.IdentityDomainsClient
	var users []string
	BeforeEach(func(ctx SpecContext) {
		c, users = newOCI(ctx), nil
		for _, name := range []string{"anna", "babs", "carl"} {
			user, err := c.CreateUser(ctx, identitydomains.CreateUserRequest{User: ociUser(name)})
			Expect(err).NotTo(HaveOccurred())
			users = append(users, *user.Id)
		}
	})
	create := func(ctx SpecContext, name string, members ...string) identitydomains.Group {
		GinkgoHelper()
		created, err := c.CreateGroup(ctx, identitydomains.CreateGroupRequest{Group: ociGroup(name, members...)})
		Expect(err).NotTo(HaveOccurred())
		return created.Group
	}

	It("are created once, and read", func(ctx SpecContext) {
		created, err := c.CreateGroup(ctx, identitydomains.CreateGroupRequest{Group: ociGroup("Guides", users[:2]...)})
		Expect(err).NotTo(HaveOccurred())
		Expect(created.RawResponse.StatusCode).To(Equal(http.StatusCreated))
		Expect(ids(created.Members, ociMember)).To(ConsistOf(users[:2]))
		read, err := c.GetGroup(ctx, identitydomains.GetGroupRequest{GroupId: created.Id})
		Expect(err).NotTo(HaveOccurred())
		Expect(read.Group).To(Equal(created.Group))
		some, err := c.GetGroup(ctx, identitydomains.GetGroupRequest{GroupId: created.Id, Attributes: new("displayName")})
		Expect(err).NotTo(HaveOccurred())
		Expect(some.Members).To(BeEmpty())
		member, err := c.GetUser(ctx, identitydomains.GetUserRequest{UserId: &users[0]})
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(member.Groups, func(g identitydomains.UserGroups) string { return *g.Value })).To(Equal([]string{*created.Id}))
		_, err = c.CreateGroup(ctx, identitydomains.CreateGroupRequest{Group: ociGroup("guides")})
		Expect(err).To(haveOCIStatus(http.StatusConflict))
	})

	It("are listed and searched, sorted and by page", func(ctx SpecContext) {
		all := ids([]identitydomains.Group{create(ctx, "A", users[0]), create(ctx, "B"), create(ctx, "C")}, ociGroupID)
		listed, err := c.ListGroups(ctx, identitydomains.ListGroupsRequest{
			SortBy: new("displayName"), SortOrder: identitydomains.ListGroupsSortOrderDescending, StartIndex: new(2), Count: new(1),
		})
		Expect(err).NotTo(HaveOccurred())
		Expect([]int{*listed.TotalResults, *listed.StartIndex, *listed.ItemsPerPage}).To(Equal([]int{3, 2, 1}))
		Expect(ids(listed.Resources, ociGroupID)).To(Equal(all[1:2]))
		listed, err = c.ListGroups(ctx, identitydomains.ListGroupsRequest{Filter: new(fmt.Sprintf("members.value eq %q", users[0]))})
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(listed.Resources, ociGroupID)).To(Equal(all[:1]))
		searched, err := c.SearchGroups(ctx, identitydomains.SearchGroupsRequest{GroupSearchRequest: identitydomains.GroupSearchRequest{
			Schemas: []string{searchSchema}, Filter: new(`displayName ge "B"`), SortBy: new("displayName"), SortOrder: identitydomains.SortOrderDescending,
			Attributes: []string{"displayName"}, StartIndex: new(1), Count: new(10),
		}})
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(searched.Resources, ociGroupID)).To(Equal([]string{all[2], all[1]}))
	})

	It("are replaced", func(ctx SpecContext) {
		guides := create(ctx, "Guides", users[:2]...)
		replaced, err := c.PutGroup(ctx, identitydomains.PutGroupRequest{GroupId: guides.Id, Group: ociGroup("Tour Guides", users[2])})
		Expect(err).NotTo(HaveOccurred())
		Expect(*replaced.DisplayName).To(Equal("Tour Guides"))
		Expect(ids(replaced.Members, ociMember)).To(Equal(users[2:]))
		// The SDK leaves out members that are none: they stay.
		renamed, err := c.PutGroup(ctx, identitydomains.PutGroupRequest{GroupId: guides.Id, Group: ociGroup("Guides")})
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(renamed.Members, ociMember)).To(Equal(users[2:]))
	})

	It("are changed by operations in capitals, and answer with the group", func(ctx SpecContext) {
		guides := create(ctx, "Guides", users[0])
		refer := func(ids ...string) []any {
			all := []any{}
			for _, id := range ids {
				all = append(all, map[string]any{"value": id, "type": "User"})
			}
			return all
		}
		for _, step := range []struct {
			patch identitydomains.PatchOp
			want  []string
		}{
			{ociPatch(identitydomains.OperationsOpAdd, "members", refer(users[1:]...)), users},
			{ociPatch(identitydomains.OperationsOpRemove, fmt.Sprintf("members[value eq %q]", users[0]), nil), users[1:]},
			{ociPatch(identitydomains.OperationsOpReplace, "displayName", "Tour Guides"), users[1:]},
			{ociPatch(identitydomains.OperationsOpReplace, "members", refer(users[0])), users[:1]},
			{ociPatch(identitydomains.OperationsOpRemove, "members", nil), nil},
		} {
			changed, err := c.PatchGroup(ctx, identitydomains.PatchGroupRequest{GroupId: guides.Id, PatchOp: step.patch})
			Expect(err).NotTo(HaveOccurred())
			Expect(ids(changed.Members, ociMember)).To(ConsistOf(step.want))
		}
	})

	It("are deleted, and leave their members", func(ctx SpecContext) {
		guides := create(ctx, "Guides", users...)
		_, err := c.DeleteGroup(ctx, identitydomains.DeleteGroupRequest{GroupId: guides.Id, ForceDelete: new(true)})
		Expect(err).NotTo(HaveOccurred())
		_, err = c.GetGroup(ctx, identitydomains.GetGroupRequest{GroupId: guides.Id})
		Expect(err).To(haveOCIStatus(http.StatusNotFound))
		_, err = c.GetUser(ctx, identitydomains.GetUserRequest{UserId: &users[0]})
		Expect(err).NotTo(HaveOccurred())
	})
})
