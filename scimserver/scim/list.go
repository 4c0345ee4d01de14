package scim

import (
	"math"
	"strconv"
	"strings"
)

// The sizes of a page, in resources.
const (
	DefaultCount = 100
	MaxCount     = 1000
)

// Page is a request for part of a list (RFC 7644 section 3.4.2.4).
type Page struct {
	// StartIndex is the 1-based index of the first resource.
	StartIndex int
	// Count is the number of resources wanted, 0 to MaxCount. With 0 only the total is wanted.
	Count int
}

// ParsePage reads the query parameters startIndex and count, where "" means that
// the client did not give one. Values out of range are moved into it, as the
// RFC asks; what is not an integer is 400 invalidValue.
func ParsePage(startIndex, count string) (Page, error) {
	start, err := parsePageNumber("startIndex", startIndex, 1)
	if err != nil {
		return Page{}, err
	}
	number, err := parsePageNumber("count", count, DefaultCount)
	if err != nil {
		return Page{}, err
	}
	return NewPage(start, number), nil
}

// NewPage returns a page with its numbers moved into range.
func NewPage(startIndex, count int) Page {
	return Page{StartIndex: max(startIndex, 1), Count: min(max(count, 0), MaxCount)}
}

func parsePageNumber(name, text string, missing int) (int, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return missing, nil
	}
	// Out of range, ParseInt returns the nearest number that fits.
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil && n != math.MaxInt32 && n != math.MinInt32 {
		return 0, invalidValue("%s must be an integer", name)
	}
	return int(n), nil
}

// ListResponse is a page of resources (RFC 7644 section 3.4.2).
type ListResponse struct {
	// TotalResults counts all matches, not only those on this page.
	TotalResults int
	// StartIndex is the 1-based index of the first resource of this page.
	StartIndex int
	Resources  []Resource
}

// Encode returns the message as JSON. itemsPerPage is the number of resources on this page.
func (l *ListResponse) Encode(rt *ResourceType) ([]byte, error) {
	out := l.appendHead(make([]byte, 0, 256+1024*len(l.Resources)), len(l.Resources))
	var err error
	for i, res := range l.Resources {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = AppendEncode(out, rt, res); err != nil {
			return nil, err
		}
	}
	return append(out, ']', '}'), nil
}

func (l *ListResponse) appendHead(out []byte, items int) []byte {
	out = append(out, `{"schemas":["`+ListResponseURN+`"],"totalResults":`...)
	out = strconv.AppendInt(out, int64(l.TotalResults), 10)
	out = append(out, `,"startIndex":`...)
	out = strconv.AppendInt(out, int64(l.StartIndex), 10)
	out = append(out, `,"itemsPerPage":`...)
	out = strconv.AppendInt(out, int64(items), 10)
	return append(out, `,"Resources":[`...)
}
