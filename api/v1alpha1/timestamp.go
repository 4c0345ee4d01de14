package v1alpha1

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Timestamp is an instant to the microsecond. It is written in one form, in UTC with six digits,
// so that times sort as their texts do: "kubectl --sort-by" compares texts. It reads every form
// that the API server stores in a field of format date-time, because one object that cannot be
// read stops everybody who watches its kind.
// +kubebuilder:validation:Type=string
// +kubebuilder:validation:Format=date-time
type Timestamp struct {
	metav1.MicroTime `json:"-"`
}

// NewTimestamp returns the instant without what is finer than a microsecond.
func NewTimestamp(t time.Time) Timestamp {
	return Timestamp{MicroTime: metav1.NewMicroTime(t.Truncate(time.Microsecond))}
}

// Before reports whether both are there and t is before u.
func (t *Timestamp) Before(u *Timestamp) bool {
	return t != nil && u != nil && t.Time.Before(u.Time)
}

// Equal reports whether both are missing, or the same instant.
func (t *Timestamp) Equal(u *Timestamp) bool {
	if t == nil || u == nil {
		return t == u
	}
	return t.Time.Equal(u.Time)
}

// UnmarshalJSON reads every date-time that the API server stores.
func (t *Timestamp) UnmarshalJSON(data []byte) error {
	var text *string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("read a time: %w", err)
	}
	if text == nil {
		*t = Timestamp{}
		return nil
	}
	read, err := parseDateTime(*text)
	if err != nil {
		return err
	}
	*t = NewTimestamp(within(read).Local())
	return nil
}

// within returns a time that can be written. The API server stores offsets by which a year has
// more than four digits in UTC, and years before the first, which stand for no time here.
func within(t time.Time) time.Time {
	switch year := t.UTC().Year(); {
	case year < 1:
		return time.Time{}
	case year > 9999:
		return time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC)
	}
	return t
}

// looseDateTime is what the API server takes for a date-time beyond RFC 3339: any sign before
// the fraction, offsets of up to 99 hours, and anything after another letter T.
var looseDateTime = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:.(\d{1,9})\d*)?(?:[Zz]|([+-]\d\d):(\d\d))(?:[Tt](?s:.*))?$`)

// parseDateTime names no value in its errors: they are logged.
func parseDateTime(text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	parts := looseDateTime.FindStringSubmatch(text)
	if parts == nil {
		return time.Time{}, fmt.Errorf("a text of %d bytes is not a date and time in the form of RFC 3339", len(text))
	}
	clock := parts[1] + "T" + parts[2]
	if fraction := parts[3]; fraction != "" {
		clock += "." + fraction
	}
	t, err := time.Parse("2006-01-02T15:04:05", clock)
	if err != nil {
		return time.Time{}, fmt.Errorf("a text of %d bytes in the form of RFC 3339 is no date and time that there is", len(text))
	}
	if parts[4] == "" {
		return t, nil
	}
	offset, err := time.ParseDuration(parts[4] + "h" + parts[5] + "m")
	if err != nil {
		return time.Time{}, fmt.Errorf("the offset of a time: %w", err)
	}
	return t.Add(-offset), nil
}
