package scimserver

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"rservice.dev/scim-operator/scimserver/scim"
	"rservice.dev/scim-operator/scimserver/store"
)

// cursorTimeout is how long a client may take from one page to the next (RFC 9865).
const cursorTimeout = time.Hour

// searches serves queries: as the parameters of a GET and as the body of a POST
// to /.search, over one resource type or over all (RFC 7644 section 3.4.2 and 3.4.3).
type searches struct {
	// rt is nil for the root.
	rt     *scim.ResourceType
	store  resourceStore
	shares *shares
	now    func() time.Time
}

func (h *searches) get(r *http.Request) (response, error) {
	q, err := parseQuery(r)
	if err != nil {
		return response{}, err
	}
	request, err := q.search()
	if err != nil {
		return response{}, err
	}
	return h.answer(r, request)
}

func (h *searches) post(r *http.Request) (response, error) {
	body, err := readBody(r)
	if err != nil {
		return response{}, err
	}
	request, err := decodeInTurn(h.shares, r, body, func() (*scim.SearchRequest, error) { return scim.ParseSearch(body) })
	if err != nil {
		return response{}, err
	}
	return h.answer(r, request)
}

// answer carries out a search.
func (h *searches) answer(r *http.Request, request *scim.SearchRequest) (response, error) {
	projections, err := h.projections(r, request)
	if err != nil {
		return response{}, err
	}
	q := store.Query{Page: request.Page}
	if groups := projections[scim.Group]; groups != nil {
		q.WithMembers = groups.Includes("members")
	}
	if q.Filter, err = h.filter(request.Filter); err != nil {
		return response{}, err
	}
	if q.Sort, err = h.sort(request.SortBy, request.SortOrder); err != nil {
		return response{}, err
	}
	base := baseURL(r)
	if looksAtAddresses(q) {
		q.BaseURL = base
	}
	cursor := h.newCursors(r, request)
	if q.From, err = cursor.position(); err != nil {
		return response{}, err
	}
	var answer response
	list := &scim.ListResponse{}
	q.Admit = func(members int) error { return h.admit(r, members, list, &answer) }
	q.Each = func(rt *scim.ResourceType, res scim.Resource) error {
		scim.Link(base, rt, res)
		return list.Add(rt, projections[rt].Apply(res))
	}
	defer func() {
		if answer.status == 0 { // an error, or a panic
			answer.done()
		}
	}()
	page, err := h.list(r, q)
	if err != nil {
		return response{}, err
	}
	list.TotalResults = page.Total
	if request.Page.ByCursor {
		list.PreviousCursor, list.NextCursor = cursor.around(page)
	} else {
		list.StartIndex = request.Page.StartIndex
	}
	answer.status = http.StatusOK
	answer.body, answer.rest = list.Encode()
	return answer, nil
}

// admit waits until the tenant's share has room for the members of a page, and makes room for them in its list.
func (h *searches) admit(r *http.Request, members int, list *scim.ListResponse, answer *response) error {
	if members > maxListedMembers {
		return scim.BadRequest(scim.TypeTooMany,
			"the groups of this page have more than %d members; ask for fewer groups with count, or leave members out with excludedAttributes",
			maxListedMembers)
	}
	size := members * listedMemberSize
	if size <= maxUserBody {
		return nil
	}
	release, err := h.shares.memory(r.Context(), tenantOf(r), int64(min(size, maxListMemory)))
	if err != nil {
		return err
	}
	answer.release = release
	list.Grow(size)
	return nil
}

// looksAtAddresses reports whether the filter or the order may look at what link adds.
func looksAtAddresses(q store.Query) bool {
	return slices.ContainsFunc([]string{"meta", "groups", "members"}, func(name string) bool {
		return q.Filter != nil && q.Filter.Uses(name) || q.Sort.Uses(name)
	})
}

func (h *searches) list(r *http.Request, q store.Query) (store.Page, error) {
	ctx := r.Context()
	if !q.Scans(h.rt) && q.Page.Count <= maxQuickList {
		return h.store.List(ctx, tenantOf(r), h.rt, q)
	}
	release, err := h.shares.turn(ctx, tenantOf(r))
	if err != nil {
		return store.Page{}, err
	}
	defer func() { release() }()
	admit := q.Admit
	q.Admit = func(members int) error {
		// Bodies that hold memory wait for a turn, so who has one must not wait for memory.
		release()
		release = func() {}
		if err := admit(members); err != nil {
			return err
		}
		again, err := h.shares.turn(ctx, tenantOf(r))
		if err == nil {
			release = again
		}
		return err
	}
	return h.store.List(ctx, tenantOf(r), h.rt, q)
}

// projections returns what the answer has of each type. An endpoint may leave members out of its lists.
func (h *searches) projections(r *http.Request, request *scim.SearchRequest) (map[*scim.ResourceType]*scim.Projection, error) {
	types := scim.ResourceTypes()
	if h.rt != nil {
		types = []*scim.ResourceType{h.rt}
	}
	named := slices.ContainsFunc(request.Attributes, func(list string) bool { return strings.Trim(list, ", ") != "" })
	out := make(map[*scim.ResourceType]*scim.Projection, len(types))
	for _, rt := range types {
		excluded := request.ExcludedAttributes
		if rt == scim.Group && callOf(r).client.omitMembers && !named {
			excluded = append(slices.Clone(excluded), "members")
		}
		var err error
		if out[rt], err = scim.ParseProjection(rt, request.Attributes, excluded); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// filter returns nil when there is none, or a blank one.
func (h *searches) filter(text string) (*scim.Filter, error) {
	switch {
	case strings.TrimSpace(text) == "":
		return nil, nil
	case h.rt == nil:
		return scim.ParseRootFilter(text)
	}
	return scim.ParseFilter(h.rt, text)
}

func (h *searches) sort(by, order string) (*scim.Sort, error) {
	if h.rt == nil {
		return scim.ParseRootSort(by, order)
	}
	return scim.ParseSort(h.rt, by, order)
}

// cursors makes and reads the cursors of one search. A cursor is
//
//	<what the replica knew>.<encrypted place>
//
// in which the first part is bound to the second by the digest of the query.
type cursors struct {
	page   scim.Page
	keys   [][]byte
	digest func(seen string) scim.QueryDigest
	now    time.Time
}

func (h *searches) newCursors(r *http.Request, request *scim.SearchRequest) *cursors {
	client := callOf(r).client
	endpoint := "/"
	if h.rt != nil {
		endpoint = h.rt.Endpoint
	}
	return &cursors{page: request.Page, keys: client.cursorKeys, now: h.now(), digest: func(seen string) scim.QueryDigest {
		return request.Digest(client.tenant, client.endpoint, endpoint, seen)
	}}
}

// position returns where the page begins, or nil at the beginning.
func (c *cursors) position() (*store.Position, error) {
	if c.page.Cursor == "" {
		return nil, nil
	}
	text, token, _ := strings.Cut(c.page.Cursor, ".")
	var place scim.Cursor
	var err error
	for _, key := range c.keys {
		place, err = scim.DecodeCursor(key, token, c.now, cursorTimeout)
		if problem, ok := errors.AsType[*scim.Error](err); !ok || problem.ScimType != scim.TypeInvalidCursor {
			break // it is this key's
		}
	}
	if err != nil {
		return nil, err
	}
	if err := place.CheckQuery(c.digest(text), c.page.Count); err != nil {
		return nil, err
	}
	seen, err := store.ParseRevision(text)
	if err != nil {
		return nil, err
	}
	return &store.Position{Key: place.Position, Backward: place.Backward, Seen: seen}, nil
}

// around returns the cursors of the pages before and behind a page; "" if there is none.
func (c *cursors) around(page store.Page) (previous, next string) {
	if page.Last.ID == "" {
		return "", ""
	}
	token := func(key scim.SortKey, backward bool) string {
		seen := page.Seen.String()
		return seen + "." + scim.EncodeCursor(c.keys[0], scim.Cursor{
			Position: key, Backward: backward, Query: c.digest(seen), Count: c.page.Count, Issued: c.now,
		})
	}
	if page.Before {
		previous = token(page.First, true)
	}
	if page.After {
		next = token(page.Last, false)
	}
	return previous, next
}

// cursorKey is what stands for a token where cursors are sealed, so that no request carries the token itself. All replicas
// have it, and nobody without the token; package scim derives the key from it.
func cursorKey(token []byte) []byte {
	sum := sha256.Sum256(append([]byte("SCIM cursor key\x00"), token...))
	return sum[:]
}
