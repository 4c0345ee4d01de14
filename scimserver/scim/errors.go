package scim

import (
	"fmt"
	"net/http"
	"strconv"
)

// The scimType values of RFC 7644 section 3.12, table 9.
const (
	TypeInvalidFilter = "invalidFilter"
	TypeTooMany       = "tooMany"
	TypeUniqueness    = "uniqueness"
	TypeMutability    = "mutability"
	TypeInvalidSyntax = "invalidSyntax"
	TypeInvalidPath   = "invalidPath"
	TypeNoTarget      = "noTarget"
	TypeInvalidValue  = "invalidValue"
	TypeInvalidVers   = "invalidVers"
	TypeSensitive     = "sensitive"
)

// The scimType values of RFC 9865 section 2.1, for paging by cursor.
const (
	TypeInvalidCursor = "invalidCursor"
	TypeExpiredCursor = "expiredCursor"
	TypeInvalidCount  = "invalidCount"
)

// Error is what a client is told when its request cannot be carried out
// (RFC 7644 section 3.12).
type Error struct {
	// Status is the HTTP status code.
	Status int
	// ScimType is one of the Type constants, or empty where the RFC names none.
	ScimType string
	// Detail tells a person what to change. It never holds attribute values, which may be personal data.
	Detail string
}

// Error implements error.
func (e *Error) Error() string {
	if e.ScimType == "" {
		return fmt.Sprintf("%d: %s", e.Status, e.Detail)
	}
	return fmt.Sprintf("%d %s: %s", e.Status, e.ScimType, e.Detail)
}

// Encode returns the error as a SCIM error message. The status is a JSON
// string there, as RFC 7644 section 3.12 wants it.
func (e *Error) Encode() []byte {
	out := append([]byte(`{"schemas":["`), ErrorURN...)
	out = append(out, `"],"status":"`...)
	out = strconv.AppendInt(out, int64(e.Status), 10)
	out = append(out, '"')
	if e.ScimType != "" {
		out = append(out, `,"scimType":`...)
		out = appendString(out, e.ScimType)
	}
	out = append(out, `,"detail":`...)
	out = appendString(out, e.Detail)
	return append(out, '}')
}

// MarshalJSON implements json.Marshaler with the message of Encode.
func (e *Error) MarshalJSON() ([]byte, error) { return e.Encode(), nil }

// NewError returns an error without scimType, such as 404 or 413.
func NewError(status int, format string, args ...any) *Error {
	return &Error{Status: status, Detail: fmt.Sprintf(format, args...)}
}

// BadRequest returns a 400 with the given scimType.
func BadRequest(scimType, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, ScimType: scimType, Detail: fmt.Sprintf(format, args...)}
}

// Conflict returns a 409 with scimType uniqueness.
func Conflict(format string, args ...any) *Error {
	return &Error{Status: http.StatusConflict, ScimType: TypeUniqueness, Detail: fmt.Sprintf(format, args...)}
}

func invalidValue(format string, args ...any) *Error {
	return BadRequest(TypeInvalidValue, format, args...)
}

func invalidSyntax(format string, args ...any) *Error {
	return BadRequest(TypeInvalidSyntax, format, args...)
}

func invalidFilter(format string, args ...any) *Error {
	return BadRequest(TypeInvalidFilter, format, args...)
}

func invalidPath(format string, args ...any) *Error {
	return BadRequest(TypeInvalidPath, format, args...)
}
