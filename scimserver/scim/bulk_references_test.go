package scim

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBulkKeepsTextsThatOnlyLookLikeReferences(t *testing.T) {
	const ref = `"bulkId:ann"`
	tests := map[string]struct {
		path, method, data string
		want               string
	}{
		"a name":                  {"/Groups/g0", "PUT", `{"displayName":` + ref + `}`, `{"displayName":` + ref + `}`},
		"an address":              {"/Users/u0", "PUT", `{"emails":[{"value":` + ref + `}]}`, `{"emails":[{"value":` + ref + `}]}`},
		"the display of a member": {"/Groups/g0", "PUT", `{"members":[{"display":` + ref + `,"value":` + ref + `}]}`, `{"members":[{"display":` + ref + `,"value":"u1"}]}`},
		"a department":            {"/Users/u0", "PUT", `{"` + EnterpriseURN + `":{"department":` + ref + `}}`, `{"` + EnterpriseURN + `":{"department":` + ref + `}}`},
		"a value of a PATCH":      {"/Groups/g0", "PATCH", `{"Operations":[{"op":"replace","path":"displayName","value":` + ref + `}]}`, `{"Operations":[{"op":"replace","path":"displayName","value":` + ref + `}]}`},
		"a name in a PATCH without path": {"/Groups/g0", "PATCH", `{"Operations":[{"op":"add","value":{"displayName":` + ref + `,"MEMBERS":` + ref + `}}]}`,
			`{"Operations":[{"op":"add","value":{"MEMBERS":"u1","displayName":` + ref + `}}]}`},
		"a type by a value path": {"/Groups/g0", "PATCH", `{"Operations":[{"op":"add","path":"members[value eq \"x\"].type","value":` + ref + `}]}`,
			`{"Operations":[{"op":"add","path":"members[value eq \"x\"].type","value":` + ref + `}]}`},
	}
	references := map[string]struct{ path, data, want string }{
		"members, in any form":  {"/Groups/g0", `{"Members":[` + ref + `,{"VALUE":` + ref + `},{"$ref":` + ref + `}]}`, `{"Members":["u1",{"VALUE":"u1"},{"$ref":"u1"}]}`},
		"a manager":             {"/Users/u0", `{"` + EnterpriseURN + `:manager":` + ref + `}`, `{"` + EnterpriseURN + `:manager":"u1"}`},
		"a manager's value":     {"/Users/u0", `{"` + EnterpriseURN + `":{"manager.value":` + ref + `}}`, `{"` + EnterpriseURN + `":{"manager.value":"u1"}}`},
		"a manager without URN": {"/Users/u0", `{"manager":{"value":` + ref + `}}`, `{"manager":{"value":"u1"}}`},
		"an unknown extension":  {"/Users/u0", `{"urn:x:y":{"deputy":[{"value":` + ref + `,"note":` + ref + `}]}}`, `{"urn:x:y":{"deputy":[{"note":` + ref + `,"value":"u1"}]}}`},
	}
	for name, tt := range references {
		tests[name] = struct{ path, method, data, want string }{tt.path, "PUT", tt.data, tt.want}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got string
			request, err := ParseBulk([]byte(`{"Operations":[`+postAnn+`,{"method":"`+tt.method+`","path":"`+tt.path+`","data":`+tt.data+`}]}`), BulkLimits{})
			if err != nil {
				t.Fatal(err)
			}
			request.Run("", func(c BulkCall) BulkResult {
				got = string(c.Data)
				return BulkResult{Status: 200, ID: "u1"}
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("wrong data (-want +got):\n%s", diff)
			}
		})
	}
}
