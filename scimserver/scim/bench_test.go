package scim

import (
	"fmt"
	"strings"
	"testing"
)

func BenchmarkDecodeUser(b *testing.B) {
	body := []byte(sampleUser)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeResource(User, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeUser(b *testing.B) {
	res := sampleResources(b)[User]
	b.ReportAllocs()
	buffer := make([]byte, 0, 4096)
	for b.Loop() {
		var err error
		if buffer, err = AppendEncode(buffer[:0], User, res); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFilterParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseFilter(User, `userName eq "bjensen@example.com"`); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFilterMatch(b *testing.B) {
	res := sampleResources(b)[User]
	for _, text := range []string{
		`userName eq "bjensen@example.com"`,
		`emails[type eq "home" and value co "jensen"]`,
		`meta.created lt "2030-01-01T00:00:00Z"`,
	} {
		filter, err := ParseFilter(User, text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !filter.Match(res) {
					b.Fatal("no match")
				}
			}
		})
	}
}

func BenchmarkPatchUser(b *testing.B) {
	res := sampleResources(b)[User]
	body := []byte(`{"Operations":[{"op":"replace","value":{"active":false}},{"op":"replace","path":"emails[type eq \"work\"].value","value":"x@example.com"}]}`)
	b.ReportAllocs()
	for b.Loop() {
		patch, err := ParsePatch(User, body)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := patch.Apply(b.Context(), res); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPatchGroup changes 1 or 1,000 of 10,000 members.
func BenchmarkPatchGroup(b *testing.B) {
	group := Resource{"displayName": "Everyone", "members": memberList(0, 10_000)}
	for _, changed := range []int{1, 1000} {
		var removals []string
		for i := range changed {
			removals = append(removals, fmt.Sprintf(`{"op":"remove","path":"members[value eq \"%s\"]"}`, memberID(i*10)))
		}
		for name, operations := range map[string]string{
			"add in one operation":     `{"op":"add","path":"members","value":` + membersJSON(b, 10_000, 10_000+changed) + `}`,
			"remove in one operation":  `{"op":"remove","path":"members","value":` + membersJSON(b, 0, changed) + `}`,
			"remove one per operation": strings.Join(removals, ","),
		} {
			patch, err := ParsePatch(Group, []byte(`{"Operations":[`+operations+`]}`))
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/%d", name, changed), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := patch.Apply(b.Context(), group); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkDecodeGroup(b *testing.B) {
	body := []byte(`{"displayName":"Everyone","members":` + membersJSON(b, 0, 10_000) + `}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeResource(Group, body); err != nil {
			b.Fatal(err)
		}
	}
}

func memberID(i int) string { return fmt.Sprintf("0190a0b0-0000-7000-8000-%012d", i) }

func memberList(from, to int) []any {
	out := make([]any, 0, to-from)
	for i := from; i < to; i++ {
		out = append(out, map[string]any{"value": memberID(i)})
	}
	return out
}

func membersJSON(t testing.TB, from, to int) string {
	t.Helper()
	e := encoder{}
	e.value(memberList(from, to))
	if e.err != nil {
		t.Fatal(e.err)
	}
	return string(e.out)
}
