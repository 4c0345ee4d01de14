package scim

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
)

// SearchRequest is a query, as the body of POST /.search has it (RFC 7644 section
// 3.4.3 and RFC 9865) and as the parameters of a GET do. What the texts mean
// depends on the resource type: see ParseProjection, ParseFilter and ParseSort.
type SearchRequest struct {
	Attributes         []string
	ExcludedAttributes []string
	Filter             string
	SortBy             string
	SortOrder          string
	Page               Page
}

// ParseSearch reads the body of a POST to /.search. schemas may be missing, names
// may have any case, null is as good as nothing, numbers may be strings, and lists
// of attributes also one string with commas. A member cursor, also an empty one,
// asks for cursor paging.
//
// Errors are 400: invalidSyntax if the body is not one JSON object; invalidValue
// if a member has the wrong type, or startIndex comes with a cursor; invalidCount
// and invalidCursor for cursor paging.
func ParseSearch(body []byte) (*SearchRequest, error) {
	object, err := decodeObject(body)
	if err != nil {
		return nil, err
	}
	s := &SearchRequest{}
	for _, text := range []struct {
		name string
		into *string
	}{{"filter", &s.Filter}, {"sortBy", &s.SortBy}, {"sortOrder", &s.SortOrder}} {
		if *text.into, err = textMember(object, text.name, TypeInvalidValue); err != nil {
			return nil, err
		}
	}
	if s.Attributes, err = textsMember(object, "attributes"); err != nil {
		return nil, err
	}
	if s.ExcludedAttributes, err = textsMember(object, "excludedAttributes"); err != nil {
		return nil, err
	}
	if s.Page, err = pageMembers(object); err != nil {
		return nil, err
	}
	return s, nil
}

func pageMembers(object map[string]any) (Page, error) {
	startIndex, err := numberMember(object, "startIndex", TypeInvalidValue)
	if err != nil {
		return Page{}, err
	}
	if member(object, "cursor") == nil {
		count, err := numberMember(object, "count", TypeInvalidValue)
		if err != nil {
			return Page{}, err
		}
		return ParsePage(startIndex, count)
	}
	count, err := numberMember(object, "count", TypeInvalidCount)
	if err != nil {
		return Page{}, err
	}
	cursor, err := textMember(object, "cursor", TypeInvalidCursor)
	if err != nil {
		return Page{}, err
	}
	return ParseCursorPage(cursor, startIndex, count)
}

func textMember(object map[string]any, name, scimType string) (string, error) {
	switch v := member(object, name).(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		return "", BadRequest(scimType, "%s must be a string", name)
	}
}

func numberMember(object map[string]any, name, scimType string) (string, error) {
	if n, ok := member(object, name).(json.Number); ok {
		return n.String(), nil
	}
	text, err := textMember(object, name, scimType)
	if err != nil {
		return "", BadRequest(scimType, "%s must be an integer", name)
	}
	return text, nil
}

func textsMember(object map[string]any, name string) ([]string, error) {
	switch v := member(object, name).(type) {
	case nil:
		return nil, nil
	case string:
		return []string{v}, nil
	case []any:
		out := make([]string, 0, len(v))
		for _, element := range v {
			text, ok := element.(string)
			if !ok {
				return nil, invalidValue("%s must be an array of strings", name)
			}
			out = append(out, text)
		}
		return out, nil
	default:
		return nil, invalidValue("%s must be an array of strings", name)
	}
}

// QueryDigest stands for a query, except for its page.
type QueryDigest [16]byte

// Digest returns what a Cursor remembers of the query. scope says what else the
// answer depends on: the tenant and the endpoint, at least.
func (s *SearchRequest) Digest(scope ...string) QueryDigest {
	hash := sha256.New()
	write := func(texts ...string) {
		// With lengths, no two queries are written alike.
		hash.Write(binary.AppendUvarint(nil, uint64(len(texts))))
		for _, text := range texts {
			hash.Write(binary.AppendUvarint(nil, uint64(len(text))))
			hash.Write([]byte(text))
		}
	}
	write(scope...)
	write(s.Filter, s.SortBy, s.SortOrder)
	write(s.Attributes...)
	write(s.ExcludedAttributes...)
	return QueryDigest(hash.Sum(nil)[:len(QueryDigest{})])
}
