package rules

import (
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// function is a function that rules can call beside those of CEL and of the
// Kubernetes libraries. Its documentation is in README.md, made from here.
type function struct {
	name string
	// doc is one or two sentences.
	doc       string
	overloads []overload
	// examples are run as tests on testdata/example-user.yaml.
	examples []example
}

type overload struct {
	id     string
	args   []*types.Type
	result *types.Type
	call   func(args ...ref.Val) ref.Val
	// lookup says that the function asks the directory. It is then a member of
	// variable find, which is the first of args.
	lookup bool
}

type example struct{ expression, value string }

var (
	listOfValues    = types.NewListType(valueType.celType)
	listOfStrings   = types.NewListType(types.StringType)
	listOfAddresses = types.NewListType(postalAddressType.celType)
	listOfGroups    = types.NewListType(membershipType.celType)
)

var functions = []function{
	{
		name: "isEmail",
		doc:  "Whether the text is an e-mail address: one @ between two parts that are not blank, and no white space within.",
		overloads: []overload{{id: "isEmail_string", args: []*types.Type{types.StringType}, result: types.BoolType,
			call: func(args ...ref.Val) ref.Val { return types.Bool(isEmail(textOf(args[0]))) }}},
		examples: []example{{`isEmail("jane@example.com")`, `true`}, {`isEmail("EXAMPLE\\jane")`, `false`}},
	},
	{
		name: "firstNonBlank",
		doc:  "The first text that is not blank, without the white space around it; \"\" when all are blank.",
		overloads: []overload{{id: "firstNonBlank_list", args: []*types.Type{listOfStrings}, result: types.StringType,
			call: func(args ...ref.Val) ref.Val { return firstNonBlank(args[0]) }}},
		examples: []example{
			{`firstNonBlank([user.nickName, user.displayName])`, `Jane Roe`},
			{`firstNonBlank(["  ", ""])`, ``},
		},
	},
	{
		name: "primaryOrFirst",
		doc:  "The value of the entry that is flagged primary, else of the first; blank ones are passed over. \"\" when there is none.",
		overloads: []overload{{id: "primaryOrFirst_list", args: []*types.Type{listOfValues}, result: types.StringType,
			call: func(args ...ref.Val) ref.Val { return types.String(primaryOrFirst(values(args[0]))) }}},
		examples: []example{{`primaryOrFirst(user.emails)`, `jane@example.com`}, {`primaryOrFirst(user.ims)`, ``}},
	},
	{
		name: "otherEmails",
		doc:  "The values of the entries without the given address, whatever the case of letters and the white space around, and each only once.",
		overloads: []overload{{id: "otherEmails_list_string", args: []*types.Type{listOfValues, types.StringType}, result: listOfStrings,
			call: func(args ...ref.Val) ref.Val { return otherEmails(values(args[0]), textOf(args[1])) }}},
		examples: []example{{`otherEmails(user.emails, "Jane@example.com")`, `["jroe@example.org"]`}},
	},
	{
		name: "firstOrganization",
		doc:  "The record name of the Organization of the first group that is linked to an enabled one, in the order of joining; \"\" when there is none.",
		overloads: []overload{{id: "firstOrganization_list", args: []*types.Type{listOfGroups}, result: types.StringType,
			call: func(args ...ref.Val) ref.Val { return firstOrganization(args[0]) }}},
		examples: []example{
			{`firstOrganization(groups)`, `sales`},
			{`firstOrganization(groups.filter(g, g.groupType == "Site"))`, ``},
		},
	},
	{
		name: "firstSite",
		doc:  "The record name of the Site of the first group that is linked to an enabled one, in the order of joining; \"\" when there is none.",
		overloads: []overload{{id: "firstSite_list", args: []*types.Type{listOfGroups}, result: types.StringType,
			call: func(args ...ref.Val) ref.Val { return firstSite(args[0]) }}},
		examples: []example{
			{`firstSite(groups)`, `amsterdam`},
			{`firstSite(groups.filter(g, g.displayName == "Everyone"))`, ``},
		},
	},
	{
		name: "contacts",
		doc: "Contacts for a person, made of phone numbers or other values: the value's type becomes the label. " +
			"The second form names the protocol: telephone, email, chat or website.",
		overloads: []overload{
			{id: "contacts_list", args: []*types.Type{listOfValues}, result: types.NewListType(contactType.celType),
				call: func(args ...ref.Val) ref.Val { return contacts(values(args[0]), v1alpha1.ContactTelephone) }},
			{id: "contacts_list_string", args: []*types.Type{listOfValues, types.StringType}, result: types.NewListType(contactType.celType),
				call: func(args ...ref.Val) ref.Val {
					return contacts(values(args[0]), v1alpha1.ContactProtocol(textOf(args[1])))
				}},
		},
		examples: []example{
			{`contacts(user.phoneNumbers)`, `[{"label":"work","protocol":"telephone","uri":"+31 20 555 0100"}]`},
			{`contacts(user.ims, "chat")`, `[]`},
		},
	},
	{
		name: "addresses",
		doc: "Addresses for a person, made of SCIM addresses: the type becomes the label, and formatted stands in for an " +
			"address whose parts are all blank.",
		overloads: []overload{{id: "addresses_list", args: []*types.Type{listOfAddresses}, result: types.NewListType(addressType.celType),
			call: func(args ...ref.Val) ref.Val { return addresses(args[0]) }}},
		examples: []example{{`addresses(user.addresses)`,
			`[{"address":"Damrak 1","city":"Amsterdam","country":"NL","label":"work","zip":"1012 LG"}]`}},
	},
	{
		name: "find.organization",
		doc:  "The record name of the enabled Organization with this name, whatever the case of its letters and the white space around; none when there is none or the name is blank.",
		overloads: []overload{{id: "find_organization_string", lookup: true,
			args: []*types.Type{findType.celType, types.StringType}, result: types.NewOptionalType(types.StringType),
			call: func(args ...ref.Val) ref.Val { return finder(args[0]).organization(textOf(args[1])) }}},
		examples: []example{
			{`find.organization("SALES EMEA")`, `sales`},
			{`find.organization(user.enterprise.organization).orValue(firstOrganization(groups))`, `sales`},
		},
	},
	{
		name: "find.site",
		doc:  "The record name of the enabled Site with this name, whatever the case of its letters and the white space around; none when there is none or the name is blank.",
		overloads: []overload{{id: "find_site_string", lookup: true,
			args: []*types.Type{findType.celType, types.StringType}, result: types.NewOptionalType(types.StringType),
			call: func(args ...ref.Val) ref.Val { return finder(args[0]).site(textOf(args[1])) }}},
		examples: []example{
			{`find.site("ROTTERDAM")`, `rotterdam`},
			{`find.site(user.enterprise.site).orValue(firstSite(groups))`, `amsterdam`},
		},
	},
	{
		name: "find.personOf",
		doc: "The Person of the user with this SCIM id, else externalId, else userName, as the value of a manager can be; " +
			"none when there is none or the text is blank. Its name is the record's name.",
		overloads: []overload{{id: "find_personOf_string", lookup: true,
			args: []*types.Type{findType.celType, types.StringType}, result: types.NewOptionalType(recordReferenceType.celType),
			call: func(args ...ref.Val) ref.Val { return finder(args[0]).personOf(textOf(args[1])) }}},
		examples: []example{
			{`find.personOf(user.enterprise.manager.value)`, `{"disabled":false,"name":"john"}`},
			{`find.personOf("nobody").optMap(m, m.disabled ? "" : m.name)`, ``},
		},
	},
}

// declarations are the functions as options of a CEL environment.
func declarations() []cel.EnvOption {
	options := make([]cel.EnvOption, 0, len(functions))
	for _, f := range functions {
		var overloads []cel.FunctionOpt
		for _, o := range f.overloads {
			binding := cel.FunctionBinding(o.call)
			switch len(o.args) { // the shapes that CEL calls without a slice
			case 1:
				binding = cel.UnaryBinding(func(a ref.Val) ref.Val { return o.call(a) })
			case 2:
				binding = cel.BinaryBinding(func(a, b ref.Val) ref.Val { return o.call(a, b) })
			}
			if o.lookup {
				overloads = append(overloads, cel.MemberOverload(o.id, o.args, o.result, binding))
			} else {
				overloads = append(overloads, cel.Overload(o.id, o.args, o.result, binding))
			}
		}
		options = append(options, cel.Function(strings.TrimPrefix(f.name, "find."), overloads...))
	}
	return options
}
