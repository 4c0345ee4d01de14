package rules

import (
	"testing"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestAWholeNumberIsAnotherOneByItsLastDigit(t *testing.T) {
	rule := compiled(t, changed(withSet("customFields.badge", `{"ids": [1234567890123456789]}`)))
	dir := &memory{persons: []*v1alpha1.Person{person("jane", v1alpha1.PersonSpec{
		PrimaryEmail: "jane@example.com", Source: v1alpha1.SourceSCIM, SourceID: userID,
		CustomFields: map[string]v1alpha1.JSON{"badge": {Raw: []byte(`{"ids":[1234567890123456788]}`)}},
	})}}
	outcome := planned(t, []*Rule{rule}, Input{User: activeUser(userID, true)}, dir).Outcomes[0]
	if outcome.Reason != v1alpha1.ReasonApplied || len(outcome.Changes) != 1 || outcome.Changes[0].To != `{"ids":[1234567890123456789]}` {
		t.Errorf("%s: %+v", outcome.Reason, outcome.Changes)
	}
}

func TestTheSameJSONIsWrittenInSeveralWays(t *testing.T) {
	for _, pair := range [][2]string{
		{`1`, `1.0`}, {`1000`, `1e3`}, {`{"a":1,"b":[true,null]}`, `{"b": [true, null], "a": 1.0}`}, {`"é"`, `"\u00e9"`},
		{`12345678901234567890123`, `1.2345678901234568e+22`},
	} {
		if !sameJSON(pair[0], pair[1]) || !sameJSON(pair[1], pair[0]) {
			t.Errorf("%s is not %s", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{
		{`1`, `"1"`}, {`1`, `2`}, {`9007199254740993`, `9007199254740992`}, {`[1]`, `[1,1]`}, {`[1]`, `{"0":1}`}, {`{"a":null}`, `{}`}, {`null`, `false`}, {`1`, ``},
	} {
		if sameJSON(pair[0], pair[1]) || sameJSON(pair[1], pair[0]) {
			t.Errorf("%s is %s", pair[0], pair[1])
		}
	}
}
