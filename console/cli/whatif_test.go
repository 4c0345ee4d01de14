package cli

import (
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/story"
	"rservice.dev/scim-operator/console/whatif"
	"rservice.dev/scim-operator/controllers/preview"
)

func TestWhatIfPrintsWhatWouldBe(t *testing.T) {
	streams, _, out, _ := genericiooptions.NewTestIOStreams()
	s := &session{IOStreams: streams}
	answer := &whatif.Answer{
		Status: 200, Subject: story.Subject{Kind: story.KindUser, Name: "1"}, Title: "anna\x1b[2J@example.com", Changed: true,
		Stored: []v1alpha1.FieldChange{{Field: "active", From: "true", To: "false"}},
		Effects: []whatif.Effect{{
			Subject: story.Subject{Kind: story.KindUser, Name: "1"}, Title: "anna@example.com",
			Rules:   []whatif.Outcome{{Rule: "default-user-mapping", Reason: v1alpha1.ReasonApplied, Message: "changes disabled"}, {Rule: "badge", Failed: true, Reason: v1alpha1.ReasonExpressionError, Message: "no number"}},
			Records: []preview.RecordDifference{{Kind: v1alpha1.RecordPerson, Name: "p", Changes: []v1alpha1.FieldChange{{Field: "name", From: "Anna", To: "A\nRefused: 409"}}}},
			Held:    &whatif.Held{Effects: []v1alpha1.HeldEffect{v1alpha1.HeldDisable}},
		}},
		NotShown: 2,
	}
	s.printWhatIf(answer)
	told := out.String()
	for _, line := range []string{
		"  - active: true\n  + active: false\n", "ScimUser anna@example.com\n", "! badge: ExpressionError: no number\n", "  Person p\n  - name: Anna\n",
		"! the safety brake would hold: Disable\n", "and 2 users more",
	} {
		if !strings.Contains(told, line) {
			t.Errorf("%q is not in\n%s", line, told)
		}
	}
	if strings.Contains(told, "\x1b") || strings.Contains(told, "\nRefused") {
		t.Errorf("what users wrote moves the cursor, or forges lines:\n%q", told)
	}
	out.Reset()
	s.printWhatIf(&whatif.Answer{Status: 409, Refused: &whatif.Refusal{Status: 409, ScimType: "uniqueness", Detail: "another user has this userName"}})
	if told := out.String(); told != "Refused: 409 uniqueness\n  another user has this userName\n" {
		t.Errorf("told %q", told)
	}
}

func TestWhatIfReadsRequests(t *testing.T) {
	for name, test := range map[string]struct {
		input string
		args  []string
		file  string
		want  whatif.Request
		fails bool
	}{
		"a request":               {`{"method":"POST","path":"/Users","body":{}}`, nil, "-", whatif.Request{Method: "POST", Path: "/Users", Body: []byte(`{}`)}, false},
		"a body":                  {`{"userName":"a"}`, []string{"put", "/Users/1"}, "-", whatif.Request{Method: "PUT", Path: "/Users/1", Body: []byte(`{"userName":"a"}`)}, false},
		"nothing but a line":      {"", []string{"DELETE", "/Users/1"}, "", whatif.Request{Method: "DELETE", Path: "/Users/1"}, false},
		"a body without a method": {`{"userName":"a"}`, nil, "-", whatif.Request{}, true},
		"two methods":             {`{"method":"POST","path":"/Users","body":{}}`, []string{"PUT", "/Users/1"}, "-", whatif.Request{}, true},
		"no file":                 {"", []string{"PUT", "/Users/1"}, "testdata/missing.json", whatif.Request{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			streams, in, _, _ := genericiooptions.NewTestIOStreams()
			in.WriteString(test.input)
			request, err := (&session{IOStreams: streams}).readRequest(test.args, whatIfOptions{file: test.file})
			if (err != nil) != test.fails {
				t.Fatalf("error %v", err)
			}
			if err == nil && (request.Method != test.want.Method || request.Path != test.want.Path || string(request.Body) != string(test.want.Body)) {
				t.Errorf("got %+v, want %+v", request, test.want)
			}
		})
	}
}
