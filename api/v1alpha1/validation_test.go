package v1alpha1_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

var (
	env    *testenv.Env
	direct client.Client
)

func TestAPI(t *testing.T) { suite.Run(t, "API validation") }

var _ = BeforeSuite(func() {
	env = testenv.StartFor(GinkgoT())
	direct = client.WithFieldValidation(suite.Client(env.Config), "Strict")
})

const (
	userID  = "0193f5c0-0000-7000-8000-000000000001"
	groupID = "0193f5c0-0000-7000-8000-000000000002"
)

// valid has one object of each kind that the API server accepts.
var valid = map[string]string{
	"ScimUser": `
metadata: {name: ` + userID + `}
spec:
  userName: babs@example.com
  lastModified: "2026-01-02T03:04:05.000006Z"
  emails: [{value: a@example.com, primary: true}, {value: b@example.com, primary: false}]
  phoneNumbers: [{value: "1", primary: true}, {value: "2"}]
  addresses: [{locality: Bern, primary: true}, {locality: Basel}]
  extensions: {"urn:example": {any: [1, two, null]}, "urn:example:text": plain}`,
	"ScimGroup": `
metadata: {name: ` + groupID + `}
spec: {displayName: Engineering, lastModified: "2026-01-02T03:04:05.000006Z", membersRevision: "42"}`,
	"ScimGroupPage": `
metadata: {name: ` + groupID + `-1}
spec: {group: ` + groupID + `, members: [{id: ` + userID + `, joined: 1767322984}], lastModified: "2026-01-02T03:04:05.000006Z"}`,
	"ScimEndpoint": `
metadata: {name: okta}
spec: {publicURL: "https://scim.example.com/scim/v2", tokenGeneration: 3, tokenOverlapSeconds: 0}`,
	"AutomationRule": `
metadata: {name: ` + strings.Repeat("r", 63) + `}
spec:
  subject: ScimUser
  position: 0
  expressions: [{name: email, value: user.userName}]
  update: {kind: Person, match: {primaryEmail: email}, set: [{field: name, value: email, when: created}]}`,
	"AutomationRuleExecution": `
metadata: {name: rule-` + userID + `}
spec: {rule: rule, subject: {kind: ScimUser, name: ` + userID + `}}
status: {ruleGeneration: 1}`,
	"Person": `
metadata: {name: babs}
spec: {primaryEmail: babs@example.com, customFields: {badge: "x", floor: 3}}`,
	"Organization": `
metadata: {name: engineering}
spec: {name: Engineering}`,
	"Site": `
metadata: {name: amsterdam}
spec: {name: Amsterdam, timeZone: Europe/Amsterdam, addresses: [{city: Amsterdam}]}`,
}

// manyMembers is a list of n members.
func manyMembers(n int) string {
	members := make([]string, n)
	for i := range members {
		members[i] = fmt.Sprintf("{id: m%d, joined: 1}", i)
	}
	return "[" + strings.Join(members, ", ") + "]"
}

// object decodes a manifest and applies changes of the form "path.to.field = YAML".
func object(kind, namespace string, changes ...string) *unstructured.Unstructured {
	GinkgoHelper()
	obj := &unstructured.Unstructured{}
	Expect(yaml.Unmarshal([]byte(valid[kind]), &obj.Object)).To(Succeed())
	obj.SetAPIVersion("provisioning.rservice.dev/v1alpha1")
	obj.SetKind(kind)
	obj.SetNamespace(namespace)
	change(obj, changes...)
	return obj
}

func change(obj *unstructured.Unstructured, changes ...string) {
	GinkgoHelper()
	for _, text := range changes {
		path, value, ok := strings.Cut(text, " = ")
		Expect(ok).To(BeTrue(), text)
		var decoded any
		Expect(yaml.Unmarshal([]byte(value), &decoded)).To(Succeed())
		if decoded == nil {
			unstructured.RemoveNestedField(obj.Object, strings.Split(path, ".")...)
			continue
		}
		Expect(unstructured.SetNestedField(obj.Object, decoded, strings.Split(path, ".")...)).To(Succeed())
	}
}

func haveCause(text string) OmegaMatcher {
	return And(WithTransform(apierrors.IsInvalid, BeTrue()), MatchError(ContainSubstring(text)))
}

var _ = DescribeTable("the API server accepts", func(ctx SpecContext, kind string, changes ...string) {
	Expect(direct.Create(ctx, object(kind, namespace(ctx), changes...))).To(Succeed())
},
	Entry("a user with one primary value of each list", "ScimUser"),
	Entry("a user whose lists have no primary value", "ScimUser", `spec.emails = [{value: a}, {value: b}]`,
		`spec.phoneNumbers = [{value: "1"}]`, `spec.addresses = [{locality: Bern}]`),
	Entry("a user without lists", "ScimUser", `spec.emails = null`, `spec.phoneNumbers = null`, `spec.addresses = null`),
	Entry("a group", "ScimGroup"),
	Entry("a group with members and pages", "ScimGroup", `spec.members = [{id: a, joined: 1}]`, `spec.pages = [1, 2, 999999999]`),
	Entry("a group without members", "ScimGroup", `spec.members = []`),
	Entry("a page", "ScimGroupPage"),
	Entry("a page without members", "ScimGroupPage", `spec.members = []`),
	Entry("an endpoint", "ScimEndpoint"),
	Entry("an endpoint with a port and no path", "ScimEndpoint", `spec.publicURL = "http://localhost:8080"`),
	Entry("an endpoint without settings", "ScimEndpoint", `spec = null`),
	Entry("an endpoint with sources", "ScimEndpoint", `spec.allowedSources = [203.0.113.0/24, 203.0.113.7/24, "2001:db8::/32", 0.0.0.0/0]`),
	Entry("an endpoint whose token ends and only reads", "ScimEndpoint", `spec.authentication = {tokenScope: scim.read, tokenSeconds: 3600}`),
	Entry("an endpoint with the least limits", "ScimEndpoint", `spec.limits = {requestsPerSecond: 0, burst: 1, maxBodyBytes: 65536, maxPageSize: 1}`),
	Entry("an endpoint with the largest limits", "ScimEndpoint", `spec.limits = {requestsPerSecond: 100000, burst: 200000, maxBodyBytes: 33554432, maxPageSize: 1000}`),
	Entry("a rule for users with the longest name", "AutomationRule"),
	Entry("a rule for groups", "AutomationRule", `spec.subject = ScimGroup`, `spec.update.kind = Organization`, `spec.update.match = {name: group.displayName}`),
	Entry("a rule for groups that updates a site", "AutomationRule", `spec.subject = ScimGroup`, `spec.update.kind = Site`, `spec.update.match = {name: group.displayName}`),
	Entry("an execution", "AutomationRuleExecution"),
	Entry("a person", "Person"),
	Entry("an organization", "Organization"),
	Entry("a site", "Site"),
)

var _ = DescribeTable("the API server refuses", func(ctx SpecContext, cause, kind string, changes ...string) {
	Expect(direct.Create(ctx, object(kind, namespace(ctx), changes...))).To(haveCause(cause))
},
	Entry("a user whose name is no UUID", "must be a UUID", "ScimUser", `metadata.name = babs`),
	Entry("a user whose name is a UUID in capitals", "Invalid value", "ScimUser", `metadata.name = "0193F5C0-0000-7000-8000-000000000001"`),
	Entry("a user without userName", "spec.userName", "ScimUser", `spec.userName = null`),
	Entry("a user with an empty userName", "spec.userName", "ScimUser", `spec.userName = ""`),
	Entry("a user with a long title", "spec.title", "ScimUser", `spec.title = `+strings.Repeat("x", 1025)),
	Entry("two primary e-mail addresses", "at most one e-mail address", "ScimUser", `spec.emails = [{value: a, primary: true}, {value: b, primary: true}]`),
	Entry("two primary phone numbers", "at most one phone number", "ScimUser", `spec.phoneNumbers = [{value: a, primary: true}, {value: b, primary: true}]`),
	Entry("two primary addresses", "at most one address", "ScimUser", `spec.addresses = [{country: a, primary: true}, {country: b, primary: true}]`),
	Entry("the same group twice", "Duplicate", "ScimUser", `spec.groups = [`+groupID+`, `+groupID+`]`),
	Entry("a group whose name is no UUID", "must be a UUID", "ScimGroup", `metadata.name = engineering`),
	Entry("a group without displayName", "spec.displayName", "ScimGroup", `spec.displayName = null`),
	Entry("a members revision that is no number", "spec.membersRevision", "ScimGroup", `spec.membersRevision = new`),
	Entry("a group with too many members", "must have at most 500 items", "ScimGroup", `spec.members = `+manyMembers(501)),
	Entry("a page with too many members", "must have at most 500 items", "ScimGroupPage", `spec.members = `+manyMembers(501)),
	Entry("a page of number 0", "a hyphen and a number", "ScimGroupPage", `metadata.name = `+groupID+`-0`),
	Entry("a page of another group's name", "a hyphen and a number", "ScimGroupPage", `metadata.name = `+userID+`-1`),
	Entry("a page without a number", "a hyphen and a number", "ScimGroupPage", `metadata.name = `+groupID),
	Entry("a page with more than a number", "a hyphen and a number", "ScimGroupPage", `metadata.name = `+groupID+`-1-1`),
	Entry("a group that lists a page twice", "Duplicate value", "ScimGroup", `spec.members = []`, `spec.pages = [1, 1]`),
	Entry("a URL with a trailing slash", "without query, fragment or trailing slash", "ScimEndpoint", `spec.publicURL = "https://scim.example.com/"`),
	Entry("a URL with a query", "without query, fragment or trailing slash", "ScimEndpoint", `spec.publicURL = "https://scim.example.com/scim?x=1"`),
	Entry("another scheme", "must be an http or https URL", "ScimEndpoint", `spec.publicURL = "ftp://scim.example.com"`),
	Entry("a negative token generation", "spec.tokenGeneration", "ScimEndpoint", `spec.tokenGeneration = -1`),
	Entry("a token generation that not every program can read", "spec.tokenGeneration", "ScimEndpoint",
		fmt.Sprintf(`spec.tokenGeneration = %d`, int64(v1alpha1.MaxTokenGeneration+1))),
	Entry("a token's Secret that none can be called", "spec.tokenSecretName", "ScimEndpoint", `spec.tokenSecretName = "okta;reboot"`),
	Entry("a client's Secret that none can be called", "spec.authentication.clients[0].secretName", "ScimEndpoint",
		`spec.authentication = {clients: [{clientID: entra, secretName: $(reboot)}]}`),
	Entry("an unknown client profile", "spec.clientProfile", "ScimEndpoint", `spec.clientProfile = okta`),
	Entry("a source that is an address", "must be CIDRs", "ScimEndpoint", `spec.allowedSources = [203.0.113.7]`),
	Entry("a source with too many bits", "must be CIDRs", "ScimEndpoint", `spec.allowedSources = [203.0.113.0/33]`),
	Entry("a source that is a name", "must be CIDRs", "ScimEndpoint", `spec.allowedSources = [okta.example.com]`),
	Entry("no source at all", "spec.allowedSources", "ScimEndpoint", `spec.allowedSources = []`),
	Entry("an unknown scope", "spec.authentication.tokenScope", "ScimEndpoint", `spec.authentication = {tokenScope: scim.write}`),
	Entry("a token that ends at once", "spec.authentication.tokenSeconds", "ScimEndpoint", `spec.authentication = {tokenSeconds: 60}`),
	Entry("a body that is too small", "spec.limits.maxBodyBytes", "ScimEndpoint", `spec.limits = {maxBodyBytes: 65535}`),
	Entry("a body that is too large", "spec.limits.maxBodyBytes", "ScimEndpoint", `spec.limits = {maxBodyBytes: 33554433}`),
	Entry("a page of nothing", "spec.limits.maxPageSize", "ScimEndpoint", `spec.limits = {maxPageSize: 0}`),
	Entry("a page that is too large", "spec.limits.maxPageSize", "ScimEndpoint", `spec.limits = {maxPageSize: 1001}`),
	Entry("a rule with a name too long for a label", "at most 63 characters", "AutomationRule", `metadata.name = `+strings.Repeat("r", 64)),
	Entry("a rule for users that updates an organization", "a rule for ScimUser updates a Person", "AutomationRule", `spec.update.kind = Organization`),
	Entry("a rule for users that updates a site", "a rule for ScimUser updates a Person", "AutomationRule", `spec.update.kind = Site`),
	Entry("a rule for groups that updates a person", "a rule for ScimUser updates a Person", "AutomationRule", `spec.subject = ScimGroup`),
	Entry("a rule without position", "spec.position", "AutomationRule", `spec.position = null`),
	Entry("a rule that matches by two fields", "spec.update.match", "AutomationRule", `spec.update.match = {primaryEmail: a, name: b}`),
	Entry("an expression name that CEL could not read", "spec.expressions", "AutomationRule", `spec.expressions = [{name: "e-mail", value: x}]`),
	Entry("two expressions of one name", "Duplicate", "AutomationRule", `spec.expressions = [{name: a, value: x}, {name: a, value: y}]`),
	Entry("an unknown moment to set a field", "spec.update.set", "AutomationRule", `spec.update.set = [{field: name, value: x, when: sometimes}]`),
	Entry("an execution of another kind of subject", "spec.subject.kind", "AutomationRuleExecution", `spec.subject.kind = Person`),
	Entry("a person whose primary e-mail is none", "primaryEmail must be an e-mail address", "Person", `spec.primaryEmail = babs`),
	Entry("a contact by another protocol", "spec.contacts", "Person", `spec.contacts = [{protocol: pigeon, uri: x}]`),
	Entry("an organization without name", "spec.name", "Organization", `spec.name = null`),
	Entry("a site without name", "spec.name", "Site", `spec.name = null`),
	Entry("a site with a long name", "spec.name", "Site", `spec.name = `+strings.Repeat("x", 1025)),
)

var _ = DescribeTable("the API server refuses to change", func(ctx SpecContext, cause, kind string, changes ...string) {
	obj := object(kind, namespace(ctx))
	Expect(direct.Create(ctx, obj)).To(Succeed())
	change(obj, changes...)
	Expect(direct.Update(ctx, obj)).To(haveCause(cause))
},
	Entry("a rule's subject", "subject cannot be changed", "AutomationRule",
		`spec.subject = ScimGroup`, `spec.update.kind = Organization`, `spec.update.match = {name: group.displayName}`),
	Entry("an execution's rule", "cannot be changed", "AutomationRuleExecution", `spec.rule = other`),
	Entry("a token generation to a lower one", "can only be raised", "ScimEndpoint", `spec.tokenGeneration = 2`),
)

var _ = DescribeTable("the API server lets change", func(ctx SpecContext, kind string, changes ...string) {
	obj := object(kind, namespace(ctx))
	Expect(direct.Create(ctx, obj)).To(Succeed())
	change(obj, changes...)
	Expect(direct.Update(ctx, obj)).To(Succeed())
},
	Entry("a rule's position", "AutomationRule", `spec.position = 7`),
	Entry("an execution's status together with the object", "AutomationRuleExecution", `status.ruleGeneration = 2`),
	Entry("a token generation to a higher one", "ScimEndpoint", `spec.tokenGeneration = 4`),
	Entry("a userName", "ScimUser", `spec.userName = other@example.com`),
)

var _ = DescribeTable("an object that no controller has seen says so, but for a Person, which says what is wrong with it and nothing else", func(ctx SpecContext, kind string) {
	obj := object(kind, namespace(ctx))
	Expect(direct.Create(ctx, obj)).To(Succeed())
	conditions, _, err := unstructured.NestedSlice(obj.Object, "status", "conditions")
	Expect(err).NotTo(HaveOccurred())
	if kind == "Person" {
		Expect(conditions).To(BeEmpty())
		return
	}
	Expect(conditions).To(ConsistOf(And(
		HaveKeyWithValue("type", "Ready"), HaveKeyWithValue("status", "Unknown"), HaveKeyWithValue("reason", "Pending"))))
},
	Entry("ScimUser", "ScimUser"), Entry("ScimGroup", "ScimGroup"), Entry("ScimEndpoint", "ScimEndpoint"),
	Entry("AutomationRule", "AutomationRule"), Entry("Person", "Person"), Entry("Organization", "Organization"), Entry("Site", "Site"),
)

var _ = It("who does not know the members of a group cannot take them away", func(ctx SpecContext) {
	obj := object("ScimGroup", namespace(ctx), `spec.members = []`)
	Expect(direct.Create(ctx, obj)).To(Succeed())
	Expect(obj.Object["spec"]).To(HaveKeyWithValue("members", BeEmpty()))
	change(obj, `spec.members = null`, `spec.displayName = Renamed`)
	Expect(direct.Update(ctx, obj)).To(haveCause("members cannot be taken away"))
})

var _ = It("a page stays with its group", func(ctx SpecContext) {
	obj := object("ScimGroupPage", namespace(ctx))
	Expect(direct.Create(ctx, obj)).To(Succeed())
	change(obj, `spec.group = `+userID)
	Expect(direct.Update(ctx, obj)).To(haveCause("a page stays with its group"))
})

var _ = It("any JSON in an extension comes back as it was", func(ctx SpecContext) {
	obj := object("ScimUser", namespace(ctx))
	Expect(direct.Create(ctx, obj)).To(Succeed())
	extensions, _, err := unstructured.NestedMap(obj.Object, "spec", "extensions")
	Expect(err).NotTo(HaveOccurred())
	Expect(fmt.Sprint(extensions)).To(Equal(`map[urn:example:map[any:[1 two <nil>]] urn:example:text:plain]`))
})

func namespace(ctx context.Context) string {
	GinkgoHelper()
	return env.Namespace(ctx, GinkgoT())
}
