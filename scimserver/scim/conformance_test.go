package scim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ownID stands for {id}, the id of the resource that a case works on.
const ownID = "0190a0b0-0000-7000-8000-0000000000ff"

var caseIDs = strings.NewReplacer(
	"{u1}", "0190a0b0-0000-7000-8000-000000000001",
	"{u2}", "0190a0b0-0000-7000-8000-000000000002",
	"{u3}", "0190a0b0-0000-7000-8000-000000000003",
	"{id}", ownID)

type expectedError struct {
	Status   int
	ScimType string
}

type patchCase struct {
	ID           string
	ResourceType string
	Before       json.RawMessage
	Operations   json.RawMessage
	After        json.RawMessage
	ExpectError  *expectedError
}

type filterCase struct {
	ID          string
	Filter      string
	Match       []int
	ExpectError *expectedError
}

func loadCases(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(caseIDs.Replace(string(data))), into); err != nil {
		t.Fatal(err)
	}
}

func resourceType(t *testing.T, name string) *ResourceType {
	t.Helper()
	for _, rt := range ResourceTypes() {
		if rt.Name == name {
			return rt
		}
	}
	t.Fatalf("no resource type %q", name)
	return nil
}

func TestPatchConformanceCases(t *testing.T) {
	var file struct{ Cases []patchCase }
	loadCases(t, "patch_cases.json", &file)
	if len(file.Cases) < 40 {
		t.Fatalf("only %d cases", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			rt := resourceType(t, c.ResourceType)
			before := mustDecode(t, rt, string(c.Before))
			Stamp(rt, before, ownID, "https://example.com/scim/v2", Meta{})
			untouched := before.Clone()
			after, err := patchWith(rt, before, string(c.Operations), Standard)
			if diff := cmp.Diff(untouched, before); diff != "" {
				t.Errorf("the patch changed its input (-before +after):\n%s", diff)
			}
			if c.ExpectError != nil {
				wantError(t, err, c.ExpectError.Status, c.ExpectError.ScimType)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := mustDecode(t, rt, string(c.After))
			if diff := cmp.Diff(compared(want), compared(after)); diff != "" {
				t.Errorf("wrong result (-want +got):\n%s", diff)
			}
			if !Equal(want, after) {
				t.Error("Equal does not see that the result is as wanted")
			}
		})
	}
}

// compared drops what the conformance cases do not compare.
func compared(res Resource) map[string]any {
	out := canonical(res)
	if members := out.Values("members"); members != nil {
		var values []any
		for _, id := range out.MemberIDs() {
			values = append(values, id)
		}
		out["members"] = values
	}
	return out
}

// filterDecisions are the quirk cases of the file where this package is as
// lenient as the case itself allows ("alsoAcceptable").
var filterDecisions = map[string]struct {
	match  []int
	reason string
}{
	"f20": {[]int{0, 1, 3, 6, 7}, "a quoted boolean is what Microsoft Entra ID and the product's own examples send"},
	"f21": {[]int{0, 1, 3, 6, 7}, "literals of an ABNF grammar are case insensitive (RFC 5234 section 2.3)"},
}

func TestFilterConformanceCases(t *testing.T) {
	var file struct {
		Resources []json.RawMessage
		Cases     []filterCase
	}
	loadCases(t, "filter_cases.json", &file)
	var resources []Resource
	for i, body := range file.Resources {
		res := mustDecode(t, User, string(body))
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		Stamp(User, res, fmt.Sprintf("id-%d", i), "https://example.com", Meta{Created: now, LastModified: now})
		resources = append(resources, res)
	}
	for _, c := range file.Cases {
		t.Run(c.ID+" "+c.Filter, func(t *testing.T) {
			if d, ok := filterDecisions[c.ID]; ok {
				c.Match, c.ExpectError = d.match, nil
			}
			f, err := ParseFilter(User, c.Filter)
			if c.ExpectError != nil {
				wantError(t, err, c.ExpectError.Status, c.ExpectError.ScimType)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.Match, matches(f, resources)); diff != "" {
				t.Errorf("wrong matches (-want +got):\n%s", diff)
			}
			again, err := ParseFilter(User, f.String())
			if err != nil {
				t.Fatalf("parsing %s: %v", f, err)
			}
			if diff := cmp.Diff(c.Match, matches(again, resources)); diff != "" {
				t.Errorf("%s matches otherwise (-want +got):\n%s", f, diff)
			}
		})
	}
}

func matches(f *Filter, resources []Resource) []int {
	var out []int
	for i, res := range resources {
		if f.Match(res) {
			out = append(out, i)
		}
	}
	return out
}

// mustDecode decodes the body of a POST.
func mustDecode(t testing.TB, rt *ResourceType, body string) Resource {
	t.Helper()
	res, err := DecodeResource(rt, []byte(body))
	if err != nil {
		t.Fatalf("decoding %s: %v", body, err)
	}
	return res
}

// patchWith applies operations, given as a JSON array.
func patchWith(rt *ResourceType, current Resource, operations string, profile Profile) (Resource, error) {
	patch, err := ParsePatch(rt, []byte(`{"schemas":["`+PatchOpURN+`"],"Operations":`+operations+`}`))
	if err != nil {
		return nil, err
	}
	patch.Profile = profile
	return patch.Apply(context.Background(), current)
}

func wantError(t testing.TB, err error, status int, scimType string) {
	t.Helper()
	var scimErr *Error
	if !errors.As(err, &scimErr) {
		t.Fatalf("got error %v, want a %d %s", err, status, scimType)
	}
	if scimErr.Status != status || scimErr.ScimType != scimType {
		t.Errorf("got %v, want %d %s", scimErr, status, scimType)
	}
	if scimErr.Detail == "" {
		t.Error("the error has no detail")
	}
}
