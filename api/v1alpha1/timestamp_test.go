package v1alpha1

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
)

func TestTimestampReadsAndWrites(t *testing.T) {
	for text, want := range map[string]string{
		`"2026-11-28T10:00:59.123456Z"`:    `"2026-11-28T10:00:59.123456Z"`,
		`"2026-11-28T10:00:59Z"`:           `"2026-11-28T10:00:59.000000Z"`,
		`"2026-11-28T10:00:59.5Z"`:         `"2026-11-28T10:00:59.500000Z"`,
		`"2026-11-28T10:00:59.123456789Z"`: `"2026-11-28T10:00:59.123456Z"`,
		`"2026-11-28T10:00:59+02:00"`:      `"2026-11-28T08:00:59.000000Z"`,
		`"2026-11-28t10:00:59z"`:           `"2026-11-28T10:00:59.000000Z"`,
		`"2026-11-28T10:00:59x25-01:30"`:   `"2026-11-28T11:30:59.250000Z"`,
		`"2026-11-28T10:00:59-99:99"`:      `"2026-12-02T14:39:59.000000Z"`,
		`"2026-11-28T10:00:59ZTx"`:         `"2026-11-28T10:00:59.000000Z"`,
		`"0000-01-01T00:00:00Z"`:           `null`,
		`"9999-12-31T23:59:59-12:00"`:      `"9999-12-31T23:59:59.999999Z"`,
		`null`:                             `null`,
	} {
		var read Timestamp
		if err := json.Unmarshal([]byte(text), &read); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if wrote, err := json.Marshal(read); err != nil || string(wrote) != want {
			t.Errorf("%s became %s, want %s (%v)", text, wrote, want, err)
		}
	}
	for _, text := range []string{`"secret"`, `""`, `"2026-11-28"`, `"2026-13-28T10:00:59Z"`, `5`, `{}`} {
		var read Timestamp
		if err := json.Unmarshal([]byte(text), &read); err == nil {
			t.Errorf("%s was read as %s", text, read)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error names the value: %v", err)
		}
	}
}

// The order of the texts is the order of the times.
func TestTimestampsSortAsTexts(t *testing.T) {
	start := time.Date(2026, 11, 28, 23, 59, 59, 0, time.FixedZone("", 2*60*60))
	var texts []string
	for _, later := range []time.Duration{0, 1, time.Microsecond, 999_999 * time.Microsecond, time.Second, time.Minute, 400 * 24 * time.Hour} {
		text, err := json.Marshal(NewTimestamp(start.Add(later)))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if !slices.IsSorted(texts) {
		t.Errorf("not in order: %v", texts)
	}
}

func TestTimestampsCompare(t *testing.T) {
	early, late := new(NewTimestamp(time.Unix(5, 0))), new(NewTimestamp(time.Unix(5, 1000)))
	var none *Timestamp
	if !early.Before(late) || late.Before(early) || none.Before(late) || early.Before(none) {
		t.Error("Before is wrong")
	}
	if !early.Equal(new(NewTimestamp(time.Unix(5, 999).UTC()))) || early.Equal(late) || early.Equal(none) || none.Equal(early) || !none.Equal(nil) {
		t.Error("Equal is wrong")
	}
	if !equality.Semantic.DeepEqual(*early, NewTimestamp(time.Unix(5, 0).UTC())) || equality.Semantic.DeepEqual(early, late) {
		t.Error("equality.Semantic is wrong")
	}
}

// written is the form that the definitions ask for.
var written = regexp.MustCompile(`^"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"$`)

// FuzzTimestamp: what the API server takes for a date-time can be read, and what was read is
// written in a form that reads as the same time.
func FuzzTimestamp(f *testing.F) {
	for _, seed := range []string{"2026-11-28T10:00:59Z", "2026-11-28t10:00:59.1z", "2026-11-28T10:00:59x5+99:99", "2026-02-30T10:00:59ZTt\n", "9999-12-31T23:59:59-23:59"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		read, err := parseDateTime(text)
		if err != nil {
			if strfmt.IsDateTime(text) {
				t.Errorf("%q is a date-time for the API server, and cannot be read: %v", text, err)
			}
			return
		}
		read = within(read)
		wrote, err := json.Marshal(NewTimestamp(read))
		if err != nil {
			t.Fatalf("%q cannot be written: %v", text, err)
		}
		if !read.IsZero() && !written.Match(wrote) {
			t.Errorf("%q was written as %s", text, wrote)
		}
		var again Timestamp
		if err := json.Unmarshal(wrote, &again); err != nil || !again.Time.Equal(read.Truncate(time.Microsecond)) {
			t.Errorf("%q was written as %s, which is read as %s (%v)", text, wrote, again, err)
		}
	})
}
