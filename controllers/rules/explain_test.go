package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// deep is an expression of n levels.
func deepChoice(n int) string {
	return strings.Repeat(`user.title == "a" ? "b" : `, n) + `"c"`
}

func TestWhatCelDoesNotExplainIsExplained(t *testing.T) {
	const (
		brackets  = "a character that has a meaning of its own is written in square brackets where it stands for itself: [(] [[] [*]"
		re2       = `the syntax is RE2's, without looking ahead or behind and without references to groups such as \1; the end of the text is $`
		optional  = `orValue() takes a value out of an optional: user.?title.orValue("")`
		loop      = "a loop is written user.emails.map(e, e.value)"
		missing   = `what can be missing is written user.?title.orValue("")`
		quotation = `a text stands between straight quotation marks: "a"`
		logical   = "write && for and, || for or, ! for not"
	)
	for expression, want := range map[string]CompileError{
		// Regular expressions, for every function that takes one, in both forms of a call.
		`user.title.matches("[")`:       {Column: 20, Message: "a regular expression is not valid: missing closing ]: [", Hint: brackets},
		`matches(user.title, "[")`:      {Column: 21, Message: "a regular expression is not valid: missing closing ]: [", Hint: brackets},
		`user.title.find("a(")`:         {Column: 17, Message: "a regular expression is not valid: missing closing ): a(", Hint: brackets},
		`user.title.findAll("*")`:       {Column: 20, Message: "a regular expression is not valid: missing argument to repetition operator: *", Hint: brackets},
		`user.title.findAll("a)", 2)`:   {Column: 20, Message: "a regular expression is not valid: unexpected ): a)", Hint: brackets},
		`user.title.matches("(?=x)")`:   {Column: 20, Message: "a regular expression is not valid: invalid or unsupported Perl syntax: (?=", Hint: re2},
		`user.title.find(r"a\Z")`:       {Column: 17, Message: `a regular expression is not valid: invalid escape sequence: \Z`, Hint: re2},
		`user.title.matches("a{1001}")`: {Column: 20, Message: "a regular expression is not valid: invalid repeat count: {1001}", Hint: "a part is repeated at most 1000 times, all in all, and only once: (a{2}){3}"},
		`user.title.matches("[z-a]")`:   {Column: 20, Message: "a regular expression is not valid: invalid character class range: z-a"},
		`user.emails.all(e, e.type.matches("[") || e.value.find("") == "")`: {Column: 35, Message: "a regular expression is not valid: missing closing ]: [", Hint: brackets},

		// Other texts that CEL reads when it compiles.
		`1 + int("x")`:            {Column: 9, Message: `int() is given text that is no whole number; matches("^-?[0-9]{1,18}$") tells`},
		`timestamp("2026-01-31")`: {Column: 11, Message: `timestamp() is given text that is no time such as "2026-01-31T12:00:00Z"; a date becomes one with + "T00:00:00Z"`},
		`duration("1d")`:          {Column: 10, Message: `duration() is given text that is no duration such as "36h30m"; there are no days`},
		`9223372036854775808`:     {Column: 1, Message: "invalid int literal", Hint: "a whole number is at most 9223372036854775807; write a larger one as text"},
		`"%s %s".format(["x"])`:   {Column: 15, Message: "index 1 out of range", Hint: "format() takes a list with a value for each % of its text; a percent sign itself is %%"},

		// Too much.
		deepChoice(249):                                           {Message: tooDeep, Hint: tooDeepHint},
		strings.Repeat(`"a" + `, 300) + `"b"`:                     {Message: tooDeep, Hint: tooDeepHint},
		`user.title` + strings.Repeat(".trim()", 300):             {Message: tooDeep, Hint: tooDeepHint},
		strings.Repeat("(", 300) + "1" + strings.Repeat(")", 300): {Message: tooDeep, Hint: tooDeepHint},
		`lists.range(500001)`: {Column: 13, Message: "lists.range() makes at most 500000 entries, and the expression does not say that these are fewer",
			Hint: "write the most that there can be beside the number: lists.range([groups.size(), 100].min())"},
		`lists.range(groups.size())`: {Column: 24, Message: "lists.range() makes at most 500000 entries, and the expression does not say that these are fewer",
			Hint: "write the most that there can be beside the number: lists.range([groups.size(), 100].min())"},

		// Types.
		`user.active ? "a" : 1`:                  {Column: 13, Message: "? : gives string or int, and must give one type", Hint: "string() makes a text of a number, int() a number of a text"},
		`user.active ? user.title : user.?title`: {Column: 13, Message: "? : gives string or optional_type(string), and must give one type", Hint: optional},
		`user.title ? "a" : "b"`:                 {Column: 12, Message: "? : decides by string where true or false is needed", Hint: comparisonHint},
		`user.title || user.active`:              {Column: 5, Message: "expected type 'bool' but found 'string'", Hint: comparisonHint},
		`!user.title`:                            {Column: 1, Message: "the operator ! does not take string", Hint: comparisonHint},
		`user.?title + "a"`:                      {Column: 13, Message: "the operator + does not take optional_type(string) and string", Hint: optional},
		`user.title.orValue("")`:                 {Column: 19, Message: "string.orValue() does not take (string)", Hint: `only an optional has this function, and .? or [?] makes one: user.?title.orValue("")`},
		`user.?title.trim()`:                     {Column: 17, Message: "optional_type(string).trim() does not take ()", Hint: `orValue() takes a value out of an optional: user.?title.orValue("").trim()`},
		`user.?title.orValue(1)`:                 {Column: 20, Message: "optional_type(string).orValue() does not take (int)", Hint: "its forms are optional_type(<V>).orValue(<V>)"},
		`user.title == null`:                     {Column: 12, Message: "the operator == does not take string and null", Hint: `a text that was not sent is ""; has(user.title) tells whether it was`},
		`user.title + 1`:                         {Column: 12, Message: "the operator + does not take string and int", Hint: "string() makes a text of a number, int() a number of a text"},
		`1 + 1.0`:                                {Column: 3, Message: "the operator + does not take int and double", Hint: "numbers are of one type: 1 is an int, 1u a uint, 1.0 a double; int(), uint() and double() convert"},
		`["a", 1]`:                               {Column: 7, Message: "expected type 'string' but found 'int'", Hint: "all entries of a list or a map have one type; string() makes texts of them, dyn() lets them differ"},
		`"a" in user.title`:                      {Column: 5, Message: "the operator in does not take string and string", Hint: `a text holds another with contains(): user.title.contains("a")`},
		`user["title"]`:                          {Column: 5, Message: "the operator [ ] does not take User and string", Hint: "a field is read with a dot: user.title"},
		`user.emails["work"]`: {Column: 12, Message: "the operator [ ] does not take list(Value) and string",
			Hint: `an entry of a list has a number, user.emails[0]; others are found with user.emails.filter(e, e.type == "work")`},
		`user.emails == "a"`: {Column: 13, Message: "the operator == does not take list(Value) and string",
			Hint: `one entry of a list is user.emails.first().?value.orValue(""); whether one of them fits says user.emails.exists(e, e.value == "a")`},
		`user.emails.value`: {Column: 12, Message: "type 'list(Value)' does not support field selection",
			Hint: "a list has no fields: take one entry, user.emails.first().?value, or look at all, user.emails.map(e, e.value)"},
		`user.title.trim`:          {Column: 11, Message: "type 'string' does not support field selection", Hint: "a text has no fields; a function is called with brackets, as in user.title.trim()"},
		`user.title.startsWith(1)`: {Column: 22, Message: "string.startsWith() does not take (int)", Hint: "its forms are string.startsWith(string)"},
		`isEmail(1)`:               {Column: 8, Message: "isEmail() does not take (int)", Hint: "its forms are isEmail(string)"},
		`groups.sortBy(g, g)`:      {Column: 14, Message: "list(Membership).sortBy() does not take (list(Membership))", Hint: "sortBy() takes what can be compared, such as a text: groups.sortBy(g, g.displayName)"},

		// Names.
		`find.organization`:     {Column: 5, Message: "undefined field 'organization'", Hint: `a look-up is called with what it looks for: find.organization("SALES EMEA")`},
		`user.organization`:     {Column: 5, Message: "undefined field 'organization'", Hint: "did you mean user.enterprise.organization?"},
		`user.title.length()`:   {Column: 18, Message: "undeclared reference to 'length'", Hint: "the length is size()"},
		`user.emails.exists(e)`: {Column: 19, Message: "undeclared reference to 'exists'", Hint: "it is written user.emails.exists(e, e.primary)"},
		`cel.bind(x, 1, x)`:     {Column: 1, Message: "undeclared reference to 'cel'"},
		`if`:                    {Column: 1, Message: "reserved identifier: if", Hint: "a choice is written user.active ? 1 : 0"},
		`package`:               {Column: 1, Message: "reserved identifier: package", Hint: "CEL keeps this word for itself; choose another name"},
		`has(user)`:             {Column: 5, Message: "invalid argument to has() macro", Hint: "has() takes a field: has(user.title)"},
		`user.emails.map("e", e)`: {Column: 17, Message: "argument is not an identifier",
			Hint: "the first argument is a name for the entry, without quotes: user.emails.map(e, e.value)"},

		// What other languages write otherwise.
		`user.title +`:                  {Column: 13, Message: "Syntax error: mismatched input '<EOF>' expecting a value"},
		`user.title = "a"`:              {Column: 12, Message: "Syntax error: token recognition error at: '= '", Hint: "== compares"},
		`user.title == 'a`:              {Column: 15, Message: "Syntax error: token recognition error at: ''a'", Hint: "the text does not end: its closing quotation mark is missing"},
		`user.title.matches("\d+")`:     {Column: 20, Message: `Syntax error: token recognition error at: '"\d'`, Hint: `in a text \\ stands for a backslash; r"\d" is a text in which a backslash has no meaning`},
		`user.active and user.active`:   {Column: 13, Message: "Syntax error: mismatched input 'and' expecting <EOF>", Hint: logical},
		`not user.active`:               {Column: 5, Message: "Syntax error: mismatched input 'user' expecting <EOF>", Hint: logical},
		`user.title == “a”`:             {Column: 15, Message: "Syntax error: token recognition error at: '“'", Hint: quotation},
		`${user.title}`:                 {Column: 1, Message: "Syntax error: token recognition error at: '$'", Hint: "an expression stands there as it is, without ${ }"},
		`{{ user.title }}`:              {Column: 15, Message: "Syntax error: mismatched input '}' expecting ':'", Hint: "an expression stands there as it is, without {{ }}"},
		`user.title ?? "a"`:             {Column: 13, Message: "Syntax error: extraneous input '?' expecting a value", Hint: missing},
		`user?.title`:                   {Column: 12, Message: "Syntax error: mismatched input '<EOF>' expecting ':'", Hint: missing},
		`user.emails.map(e => e.value)`: {Column: 19, Message: "Syntax error: token recognition error at: '=>'", Hint: loop},
		`user.emails.map(e -> e.value)`: {Column: 20, Message: "Syntax error: extraneous input '>' expecting a value", Hint: loop},
		`user.title; user.active`:       {Column: 11, Message: "Syntax error: token recognition error at: ';'", Hint: "an expression is one value; give parts a name as expressions of their own"},
	} {
		want.Place = `expression "x"`
		if want.Column > 0 {
			want.Line = 1
		}
		t.Run(Cut(expression, 40), func(t *testing.T) {
			if diff := cmp.Diff(&want, compileError(t, changed(withExpression("x", expression)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestThePlaceOfAConstantCountsLines has what CEL reports without a place on a line of
// its own.
func TestThePlaceOfAConstantCountsLines(t *testing.T) {
	failed := compileError(t, changed(withCondition("user.active &&\n  user.title.find('[') != ''")))
	if failed.Line != 2 || failed.Column != 19 {
		t.Errorf("line %d, column %d", failed.Line, failed.Column)
	}
}

// TestAdviceWorks compiles what messages tell the author to write.
func TestAdviceWorks(t *testing.T) {
	for advice, expressions := range map[string][]string{
		tooDeepHint:  {`{"a": "b"}[?user.title].orValue("")`, `["a", "b"].join("")`},
		cheaperSort:  {`groups.slice(0, [groups.size(), 100].min()).sortBy(g, g.displayName)`},
		cheaperLoops: {`groups.slice(0, [groups.size(), 100].min())`, `groups.exists(g, g.displayName in user.emails.map(e, e.value))`},
		cheaperLoop:  {`groups.slice(0, [groups.size(), 100].min())`},
	} {
		for _, expression := range expressions {
			if !strings.Contains(advice, expression) {
				t.Errorf("%q is not in: %s", expression, advice)
			}
			compiled(t, changed(withExpression("x", expression)))
		}
	}
	for expensive, instead := range map[string]struct {
		advice      string
		expressions []string
	}{
		`groups.sortBy(g, g.displayName)`: {cheaperSort, []string{
			`groups.slice(0, [groups.size(), 1000].min()).sortBy(g, g.displayName)`, `groups.map(g, g.displayName).min()`,
		}},
		`groups.map(g, g.displayName).distinct()`: {cheaperSort, []string{
			`groups.map(g, g.displayName).slice(0, [groups.size(), 100].min()).distinct()`,
		}},
		`groups.map(g, g.displayName).sort()`: {cheaperSort, []string{
			`groups.slice(0, [groups.size(), 100].min()).map(g, g.displayName).sort()`, `groups.map(g, g.displayName).max()`,
		}},
		`groups.filter(g, groups.exists(o, o.externalId == g.id)).size()`: {cheaperLoops, []string{
			`groups.slice(0, [groups.size(), 100].min()).filter(g, groups.slice(0, [groups.size(), 100].min()).exists(o, o.externalId == g.id)).size()`,
		}},
		`groups.exists(g, user.emails.exists(e, e.value == g.displayName))`: {cheaperLoops, []string{
			`groups.exists(g, g.displayName in user.emails.map(e, e.value))`,
		}},
		`groups.exists(g, g.displayName.matches(user.title))`: {cheaperLoop, []string{
			`groups.exists(g, g.displayName.matches("^Sales [A-Z]+$"))`, `groups.slice(0, [groups.size(), 100].min()).exists(g, g.displayName.matches(user.title))`,
		}},
		`groups.exists(g, g.displayName.contains(user.title))`: {cheaperLoop, []string{`groups.exists(g, g.displayName.startsWith(user.title))`}},
	} {
		t.Run(expensive, func(t *testing.T) {
			if failed := compileError(t, changed(withExpression("x", expensive))); !strings.HasSuffix(failed.Message, instead.advice) {
				t.Errorf("message %s", failed.Message)
			}
			for _, expression := range instead.expressions {
				rule := compiled(t, changed(withExpression("x", expression)))
				for _, groups := range []int{1, 200} {
					in := Input{User: activeUser(userID, true), Groups: manyGroups(groups)}
					if outcome := planned(t, []*Rule{rule}, in, &memory{}).Outcomes[0]; outcome.Failed() {
						t.Errorf("%s with %d groups: %s", expression, groups, outcome.Message)
					}
				}
			}
		})
	}
}

// TestAMapHoldsMoreThanAChoice has as many entries as an expression has room for.
func TestAMapHoldsMoreThanAChoice(t *testing.T) {
	compiled(t, changed(withExpression("x", deepChoice(248))))
	var entries []string
	for i := range 500 {
		entries = append(entries, fmt.Sprintf(`"t%d": "v%d"`, i, i))
	}
	expression := "{" + strings.Join(entries, ", ") + `}[?user.title].orValue("")`
	compiled(t, changed(withExpression("x", expression)))
	compiled(t, changed(withExpression("x", "["+strings.Repeat(`"a", `, 1000)+`"b"].join("")`)))
}

// TestFailuresAtRunTimeSayWhatToDo has the secret in every text that a message could quote.
func TestFailuresAtRunTimeSayWhatToDo(t *testing.T) {
	const cut = "a list is cut with groups.slice(0, [groups.size(), 100].min())"
	for expression, want := range map[string]string{
		`user.title.matches("[" + user.displayName)`: "line 1, column 19: a regular expression is not valid: missing closing ]; " + patternHint("missing closing ]"),
		`user.title.find("(" + user.displayName)`:    "line 1, column 16: a regular expression is not valid: missing closing ); " + patternHint("missing closing )"),
		`user.title.findAll(user.displayName + "**", 1)`: "line 1, column 19: a regular expression is not valid: invalid nested repetition operator; " +
			patternHint("invalid nested repetition operator"),
		`user.title.matches(user.displayName + "[z-a]")`:               "line 1, column 19: a regular expression is not valid: invalid character class range",
		`["("].exists(p, user.title.matches(p))`:                       "line 1, column 35: a regular expression is not valid: missing closing ); " + patternHint("missing closing )"),
		`uint(user.displayName)`:                                       `line 1, column 5: uint() is given text that is no whole number from 0; matches("^[0-9]{1,18}$") tells`,
		`double(user.displayName)`:                                     `line 1, column 7: double() is given text that is no number; matches("^-?[0-9]+([.][0-9]+)?$") tells`,
		`bool(user.displayName)`:                                       `line 1, column 5: bool() is given text that is neither "true" nor "false"; compare it with ==`,
		`timestamp(user.displayName)`:                                  `line 1, column 10: timestamp() is given text that is no time such as "2026-01-31T12:00:00Z"; a date becomes one with + "T00:00:00Z"`,
		`duration(user.displayName)`:                                   `line 1, column 9: duration() is given text that is no duration such as "36h30m"; there are no days`,
		`timestamp("2026-01-01T00:00:00Z").getHours(user.displayName)`: `line 1, column 43: a time zone is not known; it has a name such as "Europe/Amsterdam"`,
		`groups.slice(0, 5)`:                                           "line 1, column 13: slice() is given a start or an end that the list does not have; " + cut,
		`groups.slice(1, 0)`:                                           "line 1, column 13: slice() is given a start or an end that the list does not have; " + cut,
		`groups.slice(0, 5).distinct()`:                                "line 1, column 13: slice() is given a start or an end that the list does not have; " + cut,
		`groups.map(g, g.id).slice(0, 5).sort()`:                       "a list that the expression makes cannot be made; " + cut,
		`groups.map(g, g.id).min()`:                                    `line 1, column 24: min() is given an empty list; add a value to it: (["z"] + list).min()`,
		`groups.map(g, g.id).max()`:                                    `line 1, column 24: max() is given an empty list; add a value to it: ([""] + list).max()`,
		`[[1]].flatten(-1)`:                                            "line 1, column 14: flatten() is given a depth below zero",
		`lists.range(-1)`:                                              "line 1, column 12: lists.range() is given a number below zero",
		`user.displayName.substring(2, 1)`:                             "line 1, column 27: substring() is given an end that is before its start",
		`user.displayName.charAt(99)`:                                  "line 1, column 24: a position is beyond the end of the text; size() tells how long it is",
		`quantity(user.displayName)`:                                   `line 1, column 9: quantity() is given text that is no quantity such as "1.5Gi"; isQuantity() tells`,
		`ip(user.displayName)`:                                         "line 1, column 3: ip() is given text that is no IP address; isIP() tells",
		`cidr(user.displayName)`:                                       `line 1, column 5: cidr() is given text that is no network such as "10.0.0.0/8"; isCIDR() tells`,
		`semver(user.displayName)`:                                     `line 1, column 7: semver() is given text that is no version such as "1.2.3"; isSemver() tells`,
		`url(user.displayName)`:                                        "line 1, column 4: url() is given text that is no URL; isURL() tells",
		`"%d".format([customFields.text])`:                             "line 1, column 12: format() is given a value that the % of its text does not take; %s takes any",
		`customFields.list.b`:                                          "line 1, column 18: an entry of a list has a whole number; others are found with filter()",
		`customFields.text.all(x, x == 1)`:                             "a loop is over what is no list and no map; has() and type() tell",
		`Person{}.name`:                                                "line 1, column 7: a rule makes values of the types Contact and Address alone",
		`user.emails.transformMapEntry(i, e, {"a": i}).size() + [1, 2].transformMapEntry(i, e, {user.displayName: i}).size()`: "line 1, column 80: transformMapEntry() gives a key twice; a map has each once",
	} {
		t.Run(expression, func(t *testing.T) {
			rule := compiled(t, changed(withExpression("x", expression)))
			outcome := planned(t, []*Rule{rule}, Input{User: secretUser()}, &memory{}).Outcomes[0]
			if outcome.Reason != v1alpha1.ReasonExpressionError {
				t.Fatalf("reason %s: %s", outcome.Reason, outcome.Message)
			}
			got := strings.TrimPrefix(strings.TrimPrefix(outcome.Message, `rule rule: expression "x", `), `rule rule: expression "x": `)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(outcome.Message, secret) {
				t.Error("the message holds a value")
			}
		})
	}
}

// TestAFilteredListIsCutByItsName is what cheaperSort says: its own length bounds it,
// not that of the list that it is made of.
func TestAFilteredListIsCutByItsName(t *testing.T) {
	sites := withExpression("sites", `groups.filter(g, g.groupType == "Site")`)
	if failed := compileError(t, changed(sites, withExpression("x", "sites.sortBy(g, g.displayName)"))); !strings.HasSuffix(failed.Message, cheaperSort) {
		t.Error(failed)
	}
	rule := compiled(t, changed(sites, withExpression("x", "sites.slice(0, [sites.size(), 100].min()).sortBy(g, g.displayName).map(g, g.id)")))
	groups := manyGroups(300)
	groups[3].GroupType, groups[2].GroupType, groups[3].DisplayName = "Site", "Site", "a"
	outcome := planned(t, []*Rule{rule}, Input{User: activeUser(userID, true), Groups: groups}, &memory{}).Outcomes[0]
	if outcome.Failed() || outcome.Expressions[1].Value != `["group-3","group-2"]` {
		t.Errorf("%s %+v", outcome.Message, outcome.Expressions)
	}
}
