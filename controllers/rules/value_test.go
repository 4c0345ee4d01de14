package rules

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// secret stands for what must not be in a message.
const secret = "s3cret"

// secretUser has the secret wherever a message could take it from.
func secretUser() *v1alpha1.ScimUser {
	u := activeUser(userID, true)
	u.Spec.DisplayName, u.Spec.Title = secret, secret+strings.Repeat("x", MaxTextLength)
	u.Spec.Emails = []v1alpha1.ScimValue{{Value: secret}}
	u.Spec.Extensions = map[string]v1alpha1.JSON{
		"urn:x:custom_fields": {Raw: []byte(`{"text":"s3cret","number":1.5,"list":["a",""],"none":null,"object":{"s3cret":1}}`)},
		"urn:list":            {Raw: []byte(`["s3cret"]`)},
	}
	return u
}

func TestFailuresNameThePlaceAndNeverAValue(t *testing.T) {
	badContact := func(protocol, uri string) string {
		return fmt.Sprintf(`[Contact{protocol: %q, label: user.displayName, uri: %q}]`, protocol, uri)
	}
	for name, c := range map[string]struct {
		rule    *v1alpha1.AutomationRule
		reason  string
		message string
	}{
		"a missing key": {
			changed(withExpression("x", "1 +\n customFields[user.displayName]")), v1alpha1.ReasonExpressionError,
			`rule rule: expression "x", line 2, column 14: a map has no such key; write [?key] or .?key where it can be missing`,
		},
		"a missing entry": {
			changed(withCondition(`user.emails[7].value == ""`)), v1alpha1.ReasonExpressionError,
			`rule rule: condition, line 1, column 15: a list has no such entry; write [?index] where it can be missing`,
		},
		"a text that is no number": {
			changed(withExpression("x", "int(user.displayName)")), v1alpha1.ReasonExpressionError,
			`rule rule: expression "x", line 1, column 4: int() is given text that is no whole number; matches("^-?[0-9]{1,18}$") tells`,
		},
		"a division by zero": {
			changed(withExpression("x", "1 / user.nickName.size()")), v1alpha1.ReasonExpressionError,
			`rule rule: expression "x", line 1, column 3: a number is divided by zero`,
		},
		"an operand of another type": {
			changed(withExpression("x", "customFields.text + 1")), v1alpha1.ReasonExpressionError,
			`rule rule: expression "x", line 1, column 19: a value has a type that the operator or function does not take; string(), int() and double() convert, type() tells`,
		},
		"none where a value is needed": {
			changed(withExpression("x", "user.?nickName.value()")), v1alpha1.ReasonExpressionError,
			`rule rule: expression "x", line 1, column 21: a value is taken out of an optional that is none; use orValue()`,
		},
		"a pattern that is not valid": {
			changed(withExpression("x", `user.userName.matches("(" + user.displayName)`)), v1alpha1.ReasonExpressionError,
			`rule rule: expression "x", line 1, column 22: a regular expression is not valid: missing closing ); ` + patternHint("missing closing )"),
		},
		"a custom field's extension that is no object": {
			changed(withExpression("x", `user.extensions["urn:list"].a`)), v1alpha1.ReasonExpressionError,
			`rule rule: expression "x", line 1, column 28: an entry of a list has a whole number; others are found with filter()`,
		},
		"a condition that turns out not to be a boolean": {
			changed(withCondition("customFields.text")), v1alpha1.ReasonExpressionError,
			`rule rule: condition: gives string where true or false is needed`,
		},
		"a match that turns out not to be text": {
			changed(withMatch("primaryEmail", "customFields.number")), v1alpha1.ReasonExpressionError,
			`rule rule: match.primaryEmail: gives double where text is needed`,
		},
		"a match that fails": {
			changed(withMatch("primaryEmail", "user.emails[9].value")), v1alpha1.ReasonExpressionError,
			`rule rule: match.primaryEmail, line 1, column 15: a list has no such entry; write [?index] where it can be missing`,
		},
		"a blank match where a person is to be created": {
			changed(withMatch("primaryEmail", "user.nickName")), v1alpha1.ReasonInvalidValue,
			`rule rule: match.primaryEmail: gives blank text, but primaryEmail must not be empty`,
		},
		"a match that is no e-mail address": {
			changed(withMatch("primaryEmail", "user.displayName")), v1alpha1.ReasonInvalidValue,
			`rule rule: match.primaryEmail: gives text that is not an e-mail address`,
		},
		"an e-mail address that is none": {
			changed(withSet("primaryEmail", "user.displayName")), v1alpha1.ReasonInvalidValue,
			`rule rule: set[0] primaryEmail: gives text that is not an e-mail address`,
		},
		"a list with control characters in it": {
			changed(withAdd("otherEmails", `["a@example.com\tb"]`)), v1alpha1.ReasonInvalidValue,
			`rule rule: add[0] otherEmails: gives a list with control characters in it`,
		},
		"a name with control characters": {
			changed(withSet("name", `"Jane\nDoe"`)), v1alpha1.ReasonInvalidValue,
			`rule rule: set[0] name: gives text with control characters`,
		},
		"an e-mail address with an override of direction": {
			changed(withSet("primaryEmail", `"jane@\u202eelpmaxe"`)), v1alpha1.ReasonInvalidValue,
			`rule rule: set[0] primaryEmail: gives text that is not an e-mail address`,
		},
		"a required text that is blank": {
			changed(withSet("primaryEmail", "user.nickName")), v1alpha1.ReasonInvalidValue,
			`rule rule: set[0] primaryEmail: gives blank text, but primaryEmail must not be empty`,
		},
		"a text that is too long": {
			changed(withSet("jobTitle", "user.title")), v1alpha1.ReasonInvalidValue,
			`rule rule: set[0] jobTitle: gives text of 1030 characters; at most 1024 fit`,
		},
		"a reference that is too long": {
			changed(withSet("site", "user.title")), v1alpha1.ReasonInvalidValue,
			`rule rule: set[0] site: gives text of 1030 characters; at most 253 fit`,
		},
		"a dynamic value of another type": {
			changed(withSet("jobTitle", "customFields.number")), v1alpha1.ReasonInvalidValue,
			`rule rule: set[0] jobTitle: gives double where jobTitle takes text`,
		},
		"null without a question mark": {
			changed(withSet("jobTitle", "customFields.none")), v1alpha1.ReasonInvalidValue,
			`rule rule: set[0] jobTitle: gives null_type where jobTitle takes text`,
		},
		"a text for a boolean": {
			changed(withSet("vip", "customFields.text")), v1alpha1.ReasonInvalidValue,
			`rule rule: set[0] vip: gives string where vip takes true or false`,
		},
		"a list with blank text": {
			changed(withAdd("otherEmails", "customFields.list")), v1alpha1.ReasonInvalidValue,
			`rule rule: add[0] otherEmails: gives a list with blank text in it`,
		},
		"an entry of another type": {
			changed(withSet("contacts", "[customFields.text]")), v1alpha1.ReasonInvalidValue,
			`rule rule: set[0] contacts: gives string where contacts takes a list of Contact`,
		},
		"a contact with a strange protocol": {
			changed(withSet("contacts", badContact("pigeon", "1"))), v1alpha1.ReasonInvalidValue,
			`rule rule: set[0] contacts: gives a contact whose protocol is not telephone, email, chat or website`,
		},
		"a contact without a uri": {
			changed(withSet("contacts", badContact("chat", " "))), v1alpha1.ReasonInvalidValue,
			`rule rule: set[0] contacts: gives a contact without a uri`,
		},
		"an address that is too long": {
			changed(withSet("addresses", "[Address{city: user.title}]")), v1alpha1.ReasonInvalidValue,
			`rule rule: set[0] addresses: gives text of 1030 characters; at most 1024 fit`,
		},
		"too many entries": {
			changed(withSet("contacts", "groups.map(g, Contact{protocol: 'chat', uri: g.id})")), v1alpha1.ReasonInvalidValue,
			`rule rule: set[0] contacts: gives 201 entries; at most 200 fit`,
		},
		"too much JSON": {
			changed(withSet("customFields.x", "groups.map(g, user.title)")), v1alpha1.ReasonInvalidValue,
			`rule rule: set[0] customFields.x: gives 207634 bytes of JSON; at most 16384 fit`,
		},
		"a number that JSON does not have": {
			changed(withSet("customFields.x", "customFields.number / 0.0")), v1alpha1.ReasonInvalidValue,
			`rule rule: set[0] customFields.x: gives a number that JSON cannot hold`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := Input{User: secretUser(), Groups: manyGroups(201)}
			outcome := planned(t, []*Rule{compiled(t, c.rule)}, in, &memory{}).Outcomes[0]
			if diff := cmp.Diff(c.message, outcome.Message); diff != "" || outcome.Reason != c.reason {
				t.Errorf("reason %s\n%s", outcome.Reason, diff)
			}
			if strings.Contains(outcome.Message, secret) {
				t.Errorf("the message tells a value: %s", outcome.Message)
			}
			if outcome.After != nil || outcome.Changes != nil || outcome.Create {
				t.Errorf("a rule that failed plans something: %+v", outcome)
			}
		})
	}
}

func manyGroups(n int) []Group {
	groups := make([]Group, n)
	for i := range groups {
		groups[i] = Group{ID: fmt.Sprintf("group-%d", i), DisplayName: strings.Repeat("n", MaxTextLength)}
	}
	return groups
}

func TestRunTimeCostIsLimited(t *testing.T) {
	rule := compiled(t, changed(withExpression("x", `groups.map(g, g.displayName.lowerAscii().replace("n", "m")).size()`)))
	in := Input{User: activeUser(userID, true), Groups: manyGroups(100)}
	if outcome := plannedAtLeisure(t, []*Rule{rule}, in, &memory{}).Outcomes[0]; outcome.Failed() {
		t.Fatal(outcome.Message)
	}
	in.Groups = manyGroups(maxGroups)
	outcome := plannedAtLeisure(t, []*Rule{rule}, in, &memory{}).Outcomes[0]
	want := `rule rule: expression "x": the expression was stopped for this subject at the limit of 1000000 cost units; ` +
		`for the largest subject it is estimated to cost 1610013, 1.6 times that; ` + cheaperLoop
	if outcome.Reason != v1alpha1.ReasonExpressionError || outcome.Message != want {
		t.Errorf("reason %s: %s", outcome.Reason, outcome.Message)
	}
}

func TestRunTimeCostOfOurFunctionsIsCounted(t *testing.T) {
	rule := compiled(t, changed(withExpression("x", `groups.exists(g, find.organization(g.id + firstOrganization([g])).hasValue())`)))
	in := Input{User: activeUser(userID, true), Groups: manyGroups(maxGroups)}
	if outcome := planned(t, []*Rule{rule}, in, &memory{}).Outcomes[0]; outcome.Failed() {
		t.Fatal(outcome.Message)
	}
	in.Groups = manyGroups(2 * maxGroups) // more than the API allows
	if outcome := planned(t, []*Rule{rule}, in, &memory{}).Outcomes[0]; outcome.Reason != v1alpha1.ReasonExpressionError {
		t.Errorf("reason %s: %s", outcome.Reason, outcome.Message)
	}
}

func TestExpressionValuesAsText(t *testing.T) {
	long := strings.Repeat("é", MaxResultLength)
	for expression, want := range map[string]string{
		`"text"`:                            "text",
		`true`:                              "true",
		`-1`:                                "-1",
		`2u`:                                "2",
		`1.5`:                               "1.5",
		`null`:                              "null",
		`[1, 2]`:                            "[1,2]",
		`{"b": 1, "a": 2}`:                  `{"a":2,"b":1}`,
		`{1: "x"}`:                          `{"1":"x"}`,
		`b"ab"`:                             `"YWI="`,
		`duration("90s")`:                   `"90s"`,
		`timestamp("2026-01-02T03:04:05Z")`: `"2026-01-02T03:04:05Z"`,
		`optional.none()`:                   "",
		`optional.of("x")`:                  "x",
		`[optional.none(), optional.of(1)]`: `[null,1]`,
		`user.emails[0]`:                    `{"value":"s3cret"}`,
		`customFields.object`:               `{"s3cret":1}`,
		`user.nickName`:                     "",
		`"` + long + `"`:                    long,
		`"` + long + `x"`:                   strings.Repeat("é", MaxResultLength-1) + "…",
		`["` + long + `"]`:                  `["` + strings.Repeat("é", MaxResultLength-3) + "…",
		`type(user) == User ? "yes" : "no"`: "yes",
		`user == user && user.name != user.name ? "no" : "yes"`: "yes",
		`dyn(user).userName`:                  "jane@example.com",
		`has(dyn(user).title) ? "yes" : "no"`: "yes",
	} {
		t.Run(Cut(expression, 40), func(t *testing.T) {
			outcome := planned(t, []*Rule{compiled(t, changed(withExpression("x", expression)))}, Input{User: secretUser()}, &memory{}).Outcomes[0]
			if outcome.Failed() {
				t.Fatal(outcome.Message)
			}
			got := outcome.Expressions[0].Value
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if n := utf8.RuneCountInString(got); n > MaxResultLength {
				t.Errorf("%d characters", n)
			}
		})
	}
}

func TestWhatAValueDoesToAField(t *testing.T) {
	byHand := v1alpha1.PersonContact{Protocol: "chat", Label: "work", URI: "byhand"}
	ours := v1alpha1.PersonContact{Protocol: "chat", Label: "work", URI: "ours", Integration: true}
	known := v1alpha1.PersonSpec{
		PrimaryEmail: "jane@example.com", Source: v1alpha1.SourceSCIM, SourceID: userID,
		JobTitle: "Chef", OtherEmails: []string{"a@example.com", "B@example.com"}, Manager: reference("boss"), VIP: true,
		Contacts:     []v1alpha1.PersonContact{byHand, ours},
		CustomFields: map[string]v1alpha1.JSON{"badge": {Raw: []byte(`{"b":1,"a":[1.0]}`)}},
	}
	contact := func(uri string) string { return fmt.Sprintf(`Contact{protocol: "chat", label: "work", uri: %q}`, uri) }
	for name, c := range map[string]struct {
		change ruleChange
		want   func(*v1alpha1.PersonSpec)
	}{
		"none keeps":                          {withSet("jobTitle", "user.?nickName"), unchanged},
		"a question mark keeps on blank text": {withSet("jobTitle", `?"  "`), unchanged},
		"on null":                             {withSet("jobTitle", "?customFields.none"), unchanged},
		"on an empty list":                    {withSet("otherEmails", "?[]"), unchanged},
		"on none":                             {withSet("jobTitle", "?user.?nickName"), unchanged},
		"and takes false":                     {withSet("vip", "?false"), func(p *v1alpha1.PersonSpec) { p.VIP = false }},
		"and takes text":                      {withSet("jobTitle", `? "Cook"`), func(p *v1alpha1.PersonSpec) { p.JobTitle = "Cook" }},
		"blank text clears a text":            {withSet("jobTitle", `""`), func(p *v1alpha1.PersonSpec) { p.JobTitle = "" }},
		"blank text clears a reference":       {withSet("manager", `""`), func(p *v1alpha1.PersonSpec) { p.Manager = nil }},
		"an empty list clears a list":         {withSet("otherEmails", "[]"), func(p *v1alpha1.PersonSpec) { p.OtherEmails = nil }},
		"null clears a custom field":          {withSet("customFields.badge", "customFields.none"), func(p *v1alpha1.PersonSpec) { p.CustomFields = nil }},
		"null in an object is left out, null in a list stays": {
			withSet("customFields.badge", `{"a": dyn(null), "b": dyn([dyn(null), dyn({"c": dyn(null), "d": dyn(1)})]), "e": dyn(optional.none())}`),
			func(p *v1alpha1.PersonSpec) {
				p.CustomFields = map[string]v1alpha1.JSON{"badge": {Raw: []byte(`{"b":[null,{"d":1}]}`)}}
			},
		},
		"clear clears": {
			withClear("jobTitle", "manager", "vip", "otherEmails", "customFields.badge"),
			func(p *v1alpha1.PersonSpec) {
				p.JobTitle, p.Manager, p.VIP, p.OtherEmails, p.CustomFields = "", nil, false, nil, nil
			},
		},
		"clear of contacts leaves those made by hand": {
			withClear("contacts"), func(p *v1alpha1.PersonSpec) { p.Contacts = []v1alpha1.PersonContact{byHand} },
		},
		"add puts in what is not there, whatever the case": {
			withAdd("otherEmails", `["A@example.com", "c@example.com"]`),
			func(p *v1alpha1.PersonSpec) { p.OtherEmails = append(p.OtherEmails, "c@example.com") },
		},
		"add takes a single text": {
			withAdd("otherEmails", `"c@example.com"`),
			func(p *v1alpha1.PersonSpec) { p.OtherEmails = append(p.OtherEmails, "c@example.com") },
		},
		"remove takes out, whatever the case": {
			withRemove("otherEmails", `"b@example.com"`),
			func(p *v1alpha1.PersonSpec) { p.OtherEmails = []string{"a@example.com"} },
		},
		"add of a contact that is there by hand or by a rule changes nothing": {
			withAdd("contacts", "["+contact("byhand")+", "+contact("ours")+"]"), unchanged,
		},
		"add of another contact flags it": {
			withAdd("contacts", contact("new")),
			func(p *v1alpha1.PersonSpec) {
				p.Contacts = append(p.Contacts, v1alpha1.PersonContact{Protocol: "chat", Label: "work", URI: "new", Integration: true})
			},
		},
		"remove of contacts leaves those made by hand": {
			withRemove("contacts", "["+contact("byhand")+", "+contact("ours")+"]"),
			func(p *v1alpha1.PersonSpec) { p.Contacts = []v1alpha1.PersonContact{byHand} },
		},
		"the same JSON written otherwise is no change": {withSet("customFields.badge", `{"a": dyn([1]), "b": dyn(1)}`), unchanged},
		"other JSON is": {
			withSet("customFields.badge", `{"a": user.active}`),
			func(p *v1alpha1.PersonSpec) { p.CustomFields["badge"] = v1alpha1.JSON{Raw: []byte(`{"a":true}`)} },
		},
		"created sets nothing on a known person": {withSetCreated("jobTitle", `"Cook"`), unchanged},
	} {
		t.Run(name, func(t *testing.T) {
			dir := &memory{persons: []*v1alpha1.Person{person("jane", known)}}
			want := known.DeepCopy()
			c.want(want)
			outcome := planned(t, []*Rule{compiled(t, changed(c.change))}, Input{User: secretUser()}, dir).Outcomes[0]
			if outcome.Failed() {
				t.Fatal(outcome.Message)
			}
			isSame := cmp.Equal(known, *want)
			if (outcome.Reason == v1alpha1.ReasonNoChange) != isSame || (len(outcome.Changes) == 0) != isSame {
				t.Errorf("reason %s, changes %v", outcome.Reason, outcome.Changes)
			}
			if isSame {
				return
			}
			if diff := cmp.Diff(want, &outcome.After.(*v1alpha1.Person).Spec); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestACreatedRecordSetsWhatIsForCreatedOnesFirst(t *testing.T) {
	rule := compiled(t, changed(
		withSetCreated("organization", `"fallback"`), withSet("organization", `find.organization("Sales EMEA")`), withSetCreated("site", `"hq"`)))
	outcome := planned(t, []*Rule{rule}, Input{User: activeUser(userID, true)}, defaultDirectory()).Outcomes[0]
	after := outcome.After.(*v1alpha1.Person).Spec
	if after.Organization.Name != "sales" || after.Site.Name != "hq" {
		t.Errorf("spec %+v", after)
	}
}
