package scimserver

import (
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
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
	request.Page.Count = min(request.Page.Count, callOf(r).client.maxPage)
	projections, err := h.projections(r, request)
	if err != nil {
		return response{}, err
	}
	q := store.Query{Page: request.Page}
	if groups := projections[scim.Group]; groups != nil {
		q.WithMembers = groups.Includes("members")
	}
	if users := projections[scim.User]; users != nil {
		q.WithGroups = users.Includes("groups")
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
	answer := &searchAnswer{searches: h, request: r, query: q, base: base, projections: projections, cursor: cursor}
	return response{status: http.StatusOK, stream: answer.write}, nil
}

// searchAnswer is the answer to a search.
type searchAnswer struct {
	*searches
	request     *http.Request
	query       store.Query
	base        string
	projections map[*scim.ResourceType]*scim.Projection
	cursor      *cursors
}

// lists are messages whose memory is used again: that of each would be most of what a request takes.
var lists = sync.Pool{New: func() any { return new(scim.ListResponse) }}

// write writes a page: a short one when it is complete, a longer one while its resources are read.
func (f *searchAnswer) write(to *answerWriter) error {
	list := lists.Get().(*scim.ListResponse) //nolint:forcetypeassert // the pool has nothing else
	defer func() {
		if list.Size() <= maxKeptList {
			list.Reset()
			lists.Put(list)
		}
	}()
	own := &turn{}
	list.To = own.outside(to)
	q := f.query
	q.Each = func(rt *scim.ResourceType, res scim.Resource) error {
		scim.Link(f.base, rt, res)
		return list.Add(rt, f.projections[rt].Apply(res))
	}
	q.Admit = func(members int) error { return f.admit(f.request, members, to) }
	page, err := f.list(f.request, q, own)
	if err != nil {
		return err
	}
	list.TotalResults = page.Total
	if q.Page.ByCursor {
		list.PreviousCursor, list.NextCursor = f.cursor.around(page)
	} else {
		list.StartIndex = q.Page.StartIndex
	}
	if list.Begun() {
		return list.End()
	}
	return to.whole(list.Encode())
}

// admit waits until the tenant's share has room for the members of a page: as they are written while they are read, no
// more than those of one group are held, which are fewer.
func (h *searches) admit(r *http.Request, members int, to *answerWriter) error {
	if members > maxListedMembers {
		return scim.BadRequest(scim.TypeTooMany,
			"the groups of this page have more than %d members; ask for fewer groups with count, or leave members out with excludedAttributes",
			maxListedMembers)
	}
	if members*listedMemberSize <= maxUserBody {
		return nil
	}
	release, err := h.shares.memory(r.Context(), tenantOf(r), int64(members)*store.StreamedMemberSize)
	if err != nil {
		return err
	}
	to.hold(release)
	return nil
}

// looksAtAddresses reports whether the filter or the order may look at what link adds.
func looksAtAddresses(q store.Query) bool {
	return slices.ContainsFunc([]string{"meta", "groups", "members"}, func(name string) bool {
		return q.Filter != nil && q.Filter.Uses(name) || q.Sort.Uses(name)
	})
}

// list asks the store, which it does in a turn if that computes for long.
func (h *searches) list(r *http.Request, q store.Query, own *turn) (store.Page, error) {
	ctx := r.Context()
	own.take = func() (func(), error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return h.shares.turn(ctx, tenantOf(r))
	}
	if q.Scans(h.rt) || q.Page.Count > maxQuickList {
		if err := own.begin(); err != nil {
			return store.Page{}, err
		}
	} else {
		q.Quick, q.Long = maxQuickList, own.begin
	}
	defer own.end() // what is left to write is made
	admit := q.Admit
	q.Admit = func(members int) error {
		// Bodies that hold memory wait for a turn, so who has one must not wait for memory.
		had := own.end()
		if err := admit(members); err != nil || !had {
			return err
		}
		return own.begin()
	}
	return h.store.List(ctx, tenantOf(r), h.rt, q)
}

// turn is that of a request, which leaves it to others while it waits.
type turn struct {
	// take waits for a turn.
	take func() (release func(), err error)
	// release gives it back; nil while the request has none.
	release func()
}

func (t *turn) begin() (err error) {
	t.release, err = t.take()
	return err
}

// end reports whether there was a turn to end.
func (t *turn) end() bool {
	if t.release == nil {
		return false
	}
	t.release()
	t.release = nil
	return true
}

// outside writes out of turn: a client reads as slowly as it likes.
func (t *turn) outside(to io.Writer) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		had := t.end()
		n, err := to.Write(p)
		for had && err == nil {
			// What is begun is not ended because others have the turns: only the end of the request's time does that.
			if err = t.begin(); err == nil {
				break
			}
			if _, tooMany := errors.AsType[*headerError](err); tooMany {
				err = nil
			}
		}
		return n, err
	})
}

// writerFunc is an io.Writer.
type writerFunc func(p []byte) (int, error)

// Write implements io.Writer.
func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

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
