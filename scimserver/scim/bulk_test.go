package scim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// bulkService keeps resources as a server would, gives ids u1, u2, … and g1, g2, …,
// and writes down the calls it gets.
type bulkService struct {
	resources map[string]Resource
	created   map[*ResourceType]int
	calls     []string
	// refuse makes calls fail: "DELETE u1".
	refuse map[string]*Error
}

func newBulkService() *bulkService {
	return &bulkService{resources: map[string]Resource{}, created: map[*ResourceType]int{}, refuse: map[string]*Error{}}
}

func (s *bulkService) call(c BulkCall) BulkResult {
	target := c.ID
	if c.Method == http.MethodPost {
		target = c.Type.Name
	}
	call := c.Method + " " + target
	s.calls = append(s.calls, call)
	if err := s.refuse[call]; err != nil {
		return BulkResult{Err: err}
	}
	id, status, err := s.write(c)
	if err != nil {
		return BulkResult{Err: err}
	}
	return BulkResult{Status: status, ID: id, Version: fmt.Sprintf(`W/"%d"`, len(s.calls))}
}

func (s *bulkService) write(c BulkCall) (id string, status int, refused *Error) {
	current, exists := s.resources[c.ID]
	var res Resource
	var err error
	switch {
	case c.Method != http.MethodPost && !exists:
		return "", 0, NewError(404, "there is none")
	case c.Version == "old":
		return "", 0, NewError(412, "it has changed")
	case c.Method == http.MethodDelete:
		delete(s.resources, c.ID)
		return "", 204, nil
	case c.Method == http.MethodPatch:
		var patch *Patch
		if patch, err = ParsePatch(c.Type, c.Data); err == nil {
			res, err = patch.Apply(context.Background(), current)
		}
	default:
		res, err = DecodeResource(c.Type, c.Data)
	}
	if refused, ok := errors.AsType[*Error](err); ok {
		return "", 0, refused
	}
	id, status = c.ID, 200
	if c.Method == http.MethodPost {
		s.created[c.Type]++
		id, status = fmt.Sprintf("%s%d", strings.ToLower(c.Type.Name[:1]), s.created[c.Type]), 201
	}
	s.resources[id] = res
	return id, status, nil
}

// bulk runs operations, given as a JSON array, and returns what they came to: one
// line each, of method, bulkId, status and location.
func bulk(t *testing.T, s *bulkService, failOnErrors int, operations string) []string {
	t.Helper()
	body := fmt.Sprintf(`{"schemas":[%q],"failOnErrors":%d,"Operations":%s}`, BulkRequestURN, failOnErrors, operations)
	if failOnErrors == 0 {
		body = `{"Operations":` + operations + `}`
	}
	request, err := ParseBulk([]byte(body), BulkLimits{MaxOperations: 20, MaxPayloadSize: 1e5})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, o := range request.Run("https://h/scim/v2/", s.call).Operations {
		line := fmt.Sprintf("%s %s %d %s", o.Method, o.BulkID, o.Status, strings.TrimPrefix(o.Location, "https://h/scim/v2"))
		if o.Err != nil {
			line += " " + o.Err.ScimType
			if o.Err.Status != o.Status || o.Err.Detail == "" {
				t.Errorf("wrong error %v", o.Err)
			}
		}
		lines = append(lines, strings.TrimRight(strings.ReplaceAll(line, "  ", " "), " "))
	}
	return lines
}

const (
	postTeam = `{"method":"POST","bulkId":"team","path":"/Groups","data":{"displayName":"Team","members":[{"value":"bulkId:ann"},{"value":"u0"}]}}`
	postAnn  = `{"method":"POST","bulkId":"ann","path":"/Users","data":{"userName":"ann"}}`
	postBad  = `{"method":"POST","bulkId":"ann","path":"/Users","data":{"title":"no name"}}`
	postA    = `{"method":"POST","bulkId":"a","path":"/Groups","data":{"displayName":"A","members":[{"value":"bulkId:b","type":"Group"},{"value":"u0"}]}}`
	postB    = `{"method":"POST","bulkId":"b","path":"/Groups","data":{"displayName":"B","members":[{"type":"Group","value":"bulkId:a"}]}}`
)

func TestBulkRuns(t *testing.T) {
	const enterpriseUser = `"` + EnterpriseURN + `":`
	tests := map[string]struct {
		operations string
		want       []string
		// calls and members ("g1: u1 u0") are looked at if they are given.
		calls   []string
		members map[string]string
	}{
		"operations in their order": {
			`[` + postAnn + `,{"method":"put","path":"/Users/u0","data":{"userName":"x"}},
			  {"method":"Patch","path":"Users/u0/","data":{"Operations":[{"op":"add","path":"title","value":"T"}]}},{"method":"DELETE","path":"/Users/u0","bulkId":"mine"}]`,
			[]string{"POST ann 201 /Users/u1", "PUT 200 /Users/u0", "PATCH 200 /Users/u0", "DELETE mine 204 /Users/u0"},
			[]string{"POST User", "PUT u0", "PATCH u0", "DELETE u0"}, nil},
		"a reference to a resource that comes later": {
			`[` + postTeam + `,` + postAnn + `]`,
			[]string{"POST team 201 /Groups/g1", "POST ann 201 /Users/u1"},
			[]string{"POST User", "POST Group"}, map[string]string{"g1": "u1 u0"}},
		"a reference to one that came before": {
			`[` + postAnn + `,` + postTeam + `]`,
			[]string{"POST ann 201 /Users/u1", "POST team 201 /Groups/g1"}, nil, map[string]string{"g1": "u1 u0"}},
		"references in a path and in a PATCH": {
			`[{"method":"PATCH","path":"/Groups/bulkId:team","data":{"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:ann"}]},{"op":"remove","path":"members[value eq \"u0\"]"}]}},
			  {"method":"POST","bulkId":"team","path":"/Groups","data":{"displayName":"Team","members":["u0"]}},` + postAnn + `]`,
			[]string{"PATCH 200 /Groups/g1", "POST team 201 /Groups/g1", "POST ann 201 /Users/u1"},
			[]string{"POST Group", "POST User", "PATCH g1"}, map[string]string{"g1": "u1"}},
		"a manager that comes later": {
			`[{"method":"POST","bulkId":"boss's","path":"/Users","data":{"userName":"b",` + enterpriseUser + `{"manager":{"value":"bulkId:ann"}}}},` + postAnn + `]`,
			[]string{"POST boss's 201 /Users/u2", "POST ann 201 /Users/u1"}, []string{"POST User", "POST User"}, nil},
		"a failure that does not matter to others": {
			`[` + postBad + `,{"method":"DELETE","path":"/Users/none"},{"method":"DELETE","path":"/Users/u0"}]`,
			[]string{"POST ann 400 invalidValue", "DELETE 404 /Users/none", "DELETE 204 /Users/u0"}, nil, nil},
		"a version that is not current": {
			`[{"method":"DELETE","path":"/Users/u0","version":"old"}]`, []string{"DELETE 412 /Users/u0"}, nil, nil},
		"a reference to what could not be created": {
			`[` + postTeam + `,` + postBad + `,{"method":"DELETE","path":"/Groups/bulkId:team"}]`,
			[]string{"POST team 400 invalidValue", "POST ann 400 invalidValue", "DELETE 400 invalidValue"}, []string{"POST User"}, nil},
		"a reference to nothing": {
			`[` + postTeam + `,{"method":"DELETE","path":"/Users/bulkId:ann","bulkId":"ann"}]`,
			[]string{"POST team 400 invalidValue", "DELETE ann 400 invalidValue"}, nil, nil},
		"groups that refer to each other": {
			`[` + postA + `,` + postB + `,{"method":"PATCH","path":"/Groups/bulkId:b","data":{"Operations":[{"op":"add","path":"members","value":"bulkId:a"}]}}]`,
			[]string{"POST a 201 /Groups/g1", "POST b 201 /Groups/g2", "PATCH 200 /Groups/g2"},
			[]string{"POST Group", "POST Group", "PATCH g1", "PATCH g2", "PATCH g2"}, map[string]string{"g1": "u0 g2", "g2": "g1"}},
		"users who manage each other": {
			`[{"method":"POST","bulkId":"x","path":"/Users","data":{"userName":"x",` + enterpriseUser + `{"department":"D","manager":{"value":"bulkId:y"}}}},
			  {"method":"POST","bulkId":"y","path":"/Users","data":{"userName":"y",` + enterpriseUser + `{"department":"D","manager":"bulkId:x"}}}]`,
			[]string{"POST x 201 /Users/u1", "POST y 201 /Users/u2"}, []string{"POST User", "POST User", "PATCH u1", "PATCH u2"}, nil},
		"a longer circle, and what is beside it": {
			`[{"method":"POST","bulkId":"a","path":"/Groups","data":{"displayName":"A","members":["bulkId:c","bulkId:ann"]}},
			  {"method":"POST","bulkId":"b","path":"/Groups","data":{"displayName":"B","members":["bulkId:a"]}},
			  {"method":"POST","bulkId":"c","path":"/Groups","data":{"displayName":"C","members":["bulkId:b"]}},
			  {"method":"POST","bulkId":"d","path":"/Groups","data":{"displayName":"D","members":["bulkId:a"]}},` + postAnn + `]`,
			[]string{"POST a 201 /Groups/g1", "POST b 201 /Groups/g2", "POST c 201 /Groups/g3", "POST d 201 /Groups/g4", "POST ann 201 /Users/u1"},
			[]string{"POST User", "POST Group", "POST Group", "POST Group", "PATCH g1", "PATCH g2", "PATCH g3", "POST Group"},
			map[string]string{"g1": "u1 g3", "g2": "g1", "g3": "g2", "g4": "g1"}},
		"references to several that come later": {
			`[{"method":"DELETE","path":"/Users"},
			  {"method":"POST","bulkId":"team","path":"/Groups","data":{"displayName":"Team","members":["bulkId:bob","bulkId:ann","bulkId:bob"]}},` + postAnn + `,
			  {"method":"POST","bulkId":"bob","path":"/Users","data":{"userName":"bob"}}]`,
			[]string{"DELETE 400 invalidValue", "POST team 201 /Groups/g1", "POST ann 201 /Users/u1", "POST bob 201 /Users/u2"}, nil, map[string]string{"g1": "u2 u1"}},
		"a group that refers to itself": {
			`[{"method":"POST","bulkId":"a","path":"/Groups","data":{"displayName":"A","members":["bulkId:a","u0"]}}]`,
			[]string{"POST a 201 /Groups/g1"}, []string{"POST Group", "PATCH g1"}, map[string]string{"g1": "u0 g1"}},
		"groups in a user, which are read-only": {
			`[{"method":"POST","bulkId":"ann","path":"/Users","data":{"userName":"ann","groups":[{"value":"bulkId:team"}]}},` + postTeam + `]`,
			[]string{"POST ann 201 /Users/u1", "POST team 201 /Groups/g1"}, []string{"POST User", "POST Group"}, map[string]string{"g1": "u1 u0"}},
		"a circle with a broken member": {
			`[` + postA + `,{"method":"POST","bulkId":"b","path":"/Groups","data":{"members":["bulkId:a"]}},{"method":"DELETE","path":"/Groups/bulkId:a"}]`,
			[]string{"POST a 409", "POST b 400 invalidValue", "DELETE 400 invalidValue"}, []string{"POST Group", "POST Group", "DELETE g1"}, nil},
		"a circle with a reference to nothing": {
			`[` + postB + `,{"method":"POST","bulkId":"a","path":"/Groups","data":{"displayName":"A","members":["bulkId:b","bulkId:none"]}}]`,
			[]string{"POST b 409", "POST a 400 invalidValue"}, []string{"POST Group", "DELETE g1"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newBulkService()
			s.resources["u0"] = Resource{"userName": "zero"}
			if diff := cmp.Diff(tt.want, bulk(t, s, 0, tt.operations)); diff != "" {
				t.Errorf("wrong outcomes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.calls, s.calls); tt.calls != nil && diff != "" {
				t.Errorf("wrong calls (-want +got):\n%s", diff)
			}
			for id, want := range tt.members {
				if diff := cmp.Diff(want, strings.Join(s.resources[id].MemberIDs(), " ")); diff != "" {
					t.Errorf("wrong members of %s (-want +got):\n%s", id, diff)
				}
			}
		})
	}
}

func TestBulkSetsManagersOfACircle(t *testing.T) {
	s := newBulkService()
	bulk(t, s, 0, `[{"method":"POST","bulkId":"x","path":"/Users","data":{"userName":"x","`+EnterpriseURN+`":{"department":"D","manager":{"value":"bulkId:y"}}}},
		{"method":"POST","bulkId":"y","path":"/Users","data":{"userName":"y","title":null,"`+EnterpriseURN+`":{"department":"E","manager":"bulkId:x"}}}]`)
	want := map[string]any{"u1": object{"department": "D", "manager": object{"value": "u2"}}, "u2": object{"department": "E", "manager": object{"value": "u1"}}}
	got := map[string]any{"u1": s.resources["u1"][EnterpriseURN], "u2": s.resources["u2"][EnterpriseURN]}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wrong managers (-want +got):\n%s", diff)
	}
}

func TestBulkTellsTheVersionAfterACircleIsClosed(t *testing.T) {
	s := newBulkService()
	request, err := ParseBulk([]byte(`{"Operations":[`+postA+`,`+postB+`]}`), BulkLimits{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range request.Run("https://h", s.call).Operations {
		got = append(got, o.Version)
	}
	if diff := cmp.Diff([]string{`W/"3"`, `W/"4"`}, got); diff != "" {
		t.Errorf("wrong versions (-want +got):\n%s", diff)
	}
}

func TestBulkUndoesACircleThatCannotBeClosed(t *testing.T) {
	s := newBulkService()
	s.refuse["PATCH g2"] = NewError(503, "no time")
	s.refuse["DELETE g1"] = NewError(503, "no time for that either")
	request, err := ParseBulk([]byte(`{"Operations":[`+postA+`,`+postB+`]}`), BulkLimits{})
	if err != nil {
		t.Fatal(err)
	}
	outcomes := request.Run("https://h", s.call).Operations
	if diff := cmp.Diff([]string{"POST Group", "POST Group", "PATCH g1", "PATCH g2", "DELETE g1", "DELETE g2"}, s.calls); diff != "" {
		t.Errorf("wrong calls (-want +got):\n%s", diff)
	}
	for i, want := range []string{"https://h/Groups/g1 was created and could not be deleted again: no time for that either", "cannot be resolved: no time"} {
		o := outcomes[i]
		if o.Status != 409 || o.Location != "" || o.Version != "" || !strings.Contains(o.Err.Detail, want) {
			t.Errorf("operation %d: got %+v, %v; want a 409 with %q", i, o, o.Err, want)
		}
	}
}

func TestBulkStopsAfterFailOnErrors(t *testing.T) {
	const operations = `[{"method":"DELETE","path":"/Users/none"},` + postAnn + `,{"method":"DELETE","path":"/Users/none"},{"method":"DELETE","path":"/Users/u1"}]`
	for failOnErrors, want := range map[int]int{0: 4, 1: 1, 2: 3, 3: 4} {
		if got := bulk(t, newBulkService(), failOnErrors, operations); len(got) != want {
			t.Errorf("failOnErrors %d: got %q, want %d operations", failOnErrors, got, want)
		}
	}
	got := bulk(t, newBulkService(), 1, `[`+postTeam+`,{"method":"DELETE","path":"/Users/none"},`+postBad+`]`)
	if diff := cmp.Diff([]string{"POST ann 400 invalidValue"}, got); diff != "" {
		t.Errorf("what failed comes first, the rest is not begun (-want +got):\n%s", diff)
	}
}

func TestParseBulkRefusesOperations(t *testing.T) {
	tests := map[string]struct{ operation, want string }{
		"no method":                       {`{"path":"/Users"}`, " 400 invalidSyntax"},
		"another method":                  {`{"method":"GET","path":"/Users/u0"}`, "GET 400 /Users/u0 invalidSyntax"},
		"a method that is no text":        {`{"method":1,"path":"/Users/u0"}`, " 400 /Users/u0 invalidSyntax"},
		"a POST without bulkId":           {`{"method":"POST","path":"/Users","data":{"userName":"a"}}`, "POST 400 invalidValue"},
		"a bulkId that is no text":        {`{"method":"POST","bulkId":1,"path":"/Users","data":{"userName":"a"}}`, "POST 400 invalidSyntax"},
		"no path":                         {`{"method":"DELETE"}`, "DELETE 400 invalidValue"},
		"another path":                    {`{"method":"DELETE","path":"/Devices/u0"}`, "DELETE 404"},
		"another path with data":          {`{"method":"POST","bulkId":"a","path":"/Devices","data":{"id":"1"}}`, "POST a 404"},
		"a longer path":                   {`{"method":"DELETE","path":"/Users/u0/emails"}`, "DELETE 404"},
		"a path with parameters":          {`{"method":"DELETE","path":"/Users/u0?count=1"}`, "DELETE 404"},
		"a path that is badly encoded":    {`{"method":"DELETE","path":"/Users/%zz"}`, "DELETE 404"},
		"a path that is encoded to trick": {`{"method":"DELETE","path":"/Users/..%2fGroups"}`, "DELETE 404"},
		"a POST to a resource":            {`{"method":"POST","bulkId":"a","path":"/Users/u0","data":{}}`, "POST a 400 invalidValue"},
		"a DELETE of all":                 {`{"method":"DELETE","path":"/Users/"}`, "DELETE 400 invalidValue"},
		"a PUT without data":              {`{"method":"PUT","path":"/Users/u0"}`, "PUT 400 /Users/u0 invalidValue"},
		"data that is no object":          {`{"method":"PATCH","path":"/Users/u0","data":[]}`, "PATCH 400 /Users/u0 invalidSyntax"},
		"a version that is no text":       {`{"method":"DELETE","path":"/Users/u0","version":1}`, "DELETE 400 /Users/u0 invalidSyntax"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newBulkService()
			s.resources["u0"] = Resource{"userName": "zero"}
			if diff := cmp.Diff([]string{tt.want, "POST ann 201 /Users/u1"}, bulk(t, s, 0, `[`+tt.operation+`,`+postAnn+`]`)); diff != "" {
				t.Errorf("wrong outcomes (-want +got):\n%s", diff)
			}
			if len(s.calls) != 1 {
				t.Errorf("the operation was carried out: %q", s.calls)
			}
		})
	}
}

func TestParseBulkRefusesRepeatedBulkIDs(t *testing.T) {
	s := newBulkService()
	got := bulk(t, s, 0, `[{"method":"DELETE","path":"/Users/u8"},`+postAnn+`,`+postTeam+`,`+postAnn+`,{"method":"DELETE","path":"/Users/u9","bulkId":"ann"}]`)
	want := []string{"DELETE 404 /Users/u8", "POST ann 400 invalidValue", "POST team 400 invalidValue", "POST ann 400 invalidValue", "DELETE ann 404 /Users/u9"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wrong outcomes (-want +got):\n%s", diff)
	}
}

func TestParseBulkRefusesRequests(t *testing.T) {
	tests := map[string]struct {
		body     string
		status   int
		scimType string
	}{
		"no JSON":                         {`{`, 400, TypeInvalidSyntax},
		"no operations":                   {`{}`, 400, TypeInvalidSyntax},
		"operations that are an object":   {`{"Operations":{}}`, 400, TypeInvalidSyntax},
		"an operation that is no object":  {`{"Operations":["POST"]}`, 400, TypeInvalidSyntax},
		"failOnErrors that is a truth":    {`{"failOnErrors":true,"Operations":[]}`, 400, TypeInvalidValue},
		"failOnErrors that is no integer": {`{"failOnErrors":1.5,"Operations":[]}`, 400, TypeInvalidValue},
		"negative failOnErrors":           {`{"failOnErrors":-1,"Operations":[]}`, 400, TypeInvalidValue},
		"too many operations":             {`{"Operations":[{},{},{}]}`, 413, ""},
		"too many bytes":                  {`{"Operations":[]` + strings.Repeat(" ", 100) + `}`, 413, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseBulk([]byte(tt.body), BulkLimits{MaxOperations: 2, MaxPayloadSize: 100})
			wantError(t, err, tt.status, tt.scimType)
		})
	}
	largest := `{"Operations":[{},{}]}`
	if b, err := ParseBulk([]byte(largest), BulkLimits{MaxOperations: 2, MaxPayloadSize: len(largest)}); err != nil || len(b.Operations) != 2 {
		t.Errorf("as much as is allowed: got %+v, %v", b, err)
	}
	for body, want := range map[string]int{`{"OPERATIONS":[],"failonerrors":"2"}`: 2, `{"Operations":[],"failOnErrors":0}`: 1, `{"Operations":[],"failOnErrors":null}`: 0} {
		b, err := ParseBulk([]byte(body), BulkLimits{MaxOperations: 2, MaxPayloadSize: 100})
		if err != nil || b.FailOnErrors != want || len(b.Operations) != 0 {
			t.Errorf("%s: got %+v, %v", body, b, err)
		}
	}
}

func TestBulkResponseEncodesAsTheRFCShows(t *testing.T) {
	response := BulkResponse{Operations: []BulkOutcome{
		{Method: "POST", BulkID: "q", Version: `W/"1"`, Location: "https://h/Users/1", Status: 201},
		{Method: "DELETE", Location: "https://h/Users/2", Status: 404, Err: NewError(404, "there is none")},
	}}
	want := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],"Operations":[` +
		`{"method":"POST","bulkId":"q","version":"W/\"1\"","location":"https://h/Users/1","status":"201"},` +
		`{"method":"DELETE","location":"https://h/Users/2","status":"404","response":{"schemas":["` + ErrorURN + `"],"status":"404","detail":"there is none"}}]}`
	got := response.Encode()
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("wrong message (-want +got):\n%s", diff)
	}
	if !json.Valid(got) {
		t.Error("the message is not JSON")
	}
	if diff := cmp.Diff(`{"schemas":["`+BulkResponseURN+`"],"Operations":[]}`, string((&BulkResponse{}).Encode())); diff != "" {
		t.Errorf("wrong message (-want +got):\n%s", diff)
	}
}

func TestBulkKeepsDataAsSent(t *testing.T) {
	var got []byte
	request, err := ParseBulk([]byte(`{"Operations":[{"method":"PUT","path":"/Users/1","version":"W/\"3\"","data":{"n":1.50,"s":"bulkid:x \u00e9","a":[null,true,{}]}}]}`), BulkLimits{})
	if err != nil {
		t.Fatal(err)
	}
	request.Run("", func(c BulkCall) BulkResult {
		got = c.Data
		if c.Version != `W/"3"` || c.ID != "1" || c.Type != User {
			t.Errorf("wrong call %+v", c)
		}
		return BulkResult{Status: 200}
	})
	if diff := cmp.Diff(`{"a":[null,true,{}],"n":1.50,"s":"bulkid:x é"}`, string(got)); diff != "" {
		t.Errorf("wrong data (-want +got):\n%s", diff)
	}
}
