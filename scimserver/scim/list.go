package scim

import (
	"io"
	"math"
	"strconv"
	"strings"
)

// The sizes of a page, in resources.
const (
	DefaultCount = 100
	MaxCount     = 1000
)

// Page is a request for part of a list, by index (RFC 7644 section 3.4.2.4) or
// by cursor (RFC 9865).
type Page struct {
	// StartIndex is the 1-based index of the first resource. With ByCursor it has no meaning.
	StartIndex int
	// Count is the number of resources wanted, 0 to MaxCount. With 0 only the total is wanted.
	Count int
	// ByCursor asks for cursor paging.
	ByCursor bool
	// Cursor is the token for DecodeCursor, or "" for the first page.
	Cursor string
}

// ParsePage reads the query parameters startIndex and count, where "" means that
// the client did not give one. Values out of range are moved into it, as the
// RFC asks; what is not an integer is 400 invalidValue.
func ParsePage(startIndex, count string) (Page, error) {
	start, err := parseInteger("startIndex", startIndex, 1, TypeInvalidValue)
	if err != nil {
		return Page{}, err
	}
	number, err := parseInteger("count", count, DefaultCount, TypeInvalidValue)
	if err != nil {
		return Page{}, err
	}
	return NewPage(start, number), nil
}

// ParseCursorPage reads the query parameters cursor, startIndex and count of a
// request that has the parameter cursor, which is empty for the first page. A count
// out of range is moved into it; what is not an integer is 400 invalidCount. A
// startIndex other than 1 is 400 invalidValue.
func ParseCursorPage(cursor, startIndex, count string) (Page, error) {
	if startIndex = strings.TrimSpace(startIndex); startIndex != "" && startIndex != "1" {
		return Page{}, invalidValue("give startIndex or cursor, not both")
	}
	number, err := parseInteger("count", count, DefaultCount, TypeInvalidCount)
	if err != nil {
		return Page{}, err
	}
	page := NewPage(1, number)
	page.ByCursor, page.Cursor = true, strings.TrimSpace(cursor)
	return page, nil
}

// NewPage returns a page by index with its numbers moved into range.
func NewPage(startIndex, count int) Page {
	return Page{StartIndex: max(startIndex, 1), Count: min(max(count, 0), MaxCount)}
}

func parseInteger(name, text string, missing int, scimType string) (int, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return missing, nil
	}
	// Out of range, ParseInt returns the nearest number that fits.
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil && n != math.MaxInt32 && n != math.MinInt32 {
		return 0, BadRequest(scimType, "%s must be an integer", name)
	}
	return int(n), nil
}

// ListResponse is a page of resources (RFC 7644 section 3.4.2). They are encoded as they are added: as text they take a
// fraction of the memory.
type ListResponse struct {
	// TotalResults counts all matches, not only those on this page.
	TotalResults int
	// StartIndex is the 1-based index of the first resource of this page; 0, for
	// cursor paging, leaves it out.
	StartIndex int
	// NextCursor and PreviousCursor get the pages around this one (RFC 9865); ""
	// leaves them out. Only the last page has no NextCursor.
	NextCursor     string
	PreviousCursor string

	// To gets a long message piece by piece while resources are added; nil keeps all of it.
	To io.Writer

	resources []byte
	items     int
	begun     bool
}

// wholeList is up to how many bytes of resources are kept although there is somebody to write them to.
const wholeList = 256 << 10

// Reset makes the list an empty one that uses the same memory.
func (l *ListResponse) Reset() { *l = ListResponse{resources: l.resources[:0]} }

// Size is how many bytes of resources are kept, or could be.
func (l *ListResponse) Size() int { return cap(l.resources) }

// Add appends a resource to the page. The error is that of To, or tells of a value of a type that a Resource cannot hold.
func (l *ListResponse) Add(rt *ResourceType, res Resource) error {
	l.begin()
	e := encoder{out: l.resources}
	if l.To != nil {
		e.to, e.chunk = listPieces{l}, wholeList
		if l.begun {
			e.chunk = encodeChunk
		}
	}
	if e.resource(rt, res); e.to != nil && len(e.out) >= e.chunk {
		e.write()
	}
	l.resources = e.out
	return e.err
}

// listPieces writes resources of a list whose end is not known yet, so that the members that tell of it come behind them.
type listPieces struct{ of *ListResponse }

// Write implements io.Writer.
func (p listPieces) Write(resources []byte) (int, error) {
	if !p.of.begun {
		p.of.begun = true
		if _, err := io.WriteString(p.of.To, `{"schemas":["`+ListResponseURN+`"],"Resources":[`); err != nil {
			return 0, err
		}
	}
	return p.of.To.Write(resources)
}

// Begun reports whether something has been written to To already. Then End writes the rest, else Encode returns all.
func (l *ListResponse) Begun() bool { return l.begun }

// End writes what is left of the message.
func (l *ListResponse) End() error {
	_, err := l.To.Write(append(l.counts(append(l.resources, ']')), '}'))
	return err
}

// begin begins the next resource.
func (l *ListResponse) begin() {
	if l.items > 0 {
		l.resources = append(l.resources, ',')
	}
	l.items++
}

// Encode returns the message as JSON, in two parts that follow each other, so that the resources need not be copied.
// itemsPerPage is the number of resources on this page.
func (l *ListResponse) Encode() (head, resources []byte) {
	out := make([]byte, 0, 256)
	out = append(out, `{"schemas":["`+ListResponseURN+`"]`...)
	l.resources = append(l.resources, ']', '}')
	return append(l.counts(out), `,"Resources":[`...), l.resources
}

// counts appends the members that tell of the page.
func (l *ListResponse) counts(out []byte) []byte {
	out = append(out, `,"totalResults":`...)
	out = strconv.AppendInt(out, int64(l.TotalResults), 10)
	if l.StartIndex > 0 {
		out = append(out, `,"startIndex":`...)
		out = strconv.AppendInt(out, int64(l.StartIndex), 10)
	}
	out = append(out, `,"itemsPerPage":`...)
	out = strconv.AppendInt(out, int64(l.items), 10)
	if l.PreviousCursor != "" {
		out = appendString(append(out, `,"previousCursor":`...), l.PreviousCursor)
	}
	if l.NextCursor != "" {
		out = appendString(append(out, `,"nextCursor":`...), l.NextCursor)
	}
	return out
}
