package scim

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Where no schema says what "operation" is, it is the client's own data.
func TestAnOperationInAnExtensionWithoutSchemaIsData(t *testing.T) {
	read, remove := object{"resource": "a", "operation": "read"}, object{"resource": "a", "operation": "delete"}
	const permissions = `[{"resource":"a","operation":"read"},{"resource":"a","operation":"delete"}]`
	want := []any{read, remove}
	created := mustDecode(t, User, `{"userName":"a","`+freeURN+`":{"permissions":`+permissions+`}}`)
	if diff := cmp.Diff(want, created.Complex(freeURN)["permissions"]); diff != "" {
		t.Errorf("POST (-want +got):\n%s", diff)
	}
	for _, op := range []string{"add", "replace"} {
		got, err := patchWith(User, Resource{"userName": "a"}, `[{"op":"`+op+`","path":"`+freeURN+`:permissions","value":`+permissions+`}]`, Standard)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Complex(freeURN)["permissions"]); diff != "" {
			t.Errorf("PATCH %s (-want +got):\n%s", op, diff)
		}
	}
}

func TestMarkedValuesAreForPatchOnly(t *testing.T) {
	for body, rt := range map[string]*ResourceType{
		`{"displayName":"g","members":[{"value":"u1","operation":"delete"}]}`:                               Group,
		`{"displayName":"g","members":[{"value":"u1","Operation":"Delete"},{"value":"u2"}]}`:                Group,
		`{"userName":"a","emails":{"value":"w@x","operation":"delete"}}`:                                    User,
		`{"userName":"a","` + UserURN + `":{"emails":[{"value":"w@x"},{"type":"b","operation":"delete"}]}}`: User,
	} {
		_, err := DecodeResource(rt, []byte(body))
		wantError(t, err, 400, TypeInvalidValue)
		_, err = DecodeReplacement(rt, []byte(body))
		wantError(t, err, 400, TypeInvalidValue)
	}
}
