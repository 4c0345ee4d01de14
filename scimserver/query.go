package scimserver

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"rservice.dev/scim-operator/scimserver/scim"
)

// query holds the query parameters by name in lower case: SCIM names are case
// insensitive.
type query map[string][]string

// parseQuery is tolerant of what clients send (empty parameters from a trailing
// "&", "+" for a blank, a bare ";"), but what cannot be decoded is refused:
// leaving out a filter would answer another question.
func parseQuery(r *http.Request) (query, error) {
	parameters := strings.Split(strings.ReplaceAll(r.URL.RawQuery, ";", "%3B"), "&")
	for i, parameter := range parameters {
		if strings.Contains(parameter, "%20") {
			parameters[i] = keepPluses(parameter)
		}
	}
	values, err := url.ParseQuery(strings.Join(parameters, "&"))
	if err != nil {
		return nil, scim.BadRequest(scim.TypeInvalidValue, "the query string is not percent-encoded correctly")
	}
	q := make(query, len(values))
	for name, list := range values {
		name = strings.ToLower(name)
		// A filter has its own error.
		if text := name + " " + strings.Join(list, " "); name != "filter" && !utf8.ValidString(text) {
			return nil, scim.BadRequest(scim.TypeInvalidValue, "the query string is not valid UTF-8")
		}
		q[name] = append(q[name], list...)
	}
	return q, nil
}

// keepPluses encodes those in quotes. Who writes the blanks of a value as %20 writes none as a plus: it is one of an address, which
// Spring's clients do not encode. Outside of quotes it is a blank, as of who puts a value into userName+eq+%22...%22.
func keepPluses(parameter string) string {
	const quote = "%22"
	parts, quoted := strings.Split(strings.ReplaceAll(parameter, `"`, quote), quote), false
	for i, part := range parts {
		if quoted {
			parts[i] = strings.ReplaceAll(part, "+", "%2B")
		}
		if !quoted || !escapes(part) {
			quoted = !quoted
		}
	}
	return strings.Join(parts, quote)
}

// escapes reports whether a part of a parameter ends with a backslash that counts, and not as what another one escapes.
func escapes(part string) bool {
	text, err := url.QueryUnescape(part)
	return err == nil && (len(text)-len(strings.TrimRight(text, `\`)))%2 == 1
}

// one returns a parameter that may be given once; "" if it is not.
func (q query) one(name string) (string, error) {
	values := q[strings.ToLower(name)]
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", scim.BadRequest(scim.TypeInvalidValue, "the parameter %s is given more than once", name)
}

// has reports whether a parameter is given with a value.
func (q query) has(name string) bool {
	for _, value := range q[strings.ToLower(name)] {
		if strings.TrimSpace(value) != "" {
			return true
		}
	}
	return false
}

// projection reads attributes and excludedAttributes.
func (q query) projection(rt *scim.ResourceType) (*scim.Projection, error) {
	return scim.ParseProjection(rt, q["attributes"], q["excludedattributes"])
}

// search reads the parameters of a query. A parameter cursor, also an empty one,
// asks for cursor paging (RFC 9865).
func (q query) search() (*scim.SearchRequest, error) {
	request := &scim.SearchRequest{Attributes: q["attributes"], ExcludedAttributes: q["excludedattributes"]}
	var startIndex, count, cursor string
	for name, into := range map[string]*string{
		"filter": &request.Filter, "sortBy": &request.SortBy, "sortOrder": &request.SortOrder,
		"startIndex": &startIndex, "count": &count, "cursor": &cursor,
	} {
		var err error
		if *into, err = q.one(name); err != nil {
			return nil, err
		}
	}
	var err error
	if _, byCursor := q["cursor"]; byCursor {
		request.Page, err = scim.ParseCursorPage(cursor, startIndex, count)
	} else {
		request.Page, err = scim.ParsePage(startIndex, count)
	}
	return request, err
}
