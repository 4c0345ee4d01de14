package pages

import (
	"encoding/base64"
	"encoding/json"
	"strconv"

	"rservice.dev/scim-operator/console/listing"
)

// formatCursor writes a place in a list into an address.
func formatCursor(c listing.Cursor) string {
	text, err := json.Marshal(c)
	if err != nil {
		return "" // a cursor is a number and two texts
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// parseCursor reads it. What is none stands for the beginning, as in an address that somebody has cut.
func parseCursor(text string) *listing.Cursor {
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	c := &listing.Cursor{}
	if err != nil || json.Unmarshal(decoded, c) != nil {
		return nil
	}
	return c
}

// atoi is the number in an address, 0 for anything else.
func atoi(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}
